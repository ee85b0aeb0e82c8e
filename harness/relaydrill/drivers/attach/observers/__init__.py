"""How one sees what arrives at a mailbox server that runs elsewhere; one way a file."""

from __future__ import annotations

from pathlib import Path

from relaydrill.drivers.attach.observers.arrival import Arrival, Observer
from relaydrill.drivers.attach.observers.imap import ImapObserver
from relaydrill.drivers.attach.observers.journal import JournalObserver
from relaydrill.drivers.attach.observers.postfix_log import PostfixLogObserver
from relaydrill.drivers.attach.observers.tracking_logs import TrackingLogsObserver
from relaydrill.errors import UsageError
from relaydrill.topology.attach import Arrivals


def observer_of(arrivals: Arrivals, ca: str) -> Observer:
    """The observer that an inventory asks for.

    Args:
        ca: A file with the authority that signed the lab's certificates; empty: the system's.

    Raises:
        UsageError: A file is not there, or a login.
        LabError: It cannot look.
    """
    match arrivals:
        case Arrivals(journal=str(path)):
            return JournalObserver(Path(path))
        case Arrivals(postfix_log=str(path)):
            return PostfixLogObserver(Path(path))
        case Arrivals(imap=imap) if imap is not None:
            return ImapObserver(imap, ca)
        case Arrivals(tracking_logs=str(path)):
            return TrackingLogsObserver(Path(path))
    raise UsageError("arrivals: allowed: imap, tracking_logs, postfix_log, journal")


__all__ = ["Arrival", "Observer", "observer_of"]

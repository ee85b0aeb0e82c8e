"""How one sees what a server that runs elsewhere does with mail; one way a file."""

from __future__ import annotations

import time
from pathlib import Path

from relaydrill.drivers.attach.observers.arrival import Arrival, LogReader, Observer
from relaydrill.drivers.attach.observers.imap import ImapObserver
from relaydrill.drivers.attach.observers.journal import JournalObserver
from relaydrill.drivers.attach.observers.mail_log import MailLogObserver
from relaydrill.drivers.attach.observers.sources import lines_of
from relaydrill.drivers.attach.observers.tracking_logs import TrackingLogsObserver
from relaydrill.drivers.attach.reaching import ANYWHERE, Bounds
from relaydrill.errors import UsageError
from relaydrill.mail_logs.reading import Takers
from relaydrill.topology.attach import Arrivals
from relaydrill.topology.log_source import LogSource


def observer_of(arrivals: Arrivals, ca: str, bounds: Bounds = ANYWHERE) -> Observer:
    """The observer that an inventory asks for.

    Args:
        arrivals: Where arrivals are seen.
        ca: A file with the authority that signed the lab's certificates; empty: the system's.
        bounds: Where this machine may connect to.

    Raises:
        UsageError: A file is not there, or a login.
        LabError: It cannot look.
    """
    match arrivals:
        case Arrivals(journal=str(path)):
            return JournalObserver(Path(path))
        case Arrivals(mail_log=log) if log is not None:
            return log_observer_of(log, is_last=True)
        case Arrivals(imap=imap) if imap is not None:
            return ImapObserver(imap, ca, bounds)
        case Arrivals(tracking_logs=str(path)):
            return TrackingLogsObserver(Path(path))
    raise UsageError("arrivals: allowed: imap, log, postfix_log, exim_log, tracking_logs, journal")


def log_observer_of(log: LogSource, *, is_last: bool = False) -> MailLogObserver:
    """The observer of a server's own log.

    Args:
        log: Where its lines are.
        is_last: Whether mail ends at this server, so that a log without a line is no log of it.

    Raises:
        UsageError: A file, a program or a folder is not there.
    """
    takers = Takers(log.mailboxes, log.filters)
    return MailLogObserver(lines_of(log, time.time()), takers, expects_lines=is_last)


__all__ = ["Arrival", "LogReader", "Observer", "log_observer_of", "observer_of"]

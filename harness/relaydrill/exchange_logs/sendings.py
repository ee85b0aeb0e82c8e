"""What SmtpSend protocol logs show: that a next hop said 250, of which message and for whom. Pure.

A tracking log is written some seconds late, and may not be at hand at all. Where its SEND is
missing the session with the next hop tells that the message left. It is no log that mail is missed
in: not every connector is set to verbose.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from relaydrill.endpoint import address_of
from relaydrill.exchange_logs import ExchangeLog, ProtocolRow
from relaydrill.exchange_logs.servers import Servers, by_folder
from relaydrill.exchange_logs.sessions import Letter, sessions

_TURNED: Final = {"<": ">", ">": "<"}
_PASSED_ON: Final = ("frontend", "proxy", "submission", "delivery")
"""Services that only pass on what another one answers for, by their connectors and folders."""


@dataclass(frozen=True, slots=True)
class Sending:
    """A message that a next hop has taken.

    Attributes:
        server: Who sent it.
        connector: The send connector, in lower case.
        address: Of the next hop.
        letter: What the session tells; its ``message`` is empty where it names none.
    """

    server: str
    connector: str
    address: str
    letter: Letter


def sendings(logs: Iterable[ExchangeLog], servers: Servers) -> Iterator[Sending]:
    """What next hops have taken, as far as it can be told who sent it.

    Args:
        logs: All that were read.
        servers: Who wrote them.
    """
    logs = tuple(logs)
    beside: dict[Path, set[str]] = defaultdict(set)
    for log in logs:
        if log.tracking or log.protocol:
            beside[log.path.parent].add(servers.of(log))
    rows: dict[str, list[ProtocolRow]] = defaultdict(list)
    for log in logs:
        for row in log.sending:
            passes_on = f"{row.connector} {log.path}".lower().replace(" ", "")
            if any(each in passes_on for each in _PASSED_ON):
                continue
            server = _whose(log, row, servers, beside[log.path.parent])
            if server:
                rows[server].append(replace(row, event=_TURNED.get(row.event, row.event)))
    for server, said in rows.items():
        for session in sessions(server, said):
            if not session.is_shadow:
                by, to = session.connector.lower(), session.client
                yield from (Sending(server, by, to, each) for each in session.letters)


def _whose(log: ExchangeLog, row: ProtocolRow, servers: Servers, beside: set[str]) -> str:
    """Whose log it is: a send connector is named for no server."""
    if len(beside) == 1:
        return next(iter(beside))
    folder = by_folder(log.path)
    found = servers.known(folder) or servers.known("", address_of(row.local))
    if found:
        return found
    # With logs of several servers in one folder it may be any of theirs.
    return "" if beside else folder

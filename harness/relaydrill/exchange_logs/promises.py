"""Whom the servers promised what, where it shows that a client was cut off before its reply. Pure.

Where all was answered, the servers' own word stands for what the senders saw. Here it must not: a
message that nobody was promised cannot be lost. Its other tries count as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from relaydrill.exchange_logs import TrackingRow
from relaydrill.exchange_logs.courses import Course
from relaydrill.exchange_logs.servers import Servers, is_of_one_host
from relaydrill.exchange_logs.sessions import Session
from relaydrill.journal import Event

_NEAR_S: Final = 30.0
_PROXIED: Final = "proxiedclientipaddress="


def attempts(
    receipts: Iterable[tuple[str, TrackingRow]],
    heard: Mapping[tuple[str, str], Session],
    servers: Servers,
    courses: Mapping[str, Course],
) -> Iterator[Event]:
    """The senders' side of messages that were stored and not answered.

    Args:
        receipts: The rows of RECEIVE, each with its server.
        heard: The sessions in the protocol logs, by server and identity.
        servers: Who wrote the logs.
        courses: By Message-ID.
    """
    fronts = [session for session in heard.values() if session.is_front_end]
    outside = [
        (server, row, heard.get((server, row.context.partition(";")[0])))
        for server, row in receipts
        if _is_from_outside(server, row, servers, courses[row.message])
    ]
    owed = [_owes_reply(session, row) or _cut_in_front(fronts, row) for _, row, session in outside]
    unanswered = {
        row.message for (_, row, _), is_owed in zip(outside, owed, strict=True) if is_owed
    }
    for (server, row, _), is_owed in zip(outside, owed, strict=True):
        if row.message in unanswered:
            yield from _attempt(server, row, "unanswered" if is_owed else "accepted")


def was_submitted(course: Course, server: str) -> bool:
    """Whether a server's own submission service had a message, out of a mailbox."""
    return any(each.server == server and each.source == "STOREDRIVER" for each in course.receipts)


def _is_from_outside(server: str, row: TrackingRow, servers: Servers, course: Course) -> bool:
    """Whether a client sent it that is none of these servers.

    From 2013 on a front end stands before the transport service, mostly on the same host: then the
    client's own address is in the row's data.
    """
    data = row.values.get("custom-data", "") + ";" + row.context
    at = data.lower().find(_PROXIED)
    if at >= 0:
        address = data[at + len(_PROXIED) :].partition(";")[0].strip()
        return not (is_of_one_host(address) and servers.known("", address))
    known = servers.known(row.client, row.client_ip)
    if known != server:
        return not known
    is_own = row.source != "SMTP" or was_submitted(course, server)
    return not is_own and not any(
        course.givers(recipient.lower(), server, "") for recipient in row.recipients
    )


def _attempt(server: str, row: TrackingRow, result: str) -> Iterator[Event]:
    outcome = {"result": result, "phase": "reply", "server": server}
    for recipient in row.recipients:
        key = (row.message, recipient.lower())
        for kind, detail in (("attempt", {}), ("outcome", outcome)):
            yield Event(row.time, row.time, row.client, kind, *key, detail)


def _cut_in_front(fronts: Iterable[Session], row: TrackingRow) -> bool:
    """Whether a front end took it whose own session with the client was cut before the reply.

    Its log does not say which message it was in the middle of: the time does, near enough.
    """
    cut = False
    for session in fronts:
        if row.message in session.taken:
            return False
        is_then = session.began - _NEAR_S <= row.time <= session.ended + _NEAR_S
        cut = cut or (session.is_broken_off and is_then)
    return cut


def _owes_reply(session: Session | None, row: TrackingRow) -> bool:
    return session is not None and session.is_broken_off and row.message not in session.taken

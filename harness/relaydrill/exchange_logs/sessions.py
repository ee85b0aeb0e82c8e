"""SMTP sessions out of the rows of SmtpReceive logs: what was taken, refused, and broken off. Pure.

A log holds commands and replies, not the message. So of a session that ends between the 354 and the
reply it does not say whether the dot had come; a message tracking log does: only then it has a
RECEIVE with the session's identity.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from relaydrill.exchange_logs import ProtocolRow

_MESSAGE: Final = re.compile(r"<[^<>\s]+>")
_CONTENT: Final = "the message"
_REPLY: Final = re.compile(r"([2-5]\d\d)( |$)")


@dataclass(slots=True)
class Session:
    """One SMTP session as the server's log tells it.

    Attributes:
        server, identity: Whose it is. client: Address of the other end.
        began, ended: Seconds since the epoch; ``ended`` is the last row's.
        is_closed: Whether its end stands in the log; it does not where the server was killed.
        taken: Message-IDs that were answered with 250 after the dot.
        refused: (command, reply) of every 4xx and 5xx.
        is_broken_off: Whether it ended after the 354 and before a reply.
    """

    server: str
    identity: str
    client: str
    began: float
    ended: float
    is_closed: bool = False
    taken: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    is_broken_off: bool = False


def sessions(server: str, rows: Iterable[ProtocolRow]) -> list[Session]:
    """The sessions of one server, in the order in which they began."""
    # By number: a log that was fetched twice says nothing twice.
    by_identity: dict[str, dict[int, ProtocolRow]] = defaultdict(dict)
    for row in rows:
        by_identity[row.session].setdefault(row.number, row)
    found = [
        _session(server, [each[number] for number in sorted(each)]) for each in by_identity.values()
    ]
    return sorted(found, key=lambda session: session.began)


def _session(server: str, rows: list[ProtocolRow]) -> Session:
    first = rows[0]
    client = first.remote.rpartition(":")[0] or first.remote
    session = Session(server, first.session, client, first.time, rows[-1].time)
    # Commands may come in before the replies to those before them (RFC 2920).
    waiting: deque[str] = deque()
    for row in rows:
        if row.event == "<":
            words = row.data.upper().split()
            is_last = words[:1] != ["BDAT"] or words[-1] == "LAST"
            waiting.append(words[0] if words and is_last else "")
        elif row.event == "-":
            session.is_closed = True
        elif row.event == ">" and (reply := _REPLY.match(row.data)):
            command = waiting.popleft() if waiting else ""
            if reply[1] == "354":
                waiting.appendleft(_CONTENT)
            elif reply[1] >= "4":
                session.refused.append((command, row.data))
            elif command in (_CONTENT, "BDAT"):
                session.taken += _MESSAGE.findall(row.data)[:1]
    session.is_broken_off = bool(waiting) and waiting[0] in (_CONTENT, "BDAT")
    return session

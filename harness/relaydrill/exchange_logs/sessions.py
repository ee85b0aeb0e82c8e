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

from relaydrill.endpoint import address_of
from relaydrill.exchange_logs import ProtocolRow

_NAMED: Final = re.compile(
    r"250 2\.\d\.\d (?P<id><.+?>|[^\s<>]+) (?:\[InternalId=|\d+ bytes in |Queued mail for delivery)"
)
"""Whatever a client has put into the header: brackets may lack, and spaces be within."""

_MESSAGE: Final = re.compile(r"<[^<>\s]+>")
_CONTENT: Final = "the message"
_PATH: Final = (
    r"\s*(?:<(?:@[^:<>]*:)?(?P<path>(?:\"(?:[^\"\\]|\\.)*\"|[^<>\"])*)>|(?P<bare>[^<>\s]+))"
)
"""An address in brackets, or as many devices have it, without any."""

_RECIPIENT: Final = re.compile(rf"RCPT\s+TO:{_PATH}", re.I)
_SENDER: Final = re.compile(rf"MAIL\s+FROM:{_PATH}", re.I)
_SHADOW: Final = "XSHADOWREQUEST"
"""With this one server gives another a copy to keep, and not to deliver (2013 and later). With
``XSHADOW`` (2010) it gives the message itself, and keeps the copy."""

_HOST: Final = re.compile(r"\bHostname=([^\],\s]+)")
_INTERNET_ID: Final = re.compile(r"InternetMessageId (?P<id>.+)")
_RECORD: Final = re.compile(r"RecordId (\d+)")
_REPLY: Final = re.compile(r"([2-5]\d\d)( |$)")


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that was answered with 250 after the dot.

    Attributes:
        message: Its Message-ID, as the reply names it; empty where it names none.
        sender: As the client named it, in lower case.
        recipients: As the client named them, in lower case; none where that part of the session is
            not in the log.
        host: The server that the reply names, where it names one (2013 and later: a front end
            passes on what the transport service behind it said).
        time: Of the reply, seconds since the epoch.
        where: ``file:line``.
        reply: The reply itself.
        record: The sending server's own number for it, where its SmtpSend log tells that.
    """

    message: str
    sender: str
    recipients: tuple[str, ...]
    host: str
    time: float
    where: str
    reply: str = ""
    record: str = ""


@dataclass(slots=True)
class Session:
    """One SMTP session as the server's log tells it.

    Attributes:
        server: The server.
        identity: Its id in the log.
        client: Address of the other end.
        began: When it began, seconds since the epoch.
        ended: The time of its last row, seconds since the epoch.
        is_closed: Whether its end stands in the log; it does not where the server was killed.
        letters: What was answered with 250 after the dot.
        refused: (command, reply) of every 4xx and 5xx.
        is_broken_off: Whether it ended after the 354 and before a reply.
        is_front_end: Whether a front end took it, which has no tracking log of its own.
        is_shadow: Whether another server gave it copies to keep, which are nobody's mail.
        connector: As the log names it.
    """

    server: str
    identity: str
    client: str
    began: float
    ended: float
    is_closed: bool = False
    letters: list[Letter] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    is_broken_off: bool = False
    is_front_end: bool = False
    is_shadow: bool = False
    connector: str = ""

    @property
    def taken(self) -> list[str]:
        """Message-IDs that were answered with 250 after the dot."""
        return [letter.message for letter in self.letters if letter.message]


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
    client = address_of(first.remote) or first.remote
    session = Session(server, first.session, client, first.time, rows[-1].time)
    session.connector = first.connector
    # A connector may be called anything: the folder of its log tells, too.
    session.is_front_end = "frontend" in f"{first.connector} {first.where}".lower().replace(" ", "")
    sender, recipients = "", list[str]()
    announced = ("", "")
    # Commands may come in before the replies to those before them (RFC 2920).
    waiting: deque[str] = deque()
    for row in rows:
        if row.event == "<":
            words = row.data.upper().split()
            is_last = words[:1] != ["BDAT"] or words[-1] == "LAST"
            waiting.append(row.data if words and is_last else "")
            session.is_shadow |= words[:1] == [_SHADOW]
        elif row.event == "-":
            session.is_closed = True
        elif row.event == "*" and "sending message" in row.context:
            announced = _announced(row)
        elif row.event == ">" and (reply := _REPLY.match(row.data)):
            said = waiting.popleft() if waiting else ""
            command = said if said == _CONTENT else said.partition(" ")[0].upper()
            if reply[1] == "354":
                waiting.appendleft(_CONTENT)
            elif reply[1] >= "4":
                session.refused.append((command, row.data))
            elif command == "RCPT":
                recipients += _address(_RECIPIENT, said)
            elif command in (_CONTENT, "BDAT"):
                session.letters.append(_letter(row, sender, recipients, *announced))
            if command == "MAIL":
                sender = "".join(_address(_SENDER, said))
            if command in (_CONTENT, "BDAT", "MAIL", "RSET", "EHLO", "HELO") and said:
                recipients = []
    left = waiting[0] if waiting else ""
    session.is_broken_off = left == _CONTENT or left.upper().startswith("BDAT")
    return session


def _announced(row: ProtocolRow) -> tuple[str, str]:
    """What an SmtpSend log says before a message: its Message-ID, and the server's number for it.

    Exchange 2007 and 2010 give the number alone.
    """
    named, numbered = _INTERNET_ID.search(row.context), _RECORD.search(row.context)
    number = numbered[1] if numbered else row.data.strip()
    return named["id"].strip() if named else "", number if number.isdecimal() else ""


def _letter(
    row: ProtocolRow, sender: str, recipients: Iterable[str], announced: str = "", record: str = ""
) -> Letter:
    """What a reply of 250 says of the message that it answers."""
    named = _NAMED.match(row.data)
    bare = _MESSAGE.search(row.data)
    message = announced or (named["id"] if named else bare[0] if bare and not record else "")
    host = found[1] if (found := _HOST.search(row.data)) else ""
    whom = tuple(recipients)
    return Letter(message, sender, whom, host, row.time, row.where, row.data, record)


def _address(form: re.Pattern[str], command: str) -> list[str]:
    """The address that a command names, in lower case; none where it names none."""
    found = form.match(command.strip())
    named = (found["path"] or found["bare"] or "").strip().lower() if found else ""
    return [named] if named else []

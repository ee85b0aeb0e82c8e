"""What Postfix logs, line by line, as facts. Pure.

Lines are of Postfix 3.7's form, the service's own name in front::

    Nov 24 04:00:00 ht1 postfix/25/smtpd[12]: 4XyzQ: client=unknown[172.20.0.16]
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from relaydrill.kinds.postfix.configuration import RECEIVED_FOR
from relaydrill.mail_logs.deeds import Does
from relaydrill.mail_logs.postfix import delivery_of, read
from relaydrill.mail_logs.reading import NOTHING, UNDECLARED, Told


@dataclass(frozen=True, slots=True)
class Took:
    """A session's recipient was taken; the session is told by its process number."""

    process: int
    port: int
    client: str
    recipient: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A session's message has got a queue id."""

    process: int
    queue_id: str


@dataclass(frozen=True, slots=True)
class Named:
    """The Message-ID of a queue id."""

    queue_id: str
    message: str


@dataclass(frozen=True, slots=True)
class Queued:
    """The message is whole, and in the queue: the 250 goes out."""

    queue_id: str


@dataclass(frozen=True, slots=True)
class Passed:
    """What became of a message for one recipient.

    Attributes:
        status: ``sent``, ``deferred`` or ``bounced``.
        to: Where; ``virtual`` is a Maildir.
        said: The reply, or the reason.
        reused: Whether its connection had served an earlier message (``conn_use``).
    """

    queue_id: str
    recipient: str
    status: str
    to: str
    said: str
    reused: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """A session was refused something."""

    port: int
    client: str
    phase: str
    code: int
    text: str
    recipient: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A session is over."""

    process: int


@dataclass(frozen=True, slots=True)
class Removed:
    """The queue id is done with."""

    queue_id: str


Fact = Took | Opened | Named | Queued | Passed | Refused | Ended | Removed

_LINE: Final = re.compile(
    r"postfix(?:/(?P<port>\d+))?(?:/\w+)?/(?P<program>[\w-]+)\[(?P<process>\d+)\]: (?P<rest>.*)"
)
_FROM: Final = r"from \S*\[(?P<client>[^\]]+)\]"
_TOOK: Final = re.compile(rf"\S+: info: RCPT {_FROM}: .*{RECEIVED_FOR}; .*? to=<(?P<to>[^>]*)>")
_OPENED: Final = re.compile(r"(?P<id>[0-9A-Za-z]{5,}): client=")
_REFUSED: Final = re.compile(
    rf"\S+: reject: (?P<phase>\w+) {_FROM}: (?P<code>\d{{3}}) (?P<text>.*?);"
    r"(?:.* to=<(?P<to>[^>]*)>)?"
)
_REUSED: Final = re.compile(r", conn_use=\d+, ")
_STATUS: Final[Mapping[Does, str]] = {Does.DEFERRED: "deferred", Does.FAILED: "bounced"}


def parse(line: str) -> Fact | None:
    """The fact that a line tells; None if it is of no interest.

    What it says of a message is read as that of any Postfix; of sessions, more is told than there.
    """
    found = _LINE.search(line)
    if not found:
        return None
    rest = found["rest"]
    if found["program"] == "smtpd":
        return _of_session(int(found["process"]), int(found["port"] or 25), rest)
    told = read(found["program"], rest, UNDECLARED)
    return _of_message(told, rest) if told else None


def _of_message(told: Told, text: str) -> Fact | None:
    if told is NOTHING:
        return None
    if told.message:
        return Named(told.queue_id, told.message)
    match told.does:
        case Does.PROMISED:
            return Queued(told.queue_id)
        case Does.ENDED:
            return Removed(told.queue_id)
    if delivery := delivery_of(text):
        status = _STATUS.get(told.does, "sent")
        reused = _REUSED.search(text, 0, delivery.start("status")) is not None
        return Passed(told.queue_id, told.recipient, status, delivery["relay"], told.said, reused)
    return None


def _of_session(process: int, port: int, rest: str) -> Fact | None:
    if took := _TOOK.match(rest):
        return Took(process, port, took["client"], took["to"])
    if opened := _OPENED.match(rest):
        return Opened(process, opened["id"])
    if refused := _REFUSED.match(rest):
        phase, text = refused["phase"].lower(), refused["text"]
        code, to = int(refused["code"]), refused["to"] or ""
        return Refused(port, refused["client"], phase, code, text, to)
    if rest.startswith("disconnect from "):
        return Ended(process)
    return None

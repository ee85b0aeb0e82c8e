"""What Postfix logs, line by line, as facts. Pure.

Lines are of Postfix 3.7's form, the service's own name in front::

    Nov 24 04:00:00 ht1 postfix/25/smtpd[12]: 4XyzQ: client=unknown[172.20.0.16]
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from relaydrill.nodes.postfix.configuration import RECEIVED_FOR


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
        status: ``sent``, ``deferred`` or ``bounced``. to: Where; ``virtual`` is a Maildir.
        said: The reply, or the reason.
    """

    queue_id: str
    recipient: str
    status: str
    to: str
    said: str


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
_ID: Final = r"(?P<id>[0-9A-Za-z]{6,}): "
_FROM: Final = r"from \S*\[(?P<client>[^\]]+)\]"
_TOOK: Final = re.compile(rf"\S+: info: RCPT {_FROM}: .*{RECEIVED_FOR}; .*? to=<(?P<to>[^>]*)>")
_OPENED: Final = re.compile(_ID + r"client=")
_NAMED: Final = re.compile(_ID + r"message-id=(?P<message>\S+)")
_QUEUED: Final = re.compile(_ID + r"from=<[^>]*>, size=\d+, nrcpt=\d+ \(queue active\)")
_REMOVED: Final = re.compile(_ID + r"removed")
_PASSED: Final = re.compile(
    _ID + r"to=<(?P<to>[^>]*)>,.*? relay=(?P<relay>[^,]+),.*? status=(?P<status>\w+)"
    r" \((?P<said>.*)\)"
)
_REFUSED: Final = re.compile(
    rf"\S+: reject: (?P<phase>\w+) {_FROM}: (?P<code>\d{{3}}) (?P<text>.*?);"
    r"(?:.* to=<(?P<to>[^>]*)>)?"
)


def parse(line: str) -> Fact | None:
    """The fact that a line tells; None if it is of no interest."""
    found = _LINE.search(line)
    if not found:
        return None
    process, rest = int(found["process"]), found["rest"]
    match found["program"]:
        case "smtpd":
            return _of_session(process, int(found["port"] or 25), rest)
        case "cleanup":
            if named := _NAMED.match(rest):
                return Named(named["id"], named["message"])
        case "qmgr":
            if queued := _QUEUED.match(rest):
                return Queued(queued["id"])
            if removed := _REMOVED.match(rest):
                return Removed(removed["id"])
        case "smtp" | "error" | "bounce" | "virtual" | "local" | "lmtp" | "pipe":
            if passed := _PASSED.match(rest):
                status, said = passed["status"], passed["said"]
                return Passed(passed["id"], passed["to"], status, passed["relay"], said)
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

"""What Exim logs of its deliveries, line by line, as facts. Pure.

Lines are of Exim 4.96's main log, flags as in the chapter "Log files" of its specification::

    2026-11-24 11:30:30.523 1xVojD-00001Y-04 => a@contoso.com R=… T=out H=mail [10.0.0.1]:25 C="…"
"""

from __future__ import annotations

import re
from typing import Final

from relaydrill.nodes.sending.mta import Fact, Left, Named, PutOff, Tried
from relaydrill.smtp import Outcome, Phase, Reply, Result

_LINE: Final = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? (?P<id>\w{6}-\w{6,11}-\w{2,4}) (?P<rest>.*)"
)
_CAME: Final = re.compile(r"<= \S+ .*? id=(?P<message>\S+)")
_SENT: Final = re.compile(r"[=-]> (?P<to>\S+) .*?(?: C=\"(?P<said>.*)\")?$")
_FAILED: Final = re.compile(r"\*\* (?P<to>[^\s:]+):? ?(?P<why>.*)")
_DEFERRED: Final = re.compile(r"== (?P<to>\S+) .*?defer \((?P<number>-?\d+)\):? ?(?P<why>.*)")
_HOST: Final = re.compile(r"H=\S+ (?:\(\S+\) )?\[(?P<address>[^\]]+)\](?::(?P<port>\d+))?")
_REPLY: Final = re.compile(r"(?P<code>[2-5]\d\d)[ -](?P<text>.*)", re.S)
_SAID: Final = re.compile(
    r"error from remote mail server after (?:pipelined )?(?P<step>.*?): (?P<reply>[45]\d\d[ -].*)",
    re.S,
)
_SILENT: Final = re.compile(
    r"(?P<how>Remote host closed connection in response to|SMTP timeout after) "
    r"(?:pipelined )?(?P<step>[\w ]+)"
)

_RETRY_NOT_REACHED: Final = ("-51", "-52", "-53", "-54")
"""Exim's own error numbers for "not tried, because it is not time"."""

_STEPS: Final = (
    ("initial connection", Phase.BANNER),
    ("EHLO", Phase.EHLO),
    ("HELO", Phase.EHLO),
    ("STARTTLS", Phase.STARTTLS),
    ("AUTH", Phase.AUTH),
    ("MAIL FROM", Phase.MAIL),
    ("RCPT TO", Phase.RCPT),
    ("DATA", Phase.DATA),
    ("sending data block", Phase.BODY),
    ("end of data", Phase.REPLY),
)


def parse(line: str) -> Fact | None:
    """The fact that a line tells; None if it is of no interest."""
    found = _LINE.match(line)
    if not found:
        return None
    queue_id, rest = found["id"], found["rest"]
    if rest == "Completed":
        return Left(queue_id)
    if came := _CAME.match(rest):
        return Named(queue_id, f"<{came['message']}>")
    if sent := _SENT.match(rest):
        outcome = Outcome(
            Result.ACCEPTED, Phase.REPLY, reply=_reply(sent["said"] or ""), address=_address(rest)
        )
        return Tried(queue_id, sent["to"], outcome)
    if failed := _FAILED.match(rest):
        return Tried(queue_id, failed["to"], _failure(failed["why"]))
    if deferred := _DEFERRED.match(rest):
        if deferred["number"] in _RETRY_NOT_REACHED:
            return PutOff(queue_id, deferred["to"], deferred["why"])
        return Tried(queue_id, deferred["to"], _failure(deferred["why"]))
    return None


def _failure(why: str) -> Outcome:
    address = _address(why)
    if said := _SAID.search(why):
        return Outcome(Result.REFUSED, _phase(said["step"]), _reply(said["reply"]), address=address)
    if silent := _SILENT.search(why):
        phase = _phase(silent["step"])
        result = Result.UNANSWERED if phase is Phase.REPLY else Result.DROPPED
        reason = f"{silent['how']} {silent['step'].strip()}"
        return Outcome(result, phase, reason=reason, address=address)
    return Outcome(Result.UNREACHABLE, Phase.CONNECT, reason=why, address=address)


def _phase(step: str) -> Phase:
    return next((phase for words, phase in _STEPS if step.startswith(words)), Phase.BANNER)


def _reply(text: str) -> Reply | None:
    found = _REPLY.match(text)
    return Reply(int(found["code"]), found["text"]) if found else None


def _address(text: str) -> str:
    found = _HOST.search(text)
    return f"{found['address']}:{found['port'] or 25}" if found else ""

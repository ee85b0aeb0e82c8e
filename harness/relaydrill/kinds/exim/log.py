"""What Exim logs of its deliveries, line by line, as a sender's facts. Pure.

Which line says what is in `relaydrill.mail_logs.exim`; what a try has told the sender is here.

Lines are of Exim 4.96's main log, flags as in the chapter "Log files" of its specification::

    2026-11-24 11:30:30.523 1xVojD-00001Y-04 => a@contoso.com R=… T=out H=mail [10.0.0.1]:25 C="…"
"""

from __future__ import annotations

import re
from typing import Final

from relaydrill.endpoint import Endpoint
from relaydrill.mail_logs.deeds import Does
from relaydrill.mail_logs.exim import read
from relaydrill.mail_logs.reading import UNDECLARED, Told
from relaydrill.nodes.sending.mta import Fact, Left, Named, PutOff, Tried
from relaydrill.smtp import Outcome, Phase, Reply, Result

_PUT_OFF: Final = re.compile(r".*?defer \((?P<number>-?\d+)\):? ?(?P<why>.*)", re.S)
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
    told = read(line, UNDECLARED)
    if told is None or not told.queue_id:
        return None
    match told.does:
        case Does.ENDED:
            return Left(told.queue_id)
        case Does.PROMISED if told.message:
            return Named(told.queue_id, told.message)
        case Does.FAILED:
            return Tried(told.queue_id, told.recipient, _failure(told.said))
        case Does.DEFERRED:
            return _put_off(told)
        case Does.DELIVERED | Does.HANDED_ON:
            reply, address = _reply(told.said), _address(line)
            outcome = Outcome(Result.ACCEPTED, Phase.REPLY, reply=reply, address=address)
            return Tried(told.queue_id, told.recipient, outcome)
    return None


def _put_off(told: Told) -> Fact | None:
    found = _PUT_OFF.match(told.said)
    if not found:
        return None
    if found["number"] in _RETRY_NOT_REACHED:
        return PutOff(told.queue_id, told.recipient, found["why"])
    return Tried(told.queue_id, told.recipient, _failure(found["why"]))


def _failure(why: str) -> Outcome:
    if "indicated no SMTP service" in why:
        return Outcome.null_mx("", why)
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
    return str(Endpoint(found["address"], int(found["port"] or 25))) if found else ""

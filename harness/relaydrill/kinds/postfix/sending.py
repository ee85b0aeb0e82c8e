"""Postfix as the mail server of a sending host: what its log says of each try.

The words that it wraps a failure in are those of Postfix's smtp(8) client: ``connect to …``,
``host … said: …``, ``lost connection with … while …``, ``conversation with … timed out while …``.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Final

from relaydrill.endpoint import Endpoint
from relaydrill.kinds.postfix import log
from relaydrill.kinds.postfix.log import Passed
from relaydrill.kinds.postfix.process import Postfix
from relaydrill.nodes.sending.mta import Fact, Left, Named, PutOff, Tried
from relaydrill.smtp import Outcome, Phase, Reply, Result

_WHERE: Final = re.compile(r"\[(?P<address>[0-9a-fA-F.:]+)\]:(?P<port>\d+)")
_REPLY: Final = re.compile(r"(?P<code>[245]\d\d)[ -](?P<text>.*)", re.S)
_SAID: Final = re.compile(r"(?:said|refused to talk to me): (?P<reply>[245]\d\d .*)", re.S)
_IN_REPLY_TO: Final = re.compile(r" \(in reply to (?P<command>[\w ]+?)(?: command)?\)$")
_CUT: Final = re.compile(r"(?P<how>lost connection|timed out).*? while (?P<doing>[\w ]+)")
_NO_CONNECTION: Final = re.compile(r"connect to \S+: (?P<why>.*)", re.S)
_SUSPENDED: Final = "delivery temporarily suspended: "

_COMMANDS: Final = {
    "EHLO": Phase.EHLO,
    "HELO": Phase.EHLO,
    "STARTTLS": Phase.STARTTLS,
    "AUTH": Phase.AUTH,
    "MAIL FROM": Phase.MAIL,
    "RCPT TO": Phase.RCPT,
    "DATA": Phase.DATA,
    "end of DATA": Phase.REPLY,
}
_DOINGS: Final = (
    ("receiving the initial server greeting", Phase.BANNER),
    ("performing the EHLO handshake", Phase.EHLO),
    ("performing the HELO handshake", Phase.EHLO),
    ("sending MAIL FROM", Phase.MAIL),
    ("sending RCPT TO", Phase.RCPT),
    ("receiving the STARTTLS", Phase.STARTTLS),
    ("sending DATA command", Phase.DATA),
    ("sending message body", Phase.BODY),
    ("sending end of data", Phase.REPLY),
)


class SendingPostfix(Postfix):
    """Postfix as a sending `relaydrill.nodes.sending.mta.Mta`."""

    async def facts(self) -> AsyncIterator[Fact]:
        """What it logs, until it ends."""
        async for line in self.log_lines():
            if told := fact_of(log.parse(line)):
                yield told


def fact_of(line: log.Fact | None) -> Fact | None:
    """What a line of its log tells of a sending server; None if nothing."""
    match line:
        case log.Named(queue_id, message):
            return Named(queue_id, message)
        case Passed(queue_id, recipient, said=said) if said.startswith(_SUSPENDED):
            return PutOff(queue_id, recipient, said)
        case Passed() as passed:
            return Tried(passed.queue_id, passed.recipient, outcome(passed))
        case log.Removed(queue_id):
            return Left(queue_id)
    return None


def outcome(passed: Passed) -> Outcome:
    """What a try has told the sender."""
    address = _address(passed.to) or _address(passed.said)
    if passed.status == "sent":
        reply, reused = _reply(passed.said), passed.reused
        return Outcome(Result.ACCEPTED, Phase.REPLY, reply, address=address, reused=reused)
    if passed.said.endswith("does not accept mail (nullMX)"):
        return Outcome.null_mx("", passed.said)
    if said := _SAID.search(passed.said):
        return _refused(said["reply"], address)
    if cut := _CUT.search(passed.said):
        phase = next((phase for doing, phase in _DOINGS if cut["doing"].startswith(doing)), None)
        result = Result.UNANSWERED if phase is Phase.REPLY else Result.DROPPED
        reason = f"{cut['how']} while {cut['doing'].strip()}"
        return Outcome(result, phase or Phase.BANNER, reason=reason, address=address)
    unreached = _NO_CONNECTION.match(passed.said)
    reason = unreached["why"] if unreached else passed.said
    return Outcome(Result.UNREACHABLE, Phase.CONNECT, reason=reason, address=address)


def _refused(said: str, address: str) -> Outcome:
    """A reply that was no, and the command that it came to; without one, it was the banner."""
    command = _IN_REPLY_TO.search(said)
    phase = _COMMANDS.get(command["command"], Phase.MAIL) if command else Phase.BANNER
    reply = _reply(said[: command.start()] if command else said)
    return Outcome(Result.REFUSED, phase, reply=reply, address=address)


def _reply(text: str) -> Reply | None:
    found = _REPLY.match(text)
    return Reply(int(found["code"]), found["text"]) if found else None


def _address(text: str) -> str:
    found = _WHERE.search(text)
    return str(Endpoint(found["address"], int(found["port"]))) if found else ""

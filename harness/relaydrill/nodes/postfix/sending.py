"""Postfix as the mail server of a sending host: what its log says of each try.

The words that it wraps a failure in are those of Postfix's smtp(8) client: ``connect to …``,
``host … said: …``, ``lost connection with … while …``, ``conversation with … timed out while …``.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import AsyncIterator
from typing import Final

from relaydrill.nodes import config
from relaydrill.nodes.postfix import log
from relaydrill.nodes.postfix.log import Passed
from relaydrill.nodes.postfix.process import Postfix
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


class SendingPostfix:
    """Postfix as a sending `relaydrill.nodes.sending.mta.Mta`."""

    title = "Postfix"

    def __init__(self, settings: config.Mta) -> None:
        self._postfix = Postfix(settings)

    @property
    def last_words(self) -> deque[str]:
        """The end of its log."""
        return self._postfix.last_words

    async def start(self) -> None:
        """Configure it and start it; it does not listen yet.

        Raises:
            LabError: It is not installed, or its configuration is wrong.
        """
        await self._postfix.start()

    async def serves(self) -> bool:
        """Wait until it takes mail; False if it has ended instead."""
        return await self._postfix.serves()

    async def facts(self) -> AsyncIterator[Fact]:
        """What it logs, until it ends."""
        async for line in self._postfix.log_lines():
            match log.parse(line):
                case log.Named(queue_id, message):
                    yield Named(queue_id, message)
                case Passed(queue_id, recipient, said=said) if said.startswith(_SUSPENDED):
                    yield PutOff(queue_id, recipient, said)
                case Passed() as passed:
                    yield Tried(passed.queue_id, passed.recipient, outcome(passed))
                case log.Removed(queue_id):
                    yield Left(queue_id)

    async def ended(self) -> int:
        """Wait until it has ended; its exit status."""
        return await self._postfix.ended()

    async def end(self) -> None:
        """End it in good order."""
        await self._postfix.end()

    def queue(self) -> list[tuple[str, str]]:
        """Queue id and recipient of everything that is queued."""
        return self._postfix.queue()


def outcome(passed: Passed) -> Outcome:
    """What a try has told the sender."""
    address = _address(passed.to) or _address(passed.said)
    if passed.status == "sent":
        return Outcome(Result.ACCEPTED, Phase.REPLY, reply=_reply(passed.said), address=address)
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
    return f"{found['address']}:{found['port']}" if found else ""

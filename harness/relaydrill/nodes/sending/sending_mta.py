"""A real mail server as the sending host: mail is handed in to it, and its log tells what it did.

The schedule is that of every sender. Each message is handed in by SMTP on the node's own loopback
address; from there on the program does as it does in the field: it picks the server, retries, and
gives up. Every try that its log tells is an attempt with an outcome in the journal.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from relaydrill import clock
from relaydrill.disturbance import Action
from relaydrill.endpoint import Endpoint, address_of
from relaydrill.errors import CapabilityMissing
from relaydrill.journal import Journal
from relaydrill.nodes import config
from relaydrill.nodes.sending.mta import Fact, Left, Mta, Named, PutOff, Tried
from relaydrill.nodes.sending.workload import OutgoingMessage, Workload, note_attempt, note_outcome
from relaydrill.nodes.supervisor import Supervisor
from relaydrill.smtp import Outcome, Phase, Result
from relaydrill.smtp_client import Route, SessionEnded, SmtpSession

_HAND_IN_S: Final = 30.0
_HOSTS: Final = Path("/etc/hosts")
_RESOLVER: Final = Path("/etc/resolv.conf")


@dataclass(eq=False)
class _Sent:
    """A message that the mail server has in hand."""

    message: OutgoingMessage
    outcomes: int = 0
    is_told: threading.Event = field(default_factory=threading.Event)


class SendingMta:
    """The sender node, where its kind is a real mail server's.

    Args:
        settings: The node's configuration.
        journal: The node's journal.
        mta: The program.
    """

    disturbable: frozenset[Action] = frozenset()

    def __init__(self, settings: config.Mta, journal: Journal, mta: Mta) -> None:
        self._settings = settings
        self._journal = journal
        self._mta = mta
        self._stopping = False
        self._sent: dict[str, _Sent] = {}
        self._names: dict[str, str] = {}
        self._lock = threading.Lock()
        self._supervisor = Supervisor(settings.name, mta, mta.facts(), self._note)
        pool = ThreadPoolExecutor(settings.most_at_once, "hand-in")
        self._workload = Workload(settings, self._hand_in, journal, pool)

    async def start(self) -> None:
        """Start the mail server, and return when it takes mail.

        Raises:
            LabError: It is not installed, or it ended at once; its last words are in the message.
        """
        if not self._settings.log:  # else it runs already, and this machine is not its own
            self._know_hosts()
        await self._mta.begin()
        await self._supervisor.start(self._mta.takes_mail)

    async def stop(self) -> None:
        """End the schedules and the mail server; what it still queues is kept there."""
        self._stopping = True
        self._supervisor.expect_end()
        self._workload.close()
        self._release()
        await self._supervisor.stop()

    async def refresh(self) -> None:
        """There is nothing to disturb."""

    async def handle(self, op: str, args: dict[str, Any]) -> Any:
        """``queue_length``, ``queue``, and the operations of the workload."""
        if op == "queue_length":
            return len(await asyncio.to_thread(self._mta.queue))
        if op == "queue":
            items = [
                (self._names.get(queue_id, ""), recipient)
                for queue_id, recipient in await asyncio.to_thread(self._mta.queue)
            ]
            self._journal.write("queue", items=items)
            return items
        try:
            return await self._workload.handle(op, args)
        except CapabilityMissing:
            raise CapabilityMissing(op, self._mta.title, self._settings.name) from None

    def _know_hosts(self) -> None:
        """Have every program on this machine resolve the lab's names, and ask its name servers."""
        servers = [f"nameserver {address}\n" for address in self._settings.dns]
        _RESOLVER.write_text("".join([*servers, "options timeout:1 attempts:2\n"]))
        lines = [
            f"{address}\t{name}\n"
            for name, addresses in self._settings.hosts.items()
            for address in addresses
        ]
        known = [
            line
            for line in _HOSTS.read_text().splitlines(keepends=True)
            if not set(line.split()[1:]) & set(self._settings.hosts)
        ]
        # Written in place: the engine has mounted this very file.
        _HOSTS.write_text("".join([*known, *lines]))

    def _hand_in(self, message: OutgoingMessage) -> None:
        """Give a message to the mail server, and wait until that has tried it once."""
        sent = _Sent(message)
        with self._lock:
            if self._stopping:  # whoever is released has been
                return
            self._sent[message.identity] = sent
        if refused := self._submit(message):
            with self._lock:
                del self._sent[message.identity]
            note_outcome(self._journal, message, refused)
            return
        sent.is_told.wait()

    def _submit(self, message: OutgoingMessage) -> Outcome | None:
        """None if the mail server has taken the message, else why this host could not send."""
        [listener] = self._settings.listeners
        route = Route(
            Endpoint(listener.bind.address, listener.bind.port),
            helo=self._settings.fqdn,
            connect_s=_HAND_IN_S,
            reply_s=_HAND_IN_S,
        )
        load = message.load
        try:
            session = SmtpSession.connect(route)
            outcome = session.send(load.sender, (message.recipient,), message.content)[
                message.recipient
            ]
            session.quit()
        except (SessionEnded, OSError) as error:
            why = error.outcome if isinstance(error, SessionEnded) else error
            return self._unsent(str(why))
        return None if outcome.result is Result.ACCEPTED else self._unsent(str(outcome))

    def _unsent(self, why: str) -> Outcome:
        return Outcome(
            Result.UNSENT, Phase.CONNECT, reason=f"{self._mta.title} did not take it: {why}"
        )

    def _note(self, fact: Fact) -> None:
        match fact:
            case Named(queue_id, message):
                self._names[queue_id] = message
            case Tried(queue_id, _, outcome):
                if sent := self._of(queue_id):
                    self._tried(sent, outcome)
            case PutOff(queue_id, _, reason):
                sent = self._of(queue_id)
                if sent and not sent.outcomes:  # later on it is no news
                    reason = f"not tried: {reason}"
                    outcome = Outcome(Result.UNREACHABLE, Phase.CONNECT, reason=reason)
                    self._tried(sent, outcome)
            case Left(queue_id):
                with self._lock:
                    self._sent.pop(self._names.pop(queue_id, ""), None)

    def _of(self, queue_id: str) -> _Sent | None:
        with self._lock:
            return self._sent.get(self._names.get(queue_id, ""))

    def _tried(self, sent: _Sent, outcome: Outcome) -> None:
        if sent.outcomes:  # the workload has journalled the first attempt
            note_attempt(self._journal, sent.message, scheduled=clock.monotonic())
        choice = self._settings.nodes.get(address_of(outcome.address), "")
        note_outcome(self._journal, sent.message, outcome, choice=choice)
        sent.outcomes += 1
        sent.is_told.set()

    def _release(self) -> None:
        """Nobody waits any more for what the mail server will not tell."""
        with self._lock:
            for sent in self._sent.values():
                sent.is_told.set()

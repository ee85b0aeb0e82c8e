"""The real mail server: Postfix as hub or as mailbox server, kept by a node that speaks for it.

The keeper writes Postfix's configuration, runs it as a child, and turns its log into journal
events. Mail never goes through the keeper. What Postfix has done is journalled as soon as it has
logged it, which is after the reply has left: unlike a fake's journal, the end of this one may be
missing after a kill. The sender's own journal tells what was promised.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from relaydrill.disturbance import OF_A_MAIL_SERVER, Disturbance
from relaydrill.errors import CapabilityMissing, WaitTimeout
from relaydrill.journal import Journal
from relaydrill.kinds.postfix.configuration import BOX, MAIL_FOLDER
from relaydrill.kinds.postfix.log import (
    Ended,
    Named,
    Opened,
    Passed,
    Queued,
    Refused,
    Removed,
    Took,
    parse,
)
from relaydrill.kinds.postfix.process import Postfix
from relaydrill.message import last_hop, recognise
from relaydrill.nodes import config
from relaydrill.nodes.disturbances import Disturbances
from relaydrill.nodes.supervisor import Supervisor
from relaydrill.smtp import Phase
from relaydrill.wait import wait_for

_WATCH_S: Final = 0.01
_TOLD_S: Final = 3.0
_PRESSURE: Final = {"queue_minfree": str(1 << 60)}
_DELIVERED_TO: Final = "x-original-to"


@dataclass(slots=True)
class _Message:
    """What is known of a queue id."""

    client: str = ""
    port: int = 0
    recipients: list[str] = field(default_factory=list)
    message: str = ""
    is_told: bool = False


class PostfixKeeper:
    """A hub or a mailbox server, where its kind is postfix."""

    disturbable = OF_A_MAIL_SERVER

    def __init__(
        self,
        settings: config.Hub | config.Mailbox,
        journal: Journal,
        disturbances: Disturbances,
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._disturbances = disturbances
        self._postfix = Postfix(settings)
        self._sessions: dict[int, _Message] = {}
        self._messages: dict[str, _Message] = {}
        self._arrivals = 0
        self._in_force: Disturbance | None = None
        self._watching: asyncio.Task[None] | None = None
        self._supervisor = Supervisor(
            settings.name, self._postfix, self._postfix.log_lines(), self._note
        )

    async def start(self) -> None:
        """Start Postfix, and return when it listens.

        Raises:
            LabError: It is not installed, or it ended at once; its last words are in the message.
        """
        self._make_mail_folder()
        await self._postfix.begin()
        await self._supervisor.start(self._postfix.takes_mail)
        self._take_in()

    async def stop(self) -> None:
        """End Postfix, and journal the rest of its log."""
        self._supervisor.expect_end()
        if self._watching:
            self._watching.cancel()
            self._postfix.thaw()  # frozen, it could not hear what follows
        await self._supervisor.stop()

    async def refresh(self) -> None:
        """Have Postfix do as the disturbances want it.

        Raises:
            CapabilityMissing: It cannot be made to do that.
        """
        wanted = self._disturbances.first
        if wanted == self._in_force:
            return
        if self._in_force is not None:
            await self._undo(self._in_force)
            self._in_force = None
        if wanted is not None:
            try:
                await self._do(wanted)
            except CapabilityMissing:
                self._disturbances.lift(wanted.label)
                raise
            self._in_force = wanted

    async def handle(self, op: str, args: dict[str, Any]) -> Any:
        """``queue_length``; ``queue`` also journals what lies in the queue; ``arrivals``."""
        if op == "queue_length":
            queued = await asyncio.to_thread(self._postfix.queue)
            self._take_in()  # what has just left the queue may not have been taken in yet
            return len(queued)
        if op == "queue":
            items = await asyncio.to_thread(self._queue_items)
            self._take_in()
            self._journal.write("queue", items=items)
            return items
        if op == "arrivals":
            return self._arrivals
        raise CapabilityMissing(op, "the node program", self._settings.name)

    def _queue_items(self) -> list[tuple[str, str]]:
        items = []
        for queue_id, recipient in self._postfix.queue():
            known = self._messages.get(queue_id)
            message = known.message if known else ""
            items.append((message or self._postfix.message_id(queue_id), recipient))
        return items

    async def _do(self, wanted: Disturbance) -> None:
        if wanted.strength < 1.0:
            what = f"{wanted.action} in a share of its sessions"
            raise CapabilityMissing(what, "a real Postfix", self._settings.name)
        if wanted.action == "close":
            await self._postfix.listen(on=False)
            # Told later, what came before would look as if the fault had let it through.
            await self._all_told()
        elif wanted.action == "hang" and wanted.phase is Phase.BANNER:
            self._postfix.freeze()
            self._watching = asyncio.get_running_loop().create_task(self._watch(wanted))
        elif _is_pressure(wanted):
            await self._postfix.override(_PRESSURE)
        else:
            what = f"{wanted.action} at {wanted.phase}"
            raise CapabilityMissing(what, "a real Postfix", self._settings.name)

    async def _all_told(self) -> None:
        """Wait until everything that was taken so far is journaled.

        A reload starts the queue manager anew, and only that logs what has come in.
        """
        taken: set[str] = set()

        def are_told() -> bool:
            coming = self._postfix.coming_in()
            taken.update(coming)
            known = (self._messages.get(queue_id) for queue_id in taken)
            return not coming and all(each is None or each.is_told for each in known)

        # A message whose session was cut has an id, too, and is never told.
        with contextlib.suppress(WaitTimeout):
            await asyncio.to_thread(
                wait_for,
                are_told,
                what="postfix to log what it has taken",
                deadline_s=_TOLD_S,
                every_s=0.01,
            )

    async def _undo(self, was: Disturbance) -> None:
        if was.action == "close":
            await self._postfix.listen(on=True)
        elif was.action == "hang":
            assert self._watching
            self._watching.cancel()
            self._watching = None
            self._postfix.thaw()
        else:
            await self._postfix.override({})

    async def _watch(self, hanging: Disturbance) -> None:
        """Journal every connection that waits in vain."""
        seen: set[tuple[str, int]] = set()
        while True:
            for client in await asyncio.to_thread(lambda: set(self._postfix.waiting_clients())):
                if client not in seen:
                    seen.add(client)
                    self._bitten(hanging, Phase.BANNER, client[0])
            await asyncio.sleep(_WATCH_S)

    def _bitten(self, fault: Disturbance, phase: Phase, client: str, port: int = 0) -> None:
        self._journal.write("bitten", fault=fault.label, phase=str(phase), client=client, port=port)

    def _note(self, line: str) -> None:
        """Journal a line of the log."""
        match parse(line):
            case Took(process, port, client, recipient):
                session = self._sessions.setdefault(process, _Message())
                session.client, session.port = client, port
                session.recipients.append(recipient)
            case Opened(process, queue_id):
                self._messages[queue_id] = self._sessions.setdefault(process, _Message())
            case Named(queue_id, message):
                self._message(queue_id).message = message
            case Queued(queue_id):
                self._accepted(queue_id)
            case Passed() as passed:
                self._passed(passed)
            case Refused() as refused:
                self._refused(refused)
            case Removed(queue_id):
                self._messages.pop(queue_id, None)
            case Ended(process):
                self._sessions.pop(process, None)

    def _message(self, queue_id: str) -> _Message:
        return self._messages.setdefault(queue_id, _Message())

    def _accepted(self, queue_id: str) -> None:
        known = self._message(queue_id)
        for process, session in list(self._sessions.items()):
            if session is known:
                # The next message of this session begins with nothing.
                self._sessions[process] = _Message()
        if known.is_told:
            return
        known.is_told = True
        if isinstance(self._settings, config.Mailbox):
            return
        for recipient in known.recipients:
            self._journal.write(
                "accepted",
                known.message,
                recipient,
                client=known.client,
                port=known.port,
                stored=True,
            )

    def _passed(self, passed: Passed) -> None:
        if isinstance(self._settings, config.Mailbox):
            self._take_in()
            return
        message = self._message(passed.queue_id).message
        if not message:
            message = self._postfix.message_id(passed.queue_id)
            self._message(passed.queue_id).message = message
        match passed.status:
            case "sent":
                self._journal.write("relayed", message, passed.recipient, to=passed.to)
            case "deferred":
                self._journal.write("deferred", message, passed.recipient, reason=passed.said)
            case "bounced":
                self._journal.write("bounced", message, passed.recipient, reason=passed.said)

    def _refused(self, refused: Refused) -> None:
        if self._in_force and _is_pressure(self._in_force) and refused.code == 452:
            self._bitten(self._in_force, Phase.MAIL, refused.client, refused.port)
        self._journal.write(
            "refused",
            "",
            refused.recipient,
            phase=refused.phase,
            code=refused.code,
            text=refused.text,
            client=refused.client,
            port=refused.port,
        )

    def _make_mail_folder(self) -> None:
        if isinstance(self._settings, config.Mailbox):
            for part in ("new", "cur", "tmp"):
                (self._box / part).mkdir(parents=True, exist_ok=True)
                os.chown(self._box / part, 65_534, 65_534)
            os.chown(self._box, 65_534, 65_534)

    @property
    def _box(self) -> Path:
        return Path(self._settings.workdir) / MAIL_FOLDER / BOX

    def _take_in(self) -> None:
        """Journal what has been put into the Maildir since, each message once."""
        if not isinstance(self._settings, config.Mailbox):
            return
        for path in sorted((self._box / "new").iterdir()):
            with contextlib.suppress(FileNotFoundError):
                content = path.read_bytes()
                found = recognise(content)
                self._journal.write(
                    found.kind,
                    found.identity,
                    _header(content, _DELIVERED_TO),
                    **found.details,
                    via=last_hop(_without_first_received(content)),
                    file=path.name,
                    port=25,
                )
                self._arrivals += 1
                path.unlink()


def _is_pressure(disturbance: Disturbance) -> bool:
    reply = disturbance.reply
    is_reply = disturbance.action == "reply" and disturbance.phase is Phase.MAIL
    return is_reply and reply is not None and reply.code == 452


def _without_first_received(content: bytes) -> bytes:
    """The message as it came: without the Received header that this Postfix has put on top."""
    lines = content.split(b"\n")
    first = next((at for at, each in enumerate(lines) if each.lower().startswith(b"received:")), 0)
    return b"\n".join(lines[first + 1 :])


def _header(content: bytes, name: str) -> str:
    for line in content.split(b"\n\n", 1)[0].split(b"\n"):
        key, _, value = line.partition(b":")
        if key.strip().lower() == name.encode():
            return value.strip().decode("utf-8", "replace")
    return ""

"""The real name server: BIND, kept by a node that speaks for it.

The keeper writes BIND's configuration, runs it as a child, and turns its log into journal events;
questions never go through the keeper. BIND listens only on addresses that a network interface has,
so it runs in containers only.
"""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any, Final

from relaydrill.disturbance import Action, Disturbance
from relaydrill.errors import CapabilityMissing, LabError
from relaydrill.journal import Journal
from relaydrill.kinds.bind import KIND
from relaydrill.kinds.bind.configuration import CONFIGURATION, files
from relaydrill.kinds.bind.log import Asked, Running, is_trouble, parse
from relaydrill.nodes import config
from relaydrill.nodes.disturbances import Disturbances
from relaydrill.nodes.kernel_table import datagram_bytes_waiting
from relaydrill.nodes.program import Program, find_program
from relaydrill.nodes.service import Service
from relaydrill.nodes.supervisor import Supervisor

_SERVES_S: Final = 10.0
_LOOK_S: Final = 0.01


class BindKeeper:
    """The name server, where its kind is bind."""

    disturbable: frozenset[Action] = frozenset({"rcode", "stale", "hang"})

    def __init__(self, settings: config.Dns, journal: Journal, disturbances: Disturbances) -> None:
        self._settings = settings
        self._journal = journal
        self._disturbances = disturbances
        self._folder = Path(settings.workdir)
        self._running = asyncio.Event()
        self._watch: asyncio.Task[None] | None = None
        self._program = Program(KIND.title)
        self._supervisor = Supervisor(
            settings.name, self._program, self._program.error_lines(), self._note
        )

    async def start(self) -> None:
        """Start BIND, and return when it serves.

        Raises:
            LabError: It is not installed, or it does not serve; its last words are in the message.
        """
        program = find_program(
            "named", node=self._settings.name, kind=KIND.name, package=KIND.package
        )
        self._folder.mkdir(parents=True, exist_ok=True)
        self._configure()
        await self._program.start(
            *(program, "-g", "-4", "-n", "1", "-c", CONFIGURATION),
            cwd=self._folder,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        await self._supervisor.start(self._serves)

    async def stop(self) -> None:
        """End BIND, and journal the rest of its log."""
        self._supervisor.expect_end()
        if self._watch:
            self._watch.cancel()
            self._program.send_signal(signal.SIGCONT)  # frozen, it could not hear what follows
        await self._supervisor.stop()

    async def refresh(self) -> None:
        """Have it follow the disturbances: frozen, or with a configuration that says so."""
        disturbance = self._disturbances.first
        if disturbance and disturbance.strength < 1.0:
            self._disturbances.lift(disturbance.label)
            what = f"{disturbance.action} for a share of the questions"
            raise CapabilityMissing(what, "BIND", self._settings.name)
        if disturbance and disturbance.action == "hang":
            self._program.send_signal(signal.SIGSTOP)
            self._watch = asyncio.get_running_loop().create_task(self._watch_unread(disturbance))
            return
        if self._watch:
            self._watch.cancel()
            self._watch = None
            self._program.send_signal(signal.SIGCONT)
        self._running.clear()
        self._configure()
        self._program.send_signal(signal.SIGHUP)
        if not await self._serves():
            raise LabError(await self._supervisor.how_it_ended("at a reload"))

    async def handle(self, op: str, args: dict[str, Any]) -> Any:
        """It can be asked nothing."""
        raise CapabilityMissing(op, "BIND", self._settings.name)

    async def _watch_unread(self, hang: Disturbance) -> None:
        """Journal that questions come to a BIND that is frozen; the kernel keeps them for it."""
        bind, unread = self._settings.bind, 0
        while True:
            now = datagram_bytes_waiting((bind.address, bind.port))
            if now > unread:
                self._journal.write("bitten", fault=hang.label, phase="", client="")
            unread = now
            await asyncio.sleep(_LOOK_S)

    def _configure(self) -> None:
        disturbance = self._disturbances.first
        made = files(
            self._settings,
            rcode=disturbance.rcode if disturbance else "",
            stale=bool(disturbance and disturbance.action == "stale"),
        )
        for name, text in made.items():
            (self._folder / name).write_text(text)

    async def _serves(self) -> bool:
        return await self._program.serves(self._running.is_set, deadline_s=_SERVES_S)

    def _note(self, line: str) -> None:
        match parse(line):
            case Asked(client, name, kind):
                self._asked(client, name, kind)
                return
            case Running():
                self._running.set()
        self._program.note(line, aloud=is_trouble(line))

    def _asked(self, client: str, name: str, kind: str) -> None:
        """Its log tells questions, not answers; a fault that is in force has met this one."""
        if disturbance := self._disturbances.first:
            self._journal.write("bitten", fault=disturbance.label, phase="", client=client)
        self._journal.write("answered", name=name, type=kind, client=client)


def build(settings: config.NodeConfig, journal: Journal, disturbances: Disturbances) -> Service:
    """The keeper of a name server."""
    assert isinstance(settings, config.Dns)
    return BindKeeper(settings, journal, disturbances)

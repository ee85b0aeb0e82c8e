"""The real name server: BIND, kept by a node that speaks for it.

The keeper writes BIND's configuration, runs it as a child, and turns its log into journal events;
questions never go through the keeper. BIND listens only on addresses that a network interface has,
so it runs in containers only.
"""

from __future__ import annotations

import asyncio
import collections
import signal
import sys
from pathlib import Path
from typing import Any, Final

from relaydrill.errors import CapabilityMissing, LabError
from relaydrill.journal import Journal
from relaydrill.nodes import child, config
from relaydrill.nodes.bind.configuration import CONFIGURATION, files
from relaydrill.nodes.bind.log import Asked, Running, is_trouble, parse
from relaydrill.nodes.disturbance import Action, Disturbance, Disturbances
from relaydrill.nodes.kernel_table import datagram_bytes_waiting

_SERVES_S: Final = 10.0
_ENDS_S: Final = 5.0
_LAST_WORDS: Final = 6
_LOOK_S: Final = 0.01


class BindKeeper:
    """The name server, where its kind is bind."""

    disturbable: frozenset[Action] = frozenset({"rcode", "stale", "hang"})

    def __init__(self, settings: config.Dns, journal: Journal, disturbances: Disturbances) -> None:
        self._settings = settings
        self._journal = journal
        self._disturbances = disturbances
        self._folder = Path(settings.workdir)
        self._last_words: collections.deque[str] = collections.deque(maxlen=_LAST_WORDS)
        self._running = asyncio.Event()
        self._stopping = False
        self._watch: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process
        self._attendance: asyncio.Task[None]

    async def start(self) -> None:
        """Start BIND, and return when it serves.

        Raises:
            LabError: It is not installed, or it does not serve.
            SystemExit: It ended at once; its last words are in the message.
        """
        program = child.find_program(
            "named", node=self._settings.name, kind="bind", package="bind9"
        )
        self._folder.mkdir(parents=True, exist_ok=True)
        self._configure()
        self._process = await asyncio.create_subprocess_exec(
            *(program, "-g", "-4", "-n", "1", "-c", CONFIGURATION),
            cwd=self._folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            preexec_fn=child.dies_with_parent(),
        )
        self._attendance = asyncio.get_running_loop().create_task(self._attend())
        await self._serves()

    async def stop(self) -> None:
        """End BIND, and journal the rest of its log."""
        self._stopping = True
        if self._watch:
            self._watch.cancel()
            self._process.send_signal(signal.SIGCONT)  # frozen, it could not hear what follows
        await child.end(self._process, patience_s=_ENDS_S)
        await self._attendance

    async def refresh(self) -> None:
        """Have it follow the disturbances: frozen, or with a configuration that says so."""
        disturbance = self._disturbances.first
        if disturbance and disturbance.action == "hang":
            self._process.send_signal(signal.SIGSTOP)
            self._watch = asyncio.get_running_loop().create_task(self._watch_unread(disturbance))
            return
        if self._watch:
            self._watch.cancel()
            self._watch = None
            self._process.send_signal(signal.SIGCONT)
        self._running.clear()
        self._configure()
        self._process.send_signal(signal.SIGHUP)
        await self._serves()

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

    async def _serves(self) -> None:
        try:
            async with asyncio.timeout(_SERVES_S):
                await self._running.wait()
        except TimeoutError:
            said = "; ".join(self._last_words) or "it says nothing"
            raise LabError(f"{self._settings.name}: BIND does not serve: {said}") from None

    async def _attend(self) -> None:
        """Journal what BIND logs. Its unwanted end is the end of this process too.

        Raises:
            SystemExit: It has ended by itself, or the journal is full. Unlike other errors it
                passes through the event loop, so that the driver sees this node die.
        """
        assert self._process.stderr
        try:
            while line := await self._process.stderr.readline():
                self._note(line.decode("utf-8", "replace").rstrip())
        except OSError as error:
            raise SystemExit(f"{self._settings.name} cannot write its journal: {error}") from error
        status = await self._process.wait()
        if not self._stopping:
            how = child.how_it_ended(status, self._last_words)
            raise SystemExit(f"{self._settings.name}: BIND ended by itself {how}")

    def _note(self, line: str) -> None:
        match parse(line):
            case Asked(client, name, kind):
                self._asked(client, name, kind)
                return
            case Running():
                self._running.set()
        self._last_words.append(line)
        if is_trouble(line):
            print(line, file=sys.stderr, flush=True)

    def _asked(self, client: str, name: str, kind: str) -> None:
        """Its log tells questions, not answers; a fault that is in force has met this one."""
        if disturbance := self._disturbances.first:
            self._journal.write("bitten", fault=disturbance.label, phase="", client=client)
        self._journal.write("answered", name=name, type=kind, client=client)

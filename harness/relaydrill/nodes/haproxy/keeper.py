"""The real balancer: HAProxy, kept by a node that speaks for it.

The keeper writes HAProxy's configuration, runs it as a child, turns its log into journal events,
and passes requests on to its runtime API. Mail never goes through the keeper.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from relaydrill.errors import CapabilityMissing, LabError
from relaydrill.journal import Journal
from relaydrill.nodes import child, config
from relaydrill.nodes.disturbance import Action
from relaydrill.nodes.haproxy.configuration import farm, render
from relaydrill.nodes.haproxy.log import Change, Connected, Unserved, parse
from relaydrill.nodes.haproxy.process import HaproxyProcess, most_connections

_STATES: Final = ("ready", "drain", "maint")
_STOPPED: Final = "0"
_ASKED_TO_END: Final = (0, -signal.SIGTERM, 128 + signal.SIGTERM)
_OWN_SIGTERM_S: Final = 1.0


class HaproxyKeeper:
    """The balancer, where its kind is haproxy."""

    disturbable: frozenset[Action] = frozenset()

    def __init__(self, settings: config.Balancer, journal: Journal) -> None:
        self._settings = settings
        self._journal = journal
        self._admin = {backend.name: "ready" for backend in settings.backends}
        self._stopping = asyncio.Event()
        self._process: HaproxyProcess
        self._attendance: asyncio.Task[None]

    async def start(self) -> None:
        """Start HAProxy, and return when it listens.

        Raises:
            LabError: It is not installed, or it ended at once; its last words are in the message.
        """
        program = child.find_program(
            self._settings.program or "haproxy",
            node=self._settings.name,
            kind="haproxy",
            package="haproxy",
        )
        folder = Path(self._settings.workdir)
        folder.mkdir(parents=True, exist_ok=True)
        configuration = folder / "haproxy.cfg"
        configuration.write_text(render(self._settings, most_connections=most_connections()))
        self._process = await HaproxyProcess.start(program, configuration)
        try:
            if not await self._process.serves():
                raise LabError(await self._how_it_ended("at its start"))
        except BaseException:
            await self._process.end()
            raise
        self._attendance = asyncio.get_running_loop().create_task(self._attend())

    async def stop(self) -> None:
        """End HAProxy, and journal the rest of its log."""
        self._stopping.set()
        await self._process.end()
        await self._attendance

    async def refresh(self) -> None:
        """There is nothing to disturb."""

    async def handle(self, op: str, args: dict[str, Any]) -> Any:
        """``state`` sets a backend to ready, drain or maint; ``backends`` tells all states."""
        if op == "backends":
            states = await self._states()
            return [
                {"backend": backend, "port": port, "state": states[port, backend]}
                for port, backend in self._servers()
            ]
        if op == "state":
            return await self._administer(str(args["backend"]), str(args["state"]))
        raise CapabilityMissing(op, "the node program", self._settings.name)

    async def _administer(self, backend: str, state: str) -> None:
        if state not in _STATES:
            raise ValueError(f"no state {state!r}: ready, drain or maint")
        ports = [port for port, name in self._servers() if name == backend]
        if not ports:
            raise ValueError(f"no backend {backend!r}")
        self._admin[backend] = state
        for port in ports:
            answer = await self._process.ask(f"set server {farm(port)}/{backend} state {state}")
            if answer:
                raise LabError(f"haproxy did not set {backend} to {state}: {answer}")
        states = await self._states()
        for port in ports:
            self._journal_state(port, backend, states[port, backend], "by the operator")

    def _servers(self) -> Iterator[tuple[int, str]]:
        """Logical port and name of every server, farm by farm."""
        for port in sorted({front.port for front in self._settings.fronts}):
            for backend in self._settings.backends:
                if port in backend.endpoints:
                    yield port, backend.name

    async def _states(self) -> dict[tuple[int, str], str]:
        """The state of every server, in the fake's words."""
        operational = {
            (row["be_name"], row["srv_name"]): row["srv_op_state"]
            for row in _table(await self._process.ask("show servers state"))
        }
        return {
            (port, backend): self._state(backend, up=operational[farm(port), backend] != _STOPPED)
            for port, backend in self._servers()
        }

    def _state(self, backend: str, *, up: bool) -> str:
        """``up``, ``down``, ``drain`` or ``maint``."""
        admin = self._admin[backend]
        return ("up" if up else "down") if admin == "ready" else admin

    async def _attend(self) -> None:
        """Journal what HAProxy logs. Its unwanted end is the end of this process too.

        Raises:
            SystemExit: HAProxy has ended by itself, or the journal is full. Unlike other errors it
                passes through the event loop, so that the driver sees this node die.
        """
        try:
            async for line in self._process.log_lines():
                self._note(parse(line))
        except OSError as error:
            raise SystemExit(f"{self._settings.name} cannot write its journal: {error}") from error
        status = await self._process.ended()
        if status in _ASKED_TO_END:
            # A SIGTERM to the whole group may end HAProxy before it is heard here.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_OWN_SIGTERM_S):
                    await self._stopping.wait()
        if not self._stopping.is_set():
            raise SystemExit(await self._how_it_ended("by itself"))

    async def _how_it_ended(self, when: str) -> str:
        status = await self._process.ended()
        how = child.how_it_ended(status, self._process.last_words)
        return f"{self._settings.name}: haproxy ended {when} {how}"

    def _note(self, fact: Connected | Unserved | Change | None) -> None:
        """Journal a line of the log."""
        match fact:
            case Connected(port, client, backend, accepted_at):
                self._journal.write(
                    "connected",
                    client=client,
                    port=port,
                    backend=backend,
                    accepted_at=accepted_at,
                )
            case Unserved(port, client, reason):
                self._journal.write("unserved", client=client, port=port, reason=reason)
            case Change(port, backend, up, reason):
                self._journal_state(port, backend, self._state(backend, up=up), reason)

    def _journal_state(self, port: int, backend: str, state: str, reason: str) -> None:
        self._journal.write("backend", backend=backend, port=port, state=state, reason=reason)


def _table(text: str) -> Iterator[dict[str, str]]:
    """The rows of a runtime API table whose head line begins with ``#``."""
    head: list[str] = []
    for line in text.splitlines():
        if line.startswith("#"):
            head = line[1:].split()
        elif head and line:
            yield dict(zip(head, line.split(" "), strict=False))

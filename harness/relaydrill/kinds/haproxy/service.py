"""The real balancer: HAProxy, kept by a node that speaks for it.

The keeper writes HAProxy's configuration, runs it as a child, turns its log into journal events,
and passes requests on to its runtime API. Mail never goes through the keeper.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from relaydrill.disturbance import Action
from relaydrill.errors import CapabilityMissing, LabError
from relaydrill.journal import Journal
from relaydrill.kinds.haproxy import KIND
from relaydrill.kinds.haproxy.configuration import farm, render
from relaydrill.kinds.haproxy.log import Change, Connected, Unserved, parse
from relaydrill.kinds.haproxy.own_file import OwnFileKeeper
from relaydrill.kinds.haproxy.process import HaproxyProcess, most_connections
from relaydrill.kinds.haproxy.servers import BOTH, STATES, counted, in_table, parted, shown_as
from relaydrill.nodes import config
from relaydrill.nodes.disturbances import Disturbances
from relaydrill.nodes.program import find_program
from relaydrill.nodes.service import Service
from relaydrill.nodes.supervisor import Supervisor


class HaproxyKeeper:
    """The balancer, where its kind is haproxy."""

    disturbable: frozenset[Action] = frozenset()

    def __init__(self, settings: config.Balancer, journal: Journal) -> None:
        self._settings = settings
        self._journal = journal
        self._admin = {backend.name: "ready" for backend in settings.backends}
        self._process = HaproxyProcess(Path(settings.workdir))
        self._supervisor = Supervisor(
            settings.name, self._process, self._process.lines(), self._note
        )

    async def start(self) -> None:
        """Start HAProxy, and return when it listens.

        Raises:
            LabError: It is not installed, or it ended at once; its last words are in the message.
        """
        program = find_program(
            self._settings.program or "haproxy",
            node=self._settings.name,
            kind=KIND.name,
            package=KIND.package,
        )
        text = render(self._settings, most_connections=most_connections())
        self._process.configure({"haproxy.cfg": text})
        await self._process.begin(program)
        await self._supervisor.start(lambda: self._process.serves(self._process.listens))

    async def stop(self) -> None:
        """End HAProxy, and journal the rest of its log."""
        await self._supervisor.stop()

    async def refresh(self) -> None:
        """There is nothing to disturb."""

    async def handle(self, op: str, args: dict[str, Any]) -> Any:
        """``state`` sets a backend to ready, drain or maint; ``backends`` tells all states."""
        if op == "backends":
            return await self._shown()
        if op == "state":
            return await self._administer(str(args["backend"]), str(args["state"]))
        raise CapabilityMissing(op, "the node program", self._settings.name)

    async def _administer(self, backend: str, state: str) -> None:
        if state not in STATES:
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

    async def _shown(self) -> list[dict[str, Any]]:
        """The state of every server, or that it was not checked yet."""
        states, counts = parted(await self._process.ask(BOTH))
        believed, served = self._states_in(states), counted(counts)
        return [
            {
                "backend": backend,
                "port": port,
                "state": shown_as(
                    believed[port, backend], is_sure=served[f"{farm(port)}/{backend}"].is_sure
                ),
            }
            for port, backend in self._servers()
        ]

    async def _states(self) -> dict[tuple[int, str], str]:
        """The state of every server, in the fake's words."""
        return self._states_in(await self._process.ask("show servers state"))

    def _states_in(self, printed: str) -> dict[tuple[int, str], str]:
        """The same, of a table that was printed."""
        up = {server.name: server.is_up for server in in_table(printed)}
        return {
            (port, backend): self._state(backend, up=up[f"{farm(port)}/{backend}"])
            for port, backend in self._servers()
        }

    def _state(self, backend: str, *, up: bool) -> str:
        """``up``, ``down``, ``drain`` or ``maint``."""
        admin = self._admin[backend]
        return ("up" if up else "down") if admin == "ready" else admin

    def _note(self, line: str) -> None:
        """Journal a line of the log."""
        match parse(line):
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


def build(settings: config.NodeConfig, journal: Journal, _disturbances: Disturbances) -> Service:
    """The keeper of a balancer."""
    assert isinstance(settings, config.Balancer)
    if settings.own:
        return OwnFileKeeper(settings, settings.own, journal)
    return HaproxyKeeper(settings, journal)

"""The user's own haproxy.cfg, run just as it is, and watched from beside it.

HAProxy reads a second file after the user's, whose ``global`` has one more runtime socket: nothing
of the user's is changed by it. What HAProxy believes of its servers, and how many clients it gave
each, is asked of that socket; what the user's own file logs, and where, is left alone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

from relaydrill.disturbance import Action
from relaydrill.errors import CapabilityMissing, LabError
from relaydrill.journal import Journal
from relaydrill.kinds.haproxy import KIND
from relaydrill.kinds.haproxy.configuration import STATS_SOCKET
from relaydrill.kinds.haproxy.process import HaproxyProcess, most_connections
from relaydrill.kinds.haproxy.servers import (
    BOTH,
    STATES,
    Served,
    Server,
    counted,
    in_table,
    parted,
    shown_as,
)
from relaydrill.nodes import config
from relaydrill.nodes.program import find_program
from relaydrill.nodes.supervisor import Supervisor

_BESIDE: Final = "../beside.cfg"
_LOOK_S: Final = 0.05
"""How often HAProxy is asked."""

_HOSTS: Final = Path("/etc/hosts")


def beside() -> str:
    """The file that HAProxy reads after the user's own."""
    return f"global\n    stats socket unix@{STATS_SOCKET} mode 600 level admin\n"


def placed(files: tuple[config.OwnFile, ...]) -> dict[str, str]:
    """The texts of files by the paths at which HAProxy is given them: as the user calls them.

    What HAProxy says of a line then names the user's own file.
    """
    found: dict[str, str] = {}
    for number, each in enumerate(files):
        parts = [part for part in PurePosixPath(each.path).parts if part not in ("/", "..", ".")]
        name = "/".join(parts) or "haproxy.cfg"
        found[f"{number}/{name}" if name in found else name] = each.text
    return found


@dataclass
class _Seen:
    """What was seen at the last look.

    Attributes:
        sessions: How many clients each server was given, by ``section/server``.
        beliefs: What is believed of each node at each port.
        unsure: The nodes and ports of which one bad check would change that: HAProxy has just
            started, and a drill that began now would see it notice a death too soon.
        unnamed: The nodes and ports that no server leads to yet, because its name server has not
            told HAProxy the address.
    """

    sessions: dict[str, int] = field(default_factory=dict)
    beliefs: defaultdict[tuple[str, int], str] = field(
        default_factory=lambda: defaultdict(lambda: "up")
    )
    unsure: set[tuple[str, int]] = field(default_factory=set)
    unnamed: set[tuple[str, int]] = field(default_factory=set)


class OwnFileKeeper:
    """The balancer, where it runs the user's own haproxy.cfg."""

    disturbable: frozenset[Action] = frozenset()

    def __init__(self, settings: config.Balancer, own: config.OwnHaproxy, journal: Journal) -> None:
        self._settings = settings
        self._own = own
        self._journal = journal
        self._seen = _Seen()
        self._process = HaproxyProcess(Path(settings.workdir) / "own")
        self._supervisor = Supervisor(
            settings.name, self._process, self._process.lines(), self._pass_over
        )
        self._watching: asyncio.Task[None]

    async def start(self) -> None:
        """Start HAProxy, and return when it listens.

        Raises:
            LabError: It is not installed, or it ended at once; its last words, which name the line
                that it does not take, are in the message.
        """
        program = find_program(
            self._settings.program or "haproxy",
            node=self._settings.name,
            kind=KIND.name,
            package=KIND.package,
        )
        for folder in self._own.folders:
            Path(folder).mkdir(parents=True, exist_ok=True)
        self._name_hosts()
        self._process.configure({**placed(self._own.files), _BESIDE: beside()})
        bound = 0 if self._own.is_bounded else most_connections()
        await self._process.begin(program, most_connections=bound)
        await self._supervisor.start(lambda: self._process.serves(self._process.listens))
        await self._look()
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    async def stop(self) -> None:
        """End HAProxy, and journal what it did until then."""
        self._watching.cancel()
        with contextlib.suppress(LabError):
            await self._look()
        await self._supervisor.stop()

    async def refresh(self) -> None:
        """There is nothing to disturb."""

    async def handle(self, op: str, args: dict[str, Any]) -> Any:
        """``state`` sets a backend to ready, drain or maint; ``backends`` tells all states."""
        if op == "backends":
            await self._look()
            return [
                {"backend": node, "port": port, "state": self._shown(node, port)}
                for node, port in {**self._seen.beliefs, **dict.fromkeys(self._seen.unnamed)}
            ]
        if op == "state":
            return await self._administer(str(args["backend"]), str(args["state"]))
        raise CapabilityMissing(op, "the node program", self._settings.name)

    def _shown(self, node: str, port: int) -> str:
        """What is believed; of one that has just been begun with, that."""
        if (node, port) in self._seen.unnamed:
            return "starting"
        is_sure = (node, port) not in self._seen.unsure
        return shown_as(self._seen.beliefs[node, port], is_sure=is_sure)

    async def _administer(self, node: str, state: str) -> None:
        if state not in STATES:
            raise ValueError(f"no state {state!r}: ready, drain or maint")
        table = in_table(await self._process.ask("show servers state"))
        servers = [each.name for each, of in self._nodes_in(table) if of == node]
        if not servers:
            raise ValueError(f"no backend {node!r}")
        for server in servers:
            answer = await self._process.ask(f"set server {server} state {state}")
            if answer:
                raise LabError(f"haproxy did not set {server} to {state}: {answer}")
        await self._look()

    def _name_hosts(self) -> None:
        """Have this machine know the names that the files use."""
        there = _HOSTS.read_text(encoding="utf-8").splitlines() if self._own.hosts else []
        lines = [
            f"{address} {name}" for name, found in self._own.hosts.items() for address in found
        ]
        if missing := [each for each in lines if each not in there]:
            _HOSTS.write_text("\n".join([*there, *missing, ""]), encoding="utf-8")

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            # One that does not answer has ended, or will: its supervisor tells.
            with contextlib.suppress(LabError):
                await self._look()

    async def _look(self) -> None:
        """Journal what has changed since the last look.

        Raises:
            LabError: HAProxy does not answer.
        """
        states, counts = parted(await self._process.ask(BOTH))
        try:
            table, served = list(in_table(states)), counted(counts)
        except (KeyError, ValueError) as error:
            raise LabError(f"haproxy does not tell of its servers: {error!r}") from error
        servers = self._nodes_in(table)
        for server, node in servers:
            if server.name in served:
                self._note_sessions(server, node, served[server.name])
        self._note_beliefs(servers, served)
        self._seen.unsure = {
            (node, port)
            for server, node in servers
            for port in self._own.farms[_section(server)]
            if server.name in served and not served[server.name].is_sure
        }
        self._seen.unnamed = self._unnamed_in(table, servers)

    def _unnamed_in(
        self, table: list[Server], servers: list[tuple[Server, str]]
    ) -> set[tuple[str, int]]:
        """The nodes that a section with servers of no address does not lead to, and no other does.

        A template may have more servers than there are addresses: those that are left over are
        nobody's.
        """
        led_to = {_section(server) for server, _ in servers}
        seen = {node for _, node in servers}
        return {
            (node, port)
            for section in {_section(each) for each in table if not each.has_address}
            for port in self._own.farms.get(section, ())
            for node in (backend.name for backend in self._settings.backends)
            if node not in seen or section not in led_to
        }

    def _nodes_in(self, table: Iterable[Server]) -> list[tuple[Server, str]]:
        """The servers in a table that are nodes, with the node."""
        return [
            (each, self._own.nodes[each.address])
            for each in table
            if each.address in self._own.nodes and _section(each) in self._own.farms
        ]

    def _note_sessions(self, server: Server, node: str, served: Served) -> None:
        """A line for each client that a server was given; of several ports, nobody tells which."""
        ports = self._own.farms[_section(server)]
        known = {"port": ports[0]} if len(ports) == 1 else {}
        for _ in range(self._seen.sessions.get(server.name, 0), served.sessions):
            self._journal.write("connected", backend=node, **known)
        self._seen.sessions[server.name] = served.sessions

    def _note_beliefs(self, servers: list[tuple[Server, str]], counts: dict[str, Served]) -> None:
        """A line for each node and port of which HAProxy has changed its mind."""
        for (node, port), (state, name) in self._believed(servers).items():
            if self._seen.beliefs[node, port] != state:
                reason = counts[name].check if name in counts else ""
                self._journal.write(
                    "backend", backend=node, port=port, state=state, reason=f"{name} {reason}"
                )
            self._seen.beliefs[node, port] = state

    def _believed(
        self, servers: list[tuple[Server, str]]
    ) -> dict[tuple[str, int], tuple[str, str]]:
        """What is believed of each node at each port, and of which server; one up counts."""
        found: dict[tuple[str, int], tuple[str, str]] = {}
        for server, node in servers:
            for port in self._own.farms[_section(server)]:
                if found.get((node, port), ("", ""))[0] != "up":
                    found[node, port] = (server.state, server.name)
        return found

    def _pass_over(self, line: str) -> None:
        """What the user's file logs to standard output is the user's own affair."""


def _section(server: Server) -> str:
    return server.name.rpartition("/")[0]

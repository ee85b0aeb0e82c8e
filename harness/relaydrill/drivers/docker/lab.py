"""A topology as containers on a bridge network."""

from __future__ import annotations

import contextlib
import itertools
import secrets
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from relaydrill.disturbance import Flaw
from relaydrill.drivers.docker.container import NodeContainer
from relaydrill.drivers.docker.engine import connect, engine_errors
from relaydrill.drivers.docker.heals import Heals, kept
from relaydrill.drivers.docker.seating import owner_of
from relaydrill.drivers.docker.standing import Standing, for_all, found, made
from relaydrill.drivers.docker.way_in import WayIn
from relaydrill.drivers.readiness import await_backends
from relaydrill.drivers.undo import UndoLog
from relaydrill.endpoint import Endpoint
from relaydrill.errors import CapabilityMissing, ControlError, LabError, WaitTimeout
from relaydrill.fresh import make_fresh
from relaydrill.nodes.control import ControlClient
from relaydrill.placement import CONTROL_PORT, Placement
from relaydrill.topology import Topology
from relaydrill.wait import wait_for

_READY_S: Final = 60.0
_LISTENS: Final = b'"ready"'
"""What a node journals when it listens."""
_REACHED_S: Final = 8.0
"""How long a node that listens may take until it is reached."""
_SELDOM: Final = 20
_STOP_S: Final = 10
_JOURNAL_S: Final = 10.0
_SAME_CLOCK_S: Final = 0.05


class DockerLab:
    """A topology running as containers. A context manager: nothing starts before ``with``.

    Senders are containers too. This process talks to the nodes only by ports that the engine
    publishes on this machine, so it need not be able to reach the bridge network.

    Args:
        topology: What to run.
        directory: Where journals and certificates go; made if missing, and empty if not.
        project: Use the containers that ``docker compose`` brought up under this project name,
            from what ``relaydrill compose`` wrote, and leave them running at the end.

    Raises:
        LabError: (on entering) No engine answers, an image is missing, or a node did not start;
            its last log lines are in the message.
        UsageError: (on entering) The directory is not empty.
    """

    driver = "docker"

    def __init__(self, topology: Topology, directory: Path, *, project: str = "") -> None:
        self.topology = topology
        self.directory = directory.resolve()
        self.remarks: tuple[str, ...] = ()
        self._project = project
        self._stack = contextlib.ExitStack()
        self._standing: Standing
        self._way = WayIn()
        self._heals: Heals | None = None

    def __enter__(self) -> Self:
        make_fresh(self.directory)
        (self.directory / "journals").mkdir()
        with contextlib.ExitStack() as stack:
            engine = connect()
            stack.callback(engine.close)
            self._standing = stack.enter_context(
                found(engine, self._project, self.topology, self._journal_path)
                if self._project
                else made(engine, self.topology, self.directory, self._journal_path)
            )
            self._way = self._standing.way
            if self._project:
                self._heals = stack.enter_context(
                    kept(engine, self._standing, self.topology, UndoLog.default())
                )
            for_all(self._nodes.values(), lambda each: self._await_ready(each.name, at_first=True))
            self._compare_clocks()
            # A balancer that does not find them is the design's own trouble: the drill shows it.
            with contextlib.suppress(WaitTimeout):
                await_backends(self)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._fetch_logs()
        finally:
            self._stack.close()

    @property
    def exchange_logs(self) -> Path:
        """Where logs of hubs and Edge servers with ``logs: true`` are put at the end."""
        return self.directory / "exchange-logs"

    @property
    def run(self) -> str:
        """What its containers bear as `relaydrill.drivers.docker.labels.RUN`."""
        return self._standing.run

    @property
    def placement(self) -> Placement:
        """Where everything sits."""
        return self._standing.placement

    @property
    def _nodes(self) -> dict[str, NodeContainer]:
        return self._standing.nodes

    @property
    def queueing(self) -> tuple[str, ...]:
        """The nodes that may hold mail back: all can be looked into."""
        return self.topology.queueing

    def control(self, node: str) -> ControlClient:
        """The control channel of a node."""
        where = self.reachable(node, CONTROL_PORT)
        return ControlClient(node, where, self.placement.control_token)

    def reachable(self, host: str, logical: int) -> Endpoint:
        """Where this machine reaches a logical port of a node or a VIP.

        Raises:
            LabError: It is not published.
        """
        owner = owner_of(self.topology, host)
        own_files = any(each.runs_own_file for each in self.topology.balancers.values())
        if own_files and host in self.topology.vips:
            raise LabError(
                f"{host} has an address that is not of the engine's network: only the lab's own"
                " nodes reach it"
            )
        if self._way.joins:
            return self._directly(host, logical)
        if host in self.topology.floating_vips:
            whose = f"the WNLB cluster {owner}"
            if owner in self.topology.pairs:
                whose = f"the pair {' and '.join(self.topology.pairs[owner])}"
            raise LabError(
                f"{host} is the VIP of {whose}: it is no container's, and only the"
                " lab's own nodes reach it"
            )
        published = self._node(owner).published.get(logical)
        if published is None:
            raise LabError(f"port {logical} of {host} is not published on this machine")
        return Endpoint(self._way.host, published)

    def _directly(self, host: str, logical: int) -> Endpoint:
        """Where a port is for whoever is on the lab's network."""
        seat = self.placement.seats.get(host)
        if seat is None or logical not in seat.ports:
            raise LabError(f"{host} has no port {logical}")
        if logical == CONTROL_PORT:
            return self.placement.control(host)
        return seat.endpoint(logical)

    def journal(self, node: str) -> Path:
        """A node's journal file, with everything in it that the node has written by now."""
        if node not in self._nodes:
            return self._journal_path(node)
        container = self._node(node)
        if not container.is_alive():
            container.follower.finish()
        elif not container.is_cut_off and not container.is_paused:
            with contextlib.suppress(ControlError):
                self._catch_up(node)
        return self._journal_path(node)

    def settings(self, node: str) -> dict[str, Any]:
        """The configuration that a node was started with, plain JSON values."""
        return dict(self._standing.configs[node])

    def alive(self, node: str) -> bool:
        """Whether a node's container runs; one that is paused counts as running."""
        return self._node(node).is_alive()

    def deaths(self) -> list[str]:
        """Nodes that ended without having been told to."""
        with engine_errors("list the lab's containers"):
            return [
                f"{node.name}: {death}"
                for node in self._nodes.values()
                if (death := node.unwanted_death())
            ]

    def kill(self, node: str) -> None:
        """End a node's container without warning (SIGKILL)."""
        self._running(node).kill()

    def stop(self, node: str) -> None:
        """End a node's program in good order (SIGTERM)."""
        self._running(node).stop(_STOP_S)

    def restart(self, node: str) -> None:
        """Start a node's container again, on its old address and with its old disk.

        One that was told to end, and still runs, ends first.
        """
        container = self._node(node)
        if container.is_alive():
            if not container.was_told_to_end:
                raise LabError(f"{node} is running already")
            container.kill()  # whoever told it to end was cut short
        container.start_again()
        self._await_ready(node)

    def pause(self, node: str) -> None:
        """Freeze a node's container."""
        self._running(node).pause()

    def resume(self, node: str) -> None:
        """Let a frozen container go on."""
        self._running(node).resume()

    def certify(self, node: str, flaw: Flaw) -> tuple[str, str]:
        """A certificate of a hub with one thing wrong; see `relaydrill.drivers.base.CanCertify`.

        Raises:
            CapabilityMissing: Compose brought the lab up, and its authority's key is gone.
        """
        if self._standing.authority is None:
            raise CapabilityMissing("certify", "a lab that compose brought up", node)
        return self._standing.authority.flawed(self.topology, node, flaw)

    def isolate(self, node: str) -> None:
        """Cut a node off the network; its program goes on."""
        self._running(node).cut_off(self._standing.network)

    def rejoin(self, node: str) -> None:
        """Connect it again, with its old address."""
        self._running(node).reconnect(self._standing.network)
        self._await_ready(node)

    def blackhole(self, node: str) -> None:
        """Make a node's host unreachable: cut off, and frozen as it was."""
        container = self._running(node)
        container.cut_off(self._standing.network)
        container.pause()

    def unblackhole(self, node: str) -> None:
        """Bring a host back, its memory as it was; one that is only paused or cut off, too."""
        container = self._running(node)
        container.resume()
        container.reconnect(self._standing.network)
        self._await_ready(node)

    def write_heal(self, node: str, fault: str, *, goes_on: bool) -> None:
        """Write down how a fault is healed, where the lab stays when the drill ends.

        Raises:
            LabError: It cannot be written; so nothing may be broken.
        """
        if self._heals:
            self._heals.write(node, fault, goes_on=goes_on)

    def forget_heal(self, node: str, fault: str) -> None:
        """The fault was healed, or did not begin."""
        if self._heals:
            self._heals.forget(node, fault)

    def _node(self, name: str) -> NodeContainer:
        try:
            return self._nodes[name]
        except KeyError:
            known = ", ".join(self._nodes)
            raise LabError(f"no node is called {name!r}; there are: {known}") from None

    def _running(self, name: str) -> NodeContainer:
        node = self._node(name)
        if not node.is_alive():
            raise LabError(f"{name} is not running")
        return node

    def _fetch_logs(self) -> None:
        """Copy the Exchange logs out of the containers, which are about to go."""
        for name, node in self._nodes.items():
            if folder := self.settings(name).get("logs"):
                # A server that never wrote a line has none.
                with contextlib.suppress(LabError):
                    node.fetch(folder, self.exchange_logs)

    def _journal_path(self, node: str) -> Path:
        return self.directory / "journals" / f"{node}.jsonl"

    def _await_ready(self, node: str, *, at_first: bool = False) -> None:
        container, control = self._node(node), self.control(node)
        asked = itertools.count(1)
        begun: list[float] = []

        def ready_or_dead() -> bool:
            if control.answers():
                return True
            if at_first and not begun and self._listens(node, next(asked)):
                begun.append(time.monotonic())
            if begun and time.monotonic() - begun[0] > _REACHED_S:
                raise LabError(self._out_of_reach(node, control))
            # Seldom: asking the engine about all nodes at once slows it down at its busiest.
            return next(asked) % _SELDOM == 0 and not container.is_alive()

        try:
            wait_for(ready_or_dead, what=f"{node} to be ready", deadline_s=_READY_S, every_s=0.05)
        except WaitTimeout as error:
            raise LabError(f"{error}{container.last_words()}") from None
        if not container.is_alive():
            raise LabError(f"{node} ended at its start{container.last_words()}")

    def _listens(self, node: str, asked: int) -> bool:
        """Whether a node has said that it does.

        What a compose project's node has journalled may be of before it was started anew: so its
        engine is asked, seldom.
        """
        if self._project:
            return asked % _SELDOM == 1 and self._node(node).has_said(_LISTENS)
        return _tail_has(self._journal_path(node), _LISTENS)

    def _out_of_reach(self, node: str, control: ControlClient) -> str:
        """Why a program that runs cannot be reached, and what to do."""
        try:
            control("ping", timeout_s=1.0)
            why = "it answers only now"
        except ControlError as error:
            why = str(error)
        return (
            f"{node} runs, and cannot be reached from here: {why}; {self._way}. If its"
            " ports are found at another address, name that with TESTCONTAINERS_HOST_OVERRIDE"
        )

    def _catch_up(self, node: str) -> None:
        """Return when what the node has written until now is in the journal's file."""
        mark = secrets.token_hex(8)
        self.control(node)("mark", mark=mark)
        path = self._journal_path(node)
        wait_for(
            lambda: _tail_has(path, mark.encode()),
            what=f"the journal of {node} to come in",
            deadline_s=_JOURNAL_S,
            every_s=0.002,
        )

    def _compare_clocks(self) -> None:
        """Make sure that the containers' monotonic clock is this machine's.

        Raises:
            LabError: The engine is on another machine.
        """
        node = next(iter(self.topology.nodes))
        before = time.monotonic()
        there = float(self.control(node)("mark", mark="clock"))
        after = time.monotonic()
        if not before - _SAME_CLOCK_S <= there <= after + _SAME_CLOCK_S:
            raise LabError(
                f"the Docker engine runs on a machine with another clock ({there - before:+.1f} s):"
                " run relaydrill on that machine, or times cannot be compared"
            )


def _tail_has(path: Path, mark: bytes) -> bool:
    with path.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - 65_536))
        return mark in file.read()

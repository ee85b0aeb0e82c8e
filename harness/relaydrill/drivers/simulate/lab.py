"""The driver that simulates a lab: all nodes in this thread, and no time but their own.

Nothing passes in it but while somebody waits for it: by `relaydrill.wait`, or by asking a node.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from relaydrill import clock
from relaydrill.disturbance import Flaw
from relaydrill.drivers import certificates
from relaydrill.drivers.configure import configure, service_ports
from relaydrill.drivers.lab_folder import LabFolder
from relaydrill.drivers.readiness import await_backends
from relaydrill.drivers.simulate.host import Host
from relaydrill.drivers.simulate.network import Network
from relaydrill.drivers.simulate.paths import Paths, Session
from relaydrill.drivers.simulate.program import Program
from relaydrill.drivers.simulate.world import World
from relaydrill.endpoint import Credentials, Endpoint
from relaydrill.errors import CapabilityMissing, ControlError, LabError, WaitTimeout
from relaydrill.fresh import make_fresh
from relaydrill.impairment import Impairment
from relaydrill.journal import Journal
from relaydrill.nodes import config, runtime
from relaydrill.nodes.control import ControlClient
from relaydrill.placement import CONTROL_PORT, Placement, Seat
from relaydrill.topology import Topology
from relaydrill.wait import wait_for

T = TypeVar("T")

_READY_S: Final = 15.0
_STOP_S: Final = 10.0
_NETWORK: Final = "127.1.1"
"""Like a lab of processes; what is on the machine there does not matter."""
_MOST_HOSTS: Final = 254
_IPV6: Final = "fd00:5e1a:1"
_NAMES: Final = logging.getLogger("mail.log")


class SimulatedControl:
    """A node's control channel: asked by way of the simulated network, while its time goes on.

    Args:
        lab: Where.
        client: Asks, in a fibre.
    """

    def __init__(self, lab: SimulatedLab, client: ControlClient) -> None:
        self._lab = lab
        self._client = client
        self.node = client.node

    def __call__(self, op: str, *, timeout_s: float = 10.0, **args: Any) -> Any:
        """Ask, and return the result; see `relaydrill.nodes.control.ControlClient`.

        Raises:
            CapabilityMissing: The node knows no such request.
            ControlError: No connection, no answer within ``timeout_s``, or an error from the node.
            LabError: It is asked in another thread than that of the lab.
        """
        if self._lab.is_over:
            raise ControlError(f"{self.node} does not answer {op!r}: its lab is down")
        return self._lab.call(lambda: self._client(op, timeout_s=timeout_s, **args))

    def answers(self) -> bool:
        """Whether the node is up and ready."""
        return not self._lab.is_over and self._lab.call(self._client.answers)


@dataclass
class _Node:
    """A node's program, in one of its lives.

    Attributes:
        program: Its loop.
        course: Its whole life; None until it begins.
        journal: Its journal.
        is_told: Whether it was told to end.
    """

    program: Host
    course: asyncio.Task[None] | None = None
    journal: Journal | None = None
    is_told: bool = False


class SimulatedLab:
    """A simulated topology. A context manager: nothing starts before ``with``.

    Args:
        topology: What to run.
        directory: Where journals, queues and certificates go; made if missing, and empty if not.

    Raises:
        CapabilityMissing: (on entering) The topology has what cannot be simulated.
        LabError: (on entering) A node did not start, or this thread has such a lab already.
        UsageError: (on entering) The directory is not empty.

    Attributes:
        is_over: Whether it was up, and is gone.
    """

    driver = "simulate"
    is_over = False

    def __init__(self, topology: Topology, directory: Path) -> None:
        self.topology = topology
        self.directory = directory.resolve()
        self._folder = LabFolder(self.directory)
        self.remarks: tuple[str, ...] = ()
        self.placement: Placement
        self._world = World()
        self._network = Network(paths=Paths(tell=self._acted_on))
        self._kernel = Program(self._world, "kernel")
        self._outside = Host(self._world, self._network, "outside", ("127.0.0.1",), self._kernel)
        self._configs: dict[str, dict[str, Any]] = {}
        self._nodes: dict[str, _Node] = {}
        self._past: list[_Node] = []
        self._deaths: list[str] = []
        self._thread = 0
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        if missing := not_to_be_simulated(self.topology):
            raise missing
        make_fresh(self.directory)
        with contextlib.ExitStack() as stack:
            stack.enter_context(clock.given(self._world))
            stack.callback(self._end_all)
            stack.enter_context(_quiet(_NAMES))
            self._thread = threading.get_ident()
            self._seat()
            for node in self.topology.nodes:
                self._begin(node)
            for node in self.topology.nodes:
                self._await_ready(node)
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
        self._stack.close()

    @property
    def queueing(self) -> tuple[str, ...]:
        """The nodes that may hold mail back: all can be looked into."""
        return self.topology.queueing

    @property
    def exchange_logs(self) -> Path:
        """Where hubs and Edge servers with ``logs: true`` keep them, a folder for each."""
        return self._folder.exchange_logs

    def control(self, node: str) -> SimulatedControl:
        """The control channel of a node."""
        where = self.placement.control(node)
        return SimulatedControl(self, ControlClient(node, where, self.placement.control_token))

    def reachable(self, host: str, logical: int) -> Endpoint:
        """Nothing of the machine reaches a simulated network.

        Raises:
            LabError: Always.
        """
        raise LabError(
            f"{host} is simulated: no program of this machine reaches its port {logical};"
            " bring the lab up with --driver process"
        )

    def journal(self, node: str) -> Path:
        """A node's journal file."""
        return self._folder.journal(node)

    def settings(self, node: str) -> dict[str, Any]:
        """The configuration that a node was started with, plain JSON values."""
        return dict(self._configs[node])

    def alive(self, node: str) -> bool:
        """Whether a node's program runs; one that is paused counts as running."""
        self._notice_deaths()
        return node in self._nodes

    def deaths(self) -> list[str]:
        """Nodes that ended without having been told to."""
        self._notice_deaths()
        return [*self._deaths]

    def kill(self, node: str) -> None:
        """End a node's program without warning."""
        self._running(node).is_told = True
        self._bury(node)

    def lose_disk(self, node: str) -> None:
        """End a node's program without warning, and take away what it had queued."""
        self.kill(node)
        self._folder.lose_queue(node)

    def stop(self, node: str) -> None:
        """End a node's program in good order; one that takes too long is ended all the same."""
        found = self._running(node)
        found.is_told = True
        found.program.thaw()  # a frozen program could not hear it
        found.program.signal(signal.SIGTERM)
        with contextlib.suppress(WaitTimeout):
            wait_for(
                lambda: found.course is None or found.course.done(),
                what=f"{node} to end",
                deadline_s=_STOP_S,
                every_s=0.001,
            )
        self._bury(node)

    def restart(self, node: str) -> None:
        """Start a node's program again, on its old address and with its old queue."""
        if self.alive(node):
            raise LabError(f"{node} is running already")
        self._begin(node)
        self._await_ready(node)

    def pause(self, node: str) -> None:
        """Freeze a node's program."""
        self._running(node).program.freeze()

    def resume(self, node: str) -> None:
        """Let a frozen program go on."""
        self._running(node).program.thaw()

    def blackhole(self, node: str) -> None:
        """Make a node's host unreachable: the program is frozen, and no connection opens."""
        self.pause(node)
        self._network.cut_off.add(self._running(node).program)

    def unblackhole(self, node: str) -> None:
        """Bring a host back, its memory as it was."""
        self._network.cut_off.discard(self._running(node).program)
        self.resume(node)

    def impair(self, ways: Sequence[tuple[str, str]], impairment: Impairment) -> None:
        """Do something to what goes from the first to the second of each pair."""
        self._network.paths.impair(ways, impairment)

    def unimpair(self, label: str) -> None:
        """Lift the impairment of that label."""
        self._network.paths.mend(label)

    def _acted_on(self, session: Session, label: str) -> None:
        """A session met an impairment: its server's journal has it, as of faults of the service."""
        there = self._nodes.get(session.server)
        if there is not None and there.journal is not None:
            there.journal.write(
                "bitten",
                fault=label,
                phase="",
                client=session.client,
                port=session.port,
                probe=session.is_check,
            )

    def call(self, work: Callable[[], T]) -> T:
        """Have blocking code run on a host outside of the tier, and return what comes of it.

        Raises:
            LabError: This is another thread than that of the lab.
        """
        if threading.get_ident() != self._thread:
            raise LabError("a simulated lab is asked by the thread that it was started in alone")
        return self._world.call(self._outside, work)

    def _seat(self) -> None:
        self._folder.make()
        self._authority = certificates.issue(self.topology, self._folder.tls)
        self.placement = Placement(
            seats=_seats(self.topology),
            # Secrets guard what others reach; here there is nobody else.
            credentials=Credentials("app", "simulated"),
            control_token="simulated",
            ca_file=str(self._authority.path),
        )
        self._configs.update(configure(self.topology, self.placement, self._folder.paths()))
        for host, seat in self.placement.seats.items():
            if self.topology.ip_of(host) == "ipv6-dead":
                self._network.dead |= {
                    (seat.second, real)
                    for logical, real in seat.ports.items()
                    if logical != CONTROL_PORT
                }

    def certify(self, node: str, flaw: Flaw) -> tuple[str, str]:
        """A certificate of a hub with one thing wrong; see `relaydrill.drivers.base.CanCertify`."""
        return self._authority.flawed(self.topology, node, flaw)

    def _begin(self, node: str) -> None:
        """Begin a life of a node; it is in the making when this returns."""
        settings = config.parse(json.dumps(self._configs[node]))
        addresses = settings.addresses
        program = Host(self._world, self._network, node, addresses, self._kernel)
        number = len(self._nodes) + len(self._past) + 1
        life = self._nodes[node] = _Node(program)
        for address in self._addresses(node):
            self._network.owners[address] = program

        def begin() -> None:
            life.journal = Journal.open(node, Path(settings.journal))
            made = runtime.Runtime(settings, life.journal, pid=number)
            life.course = program.create_task(made.run())

        program.call_soon(begin)

    def _addresses(self, node: str) -> Iterator[str]:
        """All that are on a node's host, its VIPs' included."""
        hosts = [node, *(vip for vip, (owner, _) in self.topology.vips.items() if owner == node)]
        for host in hosts:
            yield from self.placement.seats[host].addresses

    def _await_ready(self, node: str) -> None:
        control = self.control(node)
        wait_for(
            lambda: control.answers() or not self.alive(node),
            what=f"{node} to be ready",
            deadline_s=_READY_S,
            every_s=0.002,
        )
        if not self.alive(node):
            raise LabError(f"{node} ended at its start: {self._deaths[-1]}")

    def _running(self, node: str) -> _Node:
        self._notice_deaths()
        found = self._nodes.get(node)
        if found is None:
            raise LabError(f"{node} is not running")
        return found

    def _notice_deaths(self) -> None:
        for node, life in [*self._nodes.items()]:
            if life.course is not None and life.course.done() and not life.is_told:
                error = None if life.course.cancelled() else life.course.exception()
                self._deaths.append(f"{node}: {error or 'it ended'}")
                self._bury(node)

    def _bury(self, node: str) -> None:
        """A program is gone; its kernel closes what it had.

        What was left of it is kept to the end of the lab: Python would wake it once more.
        """
        life = self._nodes.pop(node)
        life.program.finish()
        self._network.cut_off.discard(life.program)
        self._network.forget(life.program)
        if life.journal is not None:
            life.journal.close()
        self._past.append(life)

    def _end_all(self) -> None:
        self.is_over = True
        for node in [*self._nodes]:
            self._bury(node)
        for program in (self._outside, self._kernel):
            program.finish()
        programs = [life.program for life in self._past]
        for each in (*programs, self._outside, self._kernel):
            each.let_go()
        self._world.end()


def _seats(topology: Topology) -> dict[str, Seat]:
    """An address for each host, and for each VIP; all ports are the logical ones."""
    hosts = service_ports(topology)
    if len(hosts) > _MOST_HOSTS:
        raise LabError(f"{len(hosts)} hosts do not fit on one network of {_MOST_HOSTS}")
    return {
        host: Seat(
            f"{_NETWORK}.{number}",
            {port: port for port in sorted({*ports, CONTROL_PORT})},
            f"{_IPV6}::{number:x}" if topology.ip_of(host) != "ipv4" else "",
        )
        for number, (host, ports) in enumerate(hosts.items(), start=1)
    }


def not_to_be_simulated(topology: Topology) -> CapabilityMissing | None:
    """The first thing in a topology that cannot be simulated; None: there is nothing such.

    Those are real programs, and what has threads of its own or shares an address.

    Args:
        topology: What somebody wants to run.
    """
    for name, node in topology.nodes.items():
        if node.kind != "fake":
            return _missing(f"a {node.kind}", name)
    for name in topology.clusters:
        return _missing("a WNLB cluster", name)
    for name in topology.pairs:
        return _missing("a pair of balancers", name)
    for name, sender in topology.senders.items():
        if sender.load:
            return _missing("Locust workers", name)
    return None


def _missing(what: str, node: str) -> CapabilityMissing:
    return CapabilityMissing(f"simulate {what}", "the simulate driver", node)


@contextlib.contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """A block in which a library tells only of errors: this one warns at every login."""
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)

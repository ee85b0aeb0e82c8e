"""The process driver: nodes as local processes. The default; it needs no Docker and no root."""

from __future__ import annotations

import contextlib
import secrets
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from relaydrill.dead_end import dead_end
from relaydrill.disturbance import Flaw
from relaydrill.drivers import certificates, loopback
from relaydrill.drivers.configure import configure, service_ports
from relaydrill.drivers.lab_folder import LabFolder
from relaydrill.drivers.local_nodes import LocalNodes
from relaydrill.drivers.readiness import await_backends
from relaydrill.drivers.registry import Registry
from relaydrill.endpoint import Credentials, Endpoint, family
from relaydrill.errors import CapabilityMissing, LabError, WaitTimeout
from relaydrill.fresh import make_fresh
from relaydrill.kinds import KINDS
from relaydrill.nodes.control import ControlClient
from relaydrill.placement import CONTROL_PORT, Placement
from relaydrill.topology import Topology

_LONGEST_BACKLOG: Final = 4096
_FULL_S: Final = 0.1


class ProcessLab:
    """A topology running as local processes. A context manager: nothing starts before ``with``.

    Args:
        topology: What to run.
        directory: Where journals, queues, logs and certificates go; made if missing, and empty
            if not.
        registry: Where what runs is noted down, for ``relaydrill clean``.

    Raises:
        LabError: (on entering) A node did not start; its last log lines are in the message.
        UsageError: (on entering) The directory is not empty.
    """

    driver = "process"

    def __init__(
        self, topology: Topology, directory: Path, *, registry: Registry | None = None
    ) -> None:
        self.topology = topology
        self.directory = directory.resolve()
        self._folder = LabFolder(self.directory)
        self.remarks: tuple[str, ...] = ()
        self.placement: Placement
        self._registry = registry or Registry.default()
        self._stack = contextlib.ExitStack()
        self._nodes: LocalNodes
        self._configs: dict[str, dict[str, Any]] = {}
        self._fillers: dict[str, list[socket.socket]] = {}

    def __enter__(self) -> Self:
        self._refuse_what_needs_a_container()
        make_fresh(self.directory)
        with contextlib.ExitStack() as stack:
            hosts = service_ports(self.topology)
            with_ipv6 = frozenset(each for each in hosts if self.topology.ip_of(each) != "ipv4")
            net = stack.enter_context(loopback.network(hosts, with_ipv6=with_ipv6))
            # It loads its modules while the configurations are made.
            self._nodes = stack.enter_context(
                LocalNodes(
                    self.topology.name,
                    self.directory,
                    self._configs,
                    self.control,
                    self._registry,
                )
            )
            self._seat(net)
            for address, port in self._dead_ends():
                stack.enter_context(dead_end(address, port))
            self._nodes.start(self.topology.nodes)
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
        for node in list(self._fillers):
            self._drain_fillers(node)
        self._stack.close()

    @property
    def queueing(self) -> tuple[str, ...]:
        """The nodes that may hold mail back: all can be looked into."""
        return self.topology.queueing

    def control(self, node: str) -> ControlClient:
        """The control channel of a node."""
        return ControlClient(node, self.placement.control(node), self.placement.control_token)

    def reachable(self, host: str, logical: int) -> Endpoint:
        """Where this machine reaches a logical port of a node or a VIP: just where it sits."""
        return self.placement.seats[host].endpoint(logical)

    def journal(self, node: str) -> Path:
        """A node's journal file."""
        return self._folder.journal(node)

    def settings(self, node: str) -> dict[str, Any]:
        """The configuration that a node was started with, plain JSON values."""
        return dict(self._configs[node])

    def log(self, node: str) -> Path:
        """The file with what a node's program printed."""
        return self._nodes.log(node)

    @property
    def exchange_logs(self) -> Path:
        """Where hubs and Edge servers with ``logs: true`` keep them, a folder for each."""
        return self._folder.exchange_logs

    def pid(self, node: str) -> int:
        """Process number of a node's program, which also leads its process group.

        Raises:
            LabError: It does not run.
        """
        return self._nodes.pid(node)

    def alive(self, node: str) -> bool:
        """Whether a node's program runs; one that is paused counts as running."""
        return self._nodes.alive(node)

    def deaths(self) -> list[str]:
        """Nodes that ended without having been told to."""
        return self._nodes.deaths()

    def kill(self, node: str) -> None:
        """End a node's program without warning (SIGKILL)."""
        self._nodes.kill(node)

    def lose_disk(self, node: str) -> None:
        """End a node's program without warning, and take away what it had queued."""
        if self.topology.nodes[node].kind != "fake":
            raise CapabilityMissing("lose the disk of", "the process driver", node)
        self.kill(node)
        self._folder.lose_queue(node)

    def stop(self, node: str) -> None:
        """End a node's program in good order (SIGTERM)."""
        self._nodes.stop(node)

    def restart(self, node: str) -> None:
        """Start a node's program again, on its old address and with its old queue."""
        self._nodes.restart(node)

    def pause(self, node: str) -> None:
        """Freeze a node's program (SIGSTOP)."""
        self._nodes.send_signal(node, signal.SIGSTOP)

    def resume(self, node: str) -> None:
        """Let a frozen program go on (SIGCONT)."""
        self._nodes.send_signal(node, signal.SIGCONT)

    def blackhole(self, node: str) -> None:
        """Make a node's host unreachable.

        The program is frozen, and every accept queue of its host is filled up: the kernel then
        drops the SYN of any further connection, as a dead host's network does, without root.
        """
        self.pause(node)
        fillers = self._fillers.setdefault(node, [])
        for address, port in self._endpoints(node):
            _fill_accept_queue(address, port, fillers)

    def unblackhole(self, node: str) -> None:
        """Bring a host back, its memory as it was."""
        self._drain_fillers(node)
        self.resume(node)

    def _refuse_what_needs_a_container(self) -> None:
        wanted = {
            name: node.kind
            for name, node in self.topology.nodes.items()
            if KINDS[node.kind].own_machine
        }
        for pair in self.topology.pairs.values():
            if real := [name for name in pair if self.topology.nodes[name].kind != "fake"]:
                raise LabError(
                    f"{', '.join(real)}: a haproxy of a pair wants a network of its own, whose"
                    " addresses keepalived moves; run it with --driver docker"
                )
        if own := [name for name, each in self.topology.balancers.items() if each.runs_own_file]:
            raise LabError(
                f"{', '.join(own)}: a file that is run as it is wants the addresses that it names,"
                " which no process of this machine has; run it with --driver docker"
            )
        if wanted:
            kinds = " or ".join(sorted(set(wanted.values())))
            raise LabError(
                f"{', '.join(wanted)}: a node of kind {kinds} wants a machine of its own; run it"
                " with --driver docker"
            )

    def _seat(self, net: loopback.Network) -> None:
        self.remarks = net.remarks
        self._folder.make()
        (self.directory / "logs").mkdir(exist_ok=True)
        self._authority = certificates.issue(self.topology, self._folder.tls)
        self.placement = Placement(
            seats=net.seats,
            credentials=Credentials("app", secrets.token_hex(8)),
            control_token=secrets.token_hex(16),
            ca_file=str(self._authority.path),
        )
        self._configs.update(configure(self.topology, self.placement, self._folder.paths()))

    def certify(self, node: str, flaw: Flaw) -> tuple[str, str]:
        """A certificate of a hub with one thing wrong; see `relaydrill.drivers.base.CanCertify`."""
        return self._authority.flawed(self.topology, node, flaw)

    def _dead_ends(self) -> Iterator[tuple[str, int]]:
        """Where nothing answers though names lead there."""
        for host, seat in self.placement.seats.items():
            if self.topology.ip_of(host) == "ipv6-dead":
                for logical, real in seat.ports.items():
                    if logical != CONTROL_PORT:
                        yield seat.second, real

    def _endpoints(self, node: str) -> Iterator[tuple[str, int]]:
        """Every service address and port of a node's host, its VIPs' included."""
        hosts = [node, *(vip for vip, (owner, _) in self.topology.vips.items() if owner == node)]
        for host in hosts:
            for logical in self.placement.seats[host].ports:
                if logical != CONTROL_PORT:
                    for where in self.placement.served(self.topology, host, logical):
                        yield where.address, where.port

    def _drain_fillers(self, node: str) -> None:
        for filler in self._fillers.get(node, []):
            filler.close()
        self._fillers.pop(node, None)


def _fill_accept_queue(address: str, port: int, opened: list[socket.socket]) -> None:
    """Open connections that nobody accepts, until the kernel completes no more of them.

    Args:
        address: Of the service.
        port: Of the service.
        opened: Where they are kept, each from before it is opened: this may be cut short.
    """
    for _ in range(_LONGEST_BACKLOG):
        filler = socket.socket(family(address))
        opened.append(filler)
        filler.settimeout(_FULL_S)
        try:
            filler.connect((address, port))
        except OSError:
            opened.pop().close()
            return

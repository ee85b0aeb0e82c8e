"""The process driver: nodes as local processes. The default; it needs no Docker and no root."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from relaydrill.drivers import certificates, loopback
from relaydrill.drivers.configure import Paths, configure, service_ports
from relaydrill.drivers.nursery_client import NurseryClient
from relaydrill.drivers.readiness import await_backends
from relaydrill.drivers.registry import Registry
from relaydrill.errors import LabError, WaitTimeout
from relaydrill.fresh import make_fresh
from relaydrill.nodes.control import ControlClient
from relaydrill.placement import CONTROL_PORT, Credentials, Endpoint, Placement
from relaydrill.topology import Topology
from relaydrill.wait import wait_for

_OWN_MACHINE: Final = ("postfix", "exim", "bind")
"""Real programs that take the whole machine for their own, or an interface of it (BIND)."""

_READY_S: Final = 15.0
_GONE_S: Final = 5.0
_STOP_S: Final = 10.0
_LONGEST_BACKLOG: Final = 4096
_FULL_S: Final = 0.1
_ROOM_BYTES: Final = 65_536


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
        self.remarks: tuple[str, ...] = ()
        self.placement: Placement
        self._registry = registry or Registry.default()
        self._stack = contextlib.ExitStack()
        self._nursery: NurseryClient
        self._configs: dict[str, dict[str, Any]] = {}
        self._told_to_end: set[int] = set()
        self._fillers: dict[str, list[socket.socket]] = {}

    def __enter__(self) -> Self:
        self._refuse_what_needs_a_container()
        make_fresh(self.directory)
        with contextlib.ExitStack() as stack:
            self._seat(stack)
            self._nursery = stack.enter_context(NurseryClient())
            record = stack.enter_context(self._registry.record(self.topology.name, self.directory))
            record.add("nursery", self._nursery.pid)
            self._nursery.on_start = record.add
            for node in self.topology.nodes:
                self._start(node)
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
        for node in list(self._fillers):
            self._drain_fillers(node)
        self._stack.close()

    def control(self, node: str) -> ControlClient:
        """The control channel of a node."""
        return ControlClient(node, self.placement.control(node), self.placement.control_token)

    def reachable(self, host: str, logical: int) -> Endpoint:
        """Where this machine reaches a logical port of a node or a VIP: just where it sits."""
        return self.placement.seats[host].endpoint(logical)

    def journal(self, node: str) -> Path:
        """A node's journal file."""
        return self.directory / "journals" / f"{node}.jsonl"

    def settings(self, node: str) -> dict[str, Any]:
        """The configuration that a node was started with, plain JSON values."""
        return dict(self._configs[node])

    def log(self, node: str) -> Path:
        """The file with what a node's program printed."""
        return self.directory / "logs" / f"{node}.log"

    def pid(self, node: str) -> int:
        """Process number of a node's program, which also leads its process group.

        Raises:
            LabError: It does not run.
        """
        pid = self._nursery.pid_of(node)
        if pid is None:
            raise LabError(f"{node} is not running")
        return pid

    def alive(self, node: str) -> bool:
        """Whether a node's program runs; one that is paused counts as running."""
        return self._nursery.pid_of(node) is not None

    def deaths(self) -> list[str]:
        """Nodes that ended without having been told to."""
        return [
            f"{ended.node}: {ended.how}{self._last_words(ended.node)}"
            for ended in self._nursery.exits()
            if ended.pid not in self._told_to_end
        ]

    def kill(self, node: str) -> None:
        """End a node's program without warning (SIGKILL)."""
        self._end(node, signal.SIGKILL, _GONE_S)

    def stop(self, node: str) -> None:
        """End a node's program in good order (SIGTERM)."""
        self._end(node, signal.SIGTERM, _STOP_S)

    def restart(self, node: str) -> None:
        """Start a node's program again, on its old address and with its old queue."""
        if self.alive(node):
            raise LabError(f"{node} is running already")
        self._start(node)
        self._await_ready(node)

    def pause(self, node: str) -> None:
        """Freeze a node's program (SIGSTOP)."""
        os.killpg(self.pid(node), signal.SIGSTOP)

    def resume(self, node: str) -> None:
        """Let a frozen program go on (SIGCONT)."""
        os.killpg(self.pid(node), signal.SIGCONT)

    def blackhole(self, node: str) -> None:
        """Make a node's host unreachable.

        The program is frozen, and every accept queue of its host is filled up: the kernel then
        drops the SYN of any further connection, as a dead host's network does, without root.
        """
        self.pause(node)
        fillers = self._fillers.setdefault(node, [])
        for address, port in self._endpoints(node):
            fillers += _fill_accept_queue(address, port)

    def unblackhole(self, node: str) -> None:
        """Bring a host back, its memory as it was."""
        self._drain_fillers(node)
        self.resume(node)

    def _refuse_what_needs_a_container(self) -> None:
        wanted = {
            name: node.kind
            for name, node in self.topology.nodes.items()
            if node.kind in _OWN_MACHINE
        }
        if wanted:
            kinds = " or ".join(sorted(set(wanted.values())))
            raise LabError(
                f"{', '.join(wanted)}: a node of kind {kinds} wants a machine of its own; run it"
                " with --driver docker"
            )

    def _seat(self, stack: contextlib.ExitStack) -> None:
        net = stack.enter_context(loopback.network(service_ports(self.topology)))
        self.remarks = net.remarks
        for part in ("journals", "logs", "queues", "tls", "work"):
            (self.directory / part).mkdir(parents=True, exist_ok=True)
        ca = certificates.issue(self.topology, self.directory / "tls")
        self.placement = Placement(
            seats=net.seats,
            credentials=Credentials("app", secrets.token_hex(8)),
            control_token=secrets.token_hex(16),
            ca_file=str(ca),
        )
        self._configs = configure(self.topology, self.placement, self._paths())

    def _paths(self) -> Paths:
        tls = self.directory / "tls"
        return Paths(
            journal=lambda node: str(self.journal(node)),
            queue=lambda node: str(self.directory / "queues" / f"{node}.sqlite"),
            certificate=lambda node: str(certificates.certificate(tls, node)),
            key=lambda node: str(certificates.key(tls, node)),
            workdir=lambda node: str(self.directory / "work" / node),
            ca=str(certificates.authority(tls)),
        )

    def _start(self, node: str) -> None:
        self._nursery.start(node, self._configs[node], self.log(node))

    def _await_ready(self, node: str) -> None:
        control = self.control(node)

        def ready_or_dead() -> bool:
            return control.answers() or not self.alive(node)

        try:
            wait_for(ready_or_dead, what=f"{node} to be ready", deadline_s=_READY_S, every_s=0.002)
        except WaitTimeout as error:
            raise LabError(f"{error}{self._last_words(node)}") from None
        if not self.alive(node):
            raise LabError(f"{node} ended at its start{self._last_words(node)}")

    def _last_words(self, node: str) -> str:
        with contextlib.suppress(OSError):
            lines = self.log(node).read_text(errors="replace").splitlines()[-5:]
            if lines:
                return "; the end of its log:\n  " + "\n  ".join(lines)
        # A node that cannot even write its log has nothing to say.
        if shutil.disk_usage(self.directory).free < _ROOM_BYTES:
            return f": No space left on device under {self.directory}"
        return ""

    def _end(self, node: str, number: signal.Signals, deadline_s: float) -> None:
        pid = self.pid(node)
        self._told_to_end.add(pid)
        os.killpg(pid, number)
        if number is not signal.SIGKILL:
            os.killpg(pid, signal.SIGCONT)  # a frozen program could not hear it
        wait_for(
            lambda: self._nursery.pid_of(node) != pid,
            what=f"{node} to end",
            deadline_s=deadline_s,
            every_s=0.001,
        )

    def _endpoints(self, node: str) -> Iterator[tuple[str, int]]:
        """Every service address and port of a node's host, its VIPs' included."""
        hosts = [node, *(vip for vip, (owner, _) in self.topology.vips.items() if owner == node)]
        for host in hosts:
            seat = self.placement.seats[host]
            for logical, real in seat.ports.items():
                if logical != CONTROL_PORT:
                    yield seat.address, real

    def _drain_fillers(self, node: str) -> None:
        for filler in self._fillers.pop(node, []):
            filler.close()


def _fill_accept_queue(address: str, port: int) -> list[socket.socket]:
    """Open connections that nobody accepts, until the kernel completes no more of them."""
    opened: list[socket.socket] = []
    while len(opened) < _LONGEST_BACKLOG:
        filler = socket.socket()
        filler.settimeout(_FULL_S)
        try:
            filler.connect((address, port))
        except OSError:
            filler.close()
            return opened
        opened.append(filler)
    return opened

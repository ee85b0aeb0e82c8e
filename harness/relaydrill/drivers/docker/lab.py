"""A topology as containers on a bridge network."""

from __future__ import annotations

import contextlib
import json
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import docker

from relaydrill.drivers import certificates
from relaydrill.drivers.configure import Paths, configure, service_ports
from relaydrill.drivers.docker import ports
from relaydrill.drivers.docker.container import NodeContainer
from relaydrill.drivers.docker.engine import (
    connect,
    host_of,
    reap_if_possible,
    require_images,
    told,
)
from relaydrill.drivers.docker.labels import labels
from relaydrill.drivers.docker.network import Bridge, bridge
from relaydrill.drivers.readiness import await_backends
from relaydrill.errors import ControlError, LabError, WaitTimeout
from relaydrill.nodes.control import ControlClient
from relaydrill.placement import CONTROL_PORT, Credentials, Endpoint, Placement, Seat
from relaydrill.topology import Topology
from relaydrill.wait import wait_for

_READY_S: Final = 60.0
_STOP_S: Final = 10
_AT_ONCE: Final = 16
_JOURNAL_S: Final = 10.0
_SAME_CLOCK_S: Final = 0.05
_HOME: Final = "/relaydrill"


class DockerLab:
    """A topology running as containers. A context manager: nothing starts before ``with``.

    Senders are containers too. This process talks to the nodes only by ports that the engine
    publishes on this machine, so it need not be able to reach the bridge network.

    Args:
        topology: What to run.
        directory: Where journals, logs and certificates go; made if missing.

    Raises:
        LabError: (on entering) No engine answers, an image is missing, or a node did not start;
            its last log lines are in the message.
    """

    driver = "docker"

    def __init__(self, topology: Topology, directory: Path) -> None:
        self.topology = topology
        self.directory = directory.resolve()
        self.run = secrets.token_hex(6)
        self.remarks: tuple[str, ...] = ()
        self.placement: Placement
        self._engine: docker.DockerClient
        self._stack = contextlib.ExitStack()
        self._bridge: Bridge
        self._host = "127.0.0.1"
        self._nodes: dict[str, NodeContainer] = {}
        self._configs: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self._engine = connect()
            stack.callback(self._engine.close)
            require_images(self._engine, self.topology)
            reap_if_possible(self._engine)
            self._host = host_of(self._engine)
            self._bridge = stack.enter_context(bridge(labels(self.run, self.topology.name)))
            self._seat(stack)
            stack.callback(self._remove_all)
            for_all(self._nodes.values(), NodeContainer.create)
            for_all(self._nodes.values(), lambda node: self._await_ready(node.name))
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
        self._stack.close()

    def control(self, node: str) -> ControlClient:
        """The control channel of a node."""
        where = self.reachable(node, CONTROL_PORT)
        return ControlClient(node, where, self.placement.control_token)

    def reachable(self, host: str, logical: int) -> Endpoint:
        """Where this machine reaches a logical port of a node or a VIP.

        Raises:
            LabError: It is not published.
        """
        owner = self.topology.vips[host][0] if host in self.topology.vips else host
        published = self._node(owner).published.get(logical)
        if published is None:
            raise LabError(f"port {logical} of {host} is not published on this machine")
        return Endpoint(self._host, published)

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
        return dict(self._configs[node])

    def alive(self, node: str) -> bool:
        """Whether a node's container runs; one that is paused counts as running."""
        return self._node(node).is_alive()

    def deaths(self) -> list[str]:
        """Nodes that ended without having been told to."""
        with told("list the lab's containers"):
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
        """Start a node's container again, on its old address and with its old disk."""
        container = self._node(node)
        if container.is_alive():
            raise LabError(f"{node} is running already")
        container.start_again()
        self._await_ready(node)

    def pause(self, node: str) -> None:
        """Freeze a node's container."""
        self._running(node).pause()

    def resume(self, node: str) -> None:
        """Let a frozen container go on."""
        self._running(node).resume()

    def isolate(self, node: str) -> None:
        """Cut a node off the network; its program goes on."""
        self._running(node).cut_off(self._bridge.engine_network)

    def rejoin(self, node: str) -> None:
        """Connect it again, with its old address."""
        self._running(node).reconnect(self._bridge.engine_network)
        self._await_ready(node)

    def blackhole(self, node: str) -> None:
        """Make a node's host unreachable: cut off, and frozen as it was."""
        container = self._running(node)
        container.cut_off(self._bridge.engine_network)
        container.pause()

    def unblackhole(self, node: str) -> None:
        """Bring a host back, its memory as it was; one that is only paused or cut off, too."""
        container = self._running(node)
        container.resume()
        container.reconnect(self._bridge.engine_network)
        self._await_ready(node)

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

    def _seat(self, stack: contextlib.ExitStack) -> None:
        for part in ("journals", "tls"):
            (self.directory / part).mkdir(parents=True, exist_ok=True)
        ca = certificates.issue(self.topology, self.directory / "tls")
        seats = self._seats()
        self.placement = Placement(
            seats=seats,
            credentials=Credentials("app", secrets.token_hex(8)),
            control_token=secrets.token_hex(16),
            ca_file=str(ca),
            own_shell=f"{self._bridge.gateway}/32",
        )
        self._configs = configure(self.topology, self.placement, _PATHS)
        claims = stack.enter_context(ports.claims(self._host))
        for name, node in self.topology.nodes.items():
            wanted = [CONTROL_PORT, *self._published_for(name)]
            self._nodes[name] = NodeContainer(
                name=name,
                kind=node.kind,
                address=seats[name].address,
                network=self._bridge.network,
                labels=labels(self.run, self.topology.name, name),
                container_name=f"relaydrill-{self.run}-{name}",
                files=self._files(name),
                published={port: claims.take() for port in wanted},
                publish_on=self._host,
                journal=self._journal_path(name),
            )

    def _seats(self) -> dict[str, Seat]:
        """An address for every node; a VIP is its balancer's own."""
        wanted = service_ports(self.topology)
        numbers = {name: number for number, name in enumerate(self.topology.nodes, start=1)}
        seats = {}
        for host, service in wanted.items():
            owner = self.topology.vips[host][0] if host in self.topology.vips else host
            address = self._bridge.address(numbers[owner])
            seats[host] = Seat(address, {port: port for port in (*service, CONTROL_PORT)})
        self._refuse_vips_that_collide()
        return seats

    def _refuse_vips_that_collide(self) -> None:
        for name, balancer in self.topology.balancers.items():
            seen: dict[int, str] = {}
            for vip, rule in balancer.vips.items():
                for port in rule.ports:
                    if port in seen:
                        raise LabError(
                            f"the VIPs {seen[port]} and {vip} of {name} both have port {port}, and"
                            " in a Docker lab all VIPs of a balancer have its one address: give"
                            " one of them to a balancer of its own"
                        )
                    seen[port] = vip

    def _published_for(self, node: str) -> Iterator[int]:
        """Service ports that a person at this machine may want to reach."""
        for owner, rule in self.topology.vips.values():
            if owner == node:
                yield from rule.ports

    def _files(self, node: str) -> dict[str, bytes]:
        """What goes into a node's container before it starts, by path."""
        tls = self.directory / "tls"
        files = {
            f"{_HOME}/config.json": json.dumps(self._configs[node]).encode(),
            f"{_HOME}/tls/ca.pem": certificates.authority(tls).read_bytes(),
        }
        if certificates.certificate(tls, node).exists():
            files[f"{_HOME}/tls/cert.pem"] = certificates.certificate(tls, node).read_bytes()
            files[f"{_HOME}/tls/key.pem"] = certificates.key(tls, node).read_bytes()
        return files

    def _journal_path(self, node: str) -> Path:
        return self.directory / "journals" / f"{node}.jsonl"

    def _await_ready(self, node: str) -> None:
        container, control = self._node(node), self.control(node)

        def ready_or_dead() -> bool:
            return control.answers() or not container.is_alive()

        try:
            wait_for(ready_or_dead, what=f"{node} to be ready", deadline_s=_READY_S)
        except WaitTimeout as error:
            raise LabError(f"{error}{container.last_words()}") from None
        if not container.is_alive():
            raise LabError(f"{node} ended at its start{container.last_words()}")

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
                f"the engine's machine has a clock of its own ({there - before:+.1f} s): run"
                " relaydrill on that machine, for times would not compare"
            )

    def _remove_all(self) -> None:
        for_all(self._nodes.values(), NodeContainer.remove)


def for_all(nodes: Iterable[NodeContainer], act: Callable[[NodeContainer], object]) -> None:
    """Do something to all nodes at once, and to each of them whatever happens to the others.

    Raises:
        Exception: The first of those that were raised.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        futures = [pool.submit(act, node) for node in nodes]
    for future in futures:
        future.result()


def _tail_has(path: Path, mark: bytes) -> bool:
    with path.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - 65_536))
        return mark in file.read()


_PATHS: Final = Paths(
    journal=lambda _node: "-",
    queue=lambda _node: f"{_HOME}/queue/queue.sqlite",
    certificate=lambda _node: f"{_HOME}/tls/cert.pem",
    key=lambda _node: f"{_HOME}/tls/key.pem",
    workdir=lambda _node: f"{_HOME}/work",
    ca=f"{_HOME}/tls/ca.pem",
)
"""A node's files as it sees them in its container."""

"""A lab that runs already; only senders, and the sink that it routes a test domain to, run here."""

from __future__ import annotations

import contextlib
import secrets as chance
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from relaydrill.drivers import loopback
from relaydrill.drivers.attach import secrets
from relaydrill.drivers.attach.actions import Actions, Ask, nobody
from relaydrill.drivers.attach.needs import lacking_at_start
from relaydrill.drivers.attach.observers import Observer, observer_of
from relaydrill.drivers.attach.rehearsal import inventory_of
from relaydrill.drivers.attach.remote import RemoteControl
from relaydrill.drivers.attach.status import StatusWatch, sockets
from relaydrill.drivers.attach.witness import Witness
from relaydrill.drivers.base import Control
from relaydrill.drivers.configure import Paths, configure, service_ports
from relaydrill.drivers.local_nodes import LocalNodes
from relaydrill.drivers.registry import Registry
from relaydrill.drivers.undo import Open, Undo, UndoLog
from relaydrill.errors import CapabilityMissing, HarnessError, UsageError
from relaydrill.fresh import make_fresh
from relaydrill.nodes.control import ControlClient
from relaydrill.placement import CONTROL_PORT, Credentials, Endpoint, Placement, Seat
from relaydrill.topology import Topology
from relaydrill.topology.attach import SYSTEM_CA, Attach, Hook

_NO_LOGIN: Final = Credentials("", "")


@dataclass(frozen=True, slots=True)
class Permission:
    """What the person at the keyboard lets be done to a real lab.

    Attributes:
        faults: Whether anything may be broken. ask: How that person is asked to do something.
    """

    faults: bool = False
    ask: Ask = nobody


class AttachLab:
    """A lab that runs already. A context manager: nothing is connected to before ``with``.

    Args:
        topology: The design, with its ``attach``.
        directory: Where journals go; made if missing, and empty if not.
        permission: What may be done to it.
        registry: Where what runs here is noted down. undo_log: And what is to be healed.

    Raises:
        UsageError: (on entering) The topology says not where it stands, or a file or a
            credential is missing that it names.
        LabError: (on entering) What is to run here does not.
    """

    driver = "attach"

    def __init__(
        self,
        topology: Topology,
        directory: Path,
        *,
        permission: Permission = Permission(),
        registry: Registry | None = None,
        undo_log: UndoLog | None = None,
    ) -> None:
        self.topology = topology
        self.directory = directory.resolve()
        self.placement: Placement
        self._permission = permission
        self._registry = registry or Registry.default()
        self._undo_log = undo_log or UndoLog.default()
        self._undo: dict[tuple[str, str], Open] = {}
        self._actions = Actions(permission.ask)
        self._stack = contextlib.ExitStack()
        self._nodes: LocalNodes
        self._witness: Witness

    def __enter__(self) -> Self:
        if lacks := [str(each) for each in lacking_at_start(inventory_of(self.topology))]:
            raise UsageError("\n  ".join(["this machine lacks what the inventory names", *lacks]))
        make_fresh(self.directory)
        with contextlib.ExitStack() as stack:
            for part in ("journals", "logs", "queues", "work"):
                (self.directory / part).mkdir(parents=True)
            self.placement = self._place(stack)
            configs = configure(self.topology, self.placement, self._paths())
            for sender in self.topology.senders:
                configs[sender] |= self._fence()
            self._nodes = stack.enter_context(
                LocalNodes(
                    self.topology.name, self.directory, configs, self._own_control, self._registry
                )
            )
            self._nodes.start(self.ours)
            observers: dict[str, Observer] = {}
            for name, node in self.attach.nodes.items():
                if node.arrivals:
                    observers[name] = observer_of(node.arrivals, self.placement.ca_file)
                    stack.callback(observers[name].close)
            self._witness = Witness(
                self.topology, self.placement, self.ours, observers, self._journal_path
            )
            for name, socket in sockets(self.topology).items():
                watch = StatusWatch(self.topology, name, socket, self._witness.append)
                stack.callback(watch.close)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for record in self._undo.values():
            record.leave()
        self._stack.close()

    @property
    def attach(self) -> Attach:
        """The inventory."""
        assert self.topology.attach
        return self.topology.attach

    @property
    def ours(self) -> tuple[str, ...]:
        """The nodes that run here."""
        return tuple(
            name
            for name in self.topology.nodes
            if name in self.topology.senders or name not in self.attach.nodes
        )

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a person should know of how it runs."""
        said = []
        if blind := self._blind():
            said.append(f"nothing can look into the queues of {', '.join(blind)}")
        if not self._sees_arrivals():
            said.append("nothing sees what arrives: mail is accepted, and that is all one knows")
        return tuple(said)

    @property
    def queueing(self) -> tuple[str, ...]:
        """The nodes whose queues can be looked into."""
        looked_into = (name for name, node in self.attach.nodes.items() if node.queue)
        return tuple(name for name in looked_into if name in self.topology.queueing)

    def control(self, node: str) -> Control:
        """The control channel of a node, or what stands in for it."""
        if node in self.ours:
            return self._own_control(node)
        return RemoteControl(node, self.attach.nodes[node], self._actions, self._witness)

    def reachable(self, host: str, logical: int) -> Endpoint:
        """Where this machine reaches a logical port of a node or a VIP."""
        return self.placement.seats[host].endpoint(logical)

    def journal(self, node: str) -> Path:
        """The file with a node's events; what does not run here has those that it is known by."""
        self._witness.look()
        path = self._journal_path(node)
        if node in self.topology.nodes:
            path.touch()
        return path

    def alive(self, node: str) -> bool:
        """Whether a node's program runs here; what runs elsewhere is taken to do so."""
        return node not in self.ours or self._nodes.alive(node)

    def deaths(self) -> list[str]:
        """Nodes of here that ended without having been told to."""
        return self._nodes.deaths()

    def sight(self) -> dict[str, Any]:
        """What can be seen of it; see the kind ``sight`` of `relaydrill.journal`."""
        return {"arrivals": self._sees_arrivals(), "blind": self._blind()}

    def outstanding(self) -> int:
        """How many messages were accepted, and have not been seen to arrive."""
        if not self._sees_arrivals():
            return 0
        seen = self._witness.look()
        return len(seen.accepted.keys() - seen.arrived)

    def unsteady(self, since: float) -> str:
        """Why nothing may be broken now: mail did not flow since then; empty if it did."""
        seen = self._witness.look()
        failed = [said for moment, said in seen.failed.values() if moment >= since]
        if failed:
            return f"{len(failed)} attempts failed before it ({failed[0]})"
        accepted = any(moment >= since for moment in seen.accepted.values())
        return "" if accepted else "nothing was accepted before it"

    def why_not(self, node: str, fault: str) -> str:
        """Why a fault cannot be done to a node here; empty if it can."""
        try:
            self._hook(node, fault)
        except CapabilityMissing as error:
            return str(error)
        return ""

    def break_by_hook(self, node: str, fault: str) -> None:
        """Do a fault to a node; how it is healed is on disk before.

        Raises:
            CapabilityMissing: The inventory has no hook for it, or faults are not allowed.
            LabError: The hook failed, or its undoing could not be written down; the caller heals.
        """
        hook = self._hook(node, fault)
        address = self.attach.nodes[node].address
        undo = Undo(
            self.topology.name, node, fault, address, hook.heal, inject_s=hook.inject.timeout
        )
        if (node, fault) not in self._undo:
            self._undo[node, fault] = self._undo_log.open(undo)
        lock = self._undo[node, fault].lock
        try:
            self._actions.do(hook.inject, node=node, address=address, fault=fault, lock=lock)
        except CapabilityMissing:
            self._undo.pop((node, fault)).done()  # nobody was there to break it
            raise

    def heal_by_hook(self, node: str, fault: str) -> None:
        """Put a node right again. Where that fails its record stays, for ``relaydrill heal``.

        Raises:
            HarnessError: It did not work.
        """
        attached = self.attach.nodes[node]
        heal = attached.hooks[fault].heal
        try:
            self._actions.do(heal, node=node, address=attached.address, fault=fault)
        except (HarnessError, CapabilityMissing) as error:
            raise HarnessError(
                f"{node} IS STILL BROKEN ({fault}): {error}\nWhen what hinders it is gone:"
                " relaydrill heal"
            ) from error
        if record := self._undo.pop((node, fault), None):
            record.done()

    def heal_what_is_broken(self) -> None:
        """Try once more to put right whatever could not be healed.

        Raises:
            HarnessError: It did not work this time, either.
        """
        for node, fault in list(self._undo):
            self.heal_by_hook(node, fault)

    def _hook(self, node: str, fault: str) -> Hook:
        hook = self.attach.nodes[node].hooks.get(fault) if node in self.attach.nodes else None
        if hook is None:
            where = f"the inventory, which has no attach.nodes.{node}.hooks.{fault},"
            raise CapabilityMissing(fault, where, node)
        if self.attach.production:
            raise CapabilityMissing(fault, "a lab that is marked production: true", node)
        if not self._permission.faults:
            raise CapabilityMissing(fault, "a run without --allow-faults", node)
        return hook

    def _place(self, stack: contextlib.ExitStack) -> Placement:
        attach = self.attach
        here = attach.here or _own_address(next(iter(attach.allow.hosts)).partition("/")[0])
        local = stack.enter_context(loopback.network({name: frozenset() for name in self.ours}))
        seats = {
            **{name: Seat(node.address, node.ports) for name, node in attach.nodes.items()},
            **{name: Seat(vip.address, vip.ports) for name, vip in attach.vips.items()},
        }
        ports = service_ports(self.topology)
        for name in self.ours:
            real = {port: attach.ports.get(port, port) for port in ports[name]}
            address = seats[name].address if name in seats else here
            seats[name] = Seat(address, real)
        return Placement(
            seats=seats,
            credentials=secrets.read(attach.login) if attach.login else _NO_LOGIN,
            control_token=chance.token_hex(16),
            ca_file="" if attach.ca == SYSTEM_CA else attach.ca,
            controls={name: seat.endpoint(CONTROL_PORT) for name, seat in local.seats.items()},
        )

    def _fence(self) -> dict[str, Any]:
        allow = self.attach.allow
        return {"fence": list(allow.hosts), "fence_ports": list(allow.ports)}

    def _paths(self) -> Paths:
        def inside(part: str, node: str, suffix: str = "") -> str:
            return str(self.directory / part / f"{node}{suffix}")

        return Paths(
            journal=lambda node: str(self._journal_path(node)),
            queue=lambda node: inside("queues", node, ".sqlite"),
            certificate=lambda node: "",
            key=lambda node: "",
            workdir=lambda node: inside("work", node),
            logs=lambda node: inside("exchange-logs", node),
            ca=self.placement.ca_file,
        )

    def _own_control(self, node: str) -> ControlClient:
        return ControlClient(node, self.placement.control(node), self.placement.control_token)

    def _journal_path(self, node: str) -> Path:
        return self.directory / "journals" / f"{node}.jsonl"

    def _homes(self) -> Iterator[str]:
        """The mailbox servers in which the flows' mail ends."""
        domains = {self.topology.recipient(flow).rpartition("@")[2] for flow in self.topology.flows}
        for name, box in {**self.topology.mailboxes, **self.topology.sinks}.items():
            if domains & set(box.domains):
                yield name

    def _sees_arrivals(self) -> bool:
        return all(
            name in self.ours or self.attach.nodes[name].arrivals is not None
            for name in self._homes()
        )

    def _blind(self) -> list[str]:
        """The servers that may hold mail, and whose queues nothing can look into."""
        return [name for name in self.topology.queueing if name not in self.queueing]


def _own_address(there: str) -> str:
    """The address of this machine that leads to another; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.connect((there, 9))
        return str(asking.getsockname()[0])

"""A lab that runs already; only senders, and the sink that it routes a test domain to, run here."""

from __future__ import annotations

import contextlib
import secrets as chance
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from relaydrill.drivers import loopback
from relaydrill.drivers.attach import secrets
from relaydrill.drivers.attach.actions import Actions, Ask, CommandFailed, NothingDone, nobody
from relaydrill.drivers.attach.inventory import inventory_of
from relaydrill.drivers.attach.mending import found_to_be, mend
from relaydrill.drivers.attach.needs import lacking_at_start, lacking_in_hooks
from relaydrill.drivers.attach.observers import Observer, log_observer_of, observer_of
from relaydrill.drivers.attach.reaching import ANYWHERE, Bounds
from relaydrill.drivers.attach.remote import RemoteControl
from relaydrill.drivers.attach.seats import standing_seats
from relaydrill.drivers.attach.status import StatusWatch, sockets
from relaydrill.drivers.attach.trial import would_be_refused
from relaydrill.drivers.attach.witness import Witness
from relaydrill.drivers.base import Control
from relaydrill.drivers.configure import Paths, configure, service_ports
from relaydrill.drivers.local_nodes import LocalNodes
from relaydrill.drivers.registry import Registry
from relaydrill.drivers.undo import Open, Undo, UndoLog
from relaydrill.endpoint import Credentials, Endpoint
from relaydrill.errors import (
    CapabilityMissing,
    FaultRefused,
    HarnessError,
    LabError,
    UsageError,
)
from relaydrill.fibres.sockets import datagrams
from relaydrill.fresh import make_fresh
from relaydrill.nodes.control import ControlClient
from relaydrill.placement import CONTROL_PORT, Placement, Seat
from relaydrill.topology import Topology
from relaydrill.topology.attach import SYSTEM_CA, Attach, Hook

_NO_LOGIN: Final = Credentials("", "")


@dataclass(frozen=True, slots=True)
class Permission:
    """What the person at the keyboard lets be done to a real lab.

    Attributes:
        faults: Whether anything may be broken.
        ask: How that person is asked to do something.
    """

    faults: bool = False
    ask: Ask = nobody


class AttachLab:
    """A lab that runs already. A context manager: nothing is connected to before ``with``.

    Args:
        topology: The design, with its ``attach``.
        directory: Where journals go; made if missing, and empty if not.
        permission: What may be done to it.
        registry: Where what runs here is noted down.
        undo_log: And what is to be healed.

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
        self._refusals: dict[tuple[str, str], str] = {}
        self._actions = Actions(
            permission.ask, Bounds.of(topology.attach.allow) if topology.attach else ANYWHERE
        )
        self._stack = contextlib.ExitStack()
        self._nodes: LocalNodes
        self._witness: Witness

    def __enter__(self) -> Self:
        if lacks := [str(each) for each in lacking_at_start(inventory_of(self.topology))]:
            raise UsageError(
                "\n  ".join(["this machine lacks what the topology file names", *lacks])
            )
        make_fresh(self.directory)
        with contextlib.ExitStack() as stack:
            for part in ("journals", "logs", "queues", "work"):
                (self.directory / part).mkdir(parents=True)
            self.placement = self._place(stack)
            configs = configure(self.topology, self.placement, self._paths())
            for name, sender in self.topology.senders.items():
                if sender.kind == "fake":
                    configs[name] |= self._fence()
            self._nodes = stack.enter_context(
                LocalNodes(
                    self.topology.name, self.directory, configs, self._own_control, self._registry
                )
            )
            self._nodes.start(self.ours)
            observers: dict[str, Observer] = {}
            logs: dict[str, Observer] = {}
            for name, node in self.attach.nodes.items():
                if name in self.ours:  # its own keeper reads its log
                    continue
                if node.arrivals:
                    observers[name] = observer_of(
                        node.arrivals, self.placement.ca_file, Bounds.of(self.attach.allow)
                    )
                    stack.callback(observers[name].close)
                if node.log:
                    logs[name] = log_observer_of(node.log)
                    stack.callback(logs[name].close)
            self._witness = Witness(
                self.topology, self.placement, self.ours, observers, self._journal_path, logs
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
        """What a person should know of how it runs, as far as it is known by now."""
        said = []
        if blind := self._blind():
            said.append(f"the queues of {', '.join(blind)} cannot be read")
        if not self._sees_arrivals():
            said.append("nothing observes deliveries: only acceptance is known")
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

    def begin(self) -> dict[str, Any]:
        """A drill begins: what could not be read until now concerns the drills before it.

        Returns:
            What can be seen of it before any mail; see the kind ``sight`` of `relaydrill.journal`.
        """
        self._witness.begin()
        return {"arrivals": self._sees_arrivals(), "blind": self._not_looked_into()}

    def sight(self) -> dict[str, Any]:
        """What could be seen of it in the end; see the kind ``sight`` of `relaydrill.journal`."""
        unread, blind = self._witness.unread(), self._blind()
        for node in self._not_looked_into():
            if node not in blind:
                self._witness.tell_empty(node)
        found = {"arrivals": self._sees_arrivals(), "blind": blind}
        return {**found, "unread": unread} if unread else found

    def keep_up(self) -> None:
        """Read what the servers' logs tell by now, once a second at most."""
        self._witness.keep_up()

    def outstanding(self) -> int:
        """How many messages were accepted, and have not been seen to arrive."""
        return len(self._witness.missing()) if self._sees_arrivals() else 0

    def unsteady(self, since: float, *, needs_mail: bool = True) -> str:
        """Why nothing may be broken now: mail did not flow since then; empty if it did.

        Args:
            since: Monotonic seconds.
            needs_mail: Whether some must have been accepted, or is it enough that none failed.
        """
        seen = self._witness.look()
        failed = [said for moment, said in seen.failed.values() if moment >= since]
        if failed:
            return f"{len(failed)} attempts failed before it ({failed[0]})"
        accepted = not needs_mail or any(each >= since for each in seen.accepted.values())
        return "" if accepted else "nothing was accepted before it"

    def why_not(self, node: str, fault: str) -> str:
        """Why a fault cannot be done to a node here; empty if it can, as far as one can see."""
        try:
            self._hook(node, fault)
        except CapabilityMissing as error:
            return str(error)
        wanted = [(node, fault)]
        lacks = [*lacking_in_hooks(self.attach, wanted)]
        lacks = lacks or [*would_be_refused(self.attach, wanted)]
        return "\n  ".join(str(each) for each in lacks)

    def break_by_hook(self, node: str, fault: str) -> None:
        """Do a fault to a node; how it is healed is on disk before.

        Raises:
            CapabilityMissing: The inventory has no hook for it, faults are not allowed, or the hook
                was refused and the node is known to be whole (`FaultRefused`).
            LabError: The hook failed, or its undoing could not be written down; the caller heals.
        """
        hook = self._hook(node, fault)
        undo = self._undo_of(node, fault, hook)
        is_new = (node, fault) not in self._undo
        if is_new:
            self._undo[node, fault] = self._undo_log.open(undo)
        lock = self._undo[node, fault].lock
        try:
            self._actions.do(hook.inject, node=node, address=undo.address, fault=fault, lock=lock)
        except CapabilityMissing:
            if is_new:
                self._undo.pop((node, fault)).done()  # nobody was there to break it
            raise
        except LabError as error:
            if whole := _why_whole(error, undo, is_new=is_new):
                self._undo.pop((node, fault)).done()
                raise FaultRefused(fault, f"{error}\n{node} still works: {whole}") from None
            self._refusals[node, fault] = str(error)
            raise

    def heal_by_hook(self, node: str, fault: str) -> None:
        """Put a node right again. Where that fails its record stays, for ``relaydrill heal``.

        Raises:
            HarnessError: It did not work.
        """
        undo = self._undo_of(node, fault, self.attach.nodes[node].hooks[fault])
        try:
            mend(undo, self._permission.ask)
        except LabError as error:
            before = self._refusals.get((node, fault))
            failed = f"\nBreaking it had failed before: {before}" if before else ""
            raise HarnessError(
                f"{node} IS STILL BROKEN ({fault}): {error}{failed}\nWhen what hinders it is gone:"
                " relaydrill heal; with a corrected topology file: relaydrill heal --with FILE; "
                f"if you know that it works: relaydrill heal --drop {undo.label}"
            ) from error
        self._refusals.pop((node, fault), None)
        if record := self._undo.pop((node, fault), None):
            record.done()

    def heal_what_is_broken(self) -> None:
        """Try once more to put right whatever could not be healed.

        Raises:
            HarnessError: It did not work this time, either.
        """
        for node, fault in list(self._undo):
            self.heal_by_hook(node, fault)

    def _undo_of(self, node: str, fault: str, hook: Hook) -> Undo:
        allow = self.attach.allow
        return Undo(
            self.topology.name,
            node,
            fault,
            self.attach.nodes[node].address,
            hook.heal,
            inject_s=hook.inject.timeout,
            inject=hook.inject,
            check=hook.check,
            hosts=allow.hosts,
            ports=allow.ports,
        )

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
        seats = standing_seats(attach)
        ports = service_ports(self.topology)
        for name in self.ours:
            real = {port: attach.ports.get(port, port) for port in ports[name]}
            seat = seats.get(name, Seat(here))
            seats[name] = Seat(seat.address, real, seat.second or self._second_of(name))
        return Placement(
            seats=seats,
            credentials=secrets.read(attach.login) if attach.login else _NO_LOGIN,
            control_token=chance.token_hex(16),
            ca_file="" if attach.ca == SYSTEM_CA else attach.ca,
            controls={name: seat.endpoint(CONTROL_PORT) for name, seat in local.seats.items()},
        )

    def _second_of(self, name: str) -> str:
        """The IPv6 address of a node that runs here; empty where it has none."""
        if self.topology.ip_of(name) != "dual":
            return ""
        ranges = (each for each in self.attach.allow.hosts if ":" in each)
        return _own_address(next(ranges).partition("/")[0])

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
            name in self.ours or self.attach.nodes[name].arrivals or self.attach.nodes[name].log
            for name in self._homes()
        )

    def _not_looked_into(self) -> list[str]:
        """The servers that may hold mail, and whose queues nothing can look into."""
        return [name for name in self.topology.queueing if name not in self.queueing]

    def _blind(self) -> list[str]:
        """Those of them whose own logs do not show, either, that they hold nothing of ours."""
        return [name for name in self._not_looked_into() if not self._witness.knows_empty(name)]


def _why_whole(error: LabError, undo: Undo, *, is_new: bool) -> str:
    """Why a node is whole that could not be broken; empty where that is not known.

    Args:
        error: Why breaking it failed.
        undo: How it would have been healed.
        is_new: Whether nothing was done to it before, that may still be in force.
    """
    if isinstance(error, NothingDone) and is_new:
        return "nothing was done to it"
    # What was ended before it was through may go on elsewhere, and break it yet.
    if isinstance(error, CommandFailed) or not undo.inject or not undo.inject.run:
        found = found_to_be(undo)
        return found.text if found.is_whole else ""
    return ""


def _own_address(there: str) -> str:
    """The address of this machine that leads to another; nothing is sent."""
    with datagrams(Endpoint(there, 9), timeout_s=1.0) as asking:
        return str(asking.getsockname()[0])

"""How each fault is done to a node of a lab, and undone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Protocol, runtime_checkable

from relaydrill.drivers.base import (
    CanBlackhole,
    CanCertify,
    CanImpair,
    CanIsolate,
    CanKill,
    CanLoseDisk,
    CanPause,
    CanRestart,
    CanStop,
    HasHooks,
    Lab,
    require,
)
from relaydrill.errors import LabError, UsageError
from relaydrill.faults import (
    ENDING,
    Fault,
    FaultSpec,
    MachineFault,
    NetworkFault,
    Power,
    SenderFault,
    ServiceFault,
    WayFault,
    breaks_nothing,
)
from relaydrill.faults.aiming import origins
from relaydrill.faults.from_here import told_to
from relaydrill.impairment import Way
from relaydrill.wait import wait_for

_ANSWERS_S: Final = 15.0


@runtime_checkable
class Deed(Protocol):
    """What breaks a node, and puts it right. A fault with code of its own is one."""

    def inject(self, lab: Lab, node: str, /) -> None:
        """Break the node; return when the fault is in force.

        Raises:
            CapabilityMissing: This lab cannot do that to this node.
            HarnessError: It should have worked, and did not.
        """

    def heal(self, lab: Lab, node: str, /) -> None:
        """Put the node right again, whatever state it is in; return when it is.

        Raises:
            HarnessError: It did not work.
        """


def deed_of(
    lab: Lab, fault: Fault, kind_text: str = "", seed: int = 1, spec: FaultSpec | None = None
) -> Deed:
    """How a fault is done on a lab: by hook where somebody else's inventory says how.

    Args:
        lab: Where.
        fault: What.
        kind_text: As a person writes it, with its phase: by it a hook is found. Default: its kind.
        seed: From which it is drawn on which sessions it acts, of a fault of a share of them.
        spec: Of a fault of the network, from where it is; None: from everywhere.

    Raises:
        UsageError: The fault does not say how it is done.
    """
    if isinstance(fault, SenderFault):
        return _ToTheSenders(fault, seed, spec)
    if isinstance(lab, HasHooks) and not breaks_nothing(fault):
        return _ByHook(kind_text or fault.kind)
    match fault:
        case ServiceFault():
            return _ToTheService(fault, seed)
        case NetworkFault():
            return _ToTheNetwork(fault, seed, spec)
        case MachineFault(power=power):
            return _TO_THE_MACHINE[power]
        case Deed():
            return fault
    raise UsageError(f"the fault {fault.kind} has no inject and heal of its own")


@dataclass(frozen=True, slots=True)
class _ByHook:
    """A fault of whatever kind, done as the inventory says.

    Attributes:
        kind_text: The hook's key.
    """

    kind_text: str

    def inject(self, lab: Lab, node: str, /) -> None:
        """Do what the hook says."""
        require(lab, HasHooks, self.kind_text, node).break_by_hook(node, self.kind_text)

    def heal(self, lab: Lab, node: str, /) -> None:
        """Undo it."""
        require(lab, HasHooks, self.kind_text, node).heal_by_hook(node, self.kind_text)


@dataclass(frozen=True, slots=True)
class _ToTheService:
    """A fault of the service, done through the node's control channel."""

    fault: ServiceFault
    seed: int

    def inject(self, lab: Lab, node: str, /) -> None:
        """Switch the disturbance on."""
        disturbance = self.fault.disturbance(lab.topology.clock, f"{self.seed}/{node}")
        if flaw := self.fault.flaw:
            chain, key = require(lab, CanCertify, "certify", node).certify(node, flaw)
            disturbance = replace(disturbance, certificate=chain, key=key)
        lab.control(node)("disturb", **disturbance.to_json())

    def heal(self, lab: Lab, node: str, /) -> None:
        """Switch it off; sessions that hang on it go on."""
        lab.control(node)("relieve", label=self.fault.kind)


@dataclass(frozen=True, slots=True)
class _ToTheNetwork:
    """A fault of the network on the way to a node, done by the driver."""

    fault: NetworkFault
    seed: int
    spec: FaultSpec | None

    def inject(self, lab: Lab, node: str, /) -> None:
        """Do it to each way that is meant, in each direction that is."""
        label, spec = self._label(node), self.spec
        others = origins(lab.topology, spec.origin if spec else "", node)
        way = spec.way if spec else Way.TO
        ways = [(other, node) for other in others if way is not Way.BACK]
        ways += [(node, other) for other in others if way is not Way.TO]
        found = self.fault.impairment(label, lab.topology.clock, f"{self.seed}/{label}")
        self._powerful(lab, node).impair(ways, found)

    def heal(self, lab: Lab, node: str, /) -> None:
        """Lift it; what was under way goes on, as its kernels see to it."""
        self._powerful(lab, node).unimpair(self._label(node))

    def _label(self, node: str) -> str:
        return self.spec.label if self.spec else f"{self.fault.kind}:{node}"

    def _powerful(self, lab: Lab, node: str) -> CanImpair:
        where = f"the network on the way to {node}; --driver simulate can"
        return require(lab, CanImpair, f"do {self.fault.kind} to", where)


@dataclass(frozen=True, slots=True)
class _ToTheSenders:
    """A fault of the senders' own side: nothing is done to the node, nor said to it."""

    fault: SenderFault
    seed: int
    spec: FaultSpec | None

    def inject(self, lab: Lab, node: str, /) -> None:
        """Tell each sender that is meant."""
        label = self._label(node)
        for sender in self._senders(lab, node):
            found = self.fault.hindrance(
                label,
                node,
                _addresses(lab, node),
                lab.topology.clock,
                f"{self.seed}/{label}/{sender}",
            )
            lab.control(sender)("hinder", **found.to_json())

    def heal(self, lab: Lab, node: str, /) -> None:
        """Tell them that it is over; what waits goes on as its kernel would."""
        for sender in self._senders(lab, node):
            lab.control(sender)("unhinder", label=self._label(node))

    def _senders(self, lab: Lab, node: str) -> tuple[str, ...]:
        return told_to(lab.topology, self.spec.origin if self.spec else "", node)

    def _label(self, node: str) -> str:
        return self.spec.label if self.spec else f"{self.fault.kind}:{node}"


def _addresses(lab: Lab, node: str) -> tuple[str, ...]:
    """Where senders reach a node: its own addresses, and those of its VIPs."""
    topology, seats = lab.topology, lab.placement.seats
    vips = (name for name, (owner, _) in topology.vips.items() if owner == node)
    named = (name for name in (node, *vips) if name in seats)
    return tuple(dict.fromkeys(each for name in named for each in seats[name].addresses))


_Act = Callable[[Lab, str], None]


@dataclass(frozen=True, slots=True)
class _ToTheMachine:
    """A fault of a host or its program, done by a power of the driver."""

    breaks: _Act
    mends: _Act

    def inject(self, lab: Lab, node: str, /) -> None:
        """Break it."""
        self.breaks(lab, node)

    def heal(self, lab: Lab, node: str, /) -> None:
        """Mend it."""
        self.mends(lab, node)


def _nothing(_lab: Lab, _node: str) -> None:
    pass


def _kill(lab: Lab, node: str) -> None:
    require(lab, CanRestart, "restart", node)  # what cannot be undone is not done
    require(lab, CanKill, "kill", node).kill(node)


def _lose_disk(lab: Lab, node: str) -> None:
    require(lab, CanRestart, "restart", node)
    require(lab, CanLoseDisk, "lose the disk of", node).lose_disk(node)


def _stop(lab: Lab, node: str) -> None:
    require(lab, CanRestart, "restart", node)
    require(lab, CanStop, "stop", node).stop(node)


def _bring_back(lab: Lab, node: str) -> None:
    """Have a node's program run, be it that an interruption came before its end or after its start.

    A driver restarts what has ended, or was told to; it refuses what runs, and that is whole.
    """
    try:
        require(lab, CanRestart, "restart", node).restart(node)
    except LabError:
        if not lab.alive(node):
            raise
        wait_for(lab.control(node).answers, what=f"{node} to answer", deadline_s=_ANSWERS_S)


def _pause(lab: Lab, node: str) -> None:
    require(lab, CanPause, "pause", node).pause(node)


def _resume(lab: Lab, node: str) -> None:
    require(lab, CanPause, "resume", node).resume(node)


def _blackhole(lab: Lab, node: str) -> None:
    require(lab, CanBlackhole, "black-hole", node).blackhole(node)


def _unblackhole(lab: Lab, node: str) -> None:
    require(lab, CanBlackhole, "black-hole", node).unblackhole(node)


def _isolate(lab: Lab, node: str) -> None:
    require(lab, CanIsolate, "isolate", node).isolate(node)


def _rejoin(lab: Lab, node: str) -> None:
    require(lab, CanIsolate, "isolate", node).rejoin(node)


def goes_on(fault: Fault) -> bool:
    """Whether a healed node's program is as it was before the fault, since nothing was done to it.

    After all other faults it starts anew, or must: it was made to misbehave.
    """
    if isinstance(fault, WayFault):
        return True
    return isinstance(fault, MachineFault) and fault.power not in ENDING


_TO_THE_MACHINE: Final[Mapping[Power, Deed]] = MappingProxyType(
    {
        Power.NOTHING: _ToTheMachine(_nothing, _nothing),
        Power.KILL: _ToTheMachine(_kill, _bring_back),
        Power.STOP: _ToTheMachine(_stop, _bring_back),
        Power.LOSE_DISK: _ToTheMachine(_lose_disk, _bring_back),
        Power.PAUSE: _ToTheMachine(_pause, _resume),
        Power.BLACKHOLE: _ToTheMachine(_blackhole, _unblackhole),
        Power.ISOLATE: _ToTheMachine(_isolate, _rejoin),
    }
)

"""A fault's life on a lab: asked, journalled, injected, healed. In force until its heal worked."""

from __future__ import annotations

import contextlib

from relaydrill.drivers.base import HasHooks, KeepsHeals, Lab, RunsElsewhere
from relaydrill.errors import CapabilityMissing, HarnessError, UsageError
from relaydrill.faults import FaultSpec, FaultText, breaks_nothing
from relaydrill.faults.aiming import exclude, origins, why_not
from relaydrill.faults.from_here import why_not_from_here
from relaydrill.faults.reach import is_from_here, takes_away
from relaydrill.faults.spec import KIND_FORM
from relaydrill.injection.deeds import deed_of, goes_on
from relaydrill.journal import Journal
from relaydrill.topology import Topology


class Injection:
    """One fault on its way from whole to broken and back; it heals at most once.

    Args:
        lab: Where.
        spec: What, and which node.
        journal: The harness's own.
        seed: Of every random choice.

    Attributes:
        spec: What, and which node.
        in_force: Whether the node is broken, or may be.
        not_injected: Why it was left whole; empty where it was not.
    """

    def __init__(self, lab: Lab, spec: FaultSpec, journal: Journal, seed: int = 1) -> None:
        self.spec = spec
        self.in_force = False
        self.not_injected = ""
        self._lab = lab
        self._journal = journal
        self._deed = deed_of(lab, spec.fault, spec.kind_text, seed, spec)

    def inject(self, refused: str = "") -> None:
        """Break the node; what this lab cannot do is journalled, and leaves it whole.

        Args:
            refused: Why it may not be broken; empty if it may.

        Raises:
            HarnessError: It should have worked, and did not; the node may be broken.
        """
        spec = self.spec
        by_hook = isinstance(self._lab, HasHooks) and not is_from_here(spec.kind)
        self._journal.write(
            "inject", fault=spec.label, kind=spec.kind, node=spec.node, by_hook=by_hook
        )
        self.not_injected = refused or self._break()
        if self.not_injected:
            self._journal.write("not-injected", fault=spec.label, reason=self.not_injected)
        else:
            self._journal.write("injected", fault=spec.label)

    def _break(self) -> str:
        """Do it; why it could not be done, empty if it was."""
        if isinstance(self._lab, KeepsHeals) and not is_from_here(self.spec.kind):
            spec = self.spec
            self._lab.write_heal(spec.node, spec.kind_text, goes_on=goes_on(spec.fault))
        self.in_force = True
        try:
            self._deed.inject(self._lab, self.spec.node)
        except CapabilityMissing as error:
            self._is_whole()
            return str(error)
        return ""

    def heal(self) -> None:
        """Put it right, if it is broken.

        Raises:
            HarnessError: It stays broken.
        """
        if not self.in_force:
            return
        self._journal.write("heal", fault=self.spec.label)
        try:
            self._deed.heal(self._lab, self.spec.node)
        except HarnessError as error:
            raise HarnessError(f"{self.spec.label} could not be healed: {error}") from error
        self._is_whole()
        self._journal.write("healed", fault=self.spec.label)

    def _is_whole(self) -> None:
        self.in_force = False
        if isinstance(self._lab, KeepsHeals) and not is_from_here(self.spec.kind):
            self._lab.forget_heal(self.spec.node, self.spec.kind_text)


class Injections:
    """The faults of one drill, of one test, or of one person at the keyboard.

    Args:
        lab: Where; with nothing broken.
        journal: The harness's own.
        seed: Of every random choice.

    Attributes:
        lab: Where.
    """

    def __init__(self, lab: Lab, journal: Journal, seed: int = 1) -> None:
        self.lab = lab
        self._seed = seed
        self._journal = journal
        self._all: list[Injection] = []
        self._hindrances: dict[FaultSpec, str] = {}
        self._was_broken = False

    @property
    def in_force(self) -> tuple[Injection, ...]:
        """Those that were injected and are not healed."""
        return tuple(each for each in self._all if each.in_force)

    @property
    def gone(self) -> frozenset[str]:
        """The nodes that are broken so that they neither answer nor empty their queues."""
        return frozenset(each.spec.node for each in self.in_force if takes_away(each.spec.fault))

    def refusal(self, spec: FaultSpec) -> str:
        """Why a node cannot suffer a fault, or not beside what it suffers; empty if it can.

        Raises:
            UsageError: There is no such fault.
        """
        if reason := _unsuited(self.lab.topology, spec):
            return reason
        for each in self.in_force:
            if exclude(each.spec, spec):
                return f"{spec.node} is broken by {each.spec.kind} already: heal it first"
        return ""

    def hindrance(self, spec: FaultSpec) -> str:
        """Why somebody else's lab cannot do a fault; empty if it can, or is none.

        Asking takes time: what a drill asked before there was any mail is not asked again when the
        fault is due. A fault that is tried once more is. What is done on this side takes no hook.
        """
        if is_from_here(spec.kind):
            return ""
        if spec not in self._hindrances:
            lab = self.lab
            found = lab.why_not(spec.node, spec.kind_text) if isinstance(lab, HasHooks) else ""
            self._hindrances[spec] = found
        return self._hindrances[spec]

    def inject(self, spec: FaultSpec, since: float, *, needs_mail: bool = True) -> Injection:
        """Break a node, if it may be; if it may not, the journal tells why.

        Args:
            spec: What, and which node.
            since: Monotonic time; mail of somebody else's lab counts from there on.
            needs_mail: Whether some of it must have been accepted, or is it enough if none failed.

        Raises:
            UsageError: There is no such fault.
            HarnessError: It should have worked, and did not; it is in force until it is healed.
        """
        refused = self.refusal(spec)
        if not breaks_nothing(spec.fault):  # what does nothing takes no hook
            refused = refused or self.hindrance(spec)
        self._hindrances.pop(spec, None)  # by another time it may be gone
        return self._begin(spec, refused or self._unsteady(since, needs_mail))

    def refuse(self, spec: FaultSpec, reason: str) -> None:
        """Leave a node whole, and journal why."""
        self._begin(spec, reason)

    def _begin(self, spec: FaultSpec, refused: str) -> Injection:
        injection = Injection(self.lab, spec, self._journal, self._seed)
        self._all.append(injection)
        self._was_broken = self._was_broken or not refused
        injection.inject(refused)
        return injection

    def _unsteady(self, since: float, needs_mail: bool) -> str:
        """Why somebody else's lab may not be broken: its mail did not flow; empty if it did.

        Asked before anything is broken: what fails afterwards is the fault's doing.
        """
        if self._was_broken or not isinstance(self.lab, RunsElsewhere):
            return ""
        problem = self.lab.unsteady(since, needs_mail=needs_mail)
        return f"the steady state did not hold: {problem}" if problem else ""

    def heal(self) -> None:
        """Put everything right, the last fault first; one that fails does not keep the others.

        Raises:
            HarnessError: Something stays broken.
        """
        with contextlib.ExitStack() as heals:
            for each in self.in_force:
                heals.callback(each.heal)


def to_hold(topology: Topology, text: str) -> FaultSpec:
    """The fault that ``KIND[.PHASE][%SHARE]:NODE`` names, from now on and until somebody heals it.

    Raises:
        UsageError: It is no such text, or the topology has no node that can suffer it.
    """
    said = FaultText.parse(text)
    if not said.node:
        raise UsageError(f"{text!r} is no fault; write {KIND_FORM}:NODE")
    if said.is_timed:
        raise UsageError(
            f"{text!r}: it begins now and lasts until it is healed; write"
            f" {said.kind_text}:{said.node}"
        )
    spec = said.at(said.node, 0.0, float("inf"))
    if reason := _unsuited(topology, spec):
        raise UsageError(reason)
    return spec


def _unsuited(topology: Topology, spec: FaultSpec) -> str:
    """Why a fault cannot be aimed at its node; empty if it can."""
    if spec.node not in topology.nodes:
        known = ", ".join(topology.nodes)
        return f"no node is called {spec.node!r}; there are: {known}"
    if reason := why_not(topology, spec.kind_text, spec.node):
        return reason
    if is_from_here(spec.kind):
        return why_not_from_here(topology, spec.origin, spec.node)
    try:
        origins(topology, spec.origin, spec.node)
    except UsageError as error:
        return str(error)
    return ""

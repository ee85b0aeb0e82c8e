"""What a drill is: a value. Durations are field seconds unless a name says otherwise."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import combinations
from typing import Any, Final

from pydantic_core import PydanticCustomError

from relaydrill import faults
from relaydrill.drills.aiming import exclude, those_that_can, why_not
from relaydrill.drills.family import count_tests, levels_of_one
from relaydrill.drills.naming import drill_name
from relaydrill.drills.opportunity import attempts_to_meet, attempts_to_plan
from relaydrill.drills.returning import comeback_of
from relaydrill.drills.share import expected_share
from relaydrill.errors import UsageError
from relaydrill.faults.reach import done_by
from relaydrill.journal import LAST_S
from relaydrill.scalars import parse_duration, show_duration
from relaydrill.schedule import LONGEST_STEP
from relaydrill.sentences import listed
from relaydrill.smtp import Phase
from relaydrill.topology import Topology
from relaydrill.topology.paths import flows_through
from relaydrill.verdict import Levels, spread_test

_FAULT: Final = re.compile(
    r"(?P<kind>[^:@+]+)(?::(?P<node>[^@+]+))?(?:@(?P<start>[^+]+))?(?:\+(?P<duration>.+))?"
)

_FOR_GOOD: Final = "forever"

_BEFORE_WALL_S: Final = 1.0
_BEFORE_ELSEWHERE_WALL_S: Final = 4.0
"""On a lab of others: real servers that had been idle take a second over their first sessions."""
_PROOFS_BEFORE: Final = 4
_LATENESS_WALL_S: Final = 0.1
"""How far an attempt may be behind its schedule without a drill's being too short for it."""
_SIGMAS: Final = 3.1
_SETTLE_MARGIN: Final = 20.0
_SPARE: Final = 1.5
"""More choices than a test needs: on a busy machine a heal takes part of the time for them."""


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """One fault of a plan.

    Attributes:
        kind, phase: Which fault; see `relaydrill.faults`.
        node: What is broken.
        start_s: From the begin of the workload. duration_s: Until it is healed; where that is
            infinite, not before all mail has been accounted for.
    """

    kind: str
    node: str
    start_s: float
    duration_s: float
    phase: Phase | None = None

    @property
    def label(self) -> str:
        """Names it within its plan, and for a person: ``tempfail.rcpt:ht1``."""
        return f"{self.kind_text}:{self.node}"

    @property
    def kind_text(self) -> str:
        """``tempfail.rcpt``."""
        return self.kind + (f".{self.phase}" if self.phase else "")

    @property
    def for_good(self) -> bool:
        """Whether the account is made while it is still broken."""
        return math.isinf(self.duration_s)

    @property
    def end_s(self) -> float:
        """When it is healed, from the begin of the workload."""
        return self.start_s + self.duration_s

    def __str__(self) -> str:
        duration = _FOR_GOOD if self.for_good else show_duration(self.duration_s)
        return f"{self.label}@{show_duration(self.start_s)}+{duration}"


@dataclass(frozen=True, slots=True)
class Drill:
    """A workload and a fault plan over one topology.

    Attributes:
        name: For people and file names.
        flows: Which flows send. faults: What is broken; empty for the steady state.
        length_s: How long the flows send.
        settle_s: How long at most to wait afterwards for the queues to drain.
        seed: Of every random choice.
        levels: At which its statistical tests decide; see `relaydrill.drills.family`.
    """

    name: str
    flows: tuple[str, ...]
    faults: tuple[FaultSpec, ...]
    length_s: float
    settle_s: float
    seed: int
    levels: Levels = field(default_factory=Levels)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, for the run directory."""
        return {
            "name": self.name,
            "flows": list(self.flows),
            "faults": [str(fault) for fault in self.faults],
            "length_s": self.length_s,
            "settle_s": self.settle_s,
            "seed": self.seed,
            "levels": asdict(self.levels),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Drill:
        """Read back what `to_json` wrote.

        Raises:
            KeyError, TypeError, ValueError, UsageError: It is no drill.
        """
        return cls(
            name=str(data["name"]),
            flows=_texts(data, "flows"),
            faults=tuple(_parse_whole(text) for text in _texts(data, "faults")),
            length_s=_finite(data, "length_s"),
            settle_s=_finite(data, "settle_s"),
            seed=int(data["seed"]),
            levels=Levels(**{key: float(each) for key, each in data.get("levels", {}).items()}),
        )


def _texts(data: dict[str, Any], name: str) -> tuple[str, ...]:
    found = data[name]
    if not isinstance(found, list | tuple) or not all(isinstance(each, str) for each in found):
        raise ValueError(f"{name} is {found!r}, which is no list of names")
    return tuple(found)


def _finite(data: dict[str, Any], name: str) -> float:
    found = float(data[name])
    if not 0 <= found <= LAST_S:
        raise ValueError(f"{name} is {found}, which is no duration")
    return found


def plan(
    topology: Topology,
    *,
    faults: tuple[str, ...] = (),
    flows: tuple[str, ...] = (),
    seed: int = 1,
    name: str = "",
    levels: Levels | None = None,
) -> Drill:
    """A drill with timings that can prove what the topology promises.

    Each fault text is ``KIND[.PHASE]:NODE[@START][+DURATION]``; a site in place of a node breaks
    all that stands there and can be broken so. Without a start, the fault begins when what it is
    done to has had traffic, whatever its share of the flows. Without a duration, it lasts somewhat
    more than twice as long as attempts may fail, so that a tier that does nothing about it is seen
    to, and so long that the node's silence is no chance. Afterwards the flows send long
    enough to see that a returned node gets its share again. Where no flows are named, those send
    whose mail passes what is broken, and all if none does. With the duration ``forever`` the node
    stays broken until all mail has been accounted for: what it holds is stranded.

    Args:
        levels: At which the statistical tests decide; by default those of a drill that stands for
            itself: one false alarm in 100 such drills, whatever the number of its tests.

    Raises:
        UsageError: A flow or a node is not in the topology, a fault text makes no sense, a node
            cannot be broken so, or is to be twice at once.
    """
    _check_hooks(topology)
    flows = flows or _concerned(topology, faults)
    if not flows:
        raise UsageError(f"topology {topology.name} has no flows to drill")
    for flow in flows:
        if flow not in topology.flows:
            known = ", ".join(topology.flows)
            raise UsageError(f"no flow is called {flow!r} in {topology.name}; there are: {known}")
    aims = [_read(text, topology) for text in faults]
    timing = _Timing(topology, flows, tuple(node for aim in aims for node in aim.nodes))
    specs = tuple(spec for aim in aims for spec in _specs(aim, timing))
    _refuse_overlaps(specs)
    levels = levels or levels_of_one(count_tests(topology, flows, specs))
    alone_s = max(timing.before_s + timing.during_s, timing.spread_s(levels))
    ends = (spec.start_s + timing.during_s if spec.for_good else spec.end_s for spec in specs)
    healed = tuple(spec for spec in specs if not spec.for_good)
    end = max(ends, default=alone_s)
    return Drill(
        name=name or drill_name(topology, specs),
        flows=flows,
        faults=specs,
        length_s=end + (timing.after_s(healed, levels) if healed else 0.0),
        settle_s=timing.settle_s + (timing.takeover_s if healed != specs else 0.0),
        seed=seed,
        levels=levels,
    )


def _check_hooks(topology: Topology) -> None:
    """Make sure that an inventory's hooks are for faults that there are.

    Raises:
        UsageError: One is not.
    """
    for name, node in topology.attach.nodes.items() if topology.attach else ():
        for kind in node.hooks:
            try:
                faults.split_kind(kind)
            except UsageError as error:
                raise UsageError(f"attach.nodes.{name}.hooks: {error}") from None


def _refuse_overlaps(specs: tuple[FaultSpec, ...]) -> None:
    """Make sure that no node suffers at once what it cannot.

    Raises:
        UsageError: One is.
    """
    for one, other in combinations(specs, 2):
        clash = one.node == other.node and exclude(one.kind, other.kind)
        if clash and one.start_s < other.end_s and other.start_s < one.end_s:
            same = "twice" if one.kind == other.kind else f"by {one.kind} and {other.kind}"
            raise UsageError(
                f"{one.node} is broken {same} at once, by {one} and {other}; leave one out, or let"
                " the second begin when the first is healed"
            )


def _concerned(topology: Topology, faults: tuple[str, ...]) -> tuple[str, ...]:
    """The flows that faults may touch; all, where there are no faults, or they touch none."""
    broken = [found["node"] for text in faults if (found := _FAULT.fullmatch(text.strip()))]
    nodes = tuple(node for name in broken for node in topology.sites.get(name, (name,)))
    return flows_through(topology, nodes) or tuple(topology.flows)


class _Timing:
    """Default timings of a drill, field seconds. What needs samples depends on rates, too."""

    def __init__(
        self, topology: Topology, flows: tuple[str, ...], broken: tuple[str, ...] = ()
    ) -> None:
        self._topology = topology
        self._flows = flows
        self._slowest = min(topology.flows[flow].wanted_rate for flow in flows)
        self._allowed = max(topology.expectation(flow).degraded_s for flow in flows)
        widest = max((len(each.backends) for each in topology.balancers.values()), default=1)
        least = _BEFORE_ELSEWHERE_WALL_S if topology.attach else _BEFORE_WALL_S
        samples = [each for node in broken for each in self._samples(node)]
        proofs_s = max((before_s for before_s, _ in samples), default=0.0)
        self.before_s = self._field(max(least, _PROOFS_BEFORE * widest / self._slowest, proofs_s))
        # An attempt that began long enough before the heal to be late must have failed too late.
        fails_s = 2 * LONGEST_STEP / self._slowest + _LATENESS_WALL_S
        silent_s = max((during_s for _, during_s in samples), default=0.0)
        self.during_s = max(2 * self._allowed + self._field(fails_s), self._field(silent_s))
        self.before_s, self.during_s = _even(self.before_s), _even(self.during_s)
        # A hub tries a destination again within a minute (its queue glitch retry), and a sending
        # mail server in its own time; either may need a second try, and Exim looks for what is due
        # in twice its first wait. The margin is for the deliveries themselves.
        senders = [topology.senders[topology.flows[flow].sender] for flow in flows]
        longest = max(sender.retries.first for sender in senders)
        attach = topology.attach
        named_s = attach.settle if attach else None
        self.settle_s = 2 * longest + self._field(_SETTLE_MARGIN) if named_s is None else named_s

    def spread_s(self, levels: Levels) -> float:
        """Time to send so that each flow has the choices that its promise of spread wants."""
        wanted = [0.0]
        for name in self._flows:
            servers = self._topology.expectation(name).spread
            if servers:
                test = spread_test(len(servers), alarm=levels.doubt, miss=levels.miss)
                sampling = test.choices / self._topology.flows[name].wanted_rate
                wanted.append(self._field(_SPARE * sampling))
        return max(wanted)

    @property
    def takeover_s(self) -> float:
        """How long it may take until hubs deliver what a hub that is gone had copied to them."""
        # A silence is noticed at a heartbeat, and its end may be a heartbeat after the time is up.
        kept = [hub.shadow for hub in self._topology.hubs.values()]
        copied = any(hub.ack == "shadow" for hub in self._topology.hubs.values())
        return max(each.resubmit + 2 * each.heartbeat for each in kept) if copied else 0.0

    def _samples(self, node: str) -> Iterator[tuple[float, float]]:
        """What each flow needs before a node is broken, and meanwhile, to prove it; wall seconds.

        Nothing where it has no share that is known: no duration helps there.
        """
        for name in self._flows:
            expected = expected_share(self._topology, name, node)
            if not expected.share:
                continue
            if expected.by_senders:
                # One that chooses the node before the fault, and one that does so meanwhile.
                before = during = attempts_to_meet(expected.share)
            else:
                # Turns, of a balancer or of a list of next hops.
                before, during = attempts_to_plan(expected.share, even=True)
            if expected.choices is not None:
                before, during = (min(each, expected.choices) for each in (before, during))
            rate = self._topology.flows[name].wanted_rate
            yield _lasting(before) / rate, _lasting(during) / rate

    def _field(self, wall_s: float) -> float:
        return wall_s * self._topology.clock

    def after_s(self, specs: tuple[FaultSpec, ...], levels: Levels) -> float:
        """Time to send after the last heal."""
        needed = self._allowed
        for spec in specs:
            for flow in self._flows:
                comeback = comeback_of(self._topology, spec.node, flow, levels)
                choices = comeback.test.choices if comeback.test else _PROOFS_BEFORE
                sampling = self._field(choices / self._topology.flows[flow].wanted_rate)
                needed = max(needed, comeback.allowance_s + _SPARE * sampling)
        return needed


def _lasting(attempts: int) -> float:
    """Mean steps of a schedule in which there are so many attempts, but for one case in a thousand.

    A step is anything up to twice the mean, so that its variance is a third of the mean's square.
    """
    return attempts + 1 + _SIGMAS * math.sqrt((attempts + 1) / 3)


def _even(seconds: float) -> float:
    """Rounded up to a tenth: a duration that a person can read."""
    return math.ceil(seconds * 10 - 1e-6) / 10


@dataclass(frozen=True, slots=True)
class _Aim:
    """One fault as it was written.

    Attributes:
        nodes: Those that it is to be done to; of a site, all that can be broken so.
        start_s, duration_s: None where that is left to the plan.
    """

    kind: str
    phase: Phase | None
    nodes: tuple[str, ...]
    start_s: float | None
    duration_s: float | None


def _read(text: str, topology: Topology) -> _Aim:
    found = _FAULT.fullmatch(text.strip())
    if not found or not found["node"]:
        raise UsageError(f"{text!r} is no fault; write KIND[.PHASE]:NODE[@START][+DURATION]")
    kind, phase = faults.split_kind(found["kind"])
    try:
        nodes = _aimed_at(topology, found["kind"], found["node"])
    except UsageError as error:
        raise UsageError(f"{text!r}: {error}") from None
    start = _seconds(text, found["start"])
    if start is not None and math.isinf(start):
        raise UsageError(f"{text!r}: a fault that never begins tests nothing")
    duration = _seconds(text, found["duration"])
    if duration is not None and duration <= 0:
        raise UsageError(f"{text!r}: a fault must last longer than 0s")
    return _Aim(kind, phase, nodes, start, duration)


def _specs(aim: _Aim, timing: _Timing) -> Iterator[FaultSpec]:
    """A fault for each of the nodes, with the plan's timings where it has none of its own."""
    start = timing.before_s if aim.start_s is None else aim.start_s
    duration = timing.during_s if aim.duration_s is None else aim.duration_s
    for node in aim.nodes:
        yield FaultSpec(aim.kind, node, start, duration, aim.phase)


def _aimed_at(topology: Topology, kind_text: str, name: str) -> tuple[str, ...]:
    """The nodes that a fault is to be done to: one, or those of a site that it can be done to.

    Raises:
        UsageError: Nothing has that name, or the fault cannot be done to it.
    """
    if name in topology.nodes:
        if reason := why_not(topology, kind_text, name):
            raise UsageError(reason)
        return (name,)
    if name not in topology.sites:
        known = ", ".join([*topology.tier, *_broken_sites(topology)])
        raise UsageError(f"no node or site is called {name!r}; there are: {known}")
    members = topology.sites[name]
    if name not in _broken_sites(topology):
        raise UsageError(f"no server of the tier stands in {name}, only {listed(members)}")
    able = those_that_can(topology, kind_text, members)
    if not able:
        raise UsageError(f"{done_by(faults.split_kind(kind_text)[0])}; none stands in {name}")
    return able


def _broken_sites(topology: Topology) -> list[str]:
    """The sites in which something of the tier stands."""
    return [site for site, nodes in topology.sites.items() if {*nodes} & {*topology.tier}]


def _parse_whole(text: str) -> FaultSpec:
    """Read a fault that says everything about itself, as a run directory does."""
    found = _FAULT.fullmatch(text)
    if not found or not all(found.groupdict().values()):
        raise UsageError(f"{text!r} is no whole fault: KIND[.PHASE]:NODE@START+DURATION")
    kind, phase = faults.split_kind(found["kind"])
    return FaultSpec(
        kind,
        found["node"],
        _seconds(text, found["start"]) or 0.0,
        _seconds(text, found["duration"]) or 0.0,
        phase,
    )


def _seconds(text: str, duration: str | None) -> float | None:
    if duration is None:
        return None
    if duration == _FOR_GOOD:
        return math.inf
    try:
        return parse_duration(duration)
    except PydanticCustomError as error:
        raise UsageError(f"{text!r}: {duration!r} is {error}") from None

"""What plans are drawn from: faults, what they are done to, and moments. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Final, NamedTuple

from relaydrill.drills.drill_plan import plan, refuse_clashes
from relaydrill.drills.exploring.exploration import Plan
from relaydrill.errors import UsageError
from relaydrill.faults import FaultSpec, FaultText
from relaydrill.faults.spec import KIND_FORM
from relaydrill.sentences import listed
from relaydrill.topology import Topology

KINDS: Final = ("kill", "stop", "pause", "blackhole", "refuse", "hang")
"""What is drawn by default: what a whole server suffers, and any health check sees.

What a check does not see breaks most designs alone, and would be all that a search finds.
"""

_SHORT_S: Final = 5.0
"""A restart: shorter than most health checks need to notice it."""


class Aim(NamedTuple):
    """A fault of a node or a site, with the times that one drill of it alone has by default.

    Attributes:
        kind_text: ``KIND[.PHASE][%SHARE]``.
        unit: A node or a site.
        start_s: When it begins, field seconds.
        duration_s: How long it lasts, field seconds.
        nodes: What is broken: the node, or those of the site that can be broken so.
    """

    kind_text: str
    unit: str
    start_s: float
    duration_s: float
    nodes: tuple[str, ...]

    @property
    def label(self) -> str:
        """``kill:ht1``."""
        return f"{self.kind_text}:{self.unit}"


class Moment(NamedTuple):
    """When a fault begins, beside the one that was drawn before it.

    Attributes:
        after_end: Whether it is reckoned from the end of that fault, and not from its begin.
        delay_s: How long after it, field seconds.
    """

    after_end: bool
    delay_s: float


class Drawn(NamedTuple):
    """One fault of a plan as it is drawn.

    Attributes:
        aim: What, and to what.
        moment: When; of the first of a plan it says nothing.
        duration_s: How long, field seconds; None: as the aim has it.
    """

    aim: Aim
    moment: Moment
    duration_s: float | None


@dataclass(frozen=True)
class Space:
    """All that plans for a topology may be drawn from; what is simplest comes first everywhere.

    Attributes:
        topology: Whose plans they are.
        flows: Which send; empty: those that pass what is broken.
        most: Faults of a plan at most.
        aims: By node or site, the faults that can be done to it.
        moments: When a fault may begin.
        durations: How long a fault may last; None: by default.
        left_out: What is never drawn, and why, a sentence each.
    """

    topology: Topology
    flows: tuple[str, ...]
    most: int
    aims: dict[str, tuple[Aim, ...]]
    moments: tuple[Moment, ...]
    durations: tuple[float | None, ...]
    left_out: tuple[str, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Every fault of every node and site: ``kill:ht1``."""
        return tuple(aim.label for aims in self.aims.values() for aim in aims)

    @property
    def pairs(self) -> frozenset[frozenset[str]]:
        """Any two nodes or sites."""
        return frozenset(frozenset(two) for two in combinations(self.aims, 2))

    def plan_of(self, drawn: list[Drawn]) -> Plan | None:
        """The plan that was drawn; None where it cannot be run, or one fault would hide another."""
        begin_s = max(each.aim.start_s for each in drawn)
        faults: list[tuple[float, str, tuple[FaultSpec, ...]]] = []
        before = (begin_s, begin_s)
        for number, (aim, moment, duration_s) in enumerate(drawn):
            start_s = before[moment.after_end] + moment.delay_s if number else begin_s
            if math.isinf(start_s):  # after the end of what never ends
                return None
            lasts_s = aim.duration_s if duration_s is None else duration_s
            said = FaultText.of_kind(aim.kind_text)
            specs = tuple(said.at(node, start_s, lasts_s) for node in aim.nodes)
            faults.append((start_s, str(said.at(aim.unit, start_s, lasts_s)), specs))
            before = (start_s, start_s + lasts_s)
        faults.sort(key=lambda fault: fault[:2])
        try:
            refuse_clashes(self.topology, tuple(spec for *_, specs in faults for spec in specs))
        except UsageError:
            return None
        return tuple(text for _, text, _ in faults)


def space_of(
    topology: Topology,
    *,
    kinds: tuple[str, ...] = (),
    units: tuple[str, ...] = (),
    flows: tuple[str, ...] = (),
    most: int = 3,
    for_good: bool = False,
) -> Space:
    """What plans for a topology are drawn from.

    Args:
        topology: Whose plans they are.
        kinds: The faults, ``KIND[.PHASE][%SHARE]``; by default `KINDS`.
        units: Only these nodes and sites; by default all whose loss the author does not accept.
        flows: Which send; by default those that pass what is broken.
        most: Faults of a plan at most.
        for_good: Whether what is broken may also stay so until all mail is accounted for.

    Raises:
        UsageError: There is no such fault, node, site or flow, or nothing can be broken so.
    """
    kinds = tuple(dict.fromkeys(kinds or KINDS))
    for kind in kinds:
        if ":" in kind or FaultText.parse(kind).is_timed:
            raise UsageError(
                f"{kind!r} names more than a fault; here write {KIND_FORM}: the search chooses what"
                " it is done to, and when (--node limits that)"
            )
    accepted = {
        name for entry in topology.accept if not entry.flows and entry.node for name in entry.lost
    }
    chosen = tuple(dict.fromkeys(units)) or tuple(
        name for name in _breakable(topology) if name not in accepted
    )
    aims = {}
    for unit in chosen:
        if found := tuple(_aims(topology, unit, kinds, flows, is_asked=bool(units))):
            aims[unit] = found
    if not aims:
        raise UsageError(f"{listed(kinds)} can be done to nothing in {topology.name}")
    longest_s = 2 * max(aim.duration_s for each in aims.values() for aim in each)
    delays = tuple(each for each in _times(topology) if each <= longest_s)
    return Space(
        topology,
        flows,
        most,
        aims,
        tuple(Moment(end, delay) for delay in (0.0, *delays) for end in (False, True)),
        (None, *delays, *((math.inf,) if for_good else ())),
        () if units else tuple(f"{name}: its loss is accepted" for name in sorted(accepted)),
    )


def _breakable(topology: Topology) -> Iterator[str]:
    """The nodes of the tier, then the sites with more than one of them."""
    yield from (name for name in topology.tier if not topology.nothing_to_drill(name))
    for site, members in topology.sites.items():
        if len({*members} & {*topology.tier}) > 1:
            yield site


def _aims(
    topology: Topology, unit: str, kinds: tuple[str, ...], flows: tuple[str, ...], *, is_asked: bool
) -> Iterator[Aim]:
    """The faults that can be done to a node or a site.

    Raises:
        UsageError: There is no such fault, node, site or flow.
    """
    if is_asked and unit not in {*topology.nodes, *topology.sites}:
        known = listed(_breakable(topology))
        raise UsageError(f"no node or site is called {unit!r}; there are: {known}")
    for flow in flows:
        if flow not in topology.flows:
            known = listed(topology.flows)
            raise UsageError(f"no flow is called {flow!r} in {topology.name}; there are: {known}")
    for kind in kinds:
        FaultText.of_kind(kind)
        try:
            planned = plan(topology, faults=(f"{kind}:{unit}",), flows=flows)
        except UsageError:  # its program cannot do that
            continue
        first, nodes = planned.faults[0], tuple(each.node for each in planned.faults)
        yield Aim(kind, unit, first.start_s, first.duration_s, nodes)


def _times(topology: Topology) -> tuple[float, ...]:
    """The times that a design itself speaks of, field seconds: what goes wrong goes by these.

    How long health checks take to see a death and a return, how long senders wait before they try
    again, how long a record may be kept, how long a hub waits before it stands in for another, and
    how long nothing need be accepted.
    """
    found = {_SHORT_S}
    for balancer in topology.balancers.values():
        found |= {balancer.check.interval, balancer.check.detection_s, balancer.recovery_s}
    for hub in topology.hubs.values():
        if hub.ack == "shadow":
            found |= {hub.shadow.heartbeat, hub.shadow.resubmit}
        if hub.ack == "delayed":
            found.add(hub.ack_delay)
    found |= {float(zone.ttl) for zone in topology.zones.values()}
    found |= {topology.senders[flow.sender].retries.first for flow in topology.flows.values()}
    found |= {topology.expectation(flow).gap for flow in topology.flows}
    return tuple(sorted({round(each, 1) for each in found if each >= 1.0}))

"""What a year costs a flow, whose part of it is how large, and what a standby would leave. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from relaydrill.documents.yearly_cost import (
    ContributorDocument,
    FlowCostDocument,
    WithStandbyDocument,
    YearlyCostDocument,
)
from relaydrill.topology import YEAR_S, Topology
from relaydrill.topology.failures import Failure
from relaydrill.yearly_cost.states import Bounds, Down, Lost, Part, most_at_once, out_of_service

_AWAY_TOO: Final = " (standby)"
"""After a balancer's name: the standby that is imagined for it. No name has a blank."""


@dataclass(frozen=True, slots=True)
class Contributor:
    """What a part has to do with a flow's time out of service.

    Attributes:
        part: A node or a site, by name.
        saved_s: By how much less the flow would be out in a year if this never failed: seconds.
            Reliability engineers call it the improvement potential (Birnbaum's importance times the
            part's unavailability); divided by the whole it is the criticality importance. What
            several share counts in full for each, so that these do not add up.
        failure: How often it fails, and for how long.
        is_default: Whether that is a default, and nothing that was said of this part alone.
    """

    part: str
    saved_s: float
    failure: Failure
    is_default: bool

    def document(self) -> ContributorDocument:
        """Plain JSON values."""
        return {
            "part": self.part,
            "saved_s": round(self.saved_s, 3),
            "every_s": self.failure.every,
            "repair_s": self.failure.repair,
            "is_default": self.is_default,
        }


@dataclass(frozen=True, slots=True)
class WithStandby:
    """What would be left with a standby for a balancer that has none.

    Attributes:
        balancer: Which one.
        out_s: How long the flow would be out in a year then: seconds.
        gap_s: What a failover is taken to cost: seconds, all that the flow promises.
    """

    balancer: str
    out_s: Bounds
    gap_s: float


@dataclass(frozen=True, slots=True)
class FlowCost:
    """How long a flow is out of service in a year, as expected.

    Attributes:
        flow: The flow.
        out_s: Seconds of a year of 365 days, of what is counted.
        contributors: Whose part of it is how large, of its lower bound; the largest first.
        standbys: What would be left with a standby for a balancer that stops it alone.
        not_counted: What is left out, a clause each: then ``out_s.high`` is no bound of the whole.
        open: What was not shown, a clause each: it is in ``out_s.high``, and not in ``out_s.low``.
        unknown: Why nothing can be said at all; empty where something can.
        at_once: How many parts are away at a time in the states that are looked at.
        parts: How many are counted.
    """

    flow: str
    out_s: Bounds
    contributors: tuple[Contributor, ...] = ()
    standbys: tuple[WithStandby, ...] = ()
    not_counted: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    unknown: str = ""
    at_once: int = 0
    parts: int = 0

    @property
    def availability(self) -> Bounds:
        """The part of all time in which the flow is served, of 1; of what is counted."""
        return Bounds(1 - self.out_s.high / YEAR_S, 1 - self.out_s.low / YEAR_S)

    @property
    def most_s(self) -> float | None:
        """No more than this is it out in a year, seconds; None: something is left out."""
        return None if self.not_counted or self.unknown else self.out_s.high

    def document(self) -> FlowCostDocument:
        """Plain JSON values."""
        most_s = self.most_s
        return {
            "flow": self.flow,
            "unknown": self.unknown,
            "at_least_s": None if self.unknown else round(self.out_s.low, 3),
            "at_most_s": None if most_s is None else round(most_s, 3),
            "availability_at_most": None if self.unknown else self.availability.high,
            "availability_at_least": None if most_s is None else self.availability.low,
            "contributors": [each.document() for each in self.contributors],
            "with_standby": [self._with_standby(each) for each in self.standbys],
            "not_counted": [*self.not_counted],
            "open": [*self.open],
            "parts": self.parts,
            "at_once": self.at_once,
        }

    def _with_standby(self, each: WithStandby) -> WithStandbyDocument:
        return {
            "balancer": each.balancer,
            "at_least_s": round(each.out_s.low, 3),
            "at_most_s": None if self.not_counted else round(each.out_s.high, 3),
            "gap_s": each.gap_s,
        }


@dataclass(frozen=True, slots=True)
class YearlyCost:
    """What a year costs every flow, and what is taken for granted.

    Attributes:
        flows: In the order of the topology.
        assumptions: A sentence each.
    """

    flows: tuple[FlowCost, ...]
    assumptions: tuple[str, ...]

    def document(self) -> YearlyCostDocument:
        """Plain JSON values."""
        return {
            "flows": [each.document() for each in self.flows],
            "assumptions": [*self.assumptions],
        }


@dataclass(frozen=True)
class Members:
    """What may fail of what a flow's mail passes.

    Attributes:
        parts: What has a failure declared: nodes, then sites.
        not_counted: What has none, a clause each.
    """

    parts: tuple[Part, ...]
    not_counted: tuple[str, ...]


def declares_failures(topology: Topology) -> bool:
    """Whether a topology says of anything how often it fails."""
    return any(topology.failures.declared) or any(
        topology.nodes[name].failure for name in topology.tier
    )


def members_of(topology: Topology, flow: str, nodes: Iterable[str]) -> Members:
    """What may fail among some nodes, and the sites that these stand in.

    A site in which the flow's sender stands is none of them: its mail is gone with it.

    Args:
        topology: The design.
        flow: Whose mail it is.
        nodes: All that its mail passes.
    """
    passed, failures = {*nodes}, topology.failures
    parts, bare = [], []
    for name in (each for each in topology.tier if each in passed):
        own = topology.nodes[name].failure
        if failure := own or failures.default:
            parts.append(Part(name, frozenset({name}), failure, is_default=own is None))
        else:
            bare.append(name)
    sites, sender = [], topology.flows[flow].sender
    for site, members in topology.sites.items():
        inside = passed.intersection(members, topology.tier)
        if not inside or sender in members:
            continue
        own = failures.sites.get(site)
        if failure := own or failures.site_default:
            name = site if site not in topology.nodes else f"site {site}"
            parts.append(Part(name, frozenset(inside), failure, is_default=own is None))
        else:
            sites.append(site)
    not_counted = [f"{name} says nothing of how often it fails" for name in bare]
    not_counted += [f"nothing is said of how often all of site {site} fails" for site in sites]
    return Members(tuple(parts), tuple(not_counted))


def cost_of(
    topology: Topology,
    flow: str,
    members: Members,
    lost: Lost,
    left_open: tuple[str, ...] = (),
) -> FlowCost:
    """What a year costs one flow.

    Args:
        topology: The design.
        flow: Whose promise it is.
        members: What may fail.
        lost: What part of the flow's service is lost in each state.
        left_open: What ``lost`` does not know, a clause each.
    """
    parts, lost = members.parts, cache(lost)
    whole = out_of_service(parts, lost)
    contributors = []
    for part in parts:
        without = [each for each in parts if each is not part]
        saved_s = max(0.0, whole.low - out_of_service(without, lost).low)
        contributors.append(Contributor(part.name, saved_s, part.failure, part.is_default))
    return FlowCost(
        flow,
        whole,
        tuple(sorted(contributors, key=lambda each: -each.saved_s)),
        tuple(_standbys(topology, flow, parts, lost)),
        members.not_counted,
        left_open,
        at_once=most_at_once(len(parts)),
        parts=len(parts),
    )


def _standbys(
    topology: Topology, flow: str, parts: Sequence[Part], lost: Lost
) -> Iterable[WithStandby]:
    """For each balancer that stops a flow alone, what is left with a second machine like it.

    Both fail by themselves, and with the site that they stand in. A failure of the one that holds
    the addresses costs a failover.
    """
    gap_s = topology.expectation(flow).gap
    for part in parts:
        balancer = topology.balancers.get(part.name)
        alone = len(topology.machines_of(part.name)) == 1
        if balancer is None or not alone or lost(frozenset({part.name})).low < 1:
            continue
        name, second = part.name, part.name + _AWAY_TOO
        first = replace(part, gap_s=Bounds(gap_s, gap_s))
        pair = [first if each is part else each for each in parts]
        pair.append(replace(part, name=second, gap_s=Bounds(0, 0), back_s=Bounds(0, 0)))

        def of_pair(down: Down, name: str = name, second: str = second) -> Bounds:
            both = {name, second}
            return lost((down - both) | ({name} if both <= down else set()))

        yield WithStandby(name, out_of_service(pair, of_pair), gap_s)

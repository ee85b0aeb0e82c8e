"""What every figure of a year takes for granted, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from relaydrill.sentences import listed
from relaydrill.topology import Topology
from relaydrill.yearly_cost.cost import FlowCost

_INDEPENDENT: Final = (
    "Every node and every site fails and is repaired by itself: one failure brings on no other, no"
    " repair waits for another, and nothing takes several away at once but a site that fails."
)
_EXPECTED: Final = (
    "The figures are long-run means, and a single year may be far from them; how often things fail"
    " and how long repairs take is what the topology says, and nothing that was measured."
)
_SAVED: Final = (
    "What is a part's is what would be saved if it never failed (its improvement potential); what"
    " several share counts in full for each."
)

DESIGN_ALONE: Final = (
    "Nothing was drilled: a flow is out where the design leaves its mail no way in, and each"
    " failure that is ridden out is taken to cost all the time that the flow promises (gap). Mail"
    " that waits behind the way in is not looked at, nor is capacity.",
)


def as_drilled(kinds: Iterable[str]) -> tuple[str, ...]:
    """What is taken for granted where losses were drilled.

    Args:
        kinds: The faults that the drills did to nodes.
    """
    return (
        f"Every failure is taken to be as the drills' ({listed(sorted({*kinds}))}). Where a flow"
        " was served again before the repair, a failure costs the longest gap that was measured;"
        " where it was not, the repair, and as long as it took to come back. Whatever else is away"
        " then, each failure costs what it cost alone. What no drill showed is served for the lower"
        " bound, and out for the upper one.",
        "Only time counts in which nothing is accepted: mail that was lost or late does not.",
    )


def taken_for_granted(
    topology: Topology, flows: Sequence[FlowCost], how: Iterable[str]
) -> tuple[str, ...]:
    """All assumptions behind some figures, independence above all.

    Args:
        topology: The design.
        flows: The figures.
        how: How it is known what each loss costs.
    """
    found = [_INDEPENDENT, *how, _EXPECTED, _SAVED]
    if any(flow.standbys for flow in flows):
        found.append(
            "A standby is taken to fail as the balancer does, by itself but in the same site, and"
            " each failover to cost all the time that the flow promises: none was drilled."
        )
    bounded = [flow for flow in flows if flow.at_once < flow.parts]
    if bounded:
        most = max(flow.at_once for flow in bounded)
        names = listed(flow.flow for flow in bounded)
        found.append(
            f"Of {names} there are too many states to look at all: states with more than {most}"
            " away at once are served for the lower bound, and out for the upper one."
        )
    if left := _with_their_senders(topology, flows):
        found.append(f"A site is not counted for a flow whose sender stands in it: {left}.")
    return tuple(found)


def _with_their_senders(topology: Topology, flows: Sequence[FlowCost]) -> str:
    """The sites that are left out, each with its flows."""
    found: dict[str, list[str]] = {}
    for flow in flows:
        for site, members in topology.sites.items():
            if topology.flows[flow.flow].sender in members and {*members} & {*topology.tier}:
                found.setdefault(site, []).append(flow.flow)
    return "; ".join(f"{site} for {listed(names)}" for site, names in found.items())

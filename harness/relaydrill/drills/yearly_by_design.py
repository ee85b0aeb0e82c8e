"""What failures cost a year as the design alone says it: no drill was made. Pure.

A flow is out where none of its mail finds a way in (`relaydrill.planning`), and out in part where
some of its senders find none. What lies behind the way in is not looked at: there mail waits.
"""

from __future__ import annotations

from dataclasses import replace

from relaydrill.drills.spares import standing_by
from relaydrill.errors import UsageError
from relaydrill.planning import entered
from relaydrill.topology import Topology
from relaydrill.topology.paths import front_of, takers_of, with_their_vips
from relaydrill.yearly_cost.assumptions import DESIGN_ALONE, taken_for_granted
from relaydrill.yearly_cost.cost import (
    FlowCost,
    Members,
    YearlyCost,
    cost_of,
    declares_failures,
    members_of,
)
from relaydrill.yearly_cost.states import ALL, NONE, Bounds, Down


def yearly_cost_by_design(topology: Topology) -> YearlyCost | None:
    """What a year costs each flow, without a drill; None where no failure is declared.

    Each failure that is ridden out is taken to cost all the time that the flow promises.

    Args:
        topology: The design.
    """
    if not declares_failures(topology):
        return None
    flows = tuple(_cost(topology, flow) for flow in topology.flows)
    return YearlyCost(flows, taken_for_granted(topology, flows, DESIGN_ALONE))


def _cost(topology: Topology, flow: str) -> FlowCost:
    expect = topology.expectation(flow)
    if expect.refusal:
        return FlowCost(flow, Bounds(0, 0), unknown="all of its mail is to be refused")
    members = members_of(topology, flow, front_of(topology, flow))
    asleep = {*standing_by(topology, (flow,))[flow], *topology.standbys}
    gap_s = Bounds(expect.gap, expect.gap)
    parts = tuple(
        replace(part, gap_s=NONE if part.nodes <= asleep else gap_s) for part in members.parts
    )
    nodes_of = {part.name: part.nodes for part in parts}

    def lost(down: Down) -> Bounds:
        gone = frozenset[str]().union(*(nodes_of[name] for name in down))
        return _lost(topology, flow, gone)

    try:
        return cost_of(topology, flow, Members(parts, members.not_counted), lost)
    except UsageError as error:  # a persona of another package, which does not say how it chooses
        return FlowCost(flow, Bounds(0, 0), unknown=str(error))


def _lost(topology: Topology, flow: str, gone: frozenset[str]) -> Bounds:
    """What part of a flow's mail finds no way in with some nodes gone."""
    if not takers_of(topology, flow, gone):
        return ALL
    found = entered(topology, flow, with_their_vips(topology, gone))
    missing = max(0.0, 1 - sum(found.values()))
    return Bounds(missing, missing) if missing > 1e-12 else NONE

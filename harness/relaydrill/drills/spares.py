"""What of a tier stands by: its turn comes with the loss of those that it stands in for. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from relaydrill.errors import UsageError
from relaydrill.planning import entered
from relaydrill.sentences import listed
from relaydrill.topology import Topology
from relaydrill.topology.paths import entry_points_among, flows_through, path_from, with_their_vips
from relaydrill.topology.units import Unit, units_of


@dataclass(frozen=True, slots=True)
class Spare:
    """A unit that has nothing to do for any flow while others live.

    Attributes:
        unit: What stands by.
        principals: The nodes that it stands in for.
    """

    unit: Unit
    principals: frozenset[str]

    def __str__(self) -> str:
        others = listed(sorted(self.principals))
        verb = "lives" if len(self.principals) == 1 else "live"
        return f"{self.unit.name} has nothing to do while {others} {verb}"


StandingBy = Mapping[str, Mapping[str, frozenset[str]]]
"""By flow: the nodes that carry nothing of it while others live, each with those others."""


def standing_by(topology: Topology, flows: Iterable[str] = ()) -> StandingBy:
    """What stands by for each flow.

    A second name server does, and a mail exchanger of a higher preference number (RFC 5321 §5.1)
    with what only it leads to. A balancer's standby is no unit at all, and not among them.

    Args:
        topology: What is audited.
        flows: Look at these flows only; none: at all of them.
    """
    return {
        flow: {
            **_entry_points_standing_by(topology, flow),
            **_name_servers_standing_by(topology, flow),
        }
        for flow in tuple(flows) or tuple(topology.flows)
    }


def spares_of(topology: Topology, by_flow: StandingBy) -> tuple[Spare, ...]:
    """Every unit that is a spare for all flows that pass it.

    Args:
        topology: What is audited.
        by_flow: What stands by for each flow that counts.
    """
    found = []
    for unit in units_of(topology):
        passing = [flow for flow in flows_through(topology, tuple(unit.nodes)) if flow in by_flow]
        if passing and all(by_flow[flow].keys() >= unit.nodes for flow in passing):
            others = (by_flow[flow][node] for flow in passing for node in unit.nodes)
            found.append(Spare(unit, frozenset[str]().union(*others) - unit.nodes))
    return tuple(found)


def _name_servers_standing_by(topology: Topology, flow: str) -> dict[str, frozenset[str]]:
    """A resolver asks the first of its servers, others where it is silent (resolv.conf(5))."""
    settings = topology.flows[flow]
    if settings.to in topology.nodes or settings.to in topology.vips:  # nobody has to be asked
        return {}
    servers = topology.name_servers_of(settings.sender)
    asked = {each for name in servers[:1] for each in topology.name_servers[name].upstream}
    return {
        name: frozenset(servers[:place])
        for place, name in enumerate(servers)
        if place and name not in asked
    }


def _entry_points_standing_by(topology: Topology, flow: str) -> dict[str, frozenset[str]]:
    """What mail comes to only when every entry point that senders prefer is gone."""
    found: dict[str, frozenset[str]] = {}
    reached, entry_points = frozenset[str](), frozenset[str]()
    for targets in _tiers(topology, flow):
        now = path_from(topology, flow, targets)
        if entry_points:
            found |= dict.fromkeys(now - reached, entry_points)
        reached |= now
        entry_points |= frozenset(entry_points_among(topology, targets))
    return found


def _tiers(topology: Topology, flow: str) -> Iterator[tuple[str, ...]]:
    """What senders lead their mail to, and where they go when all of that is gone, and so on."""
    dead = frozenset[str]()
    while True:
        try:
            now = entered(topology, flow, with_their_vips(topology, dead))
        except UsageError:  # nobody can say how these senders choose
            return
        entry_points = tuple(name for name, share in now.items() if share > 0 and name not in dead)
        if not entry_points:
            return
        yield entry_points
        dead |= frozenset(entry_points)

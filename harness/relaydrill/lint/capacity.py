"""Capacity: whether the survivors bear the peak when a server, or a site, is lost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from relaydrill.lint.rule import COLUMN, Found, Severity, rule
from relaydrill.planning import Shares, entered
from relaydrill.topology import Role, Topology
from relaydrill.topology.paths import with_their_vips
from relaydrill.topology.routing import Towards, routes_for

_NEARLY: Final = 1 + 1e-9
_REMEDY: Final = "Add servers or capacity, or lower the peak that the flows declare."
_FACT: Final = (
    "The peak must fit on the survivors of one lost server and of one lost site: with six Edge"
    f" servers in two sites each bears a sixth of 16 million messages a day, or a third ({COLUMN};"
    " the arithmetic is Relaydrill's)."
)


@rule("capacity", Severity.ERROR, fact=_FACT, remedy=_REMEDY)
def capacity(topology: Topology) -> Iterator[Found]:
    """Servers that get more at the peak than they bear, with nothing lost."""
    yield from _findings_of(_overloads(topology, {"nothing": frozenset()}), frozenset())


@rule("capacity-node-lost", Severity.ERROR, fact=_FACT, remedy=_REMEDY)
def capacity_node_lost(topology: Topology) -> Iterator[Found]:
    """Servers that get more than they bear once another is lost."""
    at_best = frozenset(_overloads(topology, {"nothing": frozenset()}))
    yield from _findings_of(_overloads(topology, single_losses(topology)), at_best)


@rule("capacity-site-lost", Severity.ERROR, fact=_FACT, remedy=_REMEDY)
def capacity_site_lost(topology: Topology) -> Iterator[Found]:
    """Servers that get more than they bear once a site is lost, and not for less."""
    known = frozenset(_overloads(topology, {"nothing": frozenset(), **single_losses(topology)}))
    sites = {f"site {name}": frozenset(nodes) for name, nodes in topology.sites.items()}
    yield from _findings_of(_overloads(topology, sites), known)


def single_losses(topology: Topology) -> dict[str, frozenset[str]]:
    """What is lost one at a time: machines that mail goes through."""
    through = (Role.HUB, Role.EDGE, Role.BALANCER, Role.STANDBY)
    return {
        name: frozenset({name}) for name in topology.tier if topology.nodes[name].role in through
    }


def _bears(topology: Topology, node: str) -> float | None:
    found: float | None = getattr(topology.nodes[node], "capacity", None)
    return found


def _overloads(
    topology: Topology, losses: dict[str, frozenset[str]]
) -> dict[str, tuple[str, float]]:
    """Servers that get too much: for which loss they get most, and how much a second."""
    found: dict[str, tuple[str, float]] = {}
    if all(_bears(topology, name) is None for name in topology.nodes):
        return found
    for what, gone in losses.items():
        for node, load in loads(topology, gone).items():
            bears = _bears(topology, node)
            if bears is not None and load > max(bears * _NEARLY, found.get(node, ("", 0.0))[1]):
                found[node] = (what, load)
    return found


def _findings_of(found: dict[str, tuple[str, float]], but: Iterable[str]) -> Iterator[Found]:
    for node, (what, load) in found.items():
        if node not in but:
            lost = "with nothing lost" if what == "nothing" else f"with {what} lost"
            text = f"{lost} {node} gets {load:.1f}/s at the peak, more than it bears"
            yield ("nodes", node, "capacity"), text


def loads(topology: Topology, gone: frozenset[str]) -> dict[str, float]:
    """Messages a second that each hub and Edge server gets at the flows' peaks.

    What an Edge server is to refuse ends there; next hops share evenly.

    Args:
        topology: The design.
        gone: Nodes that do not answer. A balancer takes its VIPs with it.
    """
    dead = with_their_vips(topology, gone)
    found: dict[str, float] = defaultdict(float)
    for key, flow in topology.flows.items():
        domain = topology.recipient(key).rpartition("@")[2].lower()
        peak = flow.peak or flow.rate
        for target, share in entered(topology, key, dead).items():
            load = _Load(topology, gone, domain, flow.port, flow.mix.wanted, found)
            _carry(load, target, peak * share)
    return dict(found)


@dataclass(frozen=True, slots=True)
class _Load:
    """Where the mail of one flow adds up.

    Attributes:
        gone: Nodes that do not answer.
        domain: The domain that the flow's mail is for.
        port: The port that it goes to.
        wanted: The part of it that no Edge server refuses.
        found: What each server gets.
    """

    topology: Topology
    gone: frozenset[str]
    domain: str
    port: int
    wanted: float
    found: dict[str, float]


def _carry(load: _Load, target: str, rate: float, refused: bool = False, hops: int = 0) -> None:
    """Add what a target gets, and what it hands on; a circle of routes ends after eight hops."""
    topology = load.topology
    if target in topology.vips:
        shares = behind(topology, load.gone, load.port, target)
        for hub, share in shares.items():
            _carry(load, hub, rate * share, refused, hops + 1)
    if target in load.gone or hops > 8 or target not in {*topology.hubs, *topology.edges}:
        return
    load.found[target] += rate
    if target in topology.edges and not refused:
        rate, refused = rate * load.wanted, True
    for route in routes_for(topology, target, load.domain):
        next_hops = [hop for hop in route.hops if hop not in load.gone]
        if route.towards in (Towards.HUB, Towards.EDGE):
            for hop in next_hops:
                _carry(load, hop, rate / len(next_hops), refused, hops + 1)


def behind(topology: Topology, gone: frozenset[str], port: int, vip: str) -> Shares:
    """How a balancer shares among the hubs that are left: evenly, or by WNLB's weights.

    Args:
        topology: The design.
        gone: Nodes that do not answer.
        port: Where the mail comes to.
        vip: Whither.
    """
    balancer = topology.balancers[topology.vips[vip][0]]
    live = [hub for hub in balancer.backends if hub not in gone]
    weights = dict.fromkeys(live, 1)
    rule = balancer.cluster.rule_for(vip, port) if balancer.mode == "wnlb" else None
    if rule and rule.filtering == "multiple":
        told = balancer.cluster.weights(rule, balancer.backends)
        weights = {hub: told[hub] for hub in live}
    total = sum(weights.values())
    return {hub: weight / total for hub, weight in weights.items()} if total else {}


RULES = (capacity, capacity_node_lost, capacity_site_lost)

"""Which share of a flow's mail a node has while nothing is broken, as its topology says. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from relaydrill import planning
from relaydrill.errors import UsageError
from relaydrill.personas import PERSONAS
from relaydrill.topology import Topology
from relaydrill.topology.routing import routes_for


@dataclass(frozen=True, slots=True)
class Expected:
    """A node's expected part in a flow.

    Attributes:
        share: Of the flow's mail, or of its questions; 0 where it has none while all is well, or
            where nobody can say.
        by_senders: Whether the senders themselves choose it, so that one can see when they do.
        choices: How many choices there are at most: where senders keep to theirs, one for each.
    """

    share: float
    by_senders: bool
    choices: int | None = None


def expected_share(topology: Topology, flow: str, node: str) -> Expected:
    """The part that a node has in a flow."""
    doors = _doors(topology, flow)
    choices = _choices(topology, flow)
    # Real programs do not tell whom they tried in vain.
    tells = topology.senders[topology.flows[flow].sender].kind == "fake"
    for vip, (balancer, _) in topology.vips.items():
        if balancer == node and vip in doors:
            share = sum(doors.get(each, 0.0) for each in topology.balancers[node].vips)
            return Expected(share, by_senders=tells, choices=choices)
    if node in doors:
        return Expected(doors[node], by_senders=tells, choices=choices)
    if node in topology.name_servers:
        return Expected(_questions(topology, flow, node), by_senders=False)
    return Expected(_inside(topology, flow, doors).get(node, 0.0), by_senders=False)


def _doors(topology: Topology, flow: str) -> dict[str, float]:
    """What the senders connect to: nodes and VIPs, each with its share."""
    try:
        return planning.shares(topology, flow, frozenset())
    except UsageError:  # there is nothing to choose between
        target = topology.flows[flow].to
        return dict.fromkeys(topology.names.get(target, (target,)), 1.0)


def _choices(topology: Topology, flow: str) -> int | None:
    settings = topology.flows[flow]
    persona = PERSONAS.get(topology.behaviour(flow))
    keeps = persona is not None and persona.chooses == "sender" and not settings.pin
    return settings.population if keeps else None


def _questions(topology: Topology, flow: str, node: str) -> float:
    """Of a name server: all questions go to the first, and to others only where it is silent.

    A resolver asks its own server once and keeps the answer: how often that is seen, nobody plans.
    """
    settings = topology.flows[flow]
    asks = settings.to not in {**topology.nodes, **topology.vips}
    servers = topology.name_servers_of(settings.sender) if asks else ()
    return 1.0 if servers[:1] == (node,) else 0.0


def _inside(topology: Topology, flow: str, doors: dict[str, float]) -> dict[str, float]:
    """What comes to each node behind the doors, by balancers and by routes."""
    domain = topology.recipient(flow).rpartition("@")[2].lower()
    found: dict[str, float] = defaultdict(float)
    ahead = [(name, share, frozenset[str]()) for name, share in doors.items()]
    while ahead:
        name, share, passed = ahead.pop()
        for hop, part in _next(topology, flow, name, domain):
            if hop not in passed and share * part > 0.0:
                found[hop] += share * part
                ahead.append((hop, share * part, passed | {hop}))
    return found


def _next(topology: Topology, flow: str, name: str, domain: str) -> list[tuple[str, float]]:
    if name in topology.vips:
        balancer = topology.vips[name][0]
        if balancer in topology.clusters:
            return _weighted(topology, balancer, name, topology.flows[flow].port)
        backends = topology.balancers[balancer].backends
        return [(each, 1 / len(backends)) for each in backends]
    hops = [hop for route in routes_for(topology, name, domain) for hop in route.hops]
    return [(each, 1 / len(hops)) for each in hops]


def _weighted(topology: Topology, cluster: str, vip: str, port: int) -> list[tuple[str, float]]:
    """Under WNLB, where each connection is a choice of its own; else it depends on who comes."""
    balancer = topology.balancers[cluster]
    rule = balancer.cluster.rule_for(vip, port)
    if rule is None or (rule.filtering, rule.affinity) != ("multiple", "none"):
        return []
    weights = balancer.cluster.weights(rule, balancer.backends)
    whole = sum(weights.values()) or 1
    return [(each, weight / whole) for each, weight in weights.items()]

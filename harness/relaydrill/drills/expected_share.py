"""Which share of a flow's mail a node has while nothing is broken, as its topology says. Pure.

Of any node: what DNS and balancers divide among servers (`relaydrill.sharing`) is followed on to
those behind them, and questions to name servers are shares, too.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from relaydrill.errors import UsageError
from relaydrill.personas import persona_called
from relaydrill.planning import entered
from relaydrill.sharing import given, keeps_clients
from relaydrill.topology import Topology
from relaydrill.topology.paths import targets_of
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
    entry_points = _entry_points(topology, flow)
    choices = _choices(topology, flow)
    # Real programs do not tell whom they tried in vain.
    tells = topology.senders[topology.flows[flow].sender].kind == "fake"
    for vip, (balancer, _) in topology.vips.items():
        if balancer == node and vip in entry_points:
            share = sum(entry_points.get(each, 0.0) for each in topology.balancers[node].vips)
            return Expected(share, by_senders=tells, choices=choices)
    if node in entry_points:
        return Expected(entry_points[node], by_senders=tells, choices=choices)
    if node in topology.name_servers:
        return Expected(_questions(topology, flow, node), by_senders=False)
    return Expected(_inside(topology, flow, entry_points).get(node, 0.0), by_senders=False)


def _entry_points(topology: Topology, flow: str) -> dict[str, float]:
    """What the senders connect to: nodes and VIPs, each with its share."""
    try:
        return entered(topology, flow, frozenset())
    except UsageError:  # nobody can say how these senders choose
        return dict.fromkeys(targets_of(topology, flow), 1.0)


def _choices(topology: Topology, flow: str) -> int | None:
    settings = topology.flows[flow]
    persona = persona_called(topology.behaviour(flow))
    keeps = persona.chooses == "sender" and not settings.pin
    return settings.population if keeps else None


def _questions(topology: Topology, flow: str, node: str) -> float:
    """Of a name server: all questions go to the first, and to others only where it is silent.

    A resolver asks its own server once and keeps the answer: how often that is seen, nobody plans.
    """
    settings = topology.flows[flow]
    asks = settings.to not in {**topology.nodes, **topology.vips}
    servers = topology.name_servers_of(settings.sender) if asks else ()
    return 1.0 if servers[:1] == (node,) else 0.0


def _inside(topology: Topology, flow: str, entry_points: dict[str, float]) -> dict[str, float]:
    """What comes to each node behind the entry points, by balancers and by routes."""
    domain = topology.recipient(flow).rpartition("@")[2].lower()
    found: dict[str, float] = defaultdict(float)
    ahead = [(name, share, frozenset[str]()) for name, share in entry_points.items()]
    while ahead:
        name, share, passed = ahead.pop()
        for hop, part in _next(topology, flow, name, domain):
            if hop not in passed and share * part > 0.0:
                found[hop] += share * part
                ahead.append((hop, share * part, passed | {hop}))
    return found


def _next(topology: Topology, flow: str, name: str, domain: str) -> list[tuple[str, float]]:
    if name in topology.vips:
        # Where a cluster keeps its clients, it depends on who comes.
        keeps = keeps_clients(topology, name, topology.flows[flow].port)
        return [] if keeps else [*given(topology, flow, name).items()]
    hops = [hop for route in routes_for(topology, name, domain) for hop in route.hops]
    return [(each, 1 / len(hops)) for each in hops]

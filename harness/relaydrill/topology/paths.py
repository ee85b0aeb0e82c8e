"""Which nodes the mail of a flow may pass, from the sender's door to the mailbox. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from relaydrill.topology.routing import routes_for

if TYPE_CHECKING:
    from relaydrill.topology import Topology


def path_of(topology: Topology, flow: str) -> frozenset[str]:
    """Every node that can carry a flow's mail, or is asked the way to it; the senders left out.

    What is not among them may be lost without the flow's noticing.
    """
    domain = topology.recipient(flow).rpartition("@")[2].lower()
    found: set[str] = set()
    ahead = list(doors_of(topology, flow))
    while ahead:
        node = ahead.pop()
        if node not in found:
            found.add(node)
            ahead += _next(topology, node, domain)
    return frozenset(found | _asked(topology, flow))


def front_of(topology: Topology, flow: str) -> frozenset[str]:
    """The nodes that have a part in the answer to an attempt of a flow; the senders left out.

    That is the doors, the servers behind those of them that are balancers, and the name servers
    that are asked; and whoever a hub waits for before it says 250: the next hop, or the hub that is
    to keep a copy. Behind them mail may be held up without a sender's noticing.
    """
    domain = topology.recipient(flow).rpartition("@")[2].lower()
    found: set[str] = set()
    ahead = list(doors_of(topology, flow))
    while ahead:
        node = ahead.pop()
        if node not in found:
            found.add(node)
            ahead += _before_it_answers(topology, node, domain)
    return frozenset(found | _asked(topology, flow))


def _before_it_answers(topology: Topology, node: str, domain: str) -> tuple[str, ...]:
    """Whom a node needs for its answer to a client."""
    if balancer := topology.balancer_of(node):
        return balancer.backends
    match topology.hubs[node].ack if node in topology.hubs else "":
        case "delayed":
            return _next(topology, node, domain)
        case "shadow":
            return tuple(topology.hubs)
        case _:
            return ()


def balancers_of(topology: Topology, flow: str, node: str) -> tuple[str, ...]:
    """The balancers by which a flow's mail may come to a node; clusters among them."""
    path = path_of(topology, flow)
    return tuple(
        name
        for name, balancer in topology.balancers.items()
        if name in path and node in balancer.backends
    )


def flows_through(topology: Topology, nodes: tuple[str, ...]) -> tuple[str, ...]:
    """The flows that pass any of these nodes."""
    return tuple(flow for flow in topology.flows if path_of(topology, flow) & set(nodes))


def takers_of(topology: Topology, flow: str, lost: frozenset[str] = frozenset()) -> frozenset[str]:
    """The servers that a flow's sender may still hand its mail to, with some nodes lost.

    Hubs, Edge servers and mailbox servers; none, where no name server of the sender is left.
    """
    asked = _resolvers(topology, flow)
    if asked and not any(_resolves(topology, name, lost) for name in asked):
        return frozenset()
    found: set[str] = set()
    for door in doors_of(topology, flow):
        if door in lost:
            continue
        balancer = topology.balancer_of(door)
        found |= {*balancer.backends} if balancer else {door}
    return frozenset(found - lost)


def _resolves(topology: Topology, server: str, lost: frozenset[str]) -> bool:
    """Whether a name server is there, and one of those that it asks."""
    upstream = topology.name_servers[server].upstream
    return server not in lost and (not upstream or bool({*upstream} - lost))


def with_their_vips(topology: Topology, gone: frozenset[str]) -> frozenset[str]:
    """Nodes that do not answer, and the VIPs that do not answer with them.

    Those of whose balancer no machine is left, or no backend.
    """
    found = set(gone)
    for vip, (name, _) in topology.vips.items():
        machines, backends = topology.machines_of(name), topology.balancers[name].backends
        # A WNLB cluster has no machine but its hosts.
        needed = (backends,) if name in topology.clusters else (machines, backends)
        if any(gone.issuperset(each) for each in needed):
            found.add(vip)
    return frozenset(found)


def targets_of(topology: Topology, flow: str) -> tuple[str, ...]:
    """What a flow's sender is led to: nodes, VIPs, and perhaps an address that nobody has."""
    settings = topology.flows[flow]
    if settings.to in topology.zones:
        exchangers = topology.zones[settings.to].mx
        pinned = [mx for mx in exchangers if settings.pin in (None, mx.host)]
        return tuple(name for mx in pinned for name in mx.addresses)
    hosts = {mx.host: mx.addresses for zone in topology.zones.values() for mx in zone.mx}
    return {**hosts, **topology.names}.get(settings.to, (settings.to,))


def doors_of(topology: Topology, flow: str) -> Iterator[str]:
    """The nodes that a flow's sender connects to: servers, or the balancers before them."""
    for name in targets_of(topology, flow):
        if name in topology.vips:
            yield from topology.machines_of(topology.vips[name][0])
        elif name in topology.nodes:  # and not nowhere
            yield name


def _next(topology: Topology, node: str, domain: str) -> tuple[str, ...]:
    """Where a node may hand the mail for a domain to."""
    if balancer := topology.balancer_of(node):
        return balancer.backends
    return tuple(hop for route in routes_for(topology, node, domain) for hop in route.hops)


def _resolvers(topology: Topology, flow: str) -> set[str]:
    """The name servers that a flow's senders ask."""
    settings = topology.flows[flow]
    is_name = settings.to not in {**topology.nodes, **topology.vips}
    if not is_name or settings.sender not in topology.senders:
        return set()
    return set(topology.name_servers_of(settings.sender))


def _asked(topology: Topology, flow: str) -> set[str]:
    """The name servers that a flow's senders ask, and those which these ask."""
    asked = _resolvers(topology, flow)
    return asked | {each for name in asked for each in topology.name_servers[name].upstream}

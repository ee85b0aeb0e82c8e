"""Which nodes the mail of a flow may pass, from the sender's entry point to the mailbox. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from relaydrill.topology.design import Topology
from relaydrill.topology.naming import (
    chain_of,
    domain_of,
    exchangers,
    known_names,
    led_to,
    ttl_of,
    zone_around,
)
from relaydrill.topology.routing import routes_for


def path_of(topology: Topology, flow: str) -> frozenset[str]:
    """Every node that can carry a flow's mail, or is asked the way to it; the senders left out.

    What is not among them may be lost without the flow's noticing.
    """
    return path_from(topology, flow, targets_of(topology, flow)) | asked_by(topology, flow)


def path_from(topology: Topology, flow: str, targets: Iterable[str]) -> frozenset[str]:
    """Every node that can carry a flow's mail which comes in by some of its targets.

    Args:
        topology: The design.
        flow: Whose mail it is.
        targets: Nodes and VIPs.
    """
    domain = topology.recipient(flow).rpartition("@")[2].lower()
    found: set[str] = set()
    ahead = list(entry_points_among(topology, targets))
    while ahead:
        node = ahead.pop()
        if node not in found:
            found.add(node)
            ahead += _next(topology, node, domain)
    return frozenset(found)


def front_of(topology: Topology, flow: str) -> frozenset[str]:
    """The nodes that have a part in the answer to an attempt of a flow; the senders left out.

    That is the entry points, the servers behind those that are balancers, and the name servers
    that are asked; and whoever a hub waits for before it says 250: the next hop, or the hub that is
    to keep a copy. Behind them mail may be held up without a sender's noticing.
    """
    found = _with_those_they_need(topology, flow, entry_points_of(topology, flow))
    return found | asked_by(topology, flow)


def waits_for(topology: Topology, flow: str, server: str) -> frozenset[str]:
    """The nodes that a server waits for before its answer to an attempt of a flow.

    The name servers that a sender waits for before it comes to any server are not among them.

    Args:
        topology: The design.
        flow: Whose mail it is.
        server: The one that answers.
    """
    return _with_those_they_need(topology, flow, [server]) - {server}


def _with_those_they_need(topology: Topology, flow: str, servers: Iterable[str]) -> frozenset[str]:
    """Some nodes, and all that have a part in their answers."""
    domain = topology.recipient(flow).rpartition("@")[2].lower()
    found: set[str] = set()
    ahead = list(servers)
    while ahead:
        node = ahead.pop()
        if node not in found:
            found.add(node)
            ahead += _before_it_answers(topology, node, domain)
    return frozenset(found)


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
    for entry_point in entry_points_of(topology, flow):
        if entry_point in lost:
            continue
        balancer = topology.balancer_of(entry_point)
        found |= {*balancer.backends} if balancer else {entry_point}
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
    if domain := domain_of(topology, settings.to):
        persona = topology.behaviour(flow) if settings.sender in topology.senders else ""
        hosts = exchangers(topology, domain, persona)
        pinned = [mx for mx in hosts if settings.pin in (None, mx.host)]
        return tuple(name for mx in pinned for name in mx.addresses)
    return led_to(topology, settings.to)


def names_asked(topology: Topology, flow: str) -> tuple[str, ...]:
    """The names that DNS is asked about for a flow's mail, as far as they are known there."""
    settings = topology.flows[flow]
    chain = chain_of(topology, settings.to)
    domain = domain_of(topology, settings.to)
    hosts = [mx.host for mx in topology.zones[domain].mx] if domain else []
    every = (*chain, *(name for host in hosts for name in chain_of(topology, host)))
    known = known_names(topology)
    return tuple(dict.fromkeys(name for name in every if name in known))


def kept_for(topology: Topology, flow: str) -> dict[str, float]:
    """How long a resolver of a flow's sender keeps each name that it is asked, field seconds.

    None, where the sender asks those that know by themselves: they keep nothing.
    """
    resolvers = [topology.name_servers[name] for name in _resolvers(topology, flow)]
    if not any(each.upstream for each in resolvers):
        return {}
    found = {}
    for name in names_asked(topology, flow):
        zone = zone_around(topology, name)
        negative_s = topology.zones[zone].negative_ttl if zone else 0.0
        found[name] = max(ttl_of(topology, name), negative_s)
    return found


def comers_to(topology: Topology, flow: str, node: str) -> frozenset[str]:
    """The nodes that connect to a node for a flow's mail, or ask it the way.

    A sender, the balancers before it, the servers whose next hop it is, hubs that have a copy kept
    there, and name servers that ask it in turn.
    """
    domain = topology.recipient(flow).rpartition("@")[2].lower()
    path, sender = path_of(topology, flow), topology.flows[flow].sender
    found = {each for each in path if node in _next(topology, each, domain)}
    found = {machine for each in found for machine in topology.machines_of(each)}
    if node in (*entry_points_of(topology, flow), *_resolvers(topology, flow)):
        found.add(sender)
    for name in asked_by(topology, flow):
        if node in topology.name_servers[name].upstream:
            found.add(name)
    if node in topology.hubs and any(hub.ack == "shadow" for hub in topology.hubs.values()):
        found |= {*topology.hubs} - {node}
    return frozenset(found)


def entry_points_of(topology: Topology, flow: str) -> Iterator[str]:
    """The nodes that a flow's sender connects to: servers, or the balancers before them."""
    return entry_points_among(topology, targets_of(topology, flow))


def entry_points_among(topology: Topology, targets: Iterable[str]) -> Iterator[str]:
    """The nodes behind addresses: servers, or the machines of the balancer that has a VIP."""
    for name in targets:
        if name in topology.vips:
            yield from topology.machines_of(topology.vips[name][0])
        elif name in topology.nodes:  # and not nowhere
            yield name


def is_spoken_to(topology: Topology, flow: str, node: str) -> bool:
    """Whether a flow's sender has an address of a node's own: to send to, or to ask.

    A virtual address that moves between two machines, or is a cluster's, is no node's own.
    """
    if node in _resolvers(topology, flow):
        return True
    vips = [topology.vips[name][0] for name in targets_of(topology, flow) if name in topology.vips]
    is_its_vip = node in vips and topology.machines_of(node) == (node,)
    return node in targets_of(topology, flow) or is_its_vip


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


def asked_by(topology: Topology, flow: str) -> frozenset[str]:
    """The name servers that a flow's senders ask, and those which these ask."""
    asked = _resolvers(topology, flow)
    upstream = {each for name in asked for each in topology.name_servers[name].upstream}
    return frozenset(asked | upstream)

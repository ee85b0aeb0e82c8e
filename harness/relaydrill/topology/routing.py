"""Which way mail goes inside the tier: the routes of every hub and Edge server. Pure.

As Exchange 2007 routes: a hub gives mail to the mailbox servers of its own site, mail for another
site's to the hubs there, and all other mail to the Edge servers, which take it to the Internet; an
Edge server gives what comes in to the hubs of the site that it stands in. Among the next hops of a
route there is no balancer: they are tried in a rotated order (Exchange documentation,
"Understanding message routing").
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from relaydrill.kinds import FAKE
from relaydrill.topology.design import Topology
from relaydrill.topology.hosts import Host


class Towards(enum.StrEnum):
    """What the next hops of a route are."""

    MAILBOX = "mailbox"
    HUB = "hub"
    EDGE = "edge"
    INTERNET = "internet"


@dataclass(frozen=True, slots=True)
class Route:
    """Where a node sends the mail for some domains.

    Attributes:
        towards: What the next hops are.
        hops: Their nodes.
        domains: For which it is; none: for all that no other route of the node names.
    """

    towards: Towards
    hops: tuple[str, ...]
    domains: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Names the queue of what waits for it: ``hub:ht3,ht4``."""
        return f"{self.towards}:{','.join(self.hops)}"


def routes_of(topology: Topology, node: str) -> tuple[Route, ...]:
    """The routes of a hub or an Edge server; none of any other node."""
    if node in topology.hubs:
        return tuple(_merged(_of_a_hub(topology, node)))
    if node in topology.edges:
        return tuple(_merged(_of_an_edge(topology, node)))
    return ()


def routes_for(topology: Topology, node: str, domain: str) -> tuple[Route, ...]:
    """The routes by which a hub or an Edge server sends the mail for a domain."""
    routes = routes_of(topology, node)
    exact = tuple(route for route in routes if domain in route.domains)
    return exact or tuple(route for route in routes if not route.domains)


def peers_of(topology: Topology, node: str) -> tuple[str, ...]:
    """The hubs and Edge servers that send to a node: servers of the organisation's own."""
    return tuple(
        other
        for other in (*topology.hubs, *topology.edges)
        if other != node
        and any(
            node in route.hops
            for route in (*routes_of(topology, other), *_shadows(topology, other))
        )
    )


def shadow_partners(topology: Topology, hub: str) -> tuple[str, ...]:
    """The hubs that may keep a shadow copy for a hub, those of another site first.

    Exchange 2013 prefers a remote site (``ShadowMessagePreferenceSetting PreferRemote``).
    """
    mine = topology.hubs[hub].site
    others = [name for name, each in topology.hubs.items() if name != hub and each.kind == FAKE]
    return tuple(sorted(others, key=lambda name: topology.hubs[name].site in (mine, None)))


def _shadows(topology: Topology, node: str) -> Iterator[Route]:
    """The way of a hub's shadow copies, and of its questions about those that it keeps."""
    for name, hub in topology.hubs.items():
        partners = shadow_partners(topology, name) if hub.ack == "shadow" else ()
        if node == name:
            yield Route(Towards.HUB, partners)
        elif node in partners:
            yield Route(Towards.HUB, (name,))


def _of_a_hub(topology: Topology, hub: str) -> Iterator[Route]:
    site = topology.hubs[hub].site
    for domain in topology.domains:
        boxes = {name: box for name, box in topology.mailboxes.items() if domain in box.domains}
        near = [name for name, box in boxes.items() if _is_local(topology, site, box.site)]
        if near:
            yield Route(Towards.MAILBOX, tuple(near), (domain,))
        else:
            sites = {box.site for box in boxes.values()}
            there = [name for name, each in topology.hubs.items() if each.site in sites]
            yield Route(Towards.HUB, tuple(there), (domain,))
    if topology.sinks:
        edges = _near_first(topology.edges, site)
        yield from [Route(Towards.EDGE, edges)] if edges else _to_the_internet(topology)


def _is_local(topology: Topology, hub_site: str | None, box_site: str | None) -> bool:
    """Whether a hub of one site delivers to a mailbox server of another by itself.

    Where one of them stands nowhere, or no hub stands where the mailbox server does, it has to.
    """
    has_hubs = any(each.site == box_site for each in topology.hubs.values())
    return None in (hub_site, box_site) or hub_site == box_site or not has_hubs


def _of_an_edge(topology: Topology, edge: str) -> Iterator[Route]:
    hubs = _near_first(topology.hubs, topology.edges[edge].site)
    if hubs:
        for domain in topology.domains:
            yield Route(Towards.HUB, hubs, (domain,))
    yield from _to_the_internet(topology)


def _to_the_internet(topology: Topology) -> Iterator[Route]:
    for domain in dict.fromkeys(each for sink in topology.sinks.values() for each in sink.domains):
        sinks = [name for name, sink in topology.sinks.items() if domain in sink.domains]
        yield Route(Towards.INTERNET, tuple(sinks), (domain,))


def _near_first(nodes: Mapping[str, Host], site: str | None) -> tuple[str, ...]:
    """The nodes of a site, or all where none stands there: whom an Edge subscription joins."""
    near = tuple(name for name, node in nodes.items() if site and node.site == site)
    return near or tuple(nodes)


def _merged(routes: Iterable[Route]) -> Iterator[Route]:
    """One route for each set of next hops: they share a queue."""
    domains: dict[tuple[Towards, tuple[str, ...]], tuple[str, ...]] = {}
    for route in routes:
        key = (route.towards, route.hops)
        domains[key] = (*domains.get(key, ()), *route.domains)
    for (towards, hops), named in domains.items():
        yield Route(towards, hops, named)

"""What lies between a client and a hub: names, VIPs, ports and connectors. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from relaydrill.topology import Balancer, Connector, Topology
from relaydrill.topology.paths import targets_of
from relaydrill.topology.routing import peers_of

SMTP_PORT: Final = 25


def vips_of(topology: Topology, flow: str) -> Iterator[tuple[str, str, Balancer]]:
    """Every VIP that a flow is led to: its name, the balancer's, and the balancer."""
    for target in dict.fromkeys(targets_of(topology, flow)):
        if target in topology.vips:
            name = topology.vips[target][0]
            yield target, name, topology.balancers[name]


def forwarded(topology: Topology) -> Iterator[tuple[str, int, str, Balancer]]:
    """Every port of every VIP: the VIP, the port, the balancer's name, and the balancer."""
    for vip, (name, rule) in topology.vips.items():
        for port in dict.fromkeys(rule.ports):
            yield vip, port, name, topology.balancers[name]


def connectors_at(topology: Topology, node: str, port: int) -> dict[str, Connector]:
    """The declared connectors of a hub or an Edge server at one port."""
    return {name: each for name, each in topology.connectors_of(node).items() if each.port == port}


def listens(topology: Topology, node: str, port: int) -> bool:
    """Whether a hub or an Edge server has a connector at a port, declared or by default."""
    declared = topology.connectors_of(node)
    if port == SMTP_PORT and (not declared or peers_of(topology, node)):
        return True
    return any(each.port == port for each in declared.values())


def relays_by_address(connector: Connector) -> bool:
    """Whether whoever is in its range may send to any domain, without a login."""
    return connector.relay and connector.auth == "none"


def behind_snat(topology: Topology, connector: str) -> Iterator[tuple[str, Balancer]]:
    """The proxies that show their own address, in place of the client's, to a connector."""
    settings = topology.connectors[connector]
    for name, balancer in topology.balancers.items():
        ports = {port for vip in balancer.vips.values() for port in vip.ports}
        has_it = any(connector in topology.connectors_of(hub) for hub in balancer.backends)
        if balancer.source == "snat" and settings.port in ports and has_it:
            yield name, balancer

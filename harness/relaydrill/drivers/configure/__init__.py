"""From a topology and a placement to the configuration of each node. The same for all drivers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from relaydrill.drivers.configure import balancers, name_servers, senders, transport
from relaydrill.drivers.configure.balancers import ADVERT_PORT, HEARTBEAT_PORT
from relaydrill.drivers.configure.terms import DNS_PORT, SMTP_PORT, Paths, fqdn
from relaydrill.nodes import config
from relaydrill.placement import Placement
from relaydrill.topology import (
    NOWHERE,
    Balancer,
    Dns,
    Edge,
    Hub,
    Mailbox,
    Role,
    Sender,
    Standby,
    Topology,
)
from relaydrill.topology.routing import peers_of


def service_ports(topology: Topology) -> dict[str, frozenset[int]]:
    """Logical service ports of every host and VIP, in the order in which they get addresses."""
    hosts = {name: _ports(topology, name, node.role) for name, node in topology.nodes.items()}
    for name, cluster in topology.clusters.items():
        for each in (name, *cluster.backends):
            hosts[each] |= {HEARTBEAT_PORT}
    for machine in (each for pair in topology.pairs.values() for each in pair):
        hosts[machine] |= {ADVERT_PORT}
    vips = {vip: frozenset(rule.ports) for vip, (_, rule) in topology.vips.items()}
    # Nobody sits there; but the address is this lab's, so that nobody else does, either.
    nobody = {NOWHERE: frozenset[int]()} if topology.name_servers or topology.zones else {}
    return hosts | vips | nobody


def _ports(topology: Topology, node: str, role: Role) -> frozenset[int]:
    match role:
        case Role.HUB | Role.EDGE:
            ports = frozenset(each.port for each in topology.connectors_of(node).values())
            return ports | {SMTP_PORT} if peers_of(topology, node) or not ports else ports
        case Role.MAILBOX:
            return frozenset({SMTP_PORT})
        case Role.DNS:
            return frozenset({DNS_PORT})
    return frozenset()


def certificate_names(topology: Topology, node: str) -> tuple[str, ...]:
    """Names that a hub's certificate bears: declared ones, or its own and all given to clients."""
    return topology.hubs[node].certificate or (fqdn(topology, node), *topology.names)


def configure(topology: Topology, placement: Placement, paths: Paths) -> dict[str, Any]:
    """The configuration of every node, by name, in plain JSON values."""
    made = {
        name: _configure(topology, placement, paths, name, node)
        for name, node in topology.nodes.items()
    }
    return {name: settings.model_dump(mode="json") for name, settings in made.items()}


def _configure(
    topology: Topology, placement: Placement, paths: Paths, name: str, node: object
) -> config.Common:
    control = placement.control(name)
    common: Mapping[str, Any] = {
        "name": name,
        "fqdn": fqdn(topology, name),
        "address": placement.seats[name].address,
        "control": config.Control(
            address=control.address, port=control.port, token=placement.control_token
        ),
        "journal": paths.journal(name),
    }
    rest = (topology, placement, paths, common)
    match node:
        case Hub():
            return transport.hub(node, *rest)
        case Edge():
            return transport.edge(node, *rest)
        case Mailbox():
            return transport.mailbox(node, *rest)
        case Balancer():
            return balancers.balancer(node, *rest)
        case Standby():
            return balancers.standby(node, *rest)
        case Dns():
            return name_servers.name_server(node, *rest)
        case Sender():
            return senders.sender(node, *rest)
    raise TypeError(f"no configuration for {node!r}")


__all__ = ["Paths", "certificate_names", "configure", "service_ports"]

"""From a topology and a placement to the configuration of each node. The same for all drivers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from relaydrill.drivers.configure import balancers, name_servers, senders, transport
from relaydrill.drivers.configure.balancers import ADVERT_PORT, HEARTBEAT_PORT
from relaydrill.drivers.configure.terms import DNS_PORT, SMTP_PORT, Paths, fqdn
from relaydrill.nodes import config
from relaydrill.placement import CONTROL_PORT, Placement
from relaydrill.topology import (
    NOWHERE,
    Balancer,
    Dns,
    Edge,
    Hub,
    Mailbox,
    Node,
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
    """Names that a certificate bears: declared ones, or the node's and all given to clients."""
    hub = topology.hubs.get(node)
    return (hub.certificate if hub else None) or (
        fqdn(topology, node),
        *topology.names,
        *topology.aliases,
    )


def configure(topology: Topology, placement: Placement, paths: Paths) -> dict[str, Any]:
    """The configuration of every node, by name, in plain JSON values."""
    made = {
        name: _configure(topology, placement, paths, name, node)
        for name, node in topology.nodes.items()
    }
    return {name: settings.model_dump(mode="json") for name, settings in made.items()}


def _configure(
    topology: Topology, placement: Placement, paths: Paths, name: str, node: Node
) -> config.Common:
    control = placement.control(name)
    common: Mapping[str, Any] = {
        "name": name,
        "kind": node.kind,
        "fqdn": fqdn(topology, name),
        "address": placement.seats[name].address,
        "second_address": placement.seats[name].second if node.ip == "dual" else "",
        "dead_ends": _dead_ends(topology, placement, name),
        "control": config.Control(
            address=control.address, port=control.port, token=placement.control_token
        ),
        "journal": paths.journal(name),
        "network": _network(placement, name),
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


def _network(placement: Placement, name: str) -> config.OwnNetwork | None:
    """The addresses that a node gives itself; None where its machine has all that it needs."""
    if not placement.given:
        return None
    own, lab = placement.given.get(name, ()), placement.control(name).address
    every = dict.fromkeys(seat.address for seat in placement.seats.values())
    every |= dict.fromkeys(each for given in placement.given.values() for each in given)
    others = tuple(each for each in every if each not in (*own, lab))
    return config.OwnNetwork(lab=lab, own=own, others=others)


def _dead_ends(topology: Topology, placement: Placement, name: str) -> tuple[tuple[str, int], ...]:
    """Where a node that is a machine of its own shall say nothing, though names lead there."""
    if topology.ip_of(name) != "ipv6-dead" or not placement.own_kernels:
        return ()
    hosts = [name, *(vip for vip, (owner, _) in topology.vips.items() if owner == name)]
    found = {
        (seat.second, real)
        for seat in map(placement.seats.__getitem__, hosts)
        for logical, real in seat.ports.items()
        if logical != CONTROL_PORT
    }
    return tuple(sorted(found))


__all__ = ["Paths", "certificate_names", "configure", "service_ports"]

"""Hubs, Edge servers and mailbox servers: receive connectors, routes, retries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from relaydrill.drivers.configure.balancers import cluster_config, on_vips
from relaydrill.drivers.configure.terms import CONNECT_S, REPLY_S, SMTP_PORT, Paths, address
from relaydrill.node_settings import ConnectorSettings, HubSettings, section_at_clock
from relaydrill.nodes import config
from relaydrill.placement import Placement
from relaydrill.topology import Edge, Hub, Mailbox, Topology
from relaydrill.topology.requeueing import (
    EDGE_LATE_RETRY_S,
    EDGE_RETRY_S,
    GLITCH_RETRY_S,
    LATE_RETRY_S,
    RETRY_S,
)
from relaydrill.topology.routing import peers_of, routes_of, shadow_partners

_HUB_IDLE_S: Final = 300.0
_EDGE_IDLE_S: Final = 60.0


def hub(
    node: Hub, topology: Topology, placement: Placement, paths: Paths, common: Mapping[str, Any]
) -> config.Hub:
    """A hub."""
    name, clock = common["name"], topology.clock
    login, cluster = placement.credentials, topology.cluster_of(name)
    return config.Hub(
        **_of_transport(topology, placement, paths, common),
        listeners=on_vips(topology, placement, name, _listeners(topology, placement, name)),
        trusted_proxies=tuple(
            placement.seats[machine].address
            for balancer, rules in topology.balancers.items()
            for machine in topology.machines_of(balancer)
            if rules.source == "proxy"
            and name in rules.backends
            and not (rules.mode == "wnlb" and placement.own_kernels)
        ),
        tls=config.Tls(certificate=paths.certificate(name), key=paths.key(name)),
        logins=(config.Login(user=login.user, password=login.password),),
        idle_s=_HUB_IDLE_S / clock,
        retry_s=RETRY_S / clock,
        late_retry_s=LATE_RETRY_S / clock,
        **section_at_clock(HubSettings, node, clock),
        partners=_partners(topology, placement, name),
        workdir=paths.workdir(name),
        logs=paths.logs(name) if node.logs else "",
        cluster=cluster_config(topology, placement, cluster) if cluster else None,
    )


def edge(
    node: Edge, topology: Topology, placement: Placement, paths: Paths, common: Mapping[str, Any]
) -> config.Hub:
    """An Edge server."""
    name, clock, filters = common["name"], topology.clock, node.filters
    return config.Hub(
        **_of_transport(topology, placement, paths, common),
        role="edge",
        listeners=_listeners(topology, placement, name),
        idle_s=_EDGE_IDLE_S / clock,
        retry_s=EDGE_RETRY_S / clock,
        late_retry_s=EDGE_LATE_RETRY_S / clock,
        filters=filters.at_clock(clock).model_copy(
            update={"blocked": placement.networks(topology, filters.blocked)}
        ),
        logs=paths.logs(name) if node.logs else "",
    )


def _of_transport(
    topology: Topology, placement: Placement, paths: Paths, common: Mapping[str, Any]
) -> dict[str, Any]:
    """What hubs and Edge servers have in common."""
    name, clock = common["name"], topology.clock
    return {
        **common,
        "domains": topology.domains,
        "queue": paths.queue(name),
        "routes": _routes(topology, placement, name),
        "glitch_retry_s": GLITCH_RETRY_S / clock,
        "deferral_s": GLITCH_RETRY_S / clock,
        "connect_s": CONNECT_S / clock,
        "reply_s": REPLY_S / clock,
    }


def mailbox(
    node: Mailbox,
    topology: Topology,
    placement: Placement,
    paths: Paths,
    common: Mapping[str, Any],
) -> config.Mailbox:
    """A mailbox server."""
    endpoints = placement.served(topology, common["name"], SMTP_PORT)
    return config.Mailbox(
        **common,
        workdir=paths.workdir(common["name"]),
        listeners=tuple(
            config.Listener(port=SMTP_PORT, bind=address(where)) for where in endpoints
        ),
        domains=node.domains,
        idle_s=_HUB_IDLE_S / topology.clock,
    )


def _routes(topology: Topology, placement: Placement, node: str) -> tuple[config.Route, ...]:
    return tuple(
        config.Route(
            name=route.name,
            towards=route.towards.value,
            domains=route.domains,
            next_hops=tuple(
                address(placement.seats[hop].endpoint(SMTP_PORT)) for hop in route.hops
            ),
        )
        for route in routes_of(topology, node)
    )


def _partners(topology: Topology, placement: Placement, hub: str) -> tuple[config.Partner, ...]:
    return tuple(
        config.Partner(
            name=partner,
            address=address(placement.seats[partner].endpoint(SMTP_PORT)),
            near=topology.hubs[partner].site == topology.hubs[hub].site,
        )
        for partner in shadow_partners(topology, hub)
    )


def _listeners(topology: Topology, placement: Placement, node: str) -> tuple[config.Listener, ...]:
    """Every port of a hub or Edge server, with the receive connectors that it has there."""
    by_port = dict[int, list[config.Connector]]()
    for name, connector in topology.connectors_of(node).items():
        by_port.setdefault(connector.port, []).append(
            config.Connector(
                name=name,
                networks=placement.networks(topology, connector.remote),
                **section_at_clock(ConnectorSettings, connector, topology.clock),
            )
        )
    ports = by_port or {SMTP_PORT: [config.Connector()]}
    if peers := peers_of(topology, node):
        ports.setdefault(SMTP_PORT, []).append(_for_peers(topology, placement, node, peers))
    return tuple(
        config.Listener(port=port, bind=address(where), connectors=tuple(connectors))
        for port, connectors in ports.items()
        for where in placement.served(topology, node, port)
    )


def _for_peers(
    topology: Topology, placement: Placement, node: str, peers: tuple[str, ...]
) -> config.Connector:
    """What lets hubs and Edge servers send to each other, whatever a topology says of clients.

    Exchange's servers log in to each other on the Default connector of port 25.
    """
    return config.Connector(
        name=f"Default {node}",
        networks=placement.networks(topology, peers),
        relay=True,
        internal=True,
    )

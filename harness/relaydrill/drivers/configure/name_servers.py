"""Name servers: zones, names and where to ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from relaydrill.drivers.configure.terms import DNS_ANSWER_S, DNS_PORT, Paths, address
from relaydrill.nodes import config
from relaydrill.placement import Placement
from relaydrill.topology import NOWHERE, Dns, Topology


def name_server(
    node: Dns, topology: Topology, placement: Placement, paths: Paths, common: Mapping[str, Any]
) -> config.Dns:
    """A name server."""
    clock = topology.clock
    named = {**topology.names}
    named |= {mx.host: mx.addresses for zone in topology.zones.values() for mx in zone.mx}
    return config.Dns(
        **common,
        role="bind" if node.kind == "bind" else "dns",
        workdir=paths.workdir(common["name"]),
        bind=address(placement.seats[common["name"]].endpoint(DNS_PORT)),
        mx={
            domain: tuple(config.MxRecord(preference=mx.preference, host=mx.host) for mx in zone.mx)
            for domain, zone in topology.zones.items()
        },
        hosts={
            host: tuple(placement.seats[target].address for target in targets)
            for host, targets in named.items()
        },
        ttl_s=min((zone.ttl for zone in topology.zones.values()), default=3600.0) / clock,
        order=node.order,
        netmask_ordering=node.netmask_ordering,
        upstream=tuple(
            address(placement.seats[server].endpoint(DNS_PORT)) for server in node.upstream
        ),
        upstream_s=DNS_ANSWER_S / clock,
        stale=placement.seats[NOWHERE].address if NOWHERE in placement.seats else "",
    )

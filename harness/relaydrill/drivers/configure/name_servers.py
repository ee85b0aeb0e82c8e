"""Name servers: zones, names and where to ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from relaydrill.drivers.configure.terms import DNS_ANSWER_S, DNS_PORT, Paths, address
from relaydrill.node_settings import NameServerSettings, section_at_clock
from relaydrill.nodes import config
from relaydrill.placement import Placement
from relaydrill.topology import NOWHERE, Dns, Mx, Topology
from relaydrill.topology.naming import known_names, own_addresses, ttl_of
from relaydrill.topology.zone import USUAL_TTL_S


def name_server(
    node: Dns, topology: Topology, placement: Placement, paths: Paths, common: Mapping[str, Any]
) -> config.Dns:
    """A name server."""
    clock = topology.clock
    ttls = {name: ttl_of(topology, name) for name in known_names(topology)}
    return config.Dns(
        **common,
        workdir=paths.workdir(common["name"]),
        bind=address(placement.seats[common["name"]].endpoint(DNS_PORT)),
        mx={
            domain: tuple(
                config.MxRecord(preference=mx.preference, host=_host(mx, placement))
                for mx in zone.mx
            )
            for domain, zone in topology.zones.items()
        },
        hosts={
            host: tuple(placement.seats[target].address for target in targets)
            for host, targets in own_addresses(topology).items()
        },
        hosts6={
            host: found
            for host, targets in own_addresses(topology).items()
            if (
                found := tuple(
                    seat.second for target in targets if (seat := placement.seats[target]).second
                )
            )
        },
        aliases=topology.aliases,
        ttl_s=USUAL_TTL_S / clock,
        ttls={name: ttl / clock for name, ttl in ttls.items() if ttl != USUAL_TTL_S},
        negative_ttls={name: zone.negative_ttl / clock for name, zone in topology.zones.items()},
        **section_at_clock(NameServerSettings, node, clock),
        upstream=tuple(
            address(placement.seats[server].endpoint(DNS_PORT)) for server in node.upstream
        ),
        upstream_s=DNS_ANSWER_S / clock,
        stale=placement.seats[NOWHERE].address if NOWHERE in placement.seats else "",
    )


def _host(mx: Mx, placement: Placement) -> str:
    """What a record holds: a name, or by mistake an address."""
    return placement.seats[mx.literal].address if mx.literal else mx.host

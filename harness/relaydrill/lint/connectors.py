"""Receive connectors: who may relay, and whom a balancer makes of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations
from typing import Final

from relaydrill.address_span import AddressSpan, parse_address
from relaydrill.lint.entry_points import (
    SMTP_PORT,
    behind_snat,
    connectors_at,
    forwarded,
    listens,
    relays_by_address,
)
from relaydrill.lint.rule import COLUMN, Found, Severity, rule
from relaydrill.scalars import is_name
from relaydrill.sentences import listed
from relaydrill.topology import Connector, Topology
from relaydrill.topology.relaying import open_relays

_RANGES: Final = 'Exchange documentation, "Receive connectors"'


@rule(
    "default-connector-on-vip",
    Severity.ERROR,
    fact="What comes through the VIP on port 25 is served by a connector of its own, that lets only"
    f" those relay who need it, and not by the server's Default connector ({COLUMN}).",
    remedy="Declare a connector for port 25 that names its clients (connectors: {relay: {port: 25,"
    " remote: [app], relay: true}}), and keep the Default connector for the servers' own mail.",
)
def default_connector_on_vip(topology: Topology) -> Iterator[Found]:
    """VIPs that lead to the connector that a server has by default."""
    for vip, port, name, balancer in forwarded(topology):
        reached = [hub for hub in balancer.backends if _default_at(topology, hub, port)]
        if reached:
            text = (
                f"{vip} of {name} leads port {port} to the Default connector of {listed(reached)}"
            )
            yield ("nodes", name, "vips", vip), text


def _default_at(topology: Topology, hub: str, port: int) -> bool:
    """Whether a port of a hub is served by its Default connector alone, or by one of that name."""
    declared = connectors_at(topology, hub, port)
    if port == SMTP_PORT and not declared:
        return listens(topology, hub, port)
    return any(each == "default" or each.startswith("default-") for each in declared)


@rule(
    "open-relay",
    Severity.CRITICAL,
    fact="A connector that serves every address, or nearly every one, and lets anonymous clients"
    f" send to any recipient (Ms-Exch-SMTP-Accept-Any-Recipient) is an open relay ({_RANGES}).",
    remedy="Name the hosts that need it under remote, or take relay out.",
)
def open_relay(topology: Topology) -> Iterator[Found]:
    """Relaying for the whole address space, or for most of it."""
    for name, share in open_relays(topology).items():
        whom = (
            "everybody" if share >= 1 else f"{math.floor(share * 1000) / 10:g} % of all addresses"
        )
        port = topology.connectors[name].port
        yield (
            ("connectors", name, "remote"),
            f"{name} lets {whom} relay to any domain on port {port}",
        )


def _spans(connector: Connector) -> list[AddressSpan]:
    return [AddressSpan.parse(each) for each in connector.remote if not is_name(each)]


@rule(
    "snat-open-relay",
    Severity.CRITICAL,
    fact="Behind a balancer with SNAT every client has the balancer's address; a relay range that"
    f" holds it lets everybody relay who reaches the VIP ({_RANGES}: the range is of the address"
    " that connects).",
    remedy="Keep the clients' addresses (source: proxy, transparent mode, direct server return),"
    " or take the balancer out of remote.",
)
def snat_open_relay(topology: Topology) -> Iterator[Found]:
    """Relaying for a balancer, and so for everybody before it."""
    is_open = open_relays(topology)
    for name, connector in topology.connectors.items():
        if not relays_by_address(connector) or name in is_open:
            continue
        machines = [
            machine
            for balancer, _ in behind_snat(topology, name)
            for machine in topology.machines_of(balancer)
        ]
        for machine in machines:
            at = _remote_of(topology, connector, machine)
            if at is not None:
                shown = connector.remote[at]
                text = (
                    f"{machine} shows its own address in place of the clients', and {name} lets"
                    f" {shown} relay"
                )
                yield ("connectors", name, "remote", at), text


def _remote_of(topology: Topology, connector: Connector, node: str) -> int | None:
    """Which entry of a connector's remote holds a node, by name or by its address in a real lab."""
    attached = topology.attach.nodes.get(node) if topology.attach else None
    address = parse_address(attached.address) if attached else None
    for at, each in enumerate(connector.remote):
        if each == node:
            return at
        if address is not None and not is_name(each) and address in AddressSpan.parse(each):
            return at
    return None


@rule(
    "snat-hides-clients",
    Severity.ERROR,
    fact="Behind a balancer with SNAT a hub sees the balancer's address, and no connector that"
    f" names the client ({_RANGES}: the range is of the address that connects).",
    remedy="Keep the clients' addresses: source: proxy, transparent mode, or direct server return.",
)
def snat_hides_clients(topology: Topology) -> Iterator[Found]:
    """Clients that may relay by their address, which a balancer on their way hides."""
    is_open = open_relays(topology)
    for name, connector in topology.connectors.items():
        if not relays_by_address(connector) or name in is_open:
            continue
        senders = [each for each in connector.remote if each in topology.senders]
        for balancer, _ in behind_snat(topology, name):
            if senders and _remote_of(topology, connector, balancer) is None:
                text = (
                    f"{name} lets {listed(senders)} relay by address, and behind {balancer} the"
                    " hubs see the balancer's"
                )
                yield ("nodes", balancer, "source"), text


@rule(
    "snat-shared-cap",
    Severity.WARNING,
    fact="A connector's cap for each source counts the balancer as one: behind SNAT all clients"
    " share it, and get 421 4.3.2 or 4.4.2 beyond it (Set-ReceiveConnector,"
    " MaxInboundConnectionPerSource and MessageRateLimit; Postfix, TUNING_README: 450 4.7.1).",
    remedy="Keep the clients' addresses (source: proxy), or raise per_source or rate_limit to the"
    " cap of all.",
)
def snat_shared_cap(topology: Topology) -> Iterator[Found]:
    """Caps for each source where there is only one source."""
    for name, connector in topology.connectors.items():
        for balancer, _ in behind_snat(topology, name):
            if connector.per_source is not None and connector.per_source < connector.connections:
                text = (
                    f"all clients behind {balancer} share the {connector.per_source} sessions that"
                    f" {name} allows one source"
                )
                yield ("connectors", name, "per_source"), text
            if connector.rate_limit is not None:
                limit = connector.rate_limit
                most = {"messages": limit.messages, "sessions": limit.sessions}
                shared = listed(f"{count} {what}" for what, count in most.items() if count)
                text = (
                    f"all clients behind {balancer} share the {shared} that {name} allows one"
                    f" source in {limit.per:g} s"
                )
                yield ("connectors", name, "rate_limit"), text


@rule(
    "overlapping-ranges",
    Severity.ERROR,
    fact="Ranges of two connectors at one port may overlap only if one lies wholly inside the"
    f" other; the smaller then wins ({_RANGES}).",
    remedy="Part the ranges where they overlap, or draw one inside the other.",
)
def overlapping_ranges(topology: Topology) -> Iterator[Found]:
    """Clients for whom nothing says which connector serves them."""
    together: dict[tuple[str, str], str] = {}
    for node in (*topology.hubs, *topology.edges):
        for first, second in combinations(topology.connectors_of(node).items(), 2):
            if first[1].port == second[1].port:
                together.setdefault((first[0], second[0]), node)
    for (one, other), node in together.items():
        first_spans, connector = _spans(topology.connectors[one]), topology.connectors[other]
        for at, remote in enumerate(connector.remote):
            span = None if is_name(remote) else AddressSpan.parse(remote)
            for each in first_spans if span else ():
                if span and span.overlaps(each) and not (span.holds(each) or each.holds(span)):
                    text = f"{span} of {other} and {each} of {one} overlap on port {connector.port}"
                    yield ("connectors", other, "remote", at), f"{text} of {node}"


RULES = (
    *(default_connector_on_vip, open_relay, snat_open_relay, snat_hides_clients),
    *(snat_shared_cap, overlapping_ranges),
)

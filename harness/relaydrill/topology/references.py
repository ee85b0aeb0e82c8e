"""Names in a topology that nothing is called, and choices that exclude each other. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from relaydrill.scalars import DOMAIN, is_name
from relaydrill.topology.cluster import wrong_clusters
from relaydrill.topology.hosts import Vrrp
from relaydrill.topology.organisation import wrong_organisation
from relaydrill.topology.routing import shadow_partners
from relaydrill.topology.traffic import BY_MX, Expect, Flow
from relaydrill.topology.units import unit_called, units_of
from relaydrill.topology.zone import NOWHERE

if TYPE_CHECKING:
    from relaydrill.topology import Topology

Dangling = tuple[tuple[str | int, ...], str, str]
"""Where (path of keys), what is wrong, what is allowed."""


def _wrong_for_a_real_sender(topology: Topology, key: str, flow: Flow) -> Iterator[Dangling]:
    """A real program has no persona but its own, and one smart host for all that it sends."""
    sender = topology.senders.get(flow.sender)
    if sender is None or sender.kind == "fake":
        return
    if flow.persona != Flow.model_fields["persona"].default:
        yield (
            ("flows", key, "persona"),
            f"{flow.sender!r} is a real {sender.kind} and sends as that does",
            "no persona, or a sender of kind fake",
        )
    first = next(each for each in topology.flows.values() if each.sender == flow.sender)
    if (flow.to, flow.port) != (first.to, first.port):
        yield (
            ("flows", key, "to"),
            f"{flow.sender!r} is a real {sender.kind} and has one smart host for all its flows",
            f"{first.to} with port {first.port}, or a sender of its own for this flow",
        )


def _one_of(names: Iterator[str] | tuple[str, ...] | dict[str, Any]) -> str:
    known = sorted(names)
    return "one of: " + ", ".join(known) if known else "none is declared"


def _logs_of_a_real_program(topology: Topology) -> Iterator[Dangling]:
    for name, hub in topology.hubs.items():
        if hub.logs and hub.kind == "postfix":
            yield (
                ("nodes", name, "logs"),
                f"{name} is a real postfix, and keeps no logs as Exchange does",
                "no logs, or kind: fake",
            )


def dangling(topology: Topology) -> Iterator[Dangling]:
    """Every name that is used and not declared, and what does not go together."""
    yield from _dangling_balancers(topology)
    yield from _dangling_standbys(topology)
    yield from _impossible_acknowledgements(topology)
    yield from _dangling_attachments(topology)
    yield from wrong_clusters(topology)
    yield from _dangling_zones(topology)
    yield from _dangling_name_servers(topology)
    yield from _dangling_filters(topology)
    yield from _logs_of_a_real_program(topology)
    yield from wrong_organisation(topology)
    targets = {**topology.nodes, **topology.vips}
    for host, named in topology.names.items():
        for target in named:
            if target not in targets:
                yield ("names", host), f"no node or VIP is called {target!r}", _one_of(targets)
    for key, connector in topology.connectors.items():
        for at, remote in enumerate(connector.remote):
            if is_name(remote) and remote not in topology.nodes:
                yield (
                    ("connectors", key, "remote", at),
                    f"no node is called {remote!r}",
                    _one_of(topology.nodes) + ", or an address range",
                )
        receivers = {**topology.hubs, **topology.edges}
        for at, node in enumerate(connector.nodes):
            if node not in receivers:
                yield (
                    ("connectors", key, "nodes", at),
                    f"no hub or Edge server is called {node!r}",
                    _one_of(receivers),
                )
    yield from _clashing_connectors(topology)
    yield from _dangling_flows(topology)
    yield from _dangling_spreads(topology)
    for at, entry in enumerate(topology.accept):
        if entry.node not in topology.nodes and unit_called(topology, entry.node) is None:
            yield (
                ("accept", at, "node"),
                f"no node, MX host or site is called {entry.node!r}",
                _one_of(tuple(unit.name for unit in units_of(topology))),
            )
        for flow_at, flow in enumerate(entry.flows):
            if flow not in topology.flows:
                yield (
                    ("accept", at, "flows", flow_at),
                    f"no flow is called {flow!r}",
                    _one_of(topology.flows),
                )


def _impossible_acknowledgements(topology: Topology) -> Iterator[Dangling]:
    """Ways to acknowledge that a hub's program does not know, or that want a second hub."""
    for name, hub in topology.hubs.items():
        where = ("nodes", name, "ack")
        if hub.kind == "postfix" and hub.ack != "stored":
            yield where, "a real postfix answers when it has stored", "stored, or kind: fake"
        elif hub.ack == "shadow" and not shadow_partners(topology, name):
            yield where, "no other hub of kind fake can keep a copy", "stored, or a second hub"


def _dangling_attachments(topology: Topology) -> Iterator[Dangling]:
    """Of a lab that runs already: what is not in the design, and what is not said of it."""
    attach = topology.attach
    if attach is None:
        return
    for name in attach.nodes:
        if name not in topology.nodes:
            yield ("attach", "nodes", name), f"no node is called {name!r}", _one_of(topology.nodes)
    for vip in attach.vips:
        if vip not in topology.vips:
            yield ("attach", "vips", vip), f"no VIP is called {vip!r}", _one_of(topology.vips)
    runs_here = {**topology.senders, **topology.mailboxes, **topology.sinks}
    for name, node in topology.nodes.items():
        is_machine = name not in topology.clusters
        if name not in attach.nodes and name not in runs_here and is_machine:
            yield ("attach", "nodes"), f"{name} has no address", f"{name}: {{address: …}}"
        if name not in attach.nodes and node.kind != "fake" and name in runs_here:
            yield (
                ("nodes", name, "kind"),
                f"a real {node.kind} does not run beside a lab that stands already",
                f"kind: fake, or an address of it under attach.nodes.{name}",
            )
    for vip in topology.vips:
        if vip not in attach.vips:
            yield ("attach", "vips"), f"{vip} has no address", f"{vip}: {{address: …}}"


def _clashing_connectors(topology: Topology) -> Iterator[Dangling]:
    """Two connectors that nothing tells apart, and what a real program cannot have."""
    told: set[tuple[str, str]] = set()
    for node in (*topology.hubs, *topology.edges):
        seen: dict[tuple[int, str], str] = {}
        ports: dict[int, str] = {}
        for name, connector in topology.connectors_of(node).items():
            first = ports.setdefault(connector.port, name)
            if (
                topology.nodes[node].kind == "postfix"
                and first != name
                and (first, name) not in told
            ):
                told.add((first, name))
                yield (
                    ("connectors", name, "port"),
                    f"{node} is a real postfix, and has one connector for each port: {first}",
                    "another port, or kind: fake",
                )
            for remote in connector.remote:
                other = seen.setdefault((connector.port, remote), name)
                if other != name and (other, name) not in told:
                    told.add((other, name))
                    yield (
                        ("connectors", name, "remote"),
                        f"{other} serves {remote} on port {connector.port} of {node} as well",
                        "ranges that differ; the smallest one around a client serves it",
                    )


def _dangling_balancers(topology: Topology) -> Iterator[Dangling]:
    seen: dict[str, str] = {}
    for name, balancer in topology.balancers.items():
        for at, backend in enumerate(balancer.backends):
            if backend not in topology.hubs:
                yield (
                    ("nodes", name, "backends", at),
                    f"no hub is called {backend!r}",
                    _one_of(topology.hubs),
                )
            elif backend in balancer.backends[:at]:
                yield ("nodes", name, "backends", at), f"{backend!r} is listed twice", "once"
        for vip in balancer.vips:
            if vip in topology.nodes or vip in seen:
                yield (
                    ("nodes", name, "vips", vip),
                    f"{vip!r} is already the name of another VIP or node",
                    "a name of its own",
                )
            seen[vip] = name


def _dangling_standbys(topology: Topology) -> Iterator[Dangling]:
    proxies = {name: each for name, each in topology.balancers.items() if each.mode == "proxy"}
    seen: dict[str, str] = {}
    for name, standby in topology.standbys.items():
        here, of = ("nodes", name, "standby_of"), standby.standby_of
        first = seen.setdefault(of, name)
        if of in topology.clusters:
            text = f"{of} is a WNLB cluster: its hosts stand in for each other"
            yield here, text, _one_of(proxies)
        elif of not in proxies:
            yield here, f"no balancer is called {of!r}", _one_of(proxies)
        elif first != name:
            yield here, f"{of} has the standby {first} already", "one standby for each balancer"
    for name, balancer in topology.balancers.items():
        if balancer.vrrp != Vrrp() and name not in topology.pairs:
            text = f"{name} has no standby, and speaks VRRP with nobody"
            yield ("nodes", name, "vrrp"), text, f"a node of role standby with standby_of: {name}"


def _dangling_zones(topology: Topology) -> Iterator[Dangling]:
    targets = {**topology.nodes, **topology.vips}
    for domain, zone in topology.zones.items():
        for at, mx in enumerate(zone.mx):
            if mx.host in topology.names or mx.host in topology.zones:
                yield (
                    ("zones", domain, "mx", at, "host"),
                    f"{mx.host!r} is declared elsewhere as well",
                    "a name of its own",
                )
            for address_at, name in enumerate(mx.addresses):
                if name not in targets and name != NOWHERE:
                    yield (
                        ("zones", domain, "mx", at, "addresses", address_at),
                        f"no node or VIP is called {name!r}",
                        f"{_one_of(targets)}; {NOWHERE}, for an address that nobody has",
                    )
    if NOWHERE in targets:
        text = f"{NOWHERE!r} stands for an address that nobody has"
        yield ("nodes", NOWHERE), text, "another name"


def _dangling_name_servers(topology: Topology) -> Iterator[Dangling]:
    servers = topology.name_servers
    for name, server in servers.items():
        if server.kind == "bind" and server.netmask_ordering:
            yield (
                ("nodes", name, "netmask_ordering"),
                "BIND has no netmask ordering; it is Windows DNS's",
                "kind: fake",
            )
        others = {each: 0 for each, other in servers.items() if not other.upstream}
        for at, upstream in enumerate(server.upstream):
            if upstream not in others:
                yield (
                    ("nodes", name, "upstream", at),
                    f"no authoritative name server is called {upstream!r}",
                    _one_of(others),
                )
    for name, sender in topology.senders.items():
        for at, asked in enumerate(sender.dns):
            if asked not in servers:
                yield (
                    ("nodes", name, "dns", at),
                    f"no name server is called {asked!r}",
                    _one_of(servers),
                )


def _dangling_filters(topology: Topology) -> Iterator[Dangling]:
    for name, edge in topology.edges.items():
        for at, remote in enumerate(edge.filters.blocked):
            if is_name(remote) and remote not in topology.nodes:
                yield (
                    ("nodes", name, "filters", "blocked", at),
                    f"no node is called {remote!r}",
                    _one_of(topology.nodes) + ", or an address range",
                )


def _wrong_for_a_persona(topology: Topology, key: str, flow: Flow) -> Iterator[Dangling]:
    """Some personas look up MX records, the others connect to a name."""
    is_real = flow.sender in topology.senders and topology.senders[flow.sender].kind != "fake"
    if flow.to in topology.zones and flow.persona not in BY_MX and not is_real:
        yield (
            ("flows", key, "to"),
            f"{flow.to!r} is a domain with MX records, and {flow.persona!r} connects to a name",
            "persona " + _one_of(tuple(BY_MX)),
        )
    # A name without MX records is its own exchanger (RFC 5321 §5.1); a VIP or a node is no name.
    if flow.to not in {**topology.zones, **topology.names} and flow.persona in BY_MX:
        yield (
            ("flows", key, "to"),
            f"{flow.persona!r} looks up a domain or a name, and {flow.to!r} is neither",
            _one_of({**topology.zones, **topology.names}),
        )
    if flow.pin is not None:
        hosts = [mx.host for zone in topology.zones.values() for mx in zone.mx]
        if flow.persona != "pinned_mx":
            yield ("flows", key, "pin"), f"{flow.persona!r} is not pinned", "persona: pinned_mx"
        elif flow.pin not in hosts:
            yield ("flows", key, "pin"), f"no MX host is called {flow.pin!r}", _one_of(tuple(hosts))
    if flow.mix.blocked and flow.blocked_from is None:
        yield ("flows", key, "mix"), "nobody sends the blocked part", "blocked_from: a sender"
    if flow.blocked_from is not None and flow.blocked_from not in topology.senders:
        yield (
            ("flows", key, "blocked_from"),
            f"no sender is called {flow.blocked_from!r}",
            _one_of(topology.senders),
        )
    if flow.blocked_from is not None and flow.blocked_from == flow.sender:
        yield (
            ("flows", key, "blocked_from"),
            f"{flow.sender!r} sends the wanted part, too, and has one address",
            "another sender",
        )


def _dangling_spreads(topology: Topology) -> Iterator[Dangling]:
    expected: dict[tuple[str, ...], Expect | None] = {(): topology.expect}
    expected |= {("flows", key): flow.expect for key, flow in topology.flows.items()}
    for path, expect in expected.items():
        for at, node in enumerate(expect.spread if expect else ()):
            if node not in topology.nodes:
                told = f"no node is called {node!r}"
                yield (*path, "expect", "spread", at), told, _one_of(topology.tier)


def _dangling_flows(topology: Topology) -> Iterator[Dangling]:
    hosts = {mx.host: mx for zone in topology.zones.values() for mx in zone.mx}
    targets = {**topology.nodes, **topology.vips, **topology.names, **topology.zones, **hosts}
    for key, flow in topology.flows.items():
        yield from _wrong_for_a_persona(topology, key, flow)
        if flow.sender not in topology.senders:
            yield (
                ("flows", key, "from"),
                f"no sender is called {flow.sender!r}",
                _one_of(topology.senders),
            )
        if flow.to not in targets:
            yield ("flows", key, "to"), f"nothing is called {flow.to!r}", _one_of(targets)
        yield from _wrong_for_a_real_sender(topology, key, flow)
        domain = flow.recipient.rpartition("@")[2]
        if flow.recipient and ("@" not in flow.recipient or not DOMAIN.match(domain.lower())):
            yield ("flows", key, "recipient"), f"{flow.recipient!r} is no address", "user@domain"
        if not topology.domains:
            yield ("flows", key), "no mailbox server receives this mail", "a node of role mailbox"

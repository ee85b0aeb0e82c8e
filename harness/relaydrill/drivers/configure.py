"""From a topology and a placement to the configuration of each node. The same for all drivers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from relaydrill.nodes import config
from relaydrill.placement import Endpoint, Placement
from relaydrill.topology import (
    BALANCER_CONNECT_S,
    EXIM_RETRIES,
    NOWHERE,
    Balancer,
    Dns,
    Edge,
    Hub,
    Mailbox,
    Role,
    Sender,
    Topology,
)

_SMTP_PORT = 25
_DNS_PORT = 53
_GLITCH_RETRY_S, _RETRY_S, _LATE_RETRY_S = 60.0, 300.0, 600.0
_HUB_IDLE_S = 300.0
_EDGE_IDLE_S = 60.0
_EDGE_RETRY_S, _EDGE_LATE_RETRY_S = 600.0, 1800.0
_DNS_ANSWER_S = 5.0
_KEPT_S = 300.0
_CONNECT_S, _REPLY_S = 30.0, 300.0
_SENDER_REPLY_S = 60.0
_HAND_IN = config.Address(address="127.0.0.1", port=10025)
_DEAD_HOST_S = 60.0


@dataclass(frozen=True, slots=True)
class Paths:
    """Where a node finds and keeps its files, as the node itself sees them.

    Attributes:
        journal, queue, certificate, key, workdir: Path for a node's name.
        ca: The lab's certificate authority.
    """

    journal: Callable[[str], str]
    queue: Callable[[str], str]
    certificate: Callable[[str], str]
    key: Callable[[str], str]
    workdir: Callable[[str], str]
    ca: str


def service_ports(topology: Topology) -> dict[str, frozenset[int]]:
    """Logical service ports of every host and VIP, in the order in which they get addresses."""
    hosts = {name: _ports(topology, name, node.role) for name, node in topology.nodes.items()}
    vips = {vip: frozenset(rule.ports) for vip, (_, rule) in topology.vips.items()}
    # Nobody sits there; but the address is this lab's, so that nobody else does, either.
    nobody = {NOWHERE: frozenset[int]()} if topology.zones else {}
    return hosts | vips | nobody


def _ports(topology: Topology, node: str, role: Role) -> frozenset[int]:
    match role:
        case Role.HUB | Role.EDGE:
            ports = frozenset(each.port for each in topology.connectors_of(node).values())
            return ports or frozenset({_SMTP_PORT})
        case Role.MAILBOX:
            return frozenset({_SMTP_PORT})
        case Role.DNS:
            return frozenset({_DNS_PORT})
    return frozenset()


def fqdn(topology: Topology, node: str) -> str:
    """The name that a node gives itself: in the first mailbox domain."""
    return f"{node}.{topology.domains[0] if topology.domains else 'invalid'}"


def certificate_names(topology: Topology, node: str) -> tuple[str, ...]:
    """Names that a hub's certificate bears: its own, and every name that clients are given."""
    return (fqdn(topology, node), *topology.names)


def configure(topology: Topology, placement: Placement, paths: Paths) -> dict[str, Any]:
    """The configuration of every node, by name, in plain JSON values."""
    made = {
        name: _configure(topology, placement, paths, name, node)
        for name, node in topology.nodes.items()
    }
    return {name: settings.model_dump(mode="json") for name, settings in made.items()}


@functools.singledispatch
def _role(node: object, *_: object) -> config.Common:
    raise TypeError(f"no configuration for {node!r}")


def _configure(
    topology: Topology, placement: Placement, paths: Paths, name: str, node: object
) -> config.Common:
    control = placement.control(name)
    common = {
        "name": name,
        "fqdn": fqdn(topology, name),
        "address": placement.seats[name].address,
        "control": config.Control(
            address=control.address, port=control.port, token=placement.control_token
        ),
        "journal": paths.journal(name),
    }
    return _role(node, topology, placement, paths, common)


@_role.register
def _hub(
    hub: Hub, topology: Topology, placement: Placement, paths: Paths, common: Mapping[str, Any]
) -> config.Hub:
    name, clock = common["name"], topology.clock
    login = placement.credentials
    return config.Hub(
        **common,
        role="postfix" if hub.kind == "postfix" else "hub",
        listeners=_listeners(topology, placement, name),
        domains=topology.domains,
        trusted_proxies=tuple(
            placement.seats[balancer].address
            for balancer, rules in topology.balancers.items()
            if rules.source == "proxy" and name in rules.backends
        ),
        tls=config.Tls(certificate=paths.certificate(name), key=paths.key(name)),
        logins=(config.Login(user=login.user, password=login.password),),
        idle_s=_HUB_IDLE_S / clock,
        queue=paths.queue(name),
        next_hops=tuple(
            _address(placement.seats[box].endpoint(_SMTP_PORT)) for box in topology.mailboxes
        ),
        glitch_retry_s=_GLITCH_RETRY_S / clock,
        retry_s=_RETRY_S / clock,
        late_retry_s=_LATE_RETRY_S / clock,
        deferral_s=_GLITCH_RETRY_S / clock,
        connect_s=_CONNECT_S / clock,
        reply_s=_REPLY_S / clock,
        ack=hub.ack,
        ack_lag_s=hub.ack_lag / clock,
        copies=hub.copies,
        workdir=paths.workdir(name),
    )


@_role.register
def _edge(
    edge: Edge, topology: Topology, placement: Placement, paths: Paths, common: Mapping[str, Any]
) -> config.Hub:
    name, clock, filters = common["name"], topology.clock, edge.filters
    return config.Hub(
        **common,
        role="edge",
        listeners=_listeners(topology, placement, name),
        domains=topology.domains,
        idle_s=_EDGE_IDLE_S / clock,
        queue=paths.queue(name),
        next_hops=tuple(
            _address(placement.seats[hub].endpoint(_SMTP_PORT)) for hub in topology.hubs
        ),
        glitch_retry_s=_GLITCH_RETRY_S / clock,
        retry_s=_EDGE_RETRY_S / clock,
        late_retry_s=_EDGE_LATE_RETRY_S / clock,
        deferral_s=_GLITCH_RETRY_S / clock,
        connect_s=_CONNECT_S / clock,
        reply_s=_REPLY_S / clock,
        filters=config.Filters(
            blocked=placement.networks(topology, filters.blocked),
            senders=filters.senders,
            recipients=filters.recipients,
            content=filters.content,
            tarpit_s=filters.tarpit / clock,
        ),
    )


@_role.register
def _dns(
    dns: Dns, topology: Topology, placement: Placement, paths: Paths, common: Mapping[str, Any]
) -> config.Dns:
    clock = topology.clock
    named = {**topology.names}
    named |= {mx.host: mx.addresses for zone in topology.zones.values() for mx in zone.mx}
    return config.Dns(
        **common,
        role="bind" if dns.kind == "bind" else "dns",
        workdir=paths.workdir(common["name"]),
        bind=_address(placement.seats[common["name"]].endpoint(_DNS_PORT)),
        mx={
            domain: tuple(config.MxRecord(preference=mx.preference, host=mx.host) for mx in zone.mx)
            for domain, zone in topology.zones.items()
        },
        hosts={
            host: tuple(placement.seats[target].address for target in targets)
            for host, targets in named.items()
        },
        ttl_s=min((zone.ttl for zone in topology.zones.values()), default=3600.0) / clock,
        order=dns.order,
        netmask_ordering=dns.netmask_ordering,
        upstream=tuple(
            _address(placement.seats[server].endpoint(_DNS_PORT)) for server in dns.upstream
        ),
        upstream_s=_DNS_ANSWER_S / clock,
        stale=placement.seats[NOWHERE].address if NOWHERE in placement.seats else "",
    )


@_role.register
def _mailbox(
    mailbox: Mailbox,
    topology: Topology,
    placement: Placement,
    paths: Paths,
    common: Mapping[str, Any],
) -> config.Mailbox:
    endpoint = placement.seats[common["name"]].endpoint(_SMTP_PORT)
    return config.Mailbox(
        **common,
        role="postfix-mailbox" if mailbox.kind == "postfix" else "mailbox",
        workdir=paths.workdir(common["name"]),
        listeners=(config.Listener(port=_SMTP_PORT, bind=_address(endpoint)),),
        domains=mailbox.domains,
        idle_s=_HUB_IDLE_S / topology.clock,
    )


@_role.register
def _balancer(
    balancer: Balancer,
    topology: Topology,
    placement: Placement,
    paths: Paths,
    common: Mapping[str, Any],
) -> config.Balancer:
    clock, check = topology.clock, balancer.check
    timeout = check.interval if check.timeout is None else check.timeout
    return config.Balancer(
        **common,
        role="haproxy" if balancer.kind == "haproxy" else "balancer",
        fronts=tuple(
            config.Front(vip=vip, port=port, bind=_address(placement.seats[vip].endpoint(port)))
            for vip, rule in balancer.vips.items()
            for port in rule.ports
        ),
        backends=tuple(
            config.Backend(
                name=backend,
                endpoints={
                    port: _address(placement.seats[backend].endpoint(port))
                    for rule in balancer.vips.values()
                    for port in rule.ports
                },
            )
            for backend in balancer.backends
        ),
        check=config.Check(
            kind=check.kind,
            interval_s=check.interval / clock,
            timeout_s=timeout / clock,
            fall=check.fall,
            rise=check.rise,
        ),
        source=balancer.source,
        method=balancer.method,
        redispatch=balancer.redispatch,
        on_marked_down=balancer.on_marked_down,
        connect_s=BALANCER_CONNECT_S / clock,
        workdir=paths.workdir(common["name"]),
    )


@_role.register
def _sender(
    sender: Sender,
    topology: Topology,
    placement: Placement,
    paths: Paths,
    common: Mapping[str, Any],
) -> config.Sender | config.Mta:
    servers = topology.name_servers_of(common["name"])
    # What a name server serves, a sender has to ask for.
    names = () if servers else tuple(topology.names)
    targets = [*names, *topology.vips, *topology.nodes]
    hosts: dict[str, tuple[str, ...]] = {
        target: tuple(seat.address for seat in placement.seats_of(topology, target))
        for target in targets
    }
    if sender.kind != "fake":
        return _mta(
            sender, topology, placement, hosts, {**common, "workdir": paths.workdir(common["name"])}
        )
    login = placement.credentials
    ports: dict[str, dict[int, int]] = {}
    for seat in placement.seats.values():
        ports.setdefault(seat.address, {}).update(seat.mapped)
    return config.Sender(
        **common,
        hosts=hosts,
        dns=tuple(_address(placement.seats[server].endpoint(_DNS_PORT)) for server in servers),
        dns_s=_DNS_ANSWER_S / topology.clock,
        nodes=_owners(topology, placement),
        cache_s=_KEPT_S / topology.clock,
        near=sender.sorts_near,
        shun_s=EXIM_RETRIES.first / topology.clock,
        ports=ports,
        ca=paths.ca,
        login=config.Login(user=login.user, password=login.password),
        connect_s=_CONNECT_S / topology.clock,
        reply_s=_SENDER_REPLY_S / topology.clock,
    )


def _owners(topology: Topology, placement: Placement) -> dict[str, str]:
    """Whose address is whose."""
    return {placement.seats[name].address: name for name in (*topology.vips, *topology.nodes)}


def _mta(
    sender: Sender,
    topology: Topology,
    placement: Placement,
    hosts: dict[str, tuple[str, ...]],
    common: Mapping[str, Any],
) -> config.Mta:
    clock = topology.clock
    target = next((each for each in topology.flows.values() if each.sender == common["name"]), None)
    retries = sender.retries
    return config.Mta(
        **common,
        role="sending-postfix" if sender.kind == "postfix" else "sending-exim",
        listeners=(
            config.Listener(
                port=_SMTP_PORT,
                bind=_HAND_IN,
                connectors=(config.Connector(networks=("127.0.0.0/8",), relay=True),),
            ),
        ),
        domains=(),
        hosts=hosts,
        smart_host=target.to if target and target.to not in topology.zones else "",
        dns=tuple(
            placement.seats[server].address for server in topology.name_servers_of(common["name"])
        ),
        nodes=_owners(topology, placement),
        port=target.port if target else _SMTP_PORT,
        retry_s=retries.first / clock,
        late_retry_s=retries.longest / clock,
        queue_run_s=retries.queue_run / clock,
        dead_host_s=_DEAD_HOST_S / clock,
        connect_s=_CONNECT_S / clock,
        reply_s=_REPLY_S / clock,
    )


def _listeners(topology: Topology, placement: Placement, node: str) -> tuple[config.Listener, ...]:
    """Every port of a hub or Edge server, with the receive connectors that it has there."""
    seat, by_port = placement.seats[node], dict[int, list[config.Connector]]()
    for name, connector in topology.connectors_of(node).items():
        by_port.setdefault(connector.port, []).append(
            config.Connector(
                name=name,
                networks=placement.networks(topology, connector.remote),
                relay=connector.relay,
                tls=connector.tls,
                auth=connector.auth,
                most_connections=connector.connections,
                most_per_source=connector.per_source,
                most_recipients=connector.recipients,
                size_limit=connector.size,
            )
        )
    ports = by_port or {_SMTP_PORT: [config.Connector()]}
    return tuple(
        config.Listener(port=port, bind=_address(seat.endpoint(port)), connectors=tuple(connectors))
        for port, connectors in ports.items()
    )


def _address(endpoint: Endpoint) -> config.Address:
    return config.Address(address=endpoint.address, port=endpoint.port)

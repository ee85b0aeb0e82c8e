"""What a balancer is told of its VIPs and backends, and the hosts of a WNLB cluster of that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from relaydrill.drivers.configure.terms import Paths, address
from relaydrill.nodes import config
from relaydrill.placement import Placement
from relaydrill.topology import BALANCER_CONNECT_S, Balancer, Topology

HEARTBEAT_PORT: Final = 2504
"""Logical port of the heartbeats. WNLB's own protocol has none; its remote control has this one."""


def cluster_config(topology: Topology, placement: Placement, name: str) -> config.Cluster:
    """What the hosts of a WNLB cluster know of it."""
    balancer, clock = topology.balancers[name], topology.clock
    cluster = balancer.cluster
    priorities = cluster.priorities(balancer.backends)
    rules = []
    for vip, served in balancer.vips.items():
        for rule in cluster.rules:
            ports = tuple(port for port in served.ports if cluster.rule_for(vip, port) is rule)
            if ports:
                rules.append(
                    config.PortRule(
                        vip=vip,
                        address=placement.seats[vip].address,
                        ports=ports,
                        filtering=rule.filtering,
                        affinity=rule.affinity,
                        weights=cluster.weights(rule, balancer.backends),
                        priorities=rule.priorities or priorities,
                    )
                )
    return config.Cluster(
        name=name,
        token=placement.control_token,
        observer=address(placement.seats[name].endpoint(HEARTBEAT_PORT)),
        hosts=tuple(
            config.ClusterHost(
                name=host,
                beats=address(placement.seats[host].endpoint(HEARTBEAT_PORT)),
                priority=priorities[host],
            )
            for host in sorted(balancer.backends, key=priorities.__getitem__)
        ),
        vips={vip: placement.seats[vip].address for vip in balancer.vips},
        rules=tuple(rules),
        heartbeat_s=cluster.heartbeat / clock,
        missed=cluster.missed,
        convergence_s=cluster.convergence / clock,
        kernel=placement.kernel_wnlb,
    )


def _cluster_node(
    balancer: Balancer, topology: Topology, placement: Placement, common: Mapping[str, Any]
) -> config.ClusterNode:
    """The node of a WNLB cluster."""
    return config.ClusterNode(
        **common,
        cluster=cluster_config(topology, placement, common["name"]),
        fronts=() if placement.kernel_wnlb else _fronts(balancer, placement),
        backends=_backends(balancer, placement),
    )


def _fronts(balancer: Balancer, placement: Placement) -> tuple[config.Front, ...]:
    """Where a balancer takes connections: each port of each VIP."""
    return tuple(
        config.Front(vip=vip, port=port, bind=address(placement.seats[vip].endpoint(port)))
        for vip, rule in balancer.vips.items()
        for port in rule.ports
    )


def _backends(balancer: Balancer, placement: Placement) -> tuple[config.Backend, ...]:
    """Where it finds its backends."""
    return tuple(
        config.Backend(
            name=backend,
            endpoints={
                port: address(placement.seats[backend].endpoint(port))
                for rule in balancer.vips.values()
                for port in rule.ports
            },
        )
        for backend in balancer.backends
    )


def on_vips(
    topology: Topology, placement: Placement, node: str, listeners: tuple[config.Listener, ...]
) -> tuple[config.Listener, ...]:
    """A hub's listeners, and the same on the VIPs of a WNLB cluster that is the kernel's own."""
    cluster = topology.cluster_of(node)
    if not cluster or not placement.kernel_wnlb:
        return listeners
    doubles = (
        listener.model_copy(update={"bind": address(placement.seats[vip].endpoint(listener.port))})
        for vip, rule in topology.balancers[cluster].vips.items()
        for listener in listeners
        if listener.port in rule.ports
    )
    return (*listeners, *doubles)


def balancer(
    node: Balancer,
    topology: Topology,
    placement: Placement,
    paths: Paths,
    common: Mapping[str, Any],
) -> config.Balancer | config.ClusterNode:
    """A balancer, or what speaks for a WNLB cluster."""
    if node.mode == "wnlb":
        return _cluster_node(node, topology, placement, common)
    clock, check = topology.clock, node.check
    timeout = check.interval if check.timeout is None else check.timeout
    return config.Balancer(
        **common,
        role="haproxy" if node.kind == "haproxy" else "balancer",
        fronts=_fronts(node, placement),
        backends=_backends(node, placement),
        check=config.Check(
            kind=check.kind,
            interval_s=check.interval / clock,
            timeout_s=timeout / clock,
            fall=check.fall,
            rise=check.rise,
        ),
        source=node.source,
        method=node.method,
        redispatch=node.redispatch,
        on_marked_down=node.on_marked_down,
        connect_s=BALANCER_CONNECT_S / clock,
        workdir=paths.workdir(common["name"]),
    )

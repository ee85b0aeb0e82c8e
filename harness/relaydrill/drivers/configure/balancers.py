"""What balancers are told of VIPs, backends and each other; and WNLB's hosts of their cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from relaydrill.drivers.configure.terms import Paths, address
from relaydrill.node_settings import (
    BALANCER_CONNECT_S,
    BalancerSettings,
    ClusterTiming,
    PortRuleSettings,
    section_at_clock,
)
from relaydrill.nodes import config
from relaydrill.placement import Placement
from relaydrill.topology import Balancer, Standby, Topology
from relaydrill.topology.hosts import MASTER_PRIORITY, STANDBY_PRIORITY
from relaydrill.verbatim import fit, wanted_by

ADVERT_PORT: Final = 112
"""Logical port of the advertisements of a pair, where something stands in for VRRP: that has none,
and is number 112 among the protocols (RFC 5798 §5.1.1.4)."""

_QUICKER_S: Final = 3.0
"""Wall seconds by which one machine of a lab may be quicker to start than another."""

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
                        **section_at_clock(PortRuleSettings, rule, clock),
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
        **section_at_clock(ClusterTiming, cluster, clock),
        kernel=placement.own_kernels,
    )


def _cluster_node(
    balancer: Balancer, topology: Topology, placement: Placement, common: Mapping[str, Any]
) -> config.ClusterNode:
    """The node of a WNLB cluster."""
    return config.ClusterNode(
        **common,
        cluster=cluster_config(topology, placement, common["name"]),
        fronts=() if placement.own_kernels else _fronts(topology, balancer, placement),
        backends=_backends(balancer, placement),
    )


def _fronts(
    topology: Topology, balancer: Balancer, placement: Placement
) -> tuple[config.Front, ...]:
    """Where a balancer takes connections: each port of each VIP."""
    return tuple(
        config.Front(vip=vip, port=port, bind=address(where))
        for vip, rule in balancer.vips.items()
        for port in rule.ports
        for where in placement.served(topology, vip, port)
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
    if not cluster or not placement.own_kernels:
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
    return _proxy(common["name"], topology, placement, paths, common)


def standby(
    node: Standby,
    topology: Topology,
    placement: Placement,
    paths: Paths,
    common: Mapping[str, Any],
) -> config.Balancer:
    """The second machine of a balancer."""
    return _proxy(node.standby_of, topology, placement, paths, common)


def _proxy(
    balancer: str,
    topology: Topology,
    placement: Placement,
    paths: Paths,
    common: Mapping[str, Any],
) -> config.Balancer:
    node = topology.balancers[balancer]
    return config.Balancer(
        **common,
        fronts=_fronts(topology, node, placement),
        backends=_backends(node, placement),
        check=node.check.at_clock(topology.clock),
        **section_at_clock(BalancerSettings, node, topology.clock),
        connect_s=BALANCER_CONNECT_S / topology.clock,
        workdir=paths.workdir(common["name"]),
        vrrp=_vrrp(node, topology, placement, common["name"]),
        own=_own(balancer, topology, placement),
    )


def _own(name: str, topology: Topology, placement: Placement) -> config.OwnHaproxy | None:
    """The balancer's own file, with what of it is of the design; None where it has none."""
    balancer = topology.balancers[name]
    if not balancer.runs_own_file or not (found := balancer.config):
        return None
    fitted = fit(topology, name)
    wanted = wanted_by(fitted.haproxy, fitted.ports)
    return config.OwnHaproxy(
        files=tuple(config.OwnFile(path=each.path, text=each.text) for each in found),
        farms=dict(fitted.farms),
        nodes={placement.seats[node].address: node for node in balancer.backends},
        hosts={
            host: tuple(placement.seats[node].address for node in nodes)
            for host, nodes in fitted.names.items()
        },
        folders=wanted.folders,
        is_bounded=wanted.is_bounded,
    )


def _vrrp(
    node: Balancer, topology: Topology, placement: Placement, name: str
) -> config.Vrrp | None:
    """How a machine of a pair speaks with the other; None for a balancer that is alone."""
    pair = next((each for each in topology.pairs.values() if name in each), None)
    if pair is None:
        return None
    (other,) = {*pair} - {name}
    return config.Vrrp(
        priority=MASTER_PRIORITY if name == pair[0] else STANDBY_PRIORITY,
        advert_s=node.vrrp.advert / topology.clock,
        preempt=node.vrrp.preempt,
        # Who may not preempt stays a backup if the other was a moment quicker to start.
        later_s=0.0 if node.vrrp.preempt or name == pair[0] else _QUICKER_S,
        vips=tuple(placement.seats[vip].address for vip in node.vips),
        hears=address(placement.seats[name].endpoint(ADVERT_PORT)),
        other=address(placement.seats[other].endpoint(ADVERT_PORT)),
        token=placement.control_token,
        keepalived=placement.own_kernels,
    )

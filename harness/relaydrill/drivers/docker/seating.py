"""Where the hosts of a Docker lab sit: the same for containers that we start and for compose's."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Final

from relaydrill.drivers.configure import Paths, service_ports
from relaydrill.errors import LabError
from relaydrill.placement import CONTROL_PORT, Seat
from relaydrill.topology import NOWHERE, Topology

_FIRST_HOST: Final = 10

HOME: Final = "/relaydrill"
"""A node's own folder in its container."""

BINDS_ELSEWHERE: Final = MappingProxyType({"net.ipv4.ip_nonlocal_bind": "1"})
"""The kernel's setting that lets a program listen on addresses that its host does not have now."""

PREPARED: Final = "/lab"
"""The volume in which compose's containers find what was prepared for them."""


def prepared_config(node: str) -> str:
    """Where a compose lab's node finds its configuration."""
    return f"{PREPARED}/{node}/config.json"


def seats(topology: Topology, address: Callable[[int], str]) -> dict[str, Seat]:
    """An address for every node; a VIP is its balancer's own, unless it floats.

    Args:
        address: The address of the host of a number, counted from 1.

    Raises:
        LabError: Two VIPs of one balancer have the same port, or a sender has Locust workers.
    """
    refuse_shared_loads(topology)
    _refuse_vips_that_collide(topology)
    floating = topology.floating_vips
    hosts = (*topology.nodes, NOWHERE, *floating)
    numbers = {name: number for number, name in enumerate(hosts, start=1)}
    return {
        host: Seat(
            address(numbers[host if host in floating else owner_of(topology, host)]),
            {port: port for port in (*service, CONTROL_PORT)},
        )
        for host, service in service_ports(topology).items()
    }


def owner_of(topology: Topology, host: str) -> str:
    """The node whose container a node or a VIP is."""
    return topology.vips[host][0] if host in topology.vips else host


def published_ports(topology: Topology, node: str) -> Iterator[int]:
    """What of a node is published on this machine: its control, and its VIPs' ports.

    VIPs that float are no container's.
    """
    yield CONTROL_PORT
    for vip, (owner, rule) in topology.vips.items():
        if owner == node and vip not in topology.floating_vips:
            yield from rule.ports


def needs_the_network(topology: Topology, node: str) -> bool:
    """Whether a node changes its own network (NET_ADMIN): hosts of WNLB do, and those of a pair."""
    return bool(topology.cluster_of(node)) or may_lack_its_vips(topology, node)


def may_lack_its_vips(topology: Topology, node: str) -> bool:
    """Whether a node listens on addresses that it does not always have: a machine of a pair."""
    return any(node in pair for pair in topology.pairs.values())


def paths(folder: Callable[[str], str], *, ca: str) -> Paths:
    """A node's files as it sees them in its container.

    Args:
        folder: Where its certificate is, by the node's name.
        ca: The lab's certificate authority.
    """
    return Paths(
        journal=lambda _node: "-",
        queue=lambda _node: f"{HOME}/queue/queue.sqlite",
        certificate=lambda node: f"{folder(node)}/cert.pem",
        key=lambda node: f"{folder(node)}/key.pem",
        workdir=lambda _node: f"{HOME}/work",
        logs=lambda node: f"{HOME}/exchange-logs/{node}",
        ca=ca,
    )


def refuse_shared_loads(topology: Topology) -> None:
    """Senders with Locust workers have no place in a Docker lab.

    Raises:
        LabError: There is one.
    """
    for name, sender in topology.senders.items():
        if sender.load:
            raise LabError(
                f"{name} shares its load among Locust workers, and the images of the Docker lab"
                " have no Locust: run it with --driver process or attach, or without load:"
            )


def _refuse_vips_that_collide(topology: Topology) -> None:
    for name, balancer in topology.balancers.items():
        if {*balancer.vips} & {*topology.floating_vips}:
            continue
        seen: dict[int, str] = {}
        for vip, rule in balancer.vips.items():
            for port in rule.ports:
                if port in seen:
                    raise LabError(
                        f"the VIPs {seen[port]} and {vip} of {name} both have port {port}, and in"
                        " a Docker lab all VIPs of a balancer have its one address: give one of"
                        " them to a balancer of its own"
                    )
                seen[port] = vip


def address_in(subnet: str | ipaddress.IPv4Network, number: int) -> str:
    """The address of the host of a number, counted from 1, in a range.

    Raises:
        LabError: The range is too small.
    """
    net = ipaddress.IPv4Network(subnet)
    offset = _FIRST_HOST + number
    if offset >= net.num_addresses - 1:
        raise LabError(f"{number} hosts do not fit on the network {subnet}")
    return str(net[offset])


def gateway_of(subnet: str) -> str:
    """The address of the engine's machine in a range: the first, as the engine chooses it."""
    return str(ipaddress.IPv4Network(subnet)[1])

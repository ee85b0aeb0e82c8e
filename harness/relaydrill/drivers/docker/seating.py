"""Where the hosts of a Docker lab sit: the same for containers that we start and for compose's."""

from __future__ import annotations

import functools
import ipaddress
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from relaydrill.drivers.configure import Paths, service_ports
from relaydrill.endpoint import Endpoint
from relaydrill.errors import LabError
from relaydrill.placement import CONTROL_PORT, Seat
from relaydrill.topology import NOWHERE, Topology
from relaydrill.verbatim import Fitted, fitted

_FIRST_HOST: Final = 10
_RANGES6: Final = ipaddress.IPv6Network("fd72:656d::/32")

HOME: Final = "/relaydrill"
"""A node's own folder in its container."""

BINDS_ELSEWHERE: Final = MappingProxyType({"net.ipv4.ip_nonlocal_bind": "1"})
"""The kernel's setting that lets a program listen on addresses that its host does not have now."""

PREPARED: Final = "/lab"
"""The volume in which compose's containers find what was prepared for them."""


def prepared_config(node: str) -> str:
    """Where a compose lab's node finds its configuration."""
    return f"{PREPARED}/{node}/config.json"


def seats(
    topology: Topology,
    address: Callable[[int], str],
    second: Callable[[int], str] | None = None,
) -> dict[str, Seat]:
    """An address for every node; a VIP is its balancer's own, unless it floats.

    Args:
        topology: The design.
        address: The address of the host of a number, counted from 1.
        second: The IPv6 address of those that have one; None: the network has IPv4 alone, and so
            has every node.

    Raises:
        LabError: Two VIPs of one balancer have the same port, or a sender has Locust workers.
    """
    refuse_shared_loads(topology)
    _refuse_vips_that_collide(topology)
    floating = topology.floating_vips
    hosts = (*topology.nodes, NOWHERE, *floating)
    numbers = {name: number for number, name in enumerate(hosts, start=1)}

    def number_of(host: str) -> int:
        return numbers[host if host in floating else owner_of(topology, host)]

    return {
        host: Seat(
            address(number_of(host)),
            {port: port for port in (*service, CONTROL_PORT)},
            second(number_of(host)) if second and topology.ip_of(host) != "ipv4" else "",
        )
        for host, service in service_ports(topology).items()
    }


@dataclass(frozen=True)
class Seating:
    """Where everything sits.

    Attributes:
        seats: By name of node or VIP.
        controls: Where nodes are watched: at the address that the engine gave each.
        given: The addresses that each node gives itself; empty where nobody has any.
    """

    seats: Mapping[str, Seat]
    controls: Mapping[str, Endpoint]
    given: Mapping[str, tuple[str, ...]]


def seated(topology: Topology, engines: Mapping[str, Seat]) -> Seating:
    """Put nodes and VIPs at the addresses and ports that a file of the user's own wants.

    Without such a file they sit where the engine puts them, whatever addresses the design has.

    Args:
        topology: The design.
        engines: The seats that the engine gives.

    Raises:
        TopologyError: A file does not fit the design, or wants what no lab has.
    """
    own_files = fitted(topology, (CONTROL_PORT,))
    if not own_files:
        return Seating(engines, {}, {})
    addresses = own_addresses(topology, own_files)
    ports: dict[str, dict[int, int]] = defaultdict(dict)
    for each in own_files.values():
        for host, real in each.ports.items():
            ports[host] |= real
    given: dict[str, tuple[str, ...]] = {}
    for name in topology.nodes:
        wanted = [addresses.get(name, "")]
        if balancer := topology.balancers.get(name):
            fixed = (vip for vip in balancer.vips if vip not in topology.floating_vips)
            wanted += [addresses.get(vip, "") for vip in fixed]
        if name in own_files:
            wanted += own_files[name].own
        given[name] = tuple(dict.fromkeys(filter(None, wanted)))
    seats = {}
    for host, seat in engines.items():
        owner = owner_of(topology, host) if host != NOWHERE else host
        its = (given.get(owner) or (seat.address,))[0]
        if host in topology.floating_vips:
            its = seat.address
        seats[host] = replace(
            seat,
            address=addresses.get(host, its),
            ports={**seat.ports, **ports.get(host, {})},
        )
    controls = {name: engines[name].endpoint(CONTROL_PORT) for name in topology.nodes}
    return Seating(seats, controls, given)


def own_addresses(topology: Topology, own_files: Mapping[str, Fitted]) -> dict[str, str]:
    """The addresses that a lab with such files has, of the design and of the files."""
    if not own_files:
        return {}
    found = {name: node.address for name, node in topology.nodes.items() if node.address}
    found |= {vip: rule.address for vip, (_, rule) in topology.vips.items() if rule.address}
    for each in own_files.values():
        found |= each.addresses
    return found


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


def refuse_own_files(topology: Topology) -> None:
    """A compose file has the addresses of its own network alone.

    Raises:
        LabError: A balancer runs a file of the user's own, which has others.
    """
    if own := [name for name, each in topology.balancers.items() if each.runs_own_file]:
        raise LabError(
            f"{', '.join(own)}: a compose project has no addresses but those of its own network,"
            " and a file that is run as it is wants those that it names: run it with --driver"
            " docker without --project"
        )


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


def with_ipv6(topology: Topology) -> list[str]:
    """The nodes that have IPv6, too: if there are any, their network has a range of it."""
    return [name for name, node in topology.nodes.items() if node.ip != "ipv4"]


def _refuse_vips_that_collide(topology: Topology) -> None:
    for name, balancer in topology.balancers.items():
        if {*balancer.vips} & {*topology.floating_vips} or balancer.runs_own_file:
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


def range_beside(subnet: str | ipaddress.IPv4Network) -> ipaddress.IPv6Network:
    """A range of unique local addresses (RFC 4193) that no other network of the engine has.

    It bears the IPv4 range, which no other has.
    """
    net = ipaddress.IPv4Network(subnet)
    return ipaddress.IPv6Network((int(_RANGES6[0]) + (int(net[0]) << 64), 64))


def second_address_in(
    topology: Topology, subnet: str | ipaddress.IPv4Network
) -> Callable[[int], str] | None:
    """What tells the IPv6 address of the host of a number, counted from 1; None: there is none.

    Args:
        topology: The design.
        subnet: The IPv4 range of its network.
    """
    return functools.partial(_second, range_beside(subnet)) if with_ipv6(topology) else None


def _second(subnet: ipaddress.IPv6Network, number: int) -> str:
    return str(subnet[_FIRST_HOST + number])


def visitor_in(subnet: str) -> str:
    """The address, in a range, of a harness that runs in a container: below those of all hosts."""
    return str(ipaddress.IPv4Network(subnet)[_FIRST_HOST - 1])


def gateway_of(subnet: str) -> str:
    """The address of the engine's machine in a range: the first, as the engine chooses it."""
    return str(ipaddress.IPv4Network(subnet)[1])

"""Where each node and each virtual address of a lab sits: real addresses, real ports, secrets.

A driver makes one `Placement`; nodes, senders and the person at the keyboard follow it. Service
ports in a topology are logical (25, 587); a seat says which real port stands for each.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from relaydrill.address_span import AddressSpan
from relaydrill.topology import Topology

CONTROL_PORT: Final = 2500
"""Logical port of every node's control channel."""

_LOOPBACK: Final = "127.0.0.1/32"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A real address and port."""

    address: str
    port: int

    def __str__(self) -> str:
        return f"{self.address}:{self.port}"


@dataclass(frozen=True, slots=True)
class Seat:
    """One host's place: its address, and the real port behind each logical one.

    Attributes:
        address: IPv4 address that the host binds, and that its own connections come from.
        ports: Logical port to real port.
    """

    address: str
    ports: Mapping[int, int] = field(default_factory=dict)

    def endpoint(self, logical: int) -> Endpoint:
        """The real address and port behind a logical port, or the same number if it is unmapped."""
        return Endpoint(self.address, self.ports.get(logical, logical))

    @property
    def mapped(self) -> dict[int, int]:
        """Logical ports that stand for another real one."""
        return {logical: real for logical, real in self.ports.items() if logical != real}


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a mail client logs in with on 587; made anew for each lab."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Placement:
    """Seats of all nodes and VIPs, and what the lab's clients need to know.

    Attributes:
        seats: By name of node or VIP.
        credentials: For AUTH on the submission port.
        control_token: What a control request must carry.
        ca_file: The lab's own certificate authority, PEM.
        own_shell: The range from which connections of this machine's own reach the nodes. A
            connector that serves 127.0.0.1 means it.
        controls: Control channels that are elsewhere than at their node's own address.
        own_kernels: Whether each node has a network of its own: then WNLB is the kernel's in every
            hub, and keepalived holds the VIPs of a pair; elsewhere something stands in for them.
    """

    seats: Mapping[str, Seat]
    credentials: Credentials
    control_token: str = field(repr=False)
    ca_file: str
    own_shell: str = _LOOPBACK
    controls: Mapping[str, Endpoint] = field(default_factory=dict)
    own_kernels: bool = False

    def control(self, node: str) -> Endpoint:
        """Where a node's control channel listens."""
        return self.controls.get(node) or self.seats[node].endpoint(CONTROL_PORT)

    def seats_of(self, topology: Topology, target: str) -> tuple[Seat, ...]:
        """The seats that a host name, a VIP or a node leads to."""
        return tuple(self.seats[each] for each in topology.names.get(target, (target,)))

    def networks(self, topology: Topology, remotes: tuple[str, ...]) -> tuple[str, ...]:
        """Address ranges for a connector's ``remote`` list: nodes become their own address."""
        own = {_LOOPBACK: self.own_shell}
        return tuple(
            f"{self.seats[remote].address}/32"
            if remote in topology.nodes
            else own.get(remote, remote)
            for remote in remotes
        )


def in_networks(address: str, networks: tuple[str, ...]) -> bool:
    """Whether an address lies in any of the ranges; text that is no address lies in none."""
    if not networks:
        return False
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in AddressSpan.parse(network) for network in networks)

"""Where each node and each virtual address of a lab sits: real addresses, real ports, secrets.

A driver makes one `Placement`; nodes, senders and the person at the keyboard follow it. Service
ports in a topology are logical (25, 587); a seat says which real port stands for each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from relaydrill.address_span import AddressSpan
from relaydrill.endpoint import Credentials, Endpoint
from relaydrill.topology import Topology
from relaydrill.topology.naming import led_to

CONTROL_PORT: Final = 2500
"""Logical port of every node's control channel."""

_LOOPBACK: Final = "127.0.0.1/32"


@dataclass(frozen=True, slots=True)
class Seat:
    """One host's place: its address, and the real port behind each logical one.

    Attributes:
        address: The address that the host binds, and that its own connections come from.
        ports: Logical port to real port, at each address.
        second: Its IPv6 address; empty where names lead to none.
    """

    address: str
    ports: Mapping[int, int] = field(default_factory=dict)
    second: str = ""

    @property
    def addresses(self) -> tuple[str, ...]:
        """All that names lead to."""
        return (self.address, self.second) if self.second else (self.address,)

    def endpoints(self, logical: int) -> tuple[Endpoint, ...]:
        """As `endpoint`, at each of its addresses."""
        port = self.ports.get(logical, logical)
        return tuple(Endpoint(address, port) for address in self.addresses)

    def endpoint(self, logical: int) -> Endpoint:
        """The real address and port behind a logical port, or the same number if it is unmapped."""
        return Endpoint(self.address, self.ports.get(logical, logical))

    @property
    def mapped(self) -> dict[int, int]:
        """Logical ports that stand for another real one."""
        return {logical: real for logical, real in self.ports.items() if logical != real}


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
        given: The addresses that each node has to give itself, those that its connections come
            from first; empty: every machine has its own already.
    """

    seats: Mapping[str, Seat]
    credentials: Credentials
    control_token: str = field(repr=False)
    ca_file: str
    own_shell: str = _LOOPBACK
    controls: Mapping[str, Endpoint] = field(default_factory=dict)
    own_kernels: bool = False
    given: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def control(self, node: str) -> Endpoint:
        """Where a node's control channel listens."""
        return self.controls.get(node) or self.seats[node].endpoint(CONTROL_PORT)

    def seats_of(self, topology: Topology, target: str) -> tuple[Seat, ...]:
        """The seats that a host name, a VIP or a node leads to."""
        return tuple(self.seats[each] for each in led_to(topology, target))

    def networks(self, topology: Topology, remotes: tuple[str, ...]) -> tuple[str, ...]:
        """Address ranges for a connector's ``remote`` list: nodes become their own address."""
        own = {_LOOPBACK: self.own_shell}
        return tuple(
            network
            for remote in remotes
            for network in (
                [str(AddressSpan.parse(each)) for each in self.seats[remote].addresses]
                if remote in topology.nodes
                else [own.get(remote, remote)]
            )
        )

    def served(self, topology: Topology, host: str, logical: int) -> tuple[Endpoint, ...]:
        """Where a node or a VIP answers on a logical port."""
        seat = self.seats[host]
        return (
            seat.endpoints(logical) if topology.ip_of(host) == "dual" else (seat.endpoint(logical),)
        )

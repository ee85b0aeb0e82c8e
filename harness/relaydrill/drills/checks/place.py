"""Where a node stands in a flow, as seen from its senders."""

from __future__ import annotations

import enum

from relaydrill.topology import Topology
from relaydrill.topology.paths import entry_points_of, path_of, takers_of


class Place(enum.Enum):
    """Where a node stands in a flow."""

    ASIDE = enum.auto()
    """The flow does not pass it."""
    FRONT = enum.auto()
    """Senders connect to it, themselves or by a balancer, and see what it does."""
    ASKED = enum.auto()
    """It is asked the way."""
    INSIDE = enum.auto()
    """Mail comes to it from other servers of the tier; senders do not see it."""


def place_of(topology: Topology, flow: str, node: str) -> Place:
    """Where a node stands in a flow."""
    if node not in path_of(topology, flow):
        return Place.ASIDE
    if node in topology.name_servers:
        return Place.ASKED
    if node in takers_of(topology, flow) or node in set(entry_points_of(topology, flow)):
        return Place.FRONT
    return Place.INSIDE


def led_to(topology: Topology, choice: str) -> frozenset[str]:
    """The nodes that may answer where a sender's choice leads to: itself, or a VIP's."""
    if choice not in topology.vips:
        return frozenset({choice})
    balancer, _ = topology.vips[choice]
    return frozenset({*topology.machines_of(balancer), *topology.balancers[balancer].backends})


def is_sole_entry_point(topology: Topology, choice: str, node: str) -> bool:
    """Whether who made this choice must come to a node: it, or a VIP that only it holds."""
    if choice in topology.vips:
        balancer, _ = topology.vips[choice]
        return node == balancer and topology.machines_of(balancer) == (node,)
    return choice == node

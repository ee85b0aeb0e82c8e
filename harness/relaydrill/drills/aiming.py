"""What a fault of a plan can be aimed at: the nodes whose program, or machine, can do it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from relaydrill.faults import split_kind
from relaydrill.faults.reach import done_by, parts_for
from relaydrill.topology import Role, Topology

_A: Final = {
    Role.HUB: "a hub",
    Role.EDGE: "an Edge server",
    Role.MAILBOX: "a mailbox server",
    Role.DNS: "a name server",
    Role.BALANCER: "a balancer",
    Role.STANDBY: "a balancer's standby",
    Role.SENDER: "a sender",
}


_NOTHING_BESIDE: Final = frozenset({"kill", "stop", "pause"})
"""A program that is ended or frozen does nothing that it is told; and started again, it has
forgotten what it was told before."""


def exclude(one: str, other: str) -> bool:
    """Whether one node cannot suffer two kinds of fault at once.

    The heal of one would be that of both, whatever their phases; or nothing else can be done to the
    node, for its program does not run.
    """
    return one == other or bool({one, other} & _NOTHING_BESIDE)


def can_suffer(topology: Topology, kind_text: str, node: str) -> bool:
    """Whether a node can be made to do what a fault is.

    A node of a lab that runs already does whatever it has a hook for, too.

    Args:
        kind_text: ``KIND`` or ``KIND.PHASE``.

    Raises:
        UsageError: It is no fault.
    """
    there = topology.attach.nodes.get(node) if topology.attach else None
    if there and kind_text in there.hooks:
        return True
    kind, _ = split_kind(kind_text)
    return any(topology.nodes[node].role in part.roles for part in parts_for(kind))


def why_not(topology: Topology, kind_text: str, node: str) -> str:
    """Why a fault cannot be done to a node; empty if it can.

    Args:
        kind_text: As of `can_suffer`.

    Raises:
        UsageError: It is no fault.
    """
    if reason := topology.nothing_to_drill(node):
        return reason
    if can_suffer(topology, kind_text, node):
        return ""
    kind, _ = split_kind(kind_text)
    return f"{done_by(kind)}; {node} is {_A[topology.nodes[node].role]}"


def those_that_can(topology: Topology, kind_text: str, nodes: Iterable[str]) -> tuple[str, ...]:
    """The nodes of the tier among some that a fault can be done to.

    Args:
        kind_text: As of `can_suffer`.

    Raises:
        UsageError: It is no fault.
    """
    among = {*nodes}
    tier = (node for node in topology.tier if node in among)
    return tuple(node for node in tier if can_suffer(topology, kind_text, node))

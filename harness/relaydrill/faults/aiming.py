"""What of a topology a fault can be aimed at: the nodes whose program, or machine, can do it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from relaydrill.errors import UsageError
from relaydrill.faults.fault import Fault, ServiceFault
from relaydrill.faults.from_here import told_to, why_not_from_here
from relaydrill.faults.reach import done_by, is_from_here, is_of_a_way, parts_for
from relaydrill.faults.spec import EVERYWHERE, FaultSpec, FaultText
from relaydrill.topology import Role, Topology
from relaydrill.topology.paths import comers_to, is_spoken_to

_A: Final = {
    Role.HUB: "a hub",
    Role.EDGE: "an Edge server",
    Role.MAILBOX: "a mailbox server",
    Role.DNS: "a name server",
    Role.BALANCER: "a balancer",
    Role.STANDBY: "a balancer's standby",
    Role.SENDER: "a sender",
}


_NOTHING_BESIDE: Final = frozenset({"kill", "stop", "lost-disk", "pause", "blackhole", "isolate"})
"""A program that is ended or frozen does nothing that it is told; and started again, it has
forgotten what it was told before. A host that is unreachable is frozen, too; and one that is cut
off cannot be told that anything begins, or is over."""


def exclude(one: FaultSpec, other: FaultSpec) -> bool:
    """Whether one node cannot suffer two faults at once.

    The heal of one would be that of both, whatever their phases; or nothing else can be done to the
    node, for its program does not run, or cannot be reached. Of the network each way has its own.
    """
    if one.node != other.node:
        return False
    if is_of_a_way(one.kind) and is_of_a_way(other.kind):
        return one.label == other.label
    return one.kind == other.kind or bool({one.kind, other.kind} & _NOTHING_BESIDE)


def origins(topology: Topology, origin: str, node: str) -> tuple[str, ...]:
    """The nodes that a fault of the network is between, beside the one that it is aimed at.

    Args:
        topology: The design.
        origin: A node or a site; empty, or ``*``: every other node.
        node: What it is aimed at.

    Raises:
        UsageError: Nothing is called so, there is none but the node itself, or it is somebody's
            own lab, of which hooks know nothing but nodes.
    """
    if origin and topology.attach:
        raise UsageError(
            f"a hook breaks {node} wherever it is reached from, and not from {origin} alone; leave"
            f" that out, or write unreachable:{origin}>{node}, where {origin} is a sender: that"
            " touches the sender alone"
        )
    if origin in ("", EVERYWHERE):
        named: tuple[str, ...] = (*topology.nodes,)
    elif origin in topology.nodes:
        named = (origin,)
    elif origin in topology.sites:
        named = (*topology.sites[origin],)
    else:
        known = ", ".join([*topology.nodes, *topology.sites])
        raise UsageError(
            f"no node or site is called {origin!r}; there are: {known}; and {EVERYWHERE!r} for all"
        )
    found = tuple(each for each in named if each != node)
    if not found:
        raise UsageError(f"{origin} is reached from {node} by no network")
    return found


def flows_by(
    topology: Topology, origin: str, node: str, *, from_here: bool = False
) -> tuple[str, ...]:
    """The flows of which something goes between two nodes.

    Args:
        topology: As of `origins`, as are the next two.
        origin: From where.
        node: What a fault is aimed at.
        from_here: Whether it is of the senders' own side, as of `told_to`.

    Raises:
        UsageError: As of `origins`, or of `told_to`.
    """
    if from_here:
        senders = told_to(topology, origin, node)
        return tuple(
            name
            for name, flow in topology.flows.items()
            if flow.sender in senders and is_spoken_to(topology, name, node)
        )
    others = {*origins(topology, origin, node)}
    return tuple(flow for flow in topology.flows if others & comers_to(topology, flow, node))


def hides(first: Fault, second: Fault, *, is_asked: bool = False) -> bool:
    """Whether a node that suffers one fault never comes to do another.

    A server does one thing at a step of a session, and a name server one with a question: what was
    asked of it first. Where that is done to a share of the sessions, the others are left.

    Args:
        first: What is in force already.
        second: What begins while it is.
        is_asked: Whether the node is a name server.
    """
    if not (isinstance(first, ServiceFault) and isinstance(second, ServiceFault)):
        return False
    if "close" in (first.action, second.action) or first.strength < 1.0:
        return False
    return is_asked or first.phase == second.phase


def can_suffer(topology: Topology, kind_text: str, node: str) -> bool:
    """Whether a node can be made to do what a fault is.

    A node of a lab that runs already does whatever it has a hook for, too.

    Args:
        topology: The design.
        kind_text: ``KIND[.PHASE][%SHARE]``.
        node: One of its nodes.

    Raises:
        UsageError: It is no fault.
    """
    there = topology.attach.nodes.get(node) if topology.attach else None
    if there and kind_text in there.hooks:
        return True
    kind = FaultText.of_kind(kind_text).kind
    if is_from_here(kind) and why_not_from_here(topology, "", node):
        return False
    return any(topology.nodes[node].role in part.roles for part in parts_for(kind))


def why_not(topology: Topology, kind_text: str, node: str) -> str:
    """Why a fault cannot be done to a node; empty if it can.

    Args:
        topology: The design.
        kind_text: As of `can_suffer`.
        node: One of its nodes.

    Raises:
        UsageError: It is no fault.
    """
    if reason := topology.nothing_to_drill(node):
        return reason
    if can_suffer(topology, kind_text, node):
        return ""
    kind = FaultText.of_kind(kind_text).kind
    if is_from_here(kind) and any(topology.nodes[node].role in p.roles for p in parts_for(kind)):
        return ""  # whether its senders can be kept from it depends on which are meant
    return f"{done_by(kind)}; {node} is {_A[topology.nodes[node].role]}"


def those_that_can(topology: Topology, kind_text: str, nodes: Iterable[str]) -> tuple[str, ...]:
    """The nodes of the tier among some that a fault can be done to.

    Args:
        topology: The design.
        kind_text: As of `can_suffer`.
        nodes: Names of nodes.

    Raises:
        UsageError: It is no fault.
    """
    among = {*nodes}
    tier = (node for node in topology.tier if node in among)
    return tuple(node for node in tier if can_suffer(topology, kind_text, node))


def check_hooks(topology: Topology) -> None:
    """Make sure that an inventory's hooks are for faults that there are.

    Raises:
        UsageError: One is not.
    """
    for name, node in topology.attach.nodes.items() if topology.attach else ():
        for kind in node.hooks:
            try:
                if is_from_here(FaultText.of_kind(kind).kind):
                    raise UsageError(
                        f"{kind} is done to the senders of this machine, and takes no hook; leave"
                        " it out"
                    )
            except UsageError as error:
                raise UsageError(f"attach.nodes.{name}.hooks: {error}") from None

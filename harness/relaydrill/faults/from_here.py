"""Which senders a fault of their own side is done at, and why it cannot be. Pure."""

from __future__ import annotations

from relaydrill.errors import UsageError
from relaydrill.faults.spec import EVERYWHERE
from relaydrill.kinds import FAKE
from relaydrill.sentences import listed, number_of
from relaydrill.topology import Topology
from relaydrill.topology.paths import entry_points_of, is_spoken_to, path_of


def told_to(topology: Topology, origin: str, node: str) -> tuple[str, ...]:
    """The senders that a fault of their own side is done at, on the way to a node.

    Args:
        topology: The design.
        origin: A sender or a site; empty, or ``*``: every sender.
        node: What it is aimed at.

    Raises:
        UsageError: Nothing is called so; none of them has an address of the node, as behind a
            balancer; or those that have are programs of others, which connect by themselves.
    """
    named = _senders_called(topology, origin, node)
    having = tuple(
        each
        for each in named
        if any(is_spoken_to(topology, flow, node) for flow in _flows_of(topology, each))
    )
    if not having:
        raise UsageError(_not_spoken_to(topology, named, node))
    if found := tuple(each for each in having if not _connects_by_itself(topology, each)):
        return found
    raise UsageError(
        f"{having[0]} is {_connects_by_itself(topology, having[0])}, which nothing here can keep"
        f" from {node}; let a sender of kind fake, without load, send the flow, or use a firewall"
        " of your own"
    )


def _senders_called(topology: Topology, origin: str, node: str) -> tuple[str, ...]:
    """The senders that a person means.

    Raises:
        UsageError: There is none.
    """
    if origin in ("", EVERYWHERE):
        return (*topology.senders,)
    senders = listed(topology.senders)
    if origin not in topology.nodes and origin not in topology.sites:
        raise UsageError(f"no sender or site is called {origin!r}; the senders are {senders}")
    every = topology.sites.get(origin, (origin,))
    if found := tuple(each for each in every if each in topology.senders):
        return found
    raise UsageError(
        f"{origin} is no sender, and this is done on a sender's own side; the senders are"
        f" {senders}; between other nodes write cut:{origin}>{node}, with --driver simulate"
    )


def _flows_of(topology: Topology, sender: str) -> tuple[str, ...]:
    """The flows that a sender sends."""
    return tuple(name for name, flow in topology.flows.items() if flow.sender == sender)


def _connects_by_itself(topology: Topology, sender: str) -> str:
    """What connects in a sender's place; empty where its own node does."""
    settings = topology.senders[sender]
    if settings.kind != FAKE:
        return f"a real {settings.kind}, and connects by itself"
    return "sending through Locust workers, which connect by themselves" if settings.load else ""


def _not_spoken_to(topology: Topology, senders: tuple[str, ...], node: str) -> str:
    """Why some senders cannot be kept from a node, and what can be done instead."""
    passing = [
        flow
        for sender in senders
        for flow in _flows_of(topology, sender)
        if node in path_of(topology, flow)
    ]
    if not passing:
        return f"no mail of {listed(senders)} passes {node}, nor is it asked the way"
    before = [*dict.fromkeys(each for flow in passing for each in entry_points_of(topology, flow))]
    whose = [*dict.fromkeys(topology.flows[flow].sender for flow in passing)]
    who, come = listed(whose), number_of(len(whose), "comes", "come")
    if node in before:
        return (
            f"{who} {come} to {node} by an address that"
            f" {listed(before)} share, so that it alone cannot be out of reach from here; break"
            f" {node} itself, as by kill:{node}"
        )
    return (
        f"{who} {come} to {listed(before)} and not to {node}"
        f" itself, so that {node} cannot be out of reach from here; write"
        f" unreachable:{before[0]} for what they come to, or break {node} itself"
    )


def why_not_from_here(topology: Topology, origin: str, node: str) -> str:
    """Why no sender can be kept from a node; empty if one can. The arguments are `told_to`'s."""
    try:
        told_to(topology, origin, node)
    except UsageError as error:
        return str(error)
    return ""

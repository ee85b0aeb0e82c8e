"""Which node of a design a banner names. Pure."""

from __future__ import annotations

from collections.abc import Callable, Container

from relaydrill.topology.design import Topology


def named_in(topology: Topology, but: Container[str] = ()) -> Callable[[str], str]:
    """What says which node a banner names, by the whole of it or by its first label; else empty.

    A server of others has the names that the inventory knows it as (``known_as``), and no other
    ones; where it knows none, and for all other nodes, that is the node's own name.

    Args:
        topology: The design.
        but: Nodes that are not to be found, whatever they are called.
    """
    theirs = topology.attach.nodes if topology.attach else {}
    # A hub may call itself what a mailbox server behind it does: the hub is who answers.
    last = {**topology.hubs, **topology.edges}
    known = {
        each.lower(): name
        for name in sorted(topology.nodes, key=last.__contains__)
        if name not in but
        for each in (theirs[name].known_as if name in theirs else ()) or (name,)
    }

    def named(banner: str) -> str:
        name = banner.lower().rstrip(".")
        return known.get(name) or known.get(first_label(name), "")

    return named


def first_label(name: str) -> str:
    """The part of a host's name before its domain, in lower case."""
    return name.lower().partition(".")[0]

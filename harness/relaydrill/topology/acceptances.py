"""Weaknesses that a topology's author accepts: which of them a loss is. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from relaydrill.topology.design import Topology
from relaydrill.topology.traffic import Acceptance
from relaydrill.topology.units import unit_called


def acceptance_of(topology: Topology, broken: frozenset[str], flow: str) -> Acceptance | None:
    """The weakness accepted for ``flow`` while these nodes are broken, if there is one.

    That of an MX host or of a site only where all of it is, and of several things where all are.
    """
    return next((entry for entry, _ in _acceptances(topology, broken, flow)), None)


def accepted_nodes(topology: Topology, broken: frozenset[str], flow: str) -> frozenset[str]:
    """Those of some nodes, broken at once, whose loss is accepted for ``flow``."""
    return frozenset[str]().union(*(nodes for _, nodes in _acceptances(topology, broken, flow)))


def _acceptances(
    topology: Topology, broken: frozenset[str], flow: str
) -> Iterator[tuple[Acceptance, frozenset[str]]]:
    for entry in topology.accept:
        units = [unit_called(topology, name) for name in entry.lost]
        nodes = frozenset[str]().union(*(unit.nodes for unit in units if unit))
        is_all_broken = all(units) and nodes <= broken
        if is_all_broken and (not entry.flows or flow in entry.flows):
            yield entry, nodes

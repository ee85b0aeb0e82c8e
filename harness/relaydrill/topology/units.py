"""What may be lost as one: a node, the servers behind one MX host, a whole site. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

from relaydrill.topology.design import Topology
from relaydrill.topology.naming import exchangers


@dataclass(frozen=True, slots=True)
class Unit:
    """What is lost as one.

    Attributes:
        name: A node, an MX host or a site.
        nodes: All of it that can be broken.
    """

    name: str
    nodes: frozenset[str]


def units_of(topology: Topology) -> tuple[Unit, ...]:
    """Every node of the tier, every MX host's two addresses or more, every site.

    Some MTAs always pick the same MX host, so what stands behind it is all that they have. A unit
    of the same nodes as one before it is left out: it would be lost in the same way.
    """
    found: dict[frozenset[str], Unit] = {}
    for unit in _declared(topology):
        if unit.nodes:
            found.setdefault(unit.nodes, unit)
    return tuple(found.values())


def unit_called(topology: Topology, name: str) -> Unit | None:
    """The unit of a name, whether or not another has the same nodes; None if there is none."""
    return next((unit for unit in _declared(topology) if unit.name == name), None)


def unit_of(topology: Topology, nodes: frozenset[str]) -> Unit | None:
    """The unit that is these nodes and no others; None if there is none."""
    return next((unit for unit in units_of(topology) if unit.nodes == nodes), None)


def names_of(topology: Topology, nodes: Iterable[str]) -> tuple[str, ...]:
    """What nodes are called as units: as one or two if they can be, else as few as are found.

    A node that is no unit has its own name.
    """
    given = tuple(dict.fromkeys(nodes))
    whole = frozenset(given)
    parts = [unit for unit in units_of(topology) if unit.nodes <= whole]
    for some in (*((unit,) for unit in parts), *combinations(parts, 2)):
        if frozenset[str]().union(*(unit.nodes for unit in some)) == whole:
            return tuple(unit.name for unit in some)
    left, names = whole, dict[str, None]()
    for unit in sorted(parts, key=lambda each: -len(each.nodes)):
        if len(unit.nodes) > 1 and unit.nodes <= left:
            left -= unit.nodes
            names[unit.name] = None
    return (*(node for node in given if node in left), *names)


def _declared(topology: Topology) -> Iterator[Unit]:
    tier = frozenset(topology.tier)
    # A standby carries nothing while its balancer lives: the loss of that is what tries it.
    alone = (name for name in topology.tier if name not in topology.standbys)
    yield from (Unit(name, frozenset({name})) for name in alone)
    for domain in topology.zones:
        for mx in exchangers(topology, domain):
            yield Unit(mx.host, frozenset(mx.addresses) & tier)
    for site, members in topology.sites.items():
        yield Unit(site, frozenset(members) & tier)


__all__ = ["Unit", "names_of", "unit_called", "unit_of", "units_of"]

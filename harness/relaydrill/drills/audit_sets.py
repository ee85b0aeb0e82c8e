"""Which sets of units an audit goes on with: the smallest whose loss breaks a flow's promise.

Reliability engineers call them minimal cut sets. They are looked for by size. A set of two units or
more is drilled only where each smaller set in it was seen to be ridden out: what contains a set
that breaks the promise breaks it, too. That takes for granted that losing more never helps. And of
sets that the design says the same of (`relaydrill.drills.alike`), one is drilled for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import Final, Literal

from relaydrill.documents.audit import CutSetDocument
from relaydrill.drills.alike import Swap, swapped, swaps_of
from relaydrill.drills.audit_plan import as_family, drill_of, those_in_reach
from relaydrill.drills.model import Drill
from relaydrill.drills.result import ACCEPTED, FlowVerdict, Judgement
from relaydrill.drills.spares import Spare, spares_of, standing_by
from relaydrill.faults.aiming import those_that_can
from relaydrill.sentences import listed, number_of
from relaydrill.topology import Topology
from relaydrill.topology.paths import flows_through
from relaydrill.topology.units import Unit, names_of, unit_called
from relaydrill.verdict import Status

Nodes = frozenset[str]

StandsFor = Mapping[str, tuple[tuple[str, ...], ...]]
"""By a drill's name: the sets of units that it was drilled for, besides its own."""

DEEPEST: Final = 5
"""How many units are lost at a time, at most: of each further size there are many more sets."""

_MOST_NAMED: Final = 6
"""Of the sets that one stands for, in a sentence."""


@dataclass(frozen=True, slots=True)
class CutSet:
    """One of the smallest sets whose loss breaks a flow's promise.

    Attributes:
        flow: Whose promise.
        units: Nodes, MX hosts and sites, by name.
        nodes: All nodes that are lost with them.
        status: ``fail``, or ``accepted`` where the topology's author accepts it.
        drill: The drill that showed it.
        is_drilled: Whether that drill broke this set, and not one that is alike.
    """

    flow: str
    units: tuple[str, ...]
    nodes: Nodes
    status: Literal["fail", "accepted"]
    drill: str
    is_drilled: bool

    def document(self) -> CutSetDocument:
        """Plain JSON values."""
        return {
            "flow": self.flow,
            "units": [*self.units],
            "status": self.status,
            "drill": self.drill,
            "is_drilled": self.is_drilled,
        }


@dataclass(frozen=True)
class Sets:
    """What an audit does at one size.

    Attributes:
        drills: One for each set that is drilled.
        stands_for: The sets that are not, for they are like one of those.
    """

    drills: tuple[Drill, ...]
    stands_for: StandsFor


@dataclass(frozen=True)
class Depth:
    """How an audit goes on, from one size of sets to the next.

    Attributes:
        topology: What is audited.
        kind: The fault that each node suffers.
        seed: Passed to every drill.
        with_swaps: Whether what the design says the same of counts as alike. Not in a lab that runs
            already: of its machines the design says what it is told, and that is not all.
    """

    topology: Topology
    kind: str = "kill"
    seed: int = 1
    with_swaps: bool = True

    def sets(self, judged: tuple[Judgement, ...], stands_for: StandsFor, size: int) -> Sets:
        """The sets of one size, after all smaller ones have been judged.

        A set is broken under the flows that pass all of it and ride out every smaller set in it. A
        spare is in a set with all that it stands in for: before that, its turn has not come.

        Args:
            judged: The rows so far.
            stands_for: What they stand for.
            size: How many units are lost at a time, 2 or more.
        """
        found = _Found(self.topology, self.kind, judged, stands_for)
        wanted = dict(found.candidates(size))
        swaps = _kept(found, swaps_of(self.topology)) if self.with_swaps and wanted else ()
        drills, alike = [], {}
        for first, *others in _groups(wanted, swaps):
            units, flows = wanted[first]
            drill = drill_of(self.topology, units, flows, self.kind, self.seed)
            drills.append(drill)
            if others:
                alike[drill.name] = tuple(
                    tuple(unit.name for unit in wanted[each][0]) for each in others
                )
        return Sets(as_family(self.topology, tuple(drills), size), alike)


@dataclass(frozen=True)
class _Found:
    """What the rows so far have shown; the fields are the arguments of `Depth.sets`."""

    topology: Topology
    kind: str
    judged: tuple[Judgement, ...]
    stands_for: StandsFor

    @cached_property
    def units(self) -> dict[Nodes, tuple[Unit, set[str]]]:
        """Those that may be in a set, each with the flows that rode out its loss alone."""
        known = {unit.nodes: unit for unit in those_in_reach(self.topology, self.kind)}
        alone = {nodes_of(row.drill): held(row) for row in self.judged}
        return {nodes: (known[nodes], flows) for nodes, flows in alone.items() if nodes in known}

    @cached_property
    def _rows(self) -> list[tuple[Nodes, Judgement]]:
        """Every set of which something is known, with the row that shows it."""
        return [(nodes, row) for row in self.judged for nodes, _ in shown_by(row, self.stands_for)]

    @cached_property
    def _broke(self) -> dict[str, list[Nodes]]:
        """By flow: what it was not seen to ride out."""
        found: dict[str, list[Nodes]] = {flow: [] for flow in self.topology.flows}
        for nodes, row in self._rows:
            for flow in {each.flow for each in row.flows} - held(row):
                found[flow].append(nodes)
        return found

    def _spares(self) -> Iterator[Spare]:
        """Those that may be in a set with what they stand in for."""
        topology = self.topology
        # A balancer's standby is no unit: alone it is nobody's loss.
        standbys = (
            Spare(Unit(name, frozenset({name})), frozenset({each.standby_of}))
            for name, each in topology.standbys.items()
        )
        for spare in (*spares_of(topology, standing_by(topology)), *standbys):
            able = frozenset(those_that_can(topology, self.kind, spare.unit.nodes))
            if able:
                yield replace(spare, unit=replace(spare.unit, nodes=able))

    def candidates(
        self, size: int
    ) -> Iterator[tuple[Nodes, tuple[tuple[Unit, ...], tuple[str, ...]]]]:
        """Every set of a size that has to be shown, with the flows for which it has to."""
        topology, seen = self.topology, {nodes for nodes, _ in self._rows}
        members, principals = dict(self.units), dict[Nodes, Nodes]()
        for spare in self._spares():
            if spare.unit.nodes not in members:
                through = {*flows_through(topology, tuple(spare.unit.nodes))}
                members[spare.unit.nodes] = (spare.unit, through)
                principals[spare.unit.nodes] = spare.principals
        for some in combinations(members.items(), size):
            whole = _union(nodes for nodes, _ in some)
            common = set[str].intersection(*({*flows} for _, (_, flows) in some))
            flows = tuple(
                flow for flow in topology.flows if flow in common and self._holds(flow, whole)
            )
            if not flows or whole in seen or not _each_counts(some, principals):
                continue
            seen.add(whole)
            yield whole, (tuple(unit for _, (unit, _) in some), flows)

    def _holds(self, flow: str, nodes: Nodes) -> bool:
        """Whether nothing that a flow was not seen to ride out is in a set."""
        return not any(broken <= nodes for broken in self._broke[flow])


def _each_counts(some: Iterable[tuple[Nodes, object]], principals: Mapping[Nodes, Nodes]) -> bool:
    """Whether no unit lies within the others, and no spare's turn has not come."""
    sets = [nodes for nodes, _ in some]
    for at, nodes in enumerate(sets):
        others = _union((*sets[:at], *sets[at + 1 :]))
        if nodes <= others or not principals.get(nodes, frozenset()) <= others:
            return False
    return True


def _kept(found: _Found, swaps: tuple[Swap, ...]) -> tuple[Swap, ...]:
    """The swaps that what was measured of single units does not belie."""
    alone = {nodes: flows for nodes, (_, flows) in found.units.items()}
    return tuple(
        swap
        for swap in swaps
        if all(alone.get(swapped(nodes, swap), flows) == flows for nodes, flows in alone.items())
    )


def _groups(
    wanted: Mapping[Nodes, tuple[tuple[Unit, ...], tuple[str, ...]]], swaps: tuple[Swap, ...]
) -> list[list[Nodes]]:
    """Sets that are alike, together; each in the order in which they were found."""
    left, groups = dict.fromkeys(wanted), []
    while left:
        first = next(iter(left))
        group, ahead = {first}, [first]
        while ahead:
            nodes = ahead.pop()
            for swap in swaps:
                other = swapped(nodes, swap)
                if other in wanted and other not in group and wanted[other][1] == wanted[first][1]:
                    group.add(other)
                    ahead.append(other)
        groups.append([nodes for nodes in left if nodes in group])
        left = {nodes: None for nodes in left if nodes not in group}
    return groups


def _union(sets: Iterable[Nodes]) -> Nodes:
    return frozenset[str]().union(*sets)


def nodes_of(drill: Drill) -> Nodes:
    """All nodes that a drill breaks."""
    return frozenset(spec.node for spec in drill.faults)


def held(row: Judgement) -> set[str]:
    """The flows that were seen to ride it out; an accepted failure is none."""
    return {each.flow for each in row.flows if each.status is Status.PASS and not each.accepted}


def shown_by(row: Judgement, stands_for: StandsFor) -> Iterator[tuple[Nodes, tuple[str, ...]]]:
    """The nodes and the units that a row broke, and those of each set that it stands for.

    Args:
        row: Of an audit.
        stands_for: Of that audit.
    """
    nodes = nodes_of(row.drill)
    if nodes:
        yield nodes, units_named(row)
    for names in stands_for.get(row.drill.name, ()) if nodes else ():
        yield _union(_nodes_called(row, name) for name in names), names


def _nodes_called(row: Judgement, name: str) -> Nodes:
    """Those of a unit that what a row does can be done to."""
    unit = unit_called(row.topology, name)
    nodes = unit.nodes if unit else frozenset({name} & {*row.topology.nodes})
    return frozenset(those_that_can(row.topology, row.drill.faults[0].kind_text, nodes))


def units_named(row: Judgement) -> tuple[str, ...]:
    """What a row broke, by the names of units."""
    return names_of(row.topology, dict.fromkeys(spec.node for spec in row.drill.faults))


def _broken(flow: FlowVerdict) -> Literal["fail", "accepted"] | None:
    """How a promise was broken; None where it was kept, or nobody knows."""
    if flow.status is Status.FAIL:
        return "fail"
    return "accepted" if flow.shown_status == ACCEPTED else None


def cut_sets(rows: Sequence[Judgement], stands_for: StandsFor) -> tuple[CutSet, ...]:
    """The smallest sets of an audit whose loss breaks a flow's promise, by flow, small ones first.

    None is left that holds a smaller one. A site is one unit, whatever stands in it: it is left in
    beside two of its nodes that break the promise together.

    Args:
        rows: Of the audit.
        stands_for: Of the audit.
    """
    every = [
        CutSet(flow.flow, units, nodes, status, row.drill.name, nodes == nodes_of(row.drill))
        for row in rows
        for nodes, units in shown_by(row, stands_for)
        for flow in row.flows
        if (status := _broken(flow))
    ]
    flows = [*dict.fromkeys(flow.flow for row in rows for flow in row.flows)]
    smallest = [
        each
        for each in every
        if not any(
            other.flow == each.flow
            and other.nodes < each.nodes
            and len(other.units) <= len(each.units)
            for other in every
        )
    ]
    return tuple(sorted(smallest, key=lambda each: (flows.index(each.flow), len(each.units))))


def remarks_on_depth(
    topology: Topology, rows: tuple[Judgement, ...], stands_for: StandsFor, depth: int
) -> tuple[str, ...]:
    """What a person should know of an audit's sets: how many, which for which, what is in none.

    Args:
        topology: What is audited.
        rows: All of the audit.
        stands_for: Of the audit.
        depth: How many units were lost at a time at most.
    """
    sizes = [len(units_named(row)) for row in rows]
    tried = sum(size > 1 for size in sizes)
    others = sum(len(sets) for sets in stands_for.values())
    told = f"up to {depth} at a time: "
    if not tried:
        told += "no set was drilled"
    elif others:
        told += f"{tried} {number_of(tried, 'set', 'sets')} drilled, which stand for {others} more"
    else:
        told += f"{tried} {number_of(tried, 'set', 'sets')} drilled"
    barred = dict[str, list[str]]()
    for row in rows:
        for flow in (each.flow for each in row.flows if each.flow not in held(row)):
            for _, units in shown_by(row, stands_for):
                barred.setdefault(flow, []).append(listed(units))
    for flow in topology.flows:
        if flow in barred:
            told += f"; for {flow} none that holds {_some(barred[flow])}, for it was not seen to"
            told += " ride that out"
    if not tried and not barred:
        told += ": there are no two that a flow passes both of, and that are no row already"
    return (told, *_on_alike(rows, stands_for))


def _on_alike(rows: tuple[Judgement, ...], stands_for: StandsFor) -> Iterator[str]:
    alike = [
        f"{listed(units_named(row))} for {_some([listed(each) for each in others])}"
        for row in rows
        if (others := stands_for.get(row.drill.name))
    ]
    if alike:
        yield f"one drill stands for all sets that the design says the same of: {'; '.join(alike)}"


def _some(names: list[str]) -> str:
    """Names or sets of names, so many that they can be read."""
    more = len(names) - _MOST_NAMED
    told = [*names[:_MOST_NAMED], *([f"{more} more"] if more > 0 else [])]
    return f"{', '.join(told[:-1])} or {told[-1]}" if len(told) > 1 else told[0]

"""Which drills an audit begins with: the steady state, and every unit alone.

`relaydrill.drills.audit_sets` goes on with several units at a time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from relaydrill.drills.drill_plan import plan
from relaydrill.drills.family import count_all, count_tests, first_look, second_look
from relaydrill.drills.model import Drill
from relaydrill.drills.spares import Spare, StandingBy, spares_of, standing_by
from relaydrill.errors import UsageError
from relaydrill.faults import FaultText
from relaydrill.faults.aiming import those_that_can
from relaydrill.faults.reach import done_by
from relaydrill.faults.spec import KIND_FORM
from relaydrill.sentences import listed
from relaydrill.topology import Topology
from relaydrill.topology.paths import flows_through
from relaydrill.topology.units import Unit, unit_called, unit_of, units_of
from relaydrill.verdict import Levels


def plan_audit(
    topology: Topology,
    *,
    units: tuple[str, ...] = (),
    flows: tuple[str, ...] = (),
    kind: str = "kill",
    seed: int = 1,
) -> tuple[Drill, ...]:
    """The drills of an audit: the steady state first, then everything that is lost as one.

    That is each node of the tier, all addresses of an MX host, and each site. A unit is broken
    under the flows that pass it, a site not under those whose sender stands in it. A node that no
    flow passes is broken under all of them, and its verdict is unknown; such a site is left out.
    So is a spare, for a flow that has others to go to first: its loss alone shows nothing, and
    theirs shows whether it takes over. Where no row breaks all of those, it has a row after all,
    which ends as unknown: nobody has seen it take over.
    What the fault cannot be done to stays whole. The statistical tests of all of them are one
    family: see `relaydrill.drills.family`.

    Args:
        topology: What to audit.
        units: Only these nodes, MX hosts and sites.
        flows: Only these; the default is all that pass what is broken.
        kind: The fault that each node suffers.
        seed: Passed to every drill.

    Raises:
        UsageError: A unit or flow is not in the topology, no such fault exists, it can be done to
            nothing of what is to be broken, or more than a kind is given.
    """
    _check_kind(kind)
    steady = plan(topology, flows=flows, seed=seed)
    chosen = tuple(_unit(topology, name) for name in units)
    asleep = standing_by(topology, flows)
    spares = {spare.unit.name: spare for spare in spares_of(topology, asleep)}

    def rows(among: tuple[Unit, ...]) -> list[Drill]:
        found = []
        for unit in among:
            passing = _flows_of(topology, unit, asleep)
            if unit.name not in spares and (passing or chosen or unit.name in topology.nodes):
                found.append(drill_of(topology, (unit,), passing or flows, kind, seed))
        return found

    among = chosen or those_in_reach(topology, kind)
    broken = rows(among)
    # Of a spare that is asked for by name, whatever row would try it counts.
    asked = spares.keys() & {unit.name for unit in chosen}
    trials = rows(those_in_reach(topology, kind)) if asked else broken
    for unit in among:
        if (spare := spares.get(unit.name)) is None:
            continue
        if not _is_tried(topology, spare, trials):
            broken.append(drill_of(topology, (unit,), _through(topology, unit, asleep), kind, seed))
        elif chosen:
            raise UsageError(f"{spare}; audit that: {unit.name} has to take over from it")
    return as_family(topology, (steady, *broken))


def _through(topology: Topology, unit: Unit, flows: Iterable[str]) -> tuple[str, ...]:
    """Those of some flows that pass a unit, whether or not they have others to go to first."""
    passing = {*flows_through(topology, tuple(unit.nodes))}
    return tuple(flow for flow in flows if flow in passing)


def _is_tried(topology: Topology, spare: Spare, drills: Iterable[Drill]) -> bool:
    """Whether a drill breaks all that a spare stands in for, and not the spare, under its mail."""
    through = {*_through(topology, spare.unit, topology.flows)}
    rows = [_broken_by(drill) for drill in drills if through.intersection(drill.flows)]
    return any(spare.principals <= row and not spare.unit.nodes <= row for row in rows)


def _broken_by(drill: Drill) -> frozenset[str]:
    """All nodes that a drill breaks."""
    return frozenset(spec.node for spec in drill.faults)


def plan_again(topology: Topology, drill: Drill, tests: int, size: int = 1) -> Drill:
    """The same drill once more, to decide what its first look left in doubt.

    Its choices are its own: with the same seed senders would make the same again.

    Args:
        topology: What is audited.
        drill: Of an audit.
        tests: How many all drills make that were planned with it.
        size: How many units each of them breaks.
    """
    levels = second_look(tests, count_tests(topology, drill.flows, drill.faults), size)
    return _replanned(topology, drill, levels, drill.seed + 1)


def as_family(topology: Topology, drills: tuple[Drill, ...], size: int = 1) -> tuple[Drill, ...]:
    """The same drills, with the choices that their tests need as one family.

    Args:
        topology: What is audited.
        drills: All that break so many units at a time.
        size: How many.
    """
    levels = first_look(count_all(topology, drills), size)
    return tuple(_replanned(topology, drill, levels, drill.seed) for drill in drills)


def _replanned(topology: Topology, drill: Drill, levels: Levels, seed: int) -> Drill:
    faults = tuple(spec.label for spec in drill.faults)
    return plan(topology, faults=faults, flows=drill.flows, seed=seed, levels=levels)


def remarks_on_spares(topology: Topology, drills: tuple[Drill, ...]) -> tuple[str, ...]:
    """Why a spare has no row of its own, and which row shows whether it takes over, if one does.

    Args:
        topology: What is audited.
        drills: All of the audit; a spare of what none of them breaks is not told of.
    """
    flows = dict.fromkeys(flow for drill in drills for flow in drill.flows)
    spares = spares_of(topology, standing_by(topology, flows))
    return tuple(filter(None, (_remark_on(topology, spare, drills) for spare in spares)))


def _remark_on(topology: Topology, spare: Spare, drills: tuple[Drill, ...]) -> str:
    """What is to be said of a spare; nothing where nothing is broken that it stands in for."""
    broken = [_broken_by(drill) for drill in drills]
    if not any(spare.principals & nodes for nodes in broken):
        return ""
    others, name = listed(sorted(spare.principals)), spare.unit.name
    if not _is_tried(topology, spare, drills):
        return (
            f"{spare}: whether {name} takes over was not tried, for no row breaks all of {others}"
            f" under its mail; a drill can (relaydrill drill, with a --fault for each)"
        )
    told = f"{spare}, and is no row: the loss of {others} shows whether {name} takes over"
    is_row = spare.principals in broken and unit_of(topology, spare.principals) is not None
    return f"{told}, and --depth 2 breaks both" if is_row else told


def _unit(topology: Topology, name: str) -> Unit:
    if reason := topology.nothing_to_drill(name):
        raise UsageError(reason)
    if standby := topology.standbys.get(name):
        raise UsageError(
            f"{name} carries nothing while {standby.standby_of} lives; audit that:"
            f" {name} has to take over from it"
        )
    unit = unit_called(topology, name)
    if unit is None or not unit.nodes:
        known = ", ".join(each.name for each in units_of(topology))
        raise UsageError(f"nothing of the tier is called {name!r}; there are: {known}")
    return unit


def _check_kind(text: str) -> None:
    """Make sure that a fault is a kind, and does not say where or when, as that of a drill does.

    Raises:
        UsageError: It does, or there is no such kind.
    """
    said = FaultText.parse(text)
    if said.node or said.is_timed:
        instead = f"--fault {said.kind_text}" + (f" --node {said.node}" if said.node else "")
        raise UsageError(
            f"{text!r}: an audit takes {KIND_FORM}, and sets the times itself; write"
            f" {instead}, or run it as one drill (relaydrill drill)"
        )


def those_in_reach(topology: Topology, kind: str) -> tuple[Unit, ...]:
    """All units, each with those of its nodes that a fault can be done to.

    Raises:
        UsageError: There is no such fault, or it can be done to none.
    """
    found: dict[frozenset[str], Unit] = {}
    for unit in units_of(topology):
        if nodes := frozenset(those_that_can(topology, kind, unit.nodes)):
            found.setdefault(nodes, replace(unit, nodes=nodes))
    if not found:
        raise UsageError(f"{done_by(FaultText.of_kind(kind).kind)}; {topology.name} has none")
    return tuple(found.values())


def _flows_of(topology: Topology, unit: Unit, asleep: StandingBy) -> tuple[str, ...]:
    """The flows that a unit's loss may touch, of those that are looked at.

    Not those whose sender is lost with it, nor those that come to it only when others are gone.
    """
    passing = flows_through(topology, tuple(unit.nodes))
    members = topology.sites.get(unit.name, ())
    return tuple(
        flow
        for flow in passing
        if flow in asleep
        and topology.flows[flow].sender not in members
        and not unit.nodes <= asleep[flow].keys()
    )


def drill_of(
    topology: Topology, units: tuple[Unit, ...], flows: tuple[str, ...], kind: str, seed: int
) -> Drill:
    """A drill that breaks some units at once, planned for itself.

    Args:
        topology: What is audited.
        units: What is lost.
        flows: Which send.
        kind: The fault that each node suffers.
        seed: Of every random choice.
    """
    lost = frozenset[str]().union(*(unit.nodes for unit in units))
    # Where it can be done to none of them, the plan says why.
    nodes = those_that_can(topology, kind, lost) or tuple(lost)
    faults = tuple(f"{kind}:{node}" for node in nodes)
    return plan(topology, faults=faults, flows=flows, seed=seed)

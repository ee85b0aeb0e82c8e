"""Which drills an audit is made of: the steady state, every unit alone, and two units at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

from relaydrill.drills.aiming import those_that_can
from relaydrill.drills.family import count_all, count_tests, first_look, second_look
from relaydrill.drills.judgement import Judgement
from relaydrill.drills.model import Drill, plan
from relaydrill.errors import UsageError
from relaydrill.faults import split_kind
from relaydrill.faults.reach import done_by
from relaydrill.topology import Topology
from relaydrill.topology.paths import flows_through
from relaydrill.topology.units import Unit, unit_called, unit_of, units_of
from relaydrill.verdict import Levels, Status


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
    chosen = [_unit(topology, name) for name in units]
    broken = []
    for unit in chosen or _that_can(topology, kind):
        passing = tuple(flow for flow in _flows_of(topology, unit) if not flows or flow in flows)
        if passing or chosen or unit.name in topology.nodes:
            broken.append(_drill(topology, (unit,), passing or flows, kind, seed))
    return _as_family(topology, (steady, *broken))


def plan_pairs(
    topology: Topology, judged: tuple[Judgement, ...], *, kind: str = "kill", seed: int = 1
) -> tuple[Drill, ...]:
    """The drills of two units at a time, after those of each alone have been judged.

    Two are broken under the flows that pass both and ride out the loss of either: what fails alone
    fails in every pair, and what does not concern a flow adds nothing.

    Args:
        judged: The rows of the units alone; others among them do not matter.
        kind, seed: As of `plan_audit`.
    """
    alone = [(unit, _held(row)) for unit, row in _alone(topology, judged)]
    known = {unit.nodes for unit, _ in alone}
    found: dict[frozenset[str], Drill] = {}
    for (one, by_one), (other, by_other) in combinations(alone, 2):
        both = one.nodes | other.nodes
        flows = tuple(flow for flow in topology.flows if flow in by_one & by_other)
        if flows and both not in known and both not in found:
            found[both] = _drill(topology, (one, other), flows, kind, seed)
    return _as_family(topology, tuple(found.values()))


def plan_again(topology: Topology, drill: Drill, tests: int) -> Drill:
    """The same drill once more, to decide what its first look left in doubt.

    Its choices are its own: with the same seed senders would make the same again.

    Args:
        drill: Of an audit. tests: How many all drills make that were planned with it.
    """
    levels = second_look(tests, count_tests(topology, drill.flows, drill.faults))
    return _replanned(topology, drill, levels, drill.seed + 1)


def _as_family(topology: Topology, drills: tuple[Drill, ...]) -> tuple[Drill, ...]:
    """The same drills, with the choices that their tests need as one family."""
    levels = first_look(count_all(topology, drills))
    return tuple(_replanned(topology, drill, levels, drill.seed) for drill in drills)


def _replanned(topology: Topology, drill: Drill, levels: Levels, seed: int) -> Drill:
    faults = tuple(spec.label for spec in drill.faults)
    return plan(topology, faults=faults, flows=drill.flows, seed=seed, levels=levels)


def told_of_pairs(topology: Topology, rows: tuple[Judgement, ...], tried: int) -> str:
    """What a person should know of an audit's pairs: how many there are, and what is in none.

    Args:
        rows: Those of the units alone. tried: How many pairs were drilled.
    """
    failing: dict[str, list[str]] = {}
    for unit, row in _alone(topology, rows):
        for flow in {each.flow for each in row.flows} - _held(row):
            failing.setdefault(flow, []).append(unit.name)
    told = f"{tried or 'no'} {'pairs were' if tried > 1 else 'pair was'} tried"
    for flow in topology.flows:
        if flow in failing:
            names = ", ".join(failing[flow])
            told += f"; for {flow} none with {names}, whose loss alone it was not seen to ride out"
    if not tried and not failing:
        told += ": there are no two that a flow passes both of, and that are no row already"
    return told


def _alone(topology: Topology, judged: tuple[Judgement, ...]) -> Iterator[tuple[Unit, Judgement]]:
    """The rows in which one unit was broken."""
    for row in judged:
        unit = unit_of(topology, frozenset(spec.node for spec in row.drill.faults))
        if unit is not None:
            yield unit, row


def _held(row: Judgement) -> set[str]:
    """The flows that were seen to ride it out; an accepted failure is none."""
    return {each.flow for each in row.flows if each.status is Status.PASS and not each.accepted}


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
    if more := re.search("(?<=.)[:@+]", text):
        kind, node = text[: more.start()], re.search(":([^@+]+)", text)
        instead = f"--fault {kind}" + (f" --node {node[1]}" if node else "")
        raise UsageError(
            f"{text!r}: an audit takes KIND or KIND.PHASE, and sets the times itself; write"
            f" {instead}, or run it as one drill (relaydrill drill)"
        )
    split_kind(text)


def _that_can(topology: Topology, kind: str) -> tuple[Unit, ...]:
    """All units, each with those of its nodes that a fault can be done to.

    Raises:
        UsageError: There is no such fault, or it can be done to none.
    """
    found: dict[frozenset[str], Unit] = {}
    for unit in units_of(topology):
        if nodes := frozenset(those_that_can(topology, kind, unit.nodes)):
            found.setdefault(nodes, replace(unit, nodes=nodes))
    if not found:
        raise UsageError(f"{done_by(split_kind(kind)[0])}; {topology.name} has none")
    return tuple(found.values())


def _flows_of(topology: Topology, unit: Unit) -> tuple[str, ...]:
    """The flows that a unit's loss may touch; not those whose sender is lost with it."""
    passing = flows_through(topology, tuple(unit.nodes))
    members = topology.sites.get(unit.name, ())
    return tuple(flow for flow in passing if topology.flows[flow].sender not in members)


def _drill(
    topology: Topology, units: tuple[Unit, ...], flows: tuple[str, ...], kind: str, seed: int
) -> Drill:
    lost = frozenset[str]().union(*(unit.nodes for unit in units))
    # Where it can be done to none of them, the plan says why.
    nodes = those_that_can(topology, kind, lost) or tuple(lost)
    faults = tuple(f"{kind}:{node}" for node in nodes)
    return plan(topology, faults=faults, flows=flows, seed=seed)

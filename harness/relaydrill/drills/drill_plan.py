"""From the texts of faults to a drill with its timings."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import combinations
from types import MappingProxyType
from typing import Final, NamedTuple, NoReturn

from relaydrill.drills.family import count_tests, levels_of_one
from relaydrill.drills.model import Drill
from relaydrill.drills.naming import drill_name
from relaydrill.drills.sequences import WrittenSequence
from relaydrill.drills.sequences.turns import timed, turns_of
from relaydrill.drills.timing import Timing
from relaydrill.errors import TopologyError, UsageError
from relaydrill.faults import FaultSpec, FaultText, strength_of
from relaydrill.faults.aiming import (
    check_hooks,
    exclude,
    flows_by,
    hides,
    those_that_can,
    why_not,
)
from relaydrill.faults.from_here import why_not_from_here
from relaydrill.faults.reach import done_by, is_from_here
from relaydrill.faults.spec import FORM
from relaydrill.impairment import Way
from relaydrill.marks import Mark, Mistake
from relaydrill.sentences import listed
from relaydrill.topology import Topology
from relaydrill.topology.paths import comers_to, flows_through
from relaydrill.verdict import Levels

_TURNED: Final = {Way.TO: Way.BACK, Way.BACK: Way.TO, Way.BOTH: Way.BOTH}
"""The same packets, as they are written with the two nodes the other way round."""


class _Aim(NamedTuple):
    """One fault as it was written, and the nodes that it is to be done to."""

    said: FaultText
    nodes: tuple[str, ...]

    def specs(self, timing: Timing) -> Iterator[FaultSpec]:
        """A fault for each of the nodes, with the plan's timings where it has none of its own."""
        said = self.said
        start_s = timing.before_s if said.start_s is None else said.start_s
        duration_s = timing.during_s if said.duration_s is None else said.duration_s
        for node in self.nodes:
            yield said.at(node, start_s, duration_s)


def plan(
    topology: Topology,
    *,
    faults: tuple[str, ...] = (),
    sequence: WrittenSequence | None = None,
    flows: tuple[str, ...] = (),
    seed: int = 1,
    name: str = "",
    levels: Levels | None = None,
) -> Drill:
    """A drill with timings that can prove what the topology promises.

    Each fault text is ``KIND[.PHASE][%SHARE]:NODE[@START][+DURATION]``; a site in place of a node
    breaks all that stands there and can be broken so; a fault of the network may say from where:
    ``cut:app>ht1``. Without a start, the fault begins when what it is done to has had traffic,
    whatever its share of the flows. Without a duration, it lasts somewhat more than twice as long
    as attempts may fail, so that a tier that does nothing about it is seen to, and so long that the
    node's silence is no chance. Afterwards the flows send long enough to see that a returned node
    gets its share again. Where no flows are named, those send whose mail passes what is broken, and
    all if none does. With the duration ``forever`` the node stays broken until all mail has been
    accounted for: what it holds is stranded.

    The steps of a sequence follow one another, where it does not say when they begin; each fault of
    it lasts as long as it would alone, and then all is whole until one can tell that the node is
    back, unless the sequence says otherwise.

    Args:
        topology: What is drilled.
        faults: Their texts; none for the steady state.
        sequence: What breaks besides, one after another.
        flows: Which send; default: those that pass what is broken.
        seed: Of every random choice.
        name: For people and file names; default: that of the sequence, or after what it breaks.
        levels: At which the statistical tests decide; by default those of a drill that stands for
            itself: one false alarm in 100 such drills, whatever the number of its tests.

    Raises:
        UsageError: A flow or a node is not in the topology, a fault text makes no sense, a node
            cannot be broken so, or is to be twice at once.
        TopologyError: The same of a step of the sequence, with its line.
    """
    check_hooks(topology)
    aims = [_read(text, topology) for text in faults]
    aimed = functools.partial(_nodes_of, topology)
    turns = turns_of(sequence, topology, aimed, seed) if sequence else ()
    in_turn = [(said, node) for turn in turns for said, nodes in turn.faults for node in nodes]
    acts = [*((aim.said, node) for aim in aims for node in aim.nodes), *in_turn]
    strengths = tuple(dict.fromkeys((node, strength_of(said.fault)) for said, node in acts))
    flows = _sending(topology, flows, acts)
    timing = Timing(topology, flows, strengths)
    specs = tuple(spec for aim in aims for spec in aim.specs(timing))
    healed_once = [said.at(node, 0.0, 1.0) for said, node in in_turn]
    levels = levels or levels_of_one(count_tests(topology, flows, (*specs, *healed_once)))
    steps = timed(turns, topology, flows, timing.before_s, levels)
    specs += tuple(spec for spec, _ in steps)
    refuse_clashes(topology, specs, dict(steps))
    alone_s = max(timing.before_s + timing.during_s, timing.spread_s(levels))
    ends = (spec.start_s + timing.during_s if spec.for_good else spec.end_s for spec in specs)
    healed = tuple(spec for spec in specs if not spec.for_good)
    end = max(ends, default=alone_s)
    return Drill(
        name=name or (sequence.says.name if sequence else drill_name(topology, specs)),
        flows=flows,
        faults=specs,
        length_s=end + (timing.after_s(healed, levels) if healed else 0.0),
        settle_s=timing.settle_s + (timing.takeover_s if healed != specs else 0.0),
        seed=seed,
        levels=levels,
    )


def _sending(
    topology: Topology, named: tuple[str, ...], acts: Iterable[tuple[FaultText, str]]
) -> tuple[str, ...]:
    """The flows that send: those that are named, or that pass what is broken, or all.

    Raises:
        UsageError: There is none, or no such one.
    """
    # Whoever names one twice means it once: a sender sends each flow once.
    flows = tuple(dict.fromkeys(named)) or _concerned(topology, acts) or tuple(topology.flows)
    if not flows:
        raise UsageError(f"topology {topology.name} has no flows to drill")
    for flow in flows:
        if flow not in topology.flows:
            known = ", ".join(topology.flows)
            raise UsageError(f"no flow is called {flow!r} in {topology.name}; there are: {known}")
    return flows


def _concerned(topology: Topology, acts: Iterable[tuple[FaultText, str]]) -> tuple[str, ...]:
    """The flows that pass what is broken; of a fault of the network, by the way that it is on."""
    found: set[str] = set()
    for said, node in acts:
        from_here = is_from_here(said.kind)
        if said.origin or from_here:
            found |= {*flows_by(topology, said.origin, node, from_here=from_here)}
        else:
            found |= {*flows_through(topology, (node,))}
    return tuple(flow for flow in topology.flows if flow in found)


def refuse_clashes(
    topology: Topology,
    specs: tuple[FaultSpec, ...],
    places: Mapping[FaultSpec, Mark] = MappingProxyType({}),
) -> None:
    """Make sure that all faults of a plan can act, each while it is in force.

    Args:
        topology: What is drilled.
        specs: The faults; of those that begin at once, the first acts first.
        places: The lines that ask for them, of what a sequence does.

    Raises:
        UsageError: A node would suffer at once what it cannot, or one fault would hide another.
        TopologyError: The same, by a sequence.
    """
    _refuse_overlaps(specs, places)
    if topology.attach is None:  # what hooks do together is their own affair
        _refuse_hidden(specs, places, topology)


def _refuse_overlaps(specs: tuple[FaultSpec, ...], places: Mapping[FaultSpec, Mark]) -> None:
    """Make sure that no node suffers at once what it cannot.

    Args:
        specs: All that is to be done.
        places: The lines that ask for it, of what a sequence does.

    Raises:
        UsageError: One is.
        TopologyError: One is, by a sequence.
    """
    for one, other in combinations(specs, 2):
        clash = exclude(one, other)
        if clash and one.start_s < other.end_s and other.start_s < one.end_s:
            same = "twice" if one.kind == other.kind else f"by {one.kind} and {other.kind}"
            what = f"{one.node} is broken {same} at once, by {one} and {other}"
            remedy = "leave one out, or let the second begin when the first is healed"
            _refuse(other, what, remedy, places)


def _refuse(spec: FaultSpec, what: str, remedy: str, places: Mapping[FaultSpec, Mark]) -> NoReturn:
    """Say what is wrong with a fault, by its line where a sequence asks for it.

    Raises:
        UsageError, TopologyError: Always one of them.
    """
    if spec in places:
        raise TopologyError((Mistake(places[spec], what, remedy),))
    raise UsageError(f"{what}; {remedy}")


def _refuse_hidden(
    specs: tuple[FaultSpec, ...], places: Mapping[FaultSpec, Mark], topology: Topology
) -> None:
    """Make sure that each fault can act while it is in force.

    Args:
        specs: As of `_refuse_overlaps`.
        places: As of `_refuse_overlaps`.
        topology: What is drilled.

    Raises:
        UsageError: Another one, on the same node and at the same step of a session, acts instead.
        TopologyError: One does, by a sequence.
    """
    in_order = sorted(specs, key=lambda spec: spec.start_s)  # those at once as they are written
    for first, second in combinations(in_order, 2):
        is_at_once = first.node == second.node and second.start_s < first.end_s
        is_asked = first.node in topology.name_servers
        if is_at_once and hides(first.fault, second.fault, is_asked=is_asked):
            what = (
                f"{second} would do nothing while {first} is in force: {first.node} does one thing"
                " at a step of a session, and that first"
            )
            remedy = (
                "leave one out, give the first a share of the sessions, or let the second begin"
                " when the first is healed"
            )
            _refuse(second, what, remedy, places)


def _read(text: str, topology: Topology) -> _Aim:
    said = FaultText.parse(text)
    if not said.node:
        raise UsageError(f"{text!r} is no fault; write {FORM}")
    try:
        nodes = _nodes_of(topology, said)
    except UsageError as error:
        raise UsageError(f"{text!r}: {error}") from None
    if said.start_s is not None and math.isinf(said.start_s):
        raise UsageError(f"{text!r}: a fault that never begins tests nothing")
    if said.duration_s is not None and said.duration_s <= 0:
        raise UsageError(f"{text!r}: a fault must last longer than 0s")
    return _Aim(said, nodes)


def _nodes_of(topology: Topology, said: FaultText) -> tuple[str, ...]:
    """The nodes that a fault is to be done to.

    Raises:
        UsageError: There are none, or it cannot be done to them.
    """
    return _reached(topology, said, _aimed_at(topology, said))


def _aimed_at(topology: Topology, said: FaultText) -> tuple[str, ...]:
    """The nodes that a fault is to be done to: one, or those of a site that it can be done to.

    Raises:
        UsageError: Nothing has that name, or the fault cannot be done to it.
    """
    kind_text, name = said.kind_text, said.node
    if name in topology.nodes:
        if name in topology.senders and said.origin in topology.tier:
            turned = replace(said, node=said.origin, origin=name, way=_TURNED[said.way])
            raise UsageError(
                f"{name} is a sender, and nobody connects to it; write"
                f" {turned.at(said.origin, 0, 0).label} for what goes that way"
            )
        if reason := why_not(topology, kind_text, name):
            raise UsageError(reason)
        return (name,)
    if name not in topology.sites:
        known = ", ".join([*topology.tier, *_broken_sites(topology)])
        raise UsageError(f"no node or site is called {name!r}; there are: {known}")
    members = topology.sites[name]
    if name not in _broken_sites(topology):
        raise UsageError(f"no server of the tier stands in {name}, only {listed(members)}")
    able = those_that_can(topology, kind_text, members)
    if not able:
        raise UsageError(f"{done_by(said.kind)}; none stands in {name}")
    return able


def _reached(topology: Topology, said: FaultText, nodes: tuple[str, ...]) -> tuple[str, ...]:
    """Those of some nodes to which mail goes by the way that a fault of the network is on.

    Raises:
        UsageError: It goes to none of them, or there is no such way.
    """
    if is_from_here(said.kind):
        reasons = {node: why_not_from_here(topology, said.origin, node) for node in nodes}
        if all(reasons.values()):
            raise UsageError(next(iter(reasons.values())))
        return tuple(node for node, reason in reasons.items() if not reason)
    if not said.origin:
        return nodes
    if found := tuple(node for node in nodes if flows_by(topology, said.origin, node)):
        return found
    every = {
        each: None
        for node in nodes
        for flow in topology.flows
        for each in sorted(comers_to(topology, flow, node))
    }
    come = f"what comes to {listed(nodes)} comes from {listed(every)}" if every else "none does"
    raise UsageError(f"no mail goes from {said.origin} to {listed(nodes)} itself: {come}")


def _broken_sites(topology: Topology) -> list[str]:
    """The sites in which something of the tier stands."""
    return [site for site, nodes in topology.sites.items() if {*nodes} & {*topology.tier}]

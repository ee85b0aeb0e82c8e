"""From what a sequence says to the faults of one topology, turn by turn."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final, NamedTuple

from relaydrill.drills.sequences import WrittenSequence
from relaydrill.drills.sequences.model import MOST_TURNS, Step
from relaydrill.drills.timing import Timing
from relaydrill.errors import TopologyError, UsageError
from relaydrill.faults import FaultSpec, FaultText, strength_of
from relaydrill.faults.aiming import flows_by, those_that_can
from relaydrill.impairment import Way
from relaydrill.marks import Mark, Marked, Mistake, dotted
from relaydrill.topology import Role, Topology
from relaydrill.verdict import Levels

_OF_ROLE: Final = {
    "hubs": Role.HUB,
    "edges": Role.EDGE,
    "balancers": Role.BALANCER,
    "name servers": Role.DNS,
    "mailbox servers": Role.MAILBOX,
}
GROUPS: Final = (*(f"all {each}" for each in _OF_ROLE), "all sites", "first hub")
"""What a step may break without a node's name. No name has a blank in it."""

Aimed = Callable[[FaultText], tuple[str, ...]]
"""The nodes that a fault's ``NODE`` stands for; raises `UsageError`."""


class _Unit(NamedTuple):
    """What is broken as one.

    Attributes:
        nodes: All of it.
        origin: From where it is reached, of faults of the network; empty: from everywhere.
        way: Which packets between the two are meant.
    """

    nodes: tuple[str, ...]
    origin: str = ""
    way: Way = Way.TO


class Turn(NamedTuple):
    """Faults that follow one another on the same nodes.

    Attributes:
        faults: Each with the nodes that it breaks at once.
        at_s: When it begins; None: when the turn before is over.
        down_s: How long each fault lasts; None: as by default.
        up_s: How long all is whole afterwards; None: as by default.
        place: The line that says so.
    """

    faults: tuple[tuple[FaultText, tuple[str, ...]], ...]
    at_s: float | None
    down_s: float | None
    up_s: float | None
    place: Mark


def turns_of(
    written: WrittenSequence, topology: Topology, aimed: Aimed, seed: int
) -> tuple[Turn, ...]:
    """What a sequence does to a topology.

    A group that a topology has nothing of is left out: a design without Edge servers restarts none.

    Args:
        written: The sequence.
        topology: What it is done to.
        aimed: Says which nodes a name stands for, or why the fault cannot be done to it.
        seed: Draws, where a step has its nodes drawn.

    Raises:
        TopologyError: A step names nothing of this topology, or what cannot be broken so.
        UsageError: There is nothing to break.
    """
    mistakes: list[Mistake] = []
    found: list[Turn] = []
    for number, step in enumerate(written.says.steps):
        reader = _Step(written, number, topology, aimed)
        found += reader.turns(step, random.Random(f"{seed}/{written.says.name}/{number}"))
        mistakes += reader.mistakes
    if mistakes:
        raise TopologyError(tuple(sorted({*mistakes})))
    if not found:
        raise UsageError(f"the sequence {written.says.name} breaks nothing of {topology.name}")
    if len(found) > MOST_TURNS:
        raise UsageError(
            f"the sequence {written.says.name} breaks something {len(found)} times; up to"
            f" {MOST_TURNS} times can be judged as one drill"
        )
    return tuple(found)


class _Step:
    """Reads one step against a topology, and notes what is wrong."""

    def __init__(
        self, written: WrittenSequence, number: int, topology: Topology, aimed: Aimed
    ) -> None:
        self.mistakes: list[Mistake] = []
        self._written = written
        self._number = number
        self._topology = topology
        self._aimed = aimed

    def turns(self, step: Step, rng: random.Random) -> Iterator[Turn]:
        """The turns of the step."""
        units = [unit for at in range(len(step.nodes)) for unit in self._units(step, at)]
        if step.order == "at once" and len({(unit.origin, unit.way) for unit in units}) > 1:
            what = "nodes that are broken at once are reached by one way"
            self.mistakes.append(Mistake(self._place("nodes").place, what, "a step for each way"))
        begin_s = step.at
        for _ in range(step.times if units and not self.mistakes else 0):
            for faults in self._round(step, units, rng):
                yield Turn(faults, begin_s, step.down, step.up, self._place().place)
                begin_s = None

    def _round(
        self, step: Step, units: list[_Unit], rng: random.Random
    ) -> Iterator[tuple[tuple[FaultText, tuple[str, ...]], ...]]:
        """What is done the one time: turns, each of faults with their nodes."""
        kinds = [FaultText.of_kind(kind) for kind in step.fault]
        if step.order == "drawn":
            kinds, units = [rng.choice(kinds)], [rng.choice(units)]
        if step.order == "at once":
            nodes = tuple(dict.fromkeys(node for unit in units for node in unit.nodes))
            units = [units[0]._replace(nodes=nodes)]
        for unit in units:
            done = (
                (replace(kind, origin=unit.origin, way=unit.way), self._able(kind, unit))
                for kind in kinds
            )
            if faults := tuple(each for each in done if each[1]):
                yield faults

    def _units(self, step: Step, at: int) -> list[_Unit]:
        """What one entry of ``nodes`` stands for: each is broken as one."""
        try:
            said = [FaultText.parse(f"{kind}:{step.nodes[at]}") for kind in step.fault]
        except UsageError as error:
            self._mistaken(at, str(error))
            return []
        if said[0].is_timed:
            self._mistaken(at, "a node, a site or a group", "when, and for how long: at, down")
            return []
        name, origin, way = said[0].node, said[0].origin, said[0].way
        if name in GROUPS:
            try:
                units = [_Unit(nodes, origin, way) for nodes in self._in_group(name, origin)]
            except UsageError as error:
                self._mistaken(at, str(error))
                return []
            return [unit for unit in units if any(self._able(kind, unit) for kind in said)]
        nodes: dict[str, None] = {}
        for each in said:
            try:
                nodes |= dict.fromkeys(self._aimed(each))
            except UsageError as error:
                groups = "" if name in self._topology.nodes else f"or {', '.join(GROUPS)}"
                self._mistaken(at, str(error), groups)
        return [_Unit(tuple(nodes), origin, way)] if nodes else []

    def _in_group(self, name: str, origin: str) -> Iterator[tuple[str, ...]]:
        """The members of a group; of a fault on a way, those that mail comes to by it.

        Raises:
            UsageError: There is no such way.
        """
        for nodes in _group(self._topology, name):
            if origin:
                others = (node for node in nodes if node != origin)
                nodes = tuple(each for each in others if flows_by(self._topology, origin, each))
            if nodes:
                yield nodes

    def _mistaken(self, at: int, what: str, allowed: str = "") -> None:
        here = self._place("nodes", at)
        self.mistakes.append(Mistake(here.place, f"{dotted(here.path)}: {what}", allowed))

    def _able(self, kind: FaultText, unit: _Unit) -> tuple[str, ...]:
        return those_that_can(self._topology, kind.kind_text, unit.nodes)

    def _place(self, *more: str | int) -> Marked:
        """The nearest part of the step that is written."""
        path = ("steps", self._number, *more)
        for length in range(len(path), 0, -1):
            if found := self._written.root.find(path[:length]):
                return found
        return self._written.root


def _group(topology: Topology, name: str) -> Iterator[tuple[str, ...]]:
    if name == "first hub":
        yield from [(hub,) for hub in topology.hubs if hub in topology.tier][:1]
    elif name == "all sites":
        tier = {*topology.tier}
        yield from (
            tuple(node for node in members if node in tier)
            for members in topology.sites.values()
            if tier & {*members}
        )
    else:
        role = _OF_ROLE[name.removeprefix("all ")]
        # The servers of others are nobody's to restart.
        yield from (
            (node,)
            for node in topology.tier
            if topology.nodes[node].role == role and node not in topology.sinks
        )


def timed(
    turns: tuple[Turn, ...],
    topology: Topology,
    flows: tuple[str, ...],
    begin_s: float,
    levels: Levels,
) -> tuple[tuple[FaultSpec, Mark], ...]:
    """The faults of turns with their times, each with the line that asks for it.

    Args:
        turns: What is done.
        topology: What is drilled.
        flows: Which send.
        begin_s: When the first begins, unless it says when, field seconds.
        levels: At which the drill's tests decide: they say how much mail a return takes.
    """
    found: list[tuple[FaultSpec, Mark]] = []
    known: dict[Turn, tuple[tuple[float, ...], float]] = {}
    moment = begin_s
    for turn in turns:
        plain = turn._replace(at_s=None)
        if plain not in known:
            known[plain] = _lengths(plain, topology, flows, levels)
        downs, up_s = known[plain]
        moment = moment if turn.at_s is None else turn.at_s
        for (said, nodes), down_s in zip(turn.faults, downs, strict=True):
            found += ((said.at(node, moment, down_s), turn.place) for node in nodes)
            moment = round(moment + down_s, 6)
        moment = round(moment + up_s, 6)
    return tuple(found)


def _lengths(
    turn: Turn, topology: Topology, flows: tuple[str, ...], levels: Levels
) -> tuple[tuple[float, ...], float]:
    """How long each fault of a turn lasts, and for how long all is whole afterwards."""
    downs: list[float] = []
    broken: list[FaultSpec] = []
    for said, nodes in turn.faults:
        strength = strength_of(said.fault)
        timing = Timing(topology, flows, tuple((node, strength) for node in nodes))
        downs.append(timing.during_s if turn.down_s is None else turn.down_s)
        broken += (said.at(node, 0.0, downs[-1]) for node in nodes)
    if turn.up_s is not None:
        return tuple(downs), turn.up_s
    after_s = Timing(topology, flows).after_s(tuple(broken), levels)
    return tuple(downs), math.ceil(after_s * 10) / 10

"""What failures cost a year as an audit showed it: what each loss did, and for how long. Pure.

A flow that was not served again before the repair is out for as long as a repair takes. One that
was is out for the gap that was measured. What no drill showed counts as nothing for the lower bound
and as an outage for the upper one, and is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from relaydrill.drills.audit_sets import StandsFor, shown_by, units_named
from relaydrill.drills.measuring import gap_of
from relaydrill.drills.result import FlowVerdict, Judgement
from relaydrill.drills.spares import standing_by
from relaydrill.faults.reach import is_from_here
from relaydrill.sentences import listed, number_of
from relaydrill.topology import Topology
from relaydrill.topology.paths import path_of
from relaydrill.verdict import Status
from relaydrill.yearly_cost.assumptions import as_drilled, taken_for_granted
from relaydrill.yearly_cost.cost import (
    FlowCost,
    Members,
    YearlyCost,
    cost_of,
    declares_failures,
    members_of,
)
from relaydrill.yearly_cost.states import ALL, NONE, OPEN, Bounds, Down, Part

_ON_WHICH_IT_RESTS: Final = ("harness", "steady", "bite")
"""Checks without which a gap says nothing of the loss."""


_NOT_BACK: Final = "mail did not flow again by the end of the drill, and only that much is counted"

_WAS_WHOLE: Final = "it was whole, and only its senders were kept from it or its answers"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a row showed of one flow.

    Attributes:
        lost: What part of the service is lost for as long as what was broken is away.
        gap_s: What the failure costs besides, where it is ridden out: seconds.
        back_s: How long after the repair mail flowed again, where it is not: seconds.
        doubt: Why it is not known what is lost; empty where it is.
    """

    lost: Bounds
    gap_s: Bounds = NONE
    back_s: Bounds = NONE
    doubt: str = ""


def yearly_cost(
    topology: Topology, rows: Sequence[Judgement], stands_for: StandsFor
) -> YearlyCost | None:
    """What a year costs each flow of an audit; None where no failure is declared.

    Args:
        topology: What was audited.
        rows: All of the audit, the steady state first.
        stands_for: Of the audit.
    """
    if not declares_failures(topology):
        return None
    flows = tuple(
        _Rows(topology, tuple(rows), stands_for, each.flow).cost for each in rows[0].flows
    )
    specs = [spec for row in rows for spec in row.drill.faults]
    kinds = {spec.kind_text for spec in specs if not is_from_here(spec.kind)} or {"none was made"}
    return YearlyCost(flows, taken_for_granted(topology, flows, as_drilled(kinds)))


def seen_of(row: Judgement, flow: FlowVerdict) -> Seen:
    """What a row showed of a flow's service while something was broken, and after the heal.

    Args:
        row: Of an audit, with a fault.
        flow: Its verdict on the flow.
    """
    if row.drill.faults and all(is_from_here(spec.kind) for spec in row.drill.faults):
        return Seen(OPEN, doubt=_WAS_WHOLE)  # of what it costs when it fails itself, nothing
    gap = flow.check("gap")
    weak = [
        each.check
        for each in flow.checks
        if each.check in _ON_WHICH_IT_RESTS and each.status is not Status.PASS
    ]
    if flow.holes or weak or gap is None or "gap_s" not in gap.figures:
        return Seen(OPEN, doubt=f"{weak[0]} did not hold" if weak else "the evidence has holes")
    found = gap_of(row, flow)
    if found is None:
        return Seen(OPEN, doubt="no gap was measured")
    after_s = found.after_heal_s
    if after_s is not None and found.found_s - after_s > _healing_s(row) + found.give_s:
        back_s, _ = found.since_heal()
        if found.is_open:
            return Seen(ALL, back_s=Bounds(back_s, back_s), doubt=_NOT_BACK)
        return Seen(ALL, back_s=Bounds(back_s, after_s + found.give_s))
    if found.is_open or gap.status is Status.UNKNOWN:
        return Seen(OPEN, doubt="how long the gap is was not shown")
    measured = Bounds(found.least_s, found.found_s + found.give_s)
    degraded = flow.check("degraded")
    if degraded and degraded.status is not Status.PASS:
        return Seen(OPEN, measured, doubt="some of its attempts failed for longer than promised")
    return Seen(NONE, measured)


def _healing_s(row: Judgement) -> float:
    """The longest time that a heal took, field seconds; a gap that begins in it is of the heal."""
    took = [
        each.healed - each.heal
        for each in row.ledger.faults
        if each.healed is not None and each.heal is not None
    ]
    return max(took, default=0.0) * row.topology.clock


@dataclass(frozen=True)
class _Rows:
    """What an audit says of one flow; the other fields are the arguments of `yearly_cost`."""

    topology: Topology
    rows: tuple[Judgement, ...]
    stands_for: StandsFor
    flow: str

    @property
    def cost(self) -> FlowCost:
        """What a year costs the flow."""
        if self.topology.expectation(self.flow).refusal:
            return self._unknown("all of its mail is to be refused")
        if self.rows[0].flow(self.flow).status is not Status.PASS:
            return self._unknown("mail does not flow as it is, with nothing broken")
        members = members_of(self.topology, self.flow, self._path)
        parts = tuple(self._as_measured(part) for part in members.parts)
        nodes_of = {part.name: part.nodes for part in parts}

        def lost(down: Down) -> Bounds:
            return self._lost(frozenset[str]().union(*(nodes_of[name] for name in down)))

        left_out = (*members.not_counted, *self._doubts(ALL))
        left_open = tuple(self._left_open(parts))
        return cost_of(self.topology, self.flow, Members(parts, left_out), lost, left_open)

    def _unknown(self, why: str) -> FlowCost:
        return FlowCost(self.flow, NONE, unknown=why)

    @cached_property
    def _path(self) -> frozenset[str]:
        return path_of(self.topology, self.flow)

    @cached_property
    def _asleep(self) -> Mapping[str, frozenset[str]]:
        """What has nothing to do while others are there, with those others."""
        standbys = {
            name: frozenset({each.standby_of}) for name, each in self.topology.standbys.items()
        }
        return {**standing_by(self.topology, (self.flow,))[self.flow], **standbys}

    @cached_property
    def _seen(self) -> dict[frozenset[str], Seen]:
        """By what is missed of the flow's path: what was seen of its loss."""
        found: dict[frozenset[str], Seen] = {}
        for row in self.rows:
            for flow in (each for each in row.flows if each.flow == self.flow):
                for nodes, _ in shown_by(row, self.stands_for):
                    found.setdefault(self._missed(nodes), seen_of(row, flow))
        return {nodes: seen for nodes, seen in found.items() if nodes}

    def _missed(self, nodes: frozenset[str]) -> frozenset[str]:
        """Those of some nodes that have something to do for the flow while the rest are there."""
        on_path = nodes & self._path
        return frozenset(name for name in on_path if self._asleep.get(name, frozenset()) <= on_path)

    def _lost(self, nodes: frozenset[str]) -> Bounds:
        """What part of the service is lost without some nodes, as far as the rows say it."""
        missed = self._missed(nodes)
        if not missed:
            return NONE
        if missed in self._seen:
            return self._seen[missed].lost
        if any(seen.lost == ALL and out <= missed for out, seen in self._seen.items()):
            return ALL
        if any(seen.lost == NONE and missed <= held for held, seen in self._seen.items()):
            return NONE
        return OPEN

    def _as_measured(self, part: Part) -> Part:
        """A part with what its failure costs beside the time that the flow is out.

        Of one that was not drilled alone what was seen of more, or of a part of it, is a bound.
        """
        missed = self._missed(part.nodes)
        if not missed:
            return part
        if seen := self._seen.get(missed):
            return replace(part, gap_s=seen.gap_s, back_s=seen.back_s)
        rows = self._seen.items()
        gaps = [seen.gap_s.high for nodes, seen in rows if missed <= nodes and seen.lost == NONE]
        backs = [seen.back_s.high for nodes, seen in rows if nodes <= missed and seen.lost == ALL]
        return replace(
            part,
            gap_s=Bounds(0.0, max(gaps, default=0.0)),
            back_s=Bounds(0.0, max(backs, default=0.0)),
        )

    def _left_open(self, parts: Sequence[Part]) -> Iterator[str]:
        """What the rows leave open: of single parts by name, and of more at a time."""
        names = [
            part.name
            for part in parts
            if (missed := self._missed(part.nodes))
            and missed not in self._seen
            and self._lost(missed) != ALL
        ]
        if names:
            yield f"{listed(names)} {number_of(len(names), 'was', 'were')} not drilled"
        yield from self._doubts(OPEN)
        if more := self._sets_left_open(parts):
            yield more

    def _doubts(self, lost: Bounds) -> Iterator[str]:
        """Why what rows showed is in doubt, of those after which so much is taken to be lost."""
        for row in self.rows:
            for nodes, units in shown_by(row, self.stands_for):
                seen = self._seen.get(self._missed(nodes))
                if seen and seen.doubt and seen.lost == lost and self._has(row):
                    yield f"{listed(units)}: {seen.doubt}"

    def _has(self, row: Judgement) -> bool:
        return any(each.flow == self.flow for each in row.flows)

    def _sets_left_open(self, parts: Sequence[Part]) -> str:
        """How many pairs nobody tried of which each alone is ridden out; empty for none."""
        held = [part for part in parts if self._lost(part.nodes) == NONE]
        pairs = [
            (one.name, other.name)
            for at, one in enumerate(held)
            for other in held[at + 1 :]
            if self._lost(one.nodes | other.nodes) == OPEN
        ]
        if not pairs:
            return ""
        depth = max((len(units_named(row)) for row in self.rows[1:]), default=1)
        some = "; ".join(listed(pair) for pair in pairs[:3])
        more = f" and {len(pairs) - 3} more pairs" if len(pairs) > 3 else ""
        hint = f"audit --depth {depth + 1} tries more" if depth < 2 else "no row breaks them"
        return f"lost together, nobody knows: {some}{more} ({hint})"

"""The words of a verdict, the same wherever they appear. Plain text, no colour."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from relaydrill.drills.audit import Audit
from relaydrill.drills.audit_sets import CutSet, units_named
from relaydrill.drills.checks.exits import copies_told
from relaydrill.drills.findings import ACCEPTED, row_title
from relaydrill.drills.result import FlowVerdict, Judgement
from relaydrill.ledger import counted
from relaydrill.sentences import failed_or_late, listed, messages_accounted
from relaydrill.verdict import Status, Verdict

NOT_CONCERNED = "–"
"""Shown where a flow was not drilled."""

WHY_NOT_CONCERNED = "not drilled: its mail does not pass there, or it is already reported above"
"""In the row of several, a flow that the loss of some of them stops, too."""


def cell(flow: FlowVerdict) -> str:
    """One cell of the matrix: the figure that says most about this flow here."""
    worst = flow.worst
    if flow.status is not Status.PASS and worst.check not in ("gap", "degraded"):
        return _brief(worst)
    gap, degraded = flow.check("gap"), flow.check("degraded")
    parts = []
    if gap:
        parts.append(f"gap {gap.figures['gap_s']:.1f} s")
    if degraded and degraded.figures.get("failed"):
        parts.append(_toll(degraded))
    return ", ".join(parts) or "no attempt"


def _toll(degraded: Verdict) -> str:
    """``9/375 failed ≤ 4.5 s``."""
    figures = degraded.figures
    verb = failed_or_late(figures["failed"], figures.get("late", 0), be="")
    return f"{figures['failed']}/{figures['attempts']} {verb} ≤ {figures['last_s']:.1f} s"


def _brief(verdict: Verdict) -> str:
    """A check's name and the first clause of what it found."""
    clause = verdict.summary.split(";")[0].split(" (")[0]
    return f"{verdict.check}: {clause}"


def accounted(judgements: tuple[Judgement, ...]) -> Counter[str]:
    """How many messages of all drills ended in each account."""
    counts: Counter[str] = Counter()
    for judgement in judgements:
        for flow in judgement.flows:
            counts.update(flow.account)
    return counts


def totals(judgements: tuple[Judgement, ...]) -> str:
    """All messages of all drills, account by account."""
    counts = accounted(judgements)
    text = f"{messages_accounted(sum(counts.values()))}: {counted(counts) or 'none'}"
    copies: Counter[str] = Counter()
    for flow in (flow for judgement in judgements for flow in judgement.flows):
        copies.update(flow.copies)
    return f"{text}; besides, {copies_told(copies)}" if copies else text


def legend(judgements: tuple[Judgement, ...]) -> str:
    """What the cells of the matrix say; of what is in none of them, nothing."""
    cells = {cell(flow): flow for each in judgements for flow in each.flows}
    parts = []
    if any("gap " in text for text in cells):
        parts.append("gap: the longest time in which nothing was accepted.")
    if example := next((flow for text, flow in cells.items() if " ≤ " in text), None):
        parts.append(_spelt_out(example))
    if any("late ≤ " in text for text in cells):
        parts.append("Late: accepted, but later than the flow promises.")
    return " ".join(parts)


def _spelt_out(flow: FlowVerdict) -> str:
    """What a cell says of attempts that failed or were late, in full."""
    degraded = flow.check("degraded")
    assert degraded
    figures = degraded.figures
    bad, last_s = figures["failed"], figures["last_s"]
    return (
        f"{_toll(degraded)}: {bad} of {figures['attempts']} attempts "
        f"{failed_or_late(bad, figures.get('late', 0))}, the last of them {last_s:.1f} s after the "
        "break or the repair."
    )


class Smallest(NamedTuple):
    """A line of the smallest sets of an audit.

    Attributes:
        flow: Whose promise they break.
        status: ``fail``, ``accepted``, or ``unknown`` of a set for which nobody could tell; empty
            where there is none.
        text: The set.
    """

    flow: str
    status: str
    text: str


def smallest_sets(audit: Audit) -> list[Smallest]:
    """By flow: the smallest sets whose loss breaks its promise, and those that were left open."""
    found = []
    for flow in (each.flow for each in audit.rows[0].flows):
        mine = [
            Smallest(flow, each.status, listed(each.units) + _shown_by(audit, each))
            for each in audit.cut_sets
            if each.flow == flow
        ]
        mine += [
            Smallest(flow, str(Status.UNKNOWN), listed(units_named(row)))
            for row in audit.rows[1:]
            for each in row.flows
            if each.flow == flow and each.status is Status.UNKNOWN
        ]
        found += mine or [Smallest(flow, "", f"none of up to {audit.depth}")]
    return found


def _shown_by(audit: Audit, each: CutSet) -> str:
    """Where a set was not drilled itself, the row that shows it."""
    if each.is_drilled:
        return ""
    row = next(row for row in audit.rows if row.drill.name == each.drill)
    return f", as {listed(units_named(row))}"


def smallest_heading(audit: Audit) -> str:
    """What stands over `smallest_sets`."""
    return f"Smallest sets whose loss breaks a promise, of up to {audit.depth} at a time"


def statuses(judgements: tuple[Judgement, ...]) -> str:
    """How many verdicts there are of each status: ``10 pass, 2 accepted``."""
    counts = Counter(flow.shown_status for each in judgements for flow in each.flows)
    return ", ".join(f"{counts[status]} {status}" for status in _ORDER if counts[status])


def drill_conclusion(judgement: Judgement) -> str:
    """A drill's last word; where the author's acceptance is all that holds a flow, with a count."""
    status = str(judgement.status).upper()
    shown = {flow.shown_status for flow in judgement.flows}
    return f"{status} ({statuses((judgement,))})" if ACCEPTED in shown else status


def conclusion(audit: Audit) -> str:
    """The audit's last line."""
    cells = sum(len(row.flows) for row in audit.rows)
    return f"{str(audit.status).upper()}: {cells} verdicts ({statuses(audit.rows)})"


_ORDER = ("pass", ACCEPTED, "unknown", "fail")

__all__ = [
    "ACCEPTED",
    "NOT_CONCERNED",
    "WHY_NOT_CONCERNED",
    "accounted",
    "cell",
    "conclusion",
    "drill_conclusion",
    "legend",
    "row_title",
    "smallest_heading",
    "smallest_sets",
    "statuses",
    "totals",
]

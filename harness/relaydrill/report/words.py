"""The words of a verdict, the same wherever they appear. Plain text, no colour."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from relaydrill.drills.audit import Audit
from relaydrill.drills.judge import FlowVerdict, Judgement
from relaydrill.verdict import Status, Verdict

ACCEPTED = "accepted"
"""Shown for a failure that the topology's author accepts."""


def shown_status(flow: FlowVerdict) -> str:
    """``pass``, ``fail``, ``unknown`` or ``accepted``."""
    return ACCEPTED if flow.status is Status.PASS and flow.accepted else str(flow.status)


def row_title(judgement: Judgement) -> str:
    """What was broken: ``ht1 killed`` reads better than a drill's name."""
    faults = judgement.drill.faults
    if not faults:
        return "nothing broken"
    return ", ".join(f"{fault.node} {_PAST.get(fault.kind, fault.kind_text)}" for fault in faults)


_PAST = {
    "kill": "killed",
    "stop": "stopped",
    "pause": "frozen",
    "blackhole": "unreachable",
    "refuse": "refusing",
    "hang": "hanging",
}


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
        bad, all_of_them = degraded.figures["failed"], degraded.figures["attempts"]
        parts.append(f"{bad}/{all_of_them} failed ≤ {degraded.figures['last_s']:.1f} s")
    return ", ".join(parts) or "no attempt"


def _brief(verdict: Verdict) -> str:
    """A check's name and the first clause of what it found."""
    clause = verdict.summary.split(";")[0].split(" (")[0]
    return f"{verdict.check}: {clause}"


@dataclass(frozen=True, slots=True)
class Finding:
    """What did not hold in one row, with the evidence for each flow.

    Attributes:
        status: As `shown_status`. title: What was broken.
        evidence: (flow, what was seen) in order. accepted: The author's reason; empty if none.
    """

    status: str
    title: str
    evidence: tuple[tuple[str, str], ...]
    accepted: str = ""


def findings(judgement: Judgement) -> list[Finding]:
    """What did not hold in one drill, the flows of the same status together."""
    by_status: dict[str, list[tuple[str, str]]] = {}
    for flow in judgement.flows:
        told = [check for check in flow.checks if check.status is not Status.PASS]
        if told:
            text = "; ".join(f"{check.check}: {check.summary}" for check in told)
            by_status.setdefault(shown_status(flow), []).append((flow.flow, text))
    reason = next((flow.accepted for flow in judgement.flows if flow.accepted), "")
    return [
        Finding(
            status,
            row_title(judgement),
            tuple(evidence),
            reason if status == ACCEPTED else "",
        )
        for status, evidence in by_status.items()
    ]


def totals(judgements: tuple[Judgement, ...]) -> str:
    """All messages of all drills, account by account."""
    counts: Counter[str] = Counter()
    for judgement in judgements:
        for flow in judgement.flows:
            counts.update(flow.account)
    told = ", ".join(f"{count} {account}" for account, count in counts.items())
    return f"{sum(counts.values())} messages accounted for: {told or 'none'}"


def conclusion(audit: Audit) -> str:
    """The audit's last line."""
    cells = [flow for row in audit.rows for flow in row.flows]
    by_status = Counter(shown_status(flow) for flow in cells)
    told = ", ".join(f"{by_status[status]} {status}" for status in _ORDER if by_status[status])
    return f"{str(audit.status).upper()}: {len(cells)} verdicts ({told})"


_ORDER = ("pass", ACCEPTED, "unknown", "fail")

__all__ = [
    "ACCEPTED",
    "Finding",
    "cell",
    "conclusion",
    "findings",
    "row_title",
    "shown_status",
    "totals",
]

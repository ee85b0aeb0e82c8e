"""What the false-alarm rate of a whole audit makes of rows that were judged one by one. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from relaydrill.drills.family import RATE, holm, is_in_doubt
from relaydrill.drills.findings import findings
from relaydrill.drills.result import FlowVerdict, Judgement
from relaydrill.verdict import Status, Verdict


def needs_another(row: Judgement) -> bool:
    """Whether a row is to be drilled again: all that is open in it is what chance may have done.

    What failed for another reason, or could not be told, stays what it is.
    """
    open_ones = [
        check for flow in row.flows for check in flow.checks if check.counts_as is not Status.PASS
    ]
    return bool(open_ones) and all(is_in_doubt(check) for check in open_ones)


def by_holm(rows: Sequence[Judgement], tests: int) -> tuple[Judgement, ...]:
    """The rows of an audit that was not planned as a family: what Holm does not reject is unknown.

    Args:
        rows: Of the audit.
        tests: How many statistical tests all rows make.
    """
    found = sorted(p for row in rows for flow in row.flows for p in map(_p, flow.checks) if p < 1)
    fails = [
        p for p, failed in zip(found, holm(found, max(tests, len(found))), strict=True) if failed
    ]
    highest = max(fails, default=-1.0)
    return tuple(_held_to(row, highest, tests) for row in rows)


def _p(verdict: Verdict) -> float:
    """Of a statistical test that was decided; 1 for all else."""
    return float(verdict.figures["p"]) if verdict.figures.get("p") is not None else 1.0


def _held_to(row: Judgement, highest: float, tests: int) -> Judgement:
    """A row in which no statistical test fails with a p above the highest that Holm rejects."""

    def held(check: Verdict) -> Verdict:
        if (
            check.status is not Status.FAIL
            or check.figures.get("p") is None
            or _p(check) <= highest
        ):
            return check
        text = (
            f"{check.summary}; chance alone does that once in {1 / _p(check):.0f}, which is too"
            f" often to tell among {tests} tests with a false-alarm rate of {RATE:.0%} (Holm)"
        )
        return replace(check, status=Status.UNKNOWN, summary=text)

    flows = tuple(FlowVerdict(flow.flow, tuple(map(held, flow.checks))) for flow in row.flows)
    if flows == row.flows:
        return row
    changed = replace(row, flows=flows, findings=())
    return replace(changed, findings=tuple(findings(changed)))

"""Two runs side by side: what a change did to failover, row by row, and what cannot be told.

A row is a fault and a flow. `rows` finds those of both sides, `differences` what is not as it was
in one of them, `times` whether a time has really grown,
`findings` which come and go, `remarks` what makes the two poor company. `result` is what comes of
it.
"""

from __future__ import annotations

from pathlib import Path

from relaydrill.drills.audit import Audit, judge_either
from relaydrill.drills.comparison.findings import finding_changes
from relaydrill.drills.comparison.remarks import remarks_on
from relaydrill.drills.comparison.result import Comparison, Side
from relaydrill.drills.comparison.rows import compare_rows, judged_in, must_share_rows, rows_of
from relaydrill.drills.result import Judgement


def compare_directories(base: Path, change: Path) -> Comparison:
    """Compare two run directories, each of a drill or an audit; both are judged again.

    Args:
        base: What was before.
        change: What is after.

    Raises:
        UsageError, TopologyError: One is no run directory, or makes no sense, or they have no row
            in common.
    """
    before = judge_either(base)
    return compare_results(before, before if base == change else judge_either(change))


def compare_results(base: Audit | Judgement, change: Audit | Judgement) -> Comparison:
    """Compare what two drills or audits came to.

    Args:
        base: What was before.
        change: What is after.

    Raises:
        UsageError: They have no row in common.
    """
    before, after = rows_of(base), rows_of(change)
    must_share_rows(base.topology.name, before, change.topology.name, after)
    return Comparison(
        base=_side(base),
        change=_side(change),
        rows=compare_rows(before, after),
        findings=finding_changes(before, after),
        remarks=remarks_on(base, change),
    )


def _side(found: Audit | Judgement) -> Side:
    first = judged_in(found)[0]
    return Side(str(found.directory), found.topology.name, found.driver, first.drill.seed)


__all__ = ["Comparison", "compare_directories", "compare_results"]

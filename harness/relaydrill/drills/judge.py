"""From a run directory to verdicts, offline: the same journals give the same verdict, always."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from relaydrill.drills import record
from relaydrill.drills.checks import Case, run_checks
from relaydrill.drills.findings import findings
from relaydrill.drills.judgement import FlowVerdict, Judgement
from relaydrill.ledger import MANY_BYTES, join_journals


def judge(directory: Path, *, many_bytes: int = MANY_BYTES) -> Judgement:
    """Judge a run directory.

    Args:
        many_bytes: As of `join_journals`.

    Raises:
        UsageError: It is no run directory.
    """
    run = record.load(directory)
    ledger = join_journals(run.journals(), many_bytes=many_bytes)
    flows = tuple(
        FlowVerdict(
            flow,
            run_checks(Case(run.topology, run.drill, flow, ledger, run.problems)),
        )
        for flow in run.drill.flows
    )
    judged = Judgement(run.drill, run.topology, run.driver, directory, flows, ledger, run.remarks)
    return replace(judged, findings=tuple(findings(judged)))

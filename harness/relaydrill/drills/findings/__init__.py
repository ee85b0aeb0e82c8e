"""What a drill has found, in words: what does not hold, why as far as it can be told, and a remedy.

A finding says no more than the checks and the topology do: what failed is a check's, what else was
there to fail over to is the topology's.
"""

from __future__ import annotations

from relaydrill.drills.finding import ACCEPTED, NOTE, Finding, Said
from relaydrill.drills.findings import account, others, outage, waiting
from relaydrill.drills.findings.wording import row_title
from relaydrill.drills.judgement import FlowVerdict, Judgement
from relaydrill.verdict import Status, Verdict


def findings(judgement: Judgement) -> list[Finding]:
    """What did not hold in one drill, the flows that share a cause together; then what to know.

    Flows whose checks all hold are in none of them, but for mail that had to wait.
    """
    groups: dict[tuple[str, str], list[FlowVerdict]] = {}
    for flow in judgement.flows:
        if flow.doubtful:
            key = (flow.shown_status, _kind(judgement, flow))
            groups.setdefault(key, []).append(flow)
    found = [_finding(judgement, status, kind, flows) for (status, kind), flows in groups.items()]
    return [*found, *waiting.notes(judgement)]


def _kind(judgement: Judgement, flow: FlowVerdict) -> str:
    """What it was that did not hold: flows of one kind make one finding."""
    deciding = _deciding(flow)
    if deciding.status is Status.UNKNOWN:
        return f"unproven {deciding.check}"
    if deciding.check in ("gap", "degraded"):
        return outage.kind_of(judgement, flow)
    return account.kind_of(judgement, flow.flow) if deciding.check == "account" else deciding.check


def _deciding(flow: FlowVerdict) -> Verdict:
    """The check that a finding is named for: lost mail outweighs whatever else did not hold."""
    found = flow.check("account")
    return found if found and found.status is Status.FAIL else flow.worst


def _finding(judgement: Judgement, status: str, kind: str, flows: list[FlowVerdict]) -> Finding:
    said = _said(judgement, kind, flows)
    reason = next((flow.accepted for flow in flows if flow.accepted), "")
    return Finding(
        kind=kind,
        status=status,
        title=row_title(judgement),
        sentence=said.sentence,
        remedy=said.remedy,
        evidence=tuple((flow.flow, _evidence(flow)) for flow in flows),
        accepted=reason if status == ACCEPTED else "",
    )


def _evidence(flow: FlowVerdict) -> str:
    return "; ".join(f"{check.check}: {check.summary}" for check in flow.doubtful)


def _said(judgement: Judgement, kind: str, flows: list[FlowVerdict]) -> Said:
    """The sentence and the remedy of one kind."""
    match kind:
        case outage.ALONE:
            return outage.alone(judgement, flows)
        case outage.UNUSED:
            return outage.unused(judgement, flows)
        case _ if kind in account.KINDS:
            return account.said(judgement, kind, flows)
        case _ if kind.startswith("unproven"):
            return others.unproven(_deciding(flows[0]), flows)
        case _:
            return others.said(judgement, kind, _deciding(flows[0]), flows)


__all__ = ["ACCEPTED", "NOTE", "Finding", "Said", "findings", "row_title"]

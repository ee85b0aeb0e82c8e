"""What a drill has found, in words: what does not hold, why as far as it can be told, and a remedy.

A finding says no more than the checks and the topology do: what failed is a check's, what else was
there to fail over to is the topology's.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from relaydrill.drills.findings import (
    account,
    from_here,
    others,
    outage,
    restraint,
    steady,
    waiting,
)
from relaydrill.drills.findings.causes import Cause, case_of, causes_of
from relaydrill.drills.findings.wording import Wording, row_title
from relaydrill.drills.result import ACCEPTED, NOTE, Finding, FlowVerdict, Judgement
from relaydrill.verdict import Status, Verdict


def findings(judgement: Judgement) -> list[Finding]:
    """What did not hold in one drill, the flows that share a cause together; then what to know.

    Flows whose checks all hold are in none of them, but for mail that had to wait.
    """
    groups: dict[tuple[str, tuple[str, ...]], list[_Doubtful]] = {}
    for flow in judgement.flows:
        if flow.doubtful:
            for each in _kinds(judgement, flow):
                groups.setdefault((flow.shown_status, each.key), []).append(each)
    found = [_finding(judgement, status, same) for (status, _), same in groups.items()]
    return [*found, *waiting.notes(judgement), *from_here.notes(judgement)]


class _Doubtful(NamedTuple):
    """A flow that did not hold, and what it was; with the cause, where faults are one."""

    kind: str
    flow: FlowVerdict
    cause: Cause | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """The same for flows that make one finding."""
        return self.cause.key if self.cause else (self.kind,)


def _kinds(judgement: Judgement, flow: FlowVerdict) -> list[_Doubtful]:
    """What it was that did not hold.

    Where mail did not flow before anything was broken, that is all there is to say of its flow, but
    for mail that is lost: nobody knows what a fault has to do with the rest.
    """
    if flow.holes:
        return [_Doubtful("not whole", flow)]
    deciding = _deciding(flow)
    missing = deciding.check == "account" and deciding.status is Status.FAIL
    found = [_Doubtful(account.kind_of(judgement, flow.flow), flow)] if missing else []
    if _never_flowed(flow):
        kind = "steady" if flow.status is Status.FAIL else "unproven steady"
        return [*found, _Doubtful(kind, flow)]
    if found:
        return found
    if deciding.status is Status.UNKNOWN:
        return [_Doubtful(f"unproven {deciding.check}", flow)]
    if deciding.check in ("gap", "degraded"):
        causes = causes_of(judgement, flow)
        return [_Doubtful(each.kind, flow, each) for each in causes] or [
            _Doubtful(deciding.check, flow)
        ]
    return [_Doubtful(deciding.check, flow)]


def _never_flowed(flow: FlowVerdict) -> bool:
    """Whether it is not shown that mail flowed before anything was broken."""
    steady = flow.check("steady")
    return steady is not None and steady.status is not Status.PASS


def _deciding(flow: FlowVerdict) -> Verdict:
    """The check that a finding is named for: lost mail outweighs whatever else did not hold."""
    found = flow.check("account")
    return found if found and found.status is Status.FAIL else flow.worst


def _finding(judgement: Judgement, status: str, same: list[_Doubtful]) -> Finding:
    flows = [each.flow for each in same]
    said = _describe(judgement, same[0].kind, flows, [each.cause for each in same if each.cause])
    said = _with_limits(said, judgement, same)
    reason = next((flow.accepted for flow in flows if flow.accepted), "")
    return Finding(
        kind=same[0].kind,
        status=status,
        title=row_title(judgement),
        sentence=said.sentence,
        remedy=said.remedy,
        evidence=tuple((flow.flow, _evidence(flow)) for flow in flows),
        accepted=reason if status == ACCEPTED else "",
    )


def _with_limits(said: Wording, judgement: Judgement, same: list[_Doubtful]) -> Wording:
    """With what healthy servers put off for limits of their own, where that is what failed.

    Where it is most of that, nothing else is to mend but for what a steady tier lacks.
    """
    kind = same[0].kind
    if kind not in _OF_ATTEMPTS and not any(each.cause for each in same):
        return said
    found: dict[Wording, None] = {}
    put_off = of = 0
    for each in same:
        case = each.cause.case if each.cause else case_of(judgement, each.flow.flow)
        failed = each.cause.attempts if each.cause else [*case.unserved, *case.deferred]
        found |= dict.fromkeys(restraint.of(case, failed))
        put_off += case.restraint.counts(failed).total()
        of += len(failed)
    if not found:
        return said
    sentences = "; ".join(limit.sentence for limit in found)
    remedies = "; ".join(dict.fromkeys(limit.remedy for limit in found))
    is_all_else = kind in _OF_ATTEMPTS - {"gap", "degraded"} or 2 * put_off < of
    remedy = f"{remedies}; {said.remedy}" if is_all_else else remedies
    return Wording(f"{said.sentence}; {sentences}", remedy)


_OF_ATTEMPTS: Final = frozenset({"steady", "unproven steady", "gap", "degraded"})
"""Kinds of findings that are about attempts which failed."""


def _evidence(flow: FlowVerdict) -> str:
    if flow.holes:
        return "; ".join(flow.holes)
    return "; ".join(f"{check.check}: {check.summary}" for check in flow.doubtful)


def _describe(
    judgement: Judgement, kind: str, flows: list[FlowVerdict], causes: list[Cause]
) -> Wording:
    """The sentence and the remedy of one kind."""
    if causes:
        return outage.describe(causes)
    if kind == "not whole":
        return others.not_whole(flows)
    if kind in account.KINDS:
        return account.describe(judgement, kind, flows)
    if kind in ("steady", "unproven steady"):
        return steady.describe(judgement, flows)
    if kind.startswith("unproven"):
        return others.unproven(_deciding(flows[0]), flows)
    return others.describe(judgement, kind, _deciding(flows[0]), flows)


__all__ = ["ACCEPTED", "NOTE", "Finding", "Wording", "findings", "row_title"]

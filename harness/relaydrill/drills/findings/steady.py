"""Mail that did not flow before anything was broken."""

from __future__ import annotations

from collections.abc import Iterator

from relaydrill.drills.checks.case import Case
from relaydrill.drills.checks.conduct import by_whom, named
from relaydrill.drills.finding import Said
from relaydrill.drills.findings.causes import case_of
from relaydrill.drills.judgement import FlowVerdict, Judgement
from relaydrill.ledger import Attempt
from relaydrill.sentences import listed, number_of


def said(judgement: Judgement, flows: list[FlowVerdict]) -> Said:
    """That it did not, of whom, and which servers did not serve; of no fault anything."""
    names, does = listed(flow.flow for flow in flows), number_of(len(flows), "does", "do")
    told = "; ".join(_told(judgement, flow) for flow in flows)
    if not judgement.ledger.faults:
        return Said(
            f"{names} {does} not flow as it is, with nothing broken: {told}",
            "mend this first: what breaks a tier that does not work proves nothing",
        )
    return Said(
        f"mail of {names} did not flow before anything was broken: {told}",
        "mend this first: of a tier that does not work a fault proves nothing",
    )


def _told(judgement: Judgement, flow: FlowVerdict) -> str:
    """``relay: 12 of 34 attempts failed (12x 454 at starttls), by ht2``."""
    found = flow.check("steady")
    assert found
    case = case_of(judgement, flow.flow)
    bad = [*_failed_before(case)]
    who = named(by_whom(case, bad), len(bad))
    summary = found.summary.removeprefix("mail did not flow before the fault: ")
    return f"{flow.flow}: {summary}" + (f", {who}" if who else "")


def _failed_before(case: Case) -> Iterator[Attempt]:
    """The attempts that were not served before anything was broken, as the check counts them."""
    until = case.broken_from
    for attempt in [*case.unserved, *case.deferred]:
        if until is None or (attempt.ended or until) < until:
            yield attempt

"""Mail that did not flow before anything was broken."""

from __future__ import annotations

from collections.abc import Iterator

from relaydrill.drills.checks.case import Case
from relaydrill.drills.checks.encounters import by_whom, named
from relaydrill.drills.findings.causes import case_of
from relaydrill.drills.findings.names import wrong_with
from relaydrill.drills.findings.wording import Wording
from relaydrill.drills.result import FlowVerdict, Judgement
from relaydrill.ledger import Attempt
from relaydrill.sentences import listed, number_of


def describe(judgement: Judgement, flows: list[FlowVerdict]) -> Wording:
    """That it did not, of whom, and which servers did not serve; of no fault anything."""
    names, does = listed(flow.flow for flow in flows), number_of(len(flows), "does", "do")
    told = "; ".join(_what_failed(judgement, flow) for flow in flows)
    reasons = [*dict.fromkeys(_by_names(judgement, flows))]
    told += "".join(f"; {each.sentence}" for each in reasons)
    remedy = "".join(f"{each.remedy}; " for each in reasons)
    if not judgement.ledger.faults:
        return Wording(
            f"{names} {does} not flow as it is, with nothing broken: {told}",
            f"{remedy}fix this first: breaking a tier that does not work proves nothing",
        )
    return Wording(
        f"mail of {names} did not flow before anything was broken: {told}",
        f"{remedy}fix this first: in a tier that does not work, a fault proves nothing",
    )


def _by_names(judgement: Judgement, flows: list[FlowVerdict]) -> Iterator[Wording]:
    """What DNS says that kept senders from trying any address at all."""
    for flow in flows:
        if any(not each.address for each in _failed_before(case_of(judgement, flow.flow))):
            yield from wrong_with(judgement.topology, flow.flow)


def _what_failed(judgement: Judgement, flow: FlowVerdict) -> str:
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

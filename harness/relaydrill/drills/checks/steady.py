"""Mail flowed before anything was broken."""

from __future__ import annotations

from relaydrill.drills.checks.case import Case, said
from relaydrill.verdict import Verdict, failed, passed, unknown


def check_steady(case: Case) -> Verdict | None:
    """Mail flowed while nothing was broken; without that, a fault proves nothing."""
    until = case.broken_from
    before = [each for each in case.attempts if until is None or each.started < until]
    # An attempt that the fault cut short while it was under way belongs to the fault.
    whole = [each for each in before if until is None or (each.ended or until) < until]
    accepted = sum(case.served(attempt) for attempt in whole)
    figures = {"attempts": len(whole), "accepted": accepted}
    if not whole:
        return unknown("steady", "no attempt was over before the fault", **figures)
    if accepted == len(whole):
        return passed("steady", f"all {accepted} attempts were accepted", **figures)
    bad = [attempt for attempt in whole if not case.served(attempt)]
    told = said(bad)
    if until is not None:
        text = f"mail did not flow before the fault: {len(bad)} of {len(whole)} failed ({told})"
        return unknown("steady", text, **figures, said=told)
    text = f"{len(bad)} of {len(whole)} attempts failed ({told})"
    if all(case.stalled(attempt) for attempt in bad):
        text += "; all of them may be the machine's work: it starved, or stood still, just then"
        return unknown("steady", text, **figures)
    return failed("steady", text, **figures)

"""Mail flowed before anything was broken."""

from __future__ import annotations

from relaydrill.drills.checks.case import Case, how_bad, said
from relaydrill.verdict import Verdict, failed, passed, unknown


def check_steady(case: Case) -> Verdict | None:
    """Mail flowed while nothing was broken; without that, a fault proves nothing."""
    until = case.broken_from
    # An attempt that the fault cut short while it was under way belongs to the fault.
    whole = len(case.attempts) if until is None else case.attempts.over_before(until)
    bad = [each for each in case.unserved if until is None or (each.ended or until) < until]
    accepted = whole - len(bad)
    figures = {"attempts": whole, "accepted": accepted}
    if not whole:
        return unknown("steady", "no attempt was over before the fault", **figures)
    if not bad:
        return passed("steady", f"all {accepted} attempts were accepted", **figures)
    if until is not None:
        text = f"mail did not flow before the fault: {len(bad)} of {whole} {how_bad(bad)}"
        return unknown("steady", text, **figures, said=said(bad))
    text = f"{len(bad)} of {whole} attempts {how_bad(bad)}"
    if all(case.stalled(attempt) for attempt in bad):
        text += "; all of them may be the machine's work: it starved, or stood still, just then"
        return unknown("steady", text, **figures)
    return failed("steady", text, **figures)

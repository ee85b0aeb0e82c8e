"""Mail flowed before anything was broken."""

from __future__ import annotations

from relaydrill.documents.checks import SteadyFigures
from relaydrill.drills.checks.case import Case, how_bad, replies_of
from relaydrill.verdict import Verdict, failed, passed, unknown


def check_steady(case: Case) -> Verdict | None:
    """Mail flowed while nothing was broken; without that, a fault proves nothing.

    A 4xx is no failure where the flow's senders come back (`Expect.deferral`), as long as mail is
    accepted at all.
    """
    until = case.broken_from
    # An attempt that the fault cut short while it was under way belongs to the fault.
    whole = len(case.attempts) if until is None else case.attempts.over_before(until)
    bad = [each for each in case.unserved if until is None or (each.ended or until) < until]
    put_off = [each for each in case.deferred if until is None or (each.ended or until) < until]
    accepted = whole - len(bad) - len(put_off)
    figures: SteadyFigures = {"attempts": whole, "accepted": accepted, "deferred": len(put_off)}
    if not whole:
        return unknown("steady", "no attempt was over before the fault", **figures)
    if not bad and accepted:
        text = f"all {accepted} attempts were accepted"
        if put_off:
            text = f"{accepted} of {whole} attempts were accepted, the others deferred"
            text += f" ({replies_of(put_off)})" + case.restraint.told(put_off)
        return passed("steady", text, **figures)
    if not bad:
        bad = put_off
    if until is not None:
        text = f"mail did not flow before the fault: {len(bad)} of {whole} {how_bad(bad)}"
        text += case.restraint.told(bad)
        return unknown("steady", text, **figures, said=replies_of(bad))
    text = f"{len(bad)} of {whole} attempts {how_bad(bad)}{case.restraint.told(bad)}"
    doubtful = [each for each in bad if case.doubt.covers(each)]
    if len(doubtful) == len(bad):
        return unknown("steady", text + case.doubt.reasons_for(doubtful), **figures)
    return failed("steady", text, **figures)

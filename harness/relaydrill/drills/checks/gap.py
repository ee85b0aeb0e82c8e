"""The time for which nothing was accepted."""

from __future__ import annotations

from relaydrill.drills.checks.case import Case
from relaydrill.drills.gap import Gap, longest_gap
from relaydrill.verdict import Verdict, failed, passed, unknown


def check_gap(case: Case) -> Verdict | None:
    """The flow was never without any acceptance for longer than it promises."""
    gap = longest_gap(case.attempts)
    if gap is None:
        return None
    field_s, sure_s = gap.seconds * case.clock, case.uncertainty_s
    allowed = case.expect.gap
    figures = {
        "gap_s": round(field_s, 3),
        "resolution_s": round(sure_s, 3),
        "allowed_s": allowed,
        "wall_s": round(gap.seconds, 4),
        "attempts": gap.attempts,
    }
    text = (
        f"nothing accepted for {_more(gap)}{field_s:.1f} s ± {sure_s:.1f} s, allowed {allowed:g} s"
    )
    if gap.attempts:
        text += f"; {gap.attempts} attempts fell into it"
    heal = next((w.healed for w in case.ledger.faults if _within(gap, w.healed)), None)
    if heal is not None:
        figures["after_heal_s"] = round((gap.end - heal) * case.clock, 3)
        text += f", {figures['after_heal_s']:.1f} s of it after the heal"
    if field_s - sure_s > allowed:
        return failed("gap", text, **figures)
    if gap.open_ended:
        return unknown("gap", f"{text}: it ended before mail was accepted again", **figures)
    if field_s + sure_s <= allowed:
        return passed("gap", text, **figures)
    return unknown("gap", f"{text}: too close to tell apart", **figures)


def _within(gap: Gap, moment: float | None) -> bool:
    return moment is not None and gap.begin <= moment < gap.end


def _more(gap: Gap) -> str:
    return "over " if gap.open_ended else ""

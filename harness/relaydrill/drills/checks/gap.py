"""The time for which nothing was accepted."""

from __future__ import annotations

from dataclasses import replace

from relaydrill.drills.checks.case import Case, stood_still
from relaydrill.drills.gap import Gap, longest_gap
from relaydrill.message import WANTED
from relaydrill.smtp import Result
from relaydrill.verdict import Status, Verdict, failed, passed, unknown


def check_gap(case: Case) -> Verdict | None:
    """The flow was never without any acceptance for longer than it promises."""
    doubt = case.doubt
    gap = longest_gap(case.attempts, served=case.agreed)
    if gap is None:
        return None
    found = _judged(case, gap)
    if found.status is not Status.FAIL:
        return _told(case, gap, found.status)
    # The gap that is longest with all that is doubtful counted as good may be another one.
    doubtful = [each for each in case.attempts.failed if doubt.covers(each)]
    served = [*case.agreed, *(each.started for each in doubtful)]
    own = longest_gap(case.attempts, doubt.lost_s, served)
    left_s = (own.seconds - doubt.lost_s(own.begin, own.end)) * case.clock if own else 0.0
    if own and left_s - case.uncertainty_s > case.expect.gap:
        # What was seen is told: a part of it may be what fails beyond doubt.
        is_part = gap.begin <= own.begin and own.end <= gap.end
        return _told(case, gap if is_part else own, Status.FAIL)
    told = _told(case, gap, Status.UNKNOWN)
    return replace(told, status=Status.UNKNOWN, summary=told.summary + doubt.told(doubtful))


def _told(case: Case, gap: Gap, status: Status) -> Verdict:
    """What is found of a gap once the machine's part in it is known."""
    found = _judged(case, gap)
    stalled_s = case.stalled_s(gap.begin, gap.end) * case.clock
    if not stalled_s:
        return found
    lost_s = case.doubt.lost_s(gap.begin, gap.end) * case.clock
    return replace(
        found,
        status=status,
        summary=found.summary + stood_still(stalled_s, lost_s),
        figures={**found.figures, "stalled_s": round(stalled_s, 3)},
    )


def _judged(case: Case, gap: Gap) -> Verdict:
    """A gap against what the flow promises."""
    field_s, sure_s = gap.seconds * case.clock, case.uncertainty_s
    allowed = case.expect.gap
    figures = {
        "gap_s": round(field_s, 3),
        "resolution_s": round(sure_s, 3),
        "allowed_s": allowed,
        "wall_s": round(gap.seconds, 4),
        "attempts": gap.attempts,
        "begin_s": round((gap.begin - case.attempts[0].started) * case.clock, 3),
    }
    # Of the figures, or the sentence and the matrix might round to different tenths.
    shown_s, give_s = figures["gap_s"], figures["resolution_s"]
    text = (
        f"nothing accepted for {_more(gap)}{shown_s:.1f} s ± {give_s:.1f} s, allowed {allowed:g} s"
    )
    if gap.attempts:
        text += f"; {gap.attempts} {'attempt' if gap.attempts == 1 else 'attempts'} fell into it"
    if recovered := _recovered(case, gap):
        figures["recovered"] = recovered
        text += f" ({recovered} of them with mail that arrived all the same)"
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


def _recovered(case: Case, gap: Gap) -> int:
    """How many attempts that fell into a gap were cut before their answer, and yet delivered."""
    until = float("inf") if gap.open_ended else gap.end
    return sum(
        attempt.result in (None, Result.UNANSWERED) and gap.begin <= attempt.started < until
        for entry in case.ledger.unusual(case.flow)
        if entry.arrived
        for attempt in entry.attempts
        if attempt.sort == WANTED
    )


def _within(gap: Gap, moment: float | None) -> bool:
    return moment is not None and gap.begin <= moment < gap.end


def _more(gap: Gap) -> str:
    return "over " if gap.open_ended else ""

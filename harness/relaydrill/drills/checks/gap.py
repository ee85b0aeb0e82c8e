"""The gap: the longest time in which a flow attempted and nothing was accepted."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from relaydrill.documents.checks import GapFigures
from relaydrill.drills.checks.case import Case, stood_still
from relaydrill.ledger import Attempts
from relaydrill.message import WANTED
from relaydrill.smtp import Result
from relaydrill.verdict import Status, Verdict, failed, passed, unknown


@dataclass(frozen=True, slots=True)
class Gap:
    """The longest gap of a flow.

    Attributes:
        begin: Monotonic time of the first attempt after the last acceptance.
        end: Of the next acceptance; or of the end of what was observed.
        attempts: Attempts that began in it and were not accepted.
        open_ended: Whether nothing was accepted any more, so that the real gap may be longer.
    """

    begin: float
    end: float
    attempts: int
    open_ended: bool

    @property
    def seconds(self) -> float:
        """Its length, wall seconds."""
        return self.end - self.begin


def longest_gap(
    attempts: Attempts,
    without: Callable[[float, float], float] = lambda _begin, _end: 0.0,
    served: Iterable[float] = (),
) -> Gap | None:
    """The longest gap among attempts; None without attempts.

    A gap begins with the first attempt that began after an acceptance, not with the acceptance:
    while nobody attempts, nothing can be accepted. It ends with the next acceptance.

    Args:
        attempts: Those of one flow.
        without: How much of the time from one moment to another is not to count; never below 0.
        served: Moments of attempts that are to count as accepted, whatever became of them.
    """
    if not attempts:
        return None
    starts, observed = attempts.starts, attempts.observed
    gaps: list[tuple[float, float, float, bool]] = []
    longest, after = 0.0, float("-inf")
    acceptances = sorted([*attempts.acceptances, *served]) if served else attempts.acceptances
    for moment in (*acceptances, None):
        # What lies between two acceptances is no shorter than the gap in it.
        if moment is not None and moment - after < longest:
            after = moment
            continue
        first = bisect_right(starts, after)
        if first == len(attempts):
            break
        begin, end = starts[first], observed if moment is None else moment
        if end > begin:
            gaps.append((end - begin - without(begin, end), begin, end, moment is None))
            longest = max(longest, gaps[-1][0])
        after = end
    if not gaps:
        return None
    _, begin, end, open_ended = max(gaps)
    until = float("inf") if open_ended else end
    fell = sum(begin <= each.started < until for each in attempts.failed)
    return Gap(begin, end, fell, open_ended)


def check_gap(case: Case) -> Verdict | None:
    """The flow was never without any acceptance for longer than it promises."""
    doubt = case.doubt
    gap = longest_gap(case.attempts, served=case.agreed)
    if gap is None:
        return None
    found = _judged(case, gap)
    if found.status is not Status.FAIL:
        return _verdict(case, gap, found.status)
    # The gap that is longest with all that is doubtful counted as good may be another one.
    doubtful = [each for each in case.attempts.failed if doubt.covers(each)]
    served = [*case.agreed, *(each.started for each in doubtful)]
    own = longest_gap(case.attempts, doubt.lost_s, served)
    left_s = (own.seconds - doubt.lost_s(own.begin, own.end)) * case.clock if own else 0.0
    if own and left_s - case.uncertainty_s > case.expect.gap:
        # What was seen is told: a part of it may be what fails beyond doubt.
        is_part = gap.begin <= own.begin and own.end <= gap.end
        return _verdict(case, gap if is_part else own, Status.FAIL)
    told = _verdict(case, gap, Status.UNKNOWN)
    return replace(told, status=Status.UNKNOWN, summary=told.summary + doubt.reasons_for(doubtful))


def _verdict(case: Case, gap: Gap, status: Status) -> Verdict:
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
    figures: GapFigures = {
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
        return failed("gap", text + _by_which_fault(case, gap), **figures)
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


def _by_which_fault(case: Case, gap: Gap) -> str:
    """Of several faults, the last that had begun when a gap began, or else the first in it."""
    windows = sorted((each.window for each in case.blame.suspects), key=lambda each: each.inject)
    before = [each for each in windows if each.inject <= gap.begin]
    meanwhile = [each for each in windows if gap.begin < each.inject < gap.end]
    found = [case.turn_of(each) for each in (*before[-1:], *meanwhile[:1])]
    return f"; {found[0]}" if found and found[0] else ""


def _within(gap: Gap, moment: float | None) -> bool:
    return moment is not None and gap.begin <= moment < gap.end


def _more(gap: Gap) -> str:
    return "over " if gap.open_ended else ""

"""The time for which some attempts failed, or were accepted late."""

from __future__ import annotations

from collections.abc import Callable

from relaydrill.documents.checks import DegradedFigures, FalseGreen
from relaydrill.drills.checks.blame import Change, Suspect
from relaydrill.drills.checks.case import Case, how_bad, late_among, replies_of, stood_still
from relaydrill.drills.checks.conduct import Conduct, Conducts
from relaydrill.drills.checks.encounters import by_whom, named
from relaydrill.drills.checks.unmet import left_to_chance
from relaydrill.ledger import Attempt, FaultWindow
from relaydrill.verdict import Verdict, failed, passed, unknown


def check_degraded(case: Case) -> Verdict | None:
    """Attempts stop failing soon after a fault, and again soon after its heal."""
    changes = case.blame.suspects
    if not changes:
        return None
    allowed, sure_s = case.expect.degraded_s, case.uncertainty_s
    # At the moment of a change they were neither before it nor long after the one before.
    cut = [each for each in case.unserved if _is_cut_by_a_return(case, each)]
    bad = case.unserved
    whole = [each for each in bad if each not in cut]
    least_s, last_s = _longest(case, whole)
    figures: DegradedFigures = {
        "failed": len(bad),
        "attempts": len(case.attempts),
        "last_s": round(last_s, 3),
        "allowed_s": allowed,
        "deferred": len(case.deferred),
        "late": late_among(bad),
    }
    conducts = Conducts(case, bad)
    noticed = _noticed(conducts)
    figures |= noticed
    if not bad:
        text = f"none of {len(case.attempts)} attempts failed or was late"
        if case.deferred:
            text += f"; {len(case.deferred)} were deferred ({replies_of(case.deferred)})"
        return passed("degraded", text, **figures)
    text = (
        f"{len(bad)} of {len(case.attempts)} attempts {how_bad(bad)}, the last of them "
        f"{last_s:.1f} s after a change, allowed {allowed:g} s"
    )
    if "detection_s" in noticed:
        text += f"; marked down after {noticed['detection_s']:.1f} s"
    greens = [each for each in conducts.of_balancers if each.met]
    for green in greens:
        text += f"; {green.text}"
    if greens:
        figures["false_green"] = _as_figures(max(greens, key=lambda each: len(each.met)))
    figures["by_fault"] = conducts.by_fault
    if others := _by_whom(case, bad, greens):
        text += f"; {others}"
    text += case.restraint.told(bad)
    if "recovery_s" in noticed:
        text += f", up {noticed['recovery_s']:.1f} s after the heal"
    if least_s - sure_s > allowed:
        begun = changes[0].begun.latest
        until = max(each.ended or each.started for each in bad)
        stalled_s = case.stalled_s(begun, until)
        if stalled_s:
            lost_s = case.doubt.lost_s(begun, until) * case.clock
            text += stood_still(stalled_s * case.clock, lost_s)
            figures["stalled_s"] = round(stalled_s * case.clock, 3)
        doubtful = [each for each in whole if case.doubt.covers(each)]
        own = [each for each in whole if each not in doubtful]
        least_s, _ = _longest(case, own, case.doubt.lost_s)
        if least_s - sure_s > allowed:
            return failed("degraded", text + _by_which_fault(case, own), **figures)
        return unknown("degraded", text + case.doubt.reasons_for(doubtful), **figures)
    if last_s + sure_s <= allowed:
        if luck := left_to_chance(case, whole):
            return unknown("degraded", f"{text}; {luck}", **figures)
        return passed("degraded", text, **figures)
    if again := _broken_again(case, whole):
        text += f"; {again} was broken again before it had taken any mail, which may be one outage"
    return unknown("degraded", f"{text}: too close to tell apart", **figures)


def _broken_again(case: Case, bad: list[Attempt]) -> str:
    """A node that failed attempts, and of whose faults one followed on another; empty: none did."""
    blamed = (each for attempt in bad for each in case.blame.explaining(attempt))
    again = (each for each in blamed if case.blame.first_of(each) is not each)
    return next((each.window.node for each in again), "")


def _as_figures(green: Conduct) -> FalseGreen:
    """What a verdict keeps of a server that was given mail and did not serve it."""
    return {
        "node": green.node,
        "balancer": green.balancer,
        "refused": green.refused,
        "failed": len(green.met),
        "believed_up_s": round(green.kept_s, 3) if green.is_told else None,
    }


def _noticed(conducts: Conducts) -> DegradedFigures:
    """When a balancer noticed the fault that explains the worst, and its heal: field seconds.

    Nothing of a fault on a node that the flow's mail comes to by no balancer; of several balancers
    the slowest.
    """
    found: DegradedFigures = {}
    if down := [each.detection_s for each in conducts.main if each.detection_s is not None]:
        found["detection_s"] = round(max(down), 3)
    if up := [each.recovery_s for each in conducts.main if each.recovery_s is not None]:
        found["recovery_s"] = round(max(up), 3)
    return found


def _by_whom(case: Case, bad: list[Attempt], greens: list[Conduct]) -> str:
    """Which servers did not serve; those that a balancer's belief is told of have theirs there."""
    counts = by_whom(case, bad)
    for green in greens:
        counts.pop(green.node, None)
    return named(counts, len(bad))


def _is_cut_by_a_return(case: Case, attempt: Attempt) -> bool:
    """Whether a session of a standby was cut by its balancer, which took the VIPs back.

    That is so as soon as the balancer is there, if it was only frozen. One that was under way for
    longer than any had taken before the fault had hung already.
    """
    if attempt.accepted or attempt.ended is None:
        return False
    return any(
        window.node in case.topology.pairs
        and window.heal is not None
        and window.heal <= attempt.ended
        and attempt.started < (window.healed or window.heal)
        and window.heal - attempt.started <= case.usual_s
        for window in case.ledger.faults
    )


def _by_which_fault(case: Case, bad: list[Attempt]) -> str:
    """Of several faults, the one after which attempts went on failing for the longest."""
    found = (
        (attempt.started - last.latest, number, suspect.window)
        for number, attempt in enumerate(bad)
        for suspect in case.blame.explaining(attempt)
        if (last := suspect.last_change(attempt.started))
    )
    # Of several that may explain the same attempt the last is to blame for the least.
    least: dict[int, tuple[float, FaultWindow]] = {}
    for since_s, number, window in found:
        if number not in least or since_s < least[number][0]:
            least[number] = since_s, window
    if not least:
        return ""
    _, window = max(least.values(), key=lambda each: each[0])
    turn = case.turn_of(window)
    return f"; after {turn}" if turn else ""


def _longest(
    case: Case,
    bad: list[Attempt],
    without: Callable[[float, float], float] = lambda _begin, _end: 0.0,
) -> tuple[float, float]:
    """Field seconds from a fault's change to the last failed attempt after it: least, and most.

    An attempt that several faults may explain is the one's whose change was last, in the best
    reading, and in the worst the one's whose was first; and there a node that is broken again
    before it was seen to be whole has been broken since its first fault.

    Args:
        case: The flow of a drill.
        bad: Its attempts that were not served in time.
        without: How much of the time from one moment to another does not count for the least.
    """
    spans = [(0.0, 0.0)]
    for attempt in bad:
        blamed = case.blame.explaining(attempt)
        changes = ((each, each.last_change(attempt.started)) for each in blamed)
        found = [
            (
                max(0.0, attempt.started - last.latest - without(last.latest, attempt.started)),
                attempt.started + case.unseen_s(attempt) - _since(case, suspect, last),
            )
            for suspect, last in changes
            if last
        ]
        if found:
            least, most = min(each for each, _ in found), max(each for _, each in found)
            spans.append((least * case.clock, most * case.clock))
    return max(least for least, _ in spans), max(most for _, most in spans)


def _since(case: Case, suspect: Suspect, last: Change) -> float:
    """When what explains an attempt began at the earliest; see `Blame.first_of`."""
    is_broken = last is suspect.begun
    return case.blame.first_of(suspect).begun.earliest if is_broken else last.earliest

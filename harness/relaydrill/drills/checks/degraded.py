"""The time for which some attempts failed, or were accepted late."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from relaydrill.drills.checks.case import Case, how_bad, late_among, said, stood_still
from relaydrill.drills.checks.conduct import Conduct, Conducts, by_whom, named
from relaydrill.ledger import Attempt
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
    least_s, last_s = _longest(case, [each for each in bad if each not in cut])
    figures: dict[str, Any] = {
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
            text += f"; {len(case.deferred)} were deferred ({said(case.deferred)})"
        return passed("degraded", text, **figures)
    text = (
        f"{len(bad)} of {len(case.attempts)} attempts {how_bad(bad)}, the last of them "
        f"{last_s:.1f} s after a change, allowed {allowed:g} s"
    )
    if "detection_s" in noticed:
        text += f"; marked down after {noticed['detection_s']:.1f} s"
    greens = [each for each in conducts.of_balancers if each.met]
    for green in greens:
        text += f"; {green.told}"
    if greens:
        figures["false_green"] = _as_figures(max(greens, key=lambda each: len(each.met)))
    figures["by_fault"] = conducts.by_fault
    if others := _by_whom(case, bad, greens):
        text += f"; {others}"
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
        doubtful = [each for each in bad if each not in cut and case.doubt.covers(each)]
        own = [each for each in bad if each not in doubtful and each not in cut]
        least_s, _ = _longest(case, own, case.doubt.lost_s)
        if least_s - sure_s > allowed:
            return failed("degraded", text, **figures)
        return unknown("degraded", text + case.doubt.told(doubtful), **figures)
    if last_s + sure_s <= allowed:
        return passed("degraded", text, **figures)
    return unknown("degraded", f"{text}: too close to tell apart", **figures)


def _as_figures(green: Conduct) -> dict[str, Any]:
    """What a verdict keeps of a server that was given mail and did not serve it."""
    return {
        "node": green.node,
        "balancer": green.balancer,
        "refused": green.refused,
        "failed": len(green.met),
        "believed_up_s": round(green.kept_s, 3) if green.is_told else None,
    }


def _noticed(conducts: Conducts) -> dict[str, float]:
    """When a balancer noticed the fault that explains the worst, and its heal: field seconds.

    Nothing of a fault on a node that the flow's mail comes to by no balancer; of several balancers
    the slowest.
    """
    found = {
        "detection_s": [each.detection_s for each in conducts.main if each.detection_s is not None],
        "recovery_s": [each.recovery_s for each in conducts.main if each.recovery_s is not None],
    }
    return {name: round(max(each), 3) for name, each in found.items() if each}


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
        and window.heal - attempt.started <= _usual_s(case)
        for window in case.ledger.faults
    )


def _usual_s(case: Case) -> float:
    """The longest that an attempt took before anything was broken."""
    steady = case.attempts.between(float("-inf"), case.broken_from or 0.0)
    return max(steady.took_s(), default=0.0)


def _longest(
    case: Case,
    bad: list[Attempt],
    without: Callable[[float, float], float] = lambda _begin, _end: 0.0,
) -> tuple[float, float]:
    """Field seconds from a fault's change to the last failed attempt after it: least, and most.

    An attempt that several faults may explain is the one's whose change was last, in the best
    reading, and in the worst the one's whose was first.

    Args:
        without: How much of the time from one moment to another does not count for the least.
    """
    spans = [(0.0, 0.0)]
    for attempt in bad:
        blamed = (each.last_change(attempt.started) for each in case.blame.explaining(attempt))
        found = [
            (
                max(0.0, attempt.started - last.latest - without(last.latest, attempt.started)),
                attempt.started + case.unseen_s(attempt) - last.earliest,
            )
            for last in blamed
            if last
        ]
        if found:
            least, most = min(each for each, _ in found), max(each for _, each in found)
            spans.append((least * case.clock, most * case.clock))
    return max(least for least, _ in spans), max(most for _, most in spans)

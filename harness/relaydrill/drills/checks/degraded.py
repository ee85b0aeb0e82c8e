"""The time for which some attempts failed."""

from __future__ import annotations

from relaydrill.drills.checks.case import Case, said
from relaydrill.verdict import Verdict, failed, passed, unknown


def check_degraded(case: Case) -> Verdict | None:
    """Attempts stop failing soon after a fault, and again soon after its heal."""
    changes = [
        moment
        for window in case.ledger.faults
        if window.injected is not None
        for moment in (window.inject, window.healed)
        if moment is not None
    ]
    if not changes:
        return None
    allowed, sure_s = case.expect.degraded_s, case.uncertainty_s
    bad = [attempt for attempt in case.attempts if not case.served(attempt)]
    worst = (
        max(((_since(changes, each.started) * case.clock), each) for each in bad) if bad else None
    )
    last_s = worst[0] if worst else 0.0
    figures = {
        "failed": len(bad),
        "attempts": len(case.attempts),
        "last_s": round(last_s, 3),
        "allowed_s": allowed,
    }
    noticed = _noticed(case)
    figures |= noticed
    if worst is None:
        return passed("degraded", f"none of {len(case.attempts)} attempts failed", **figures)
    text = (
        f"{len(bad)} of {len(case.attempts)} attempts failed ({said(bad)}), the last of them "
        f"{last_s:.1f} s after a change, allowed {allowed:g} s"
    )
    if "detection_s" in noticed:
        text += f"; marked down after {noticed['detection_s']:.1f} s"
    if "recovery_s" in noticed:
        text += f", up {noticed['recovery_s']:.1f} s after the heal"
    if last_s - sure_s > allowed:
        return failed("degraded", text, **figures)
    if last_s + sure_s <= allowed:
        return passed("degraded", text, **figures)
    return unknown("degraded", f"{text}: too close to tell apart", **figures)


def _noticed(case: Case) -> dict[str, float]:
    """When a balancer noticed the first fault, and its heal: field seconds after either."""
    port = case.topology.flows[case.flow].port
    for window in case.ledger.faults:
        mine = [
            belief
            for belief in case.ledger.beliefs
            if belief.backend == window.node and belief.port == port
        ]
        down = [each.mono for each in mine if each.state == "down" and each.mono > window.inject]
        healed = window.healed or float("inf")
        up = [each.mono for each in mine if each.state == "up" and each.mono > healed]
        noticed = {}
        if down:
            noticed["detection_s"] = round((down[0] - window.inject) * case.clock, 3)
        if up:
            noticed["recovery_s"] = round((up[0] - healed) * case.clock, 3)
        return noticed
    return {}


def _since(changes: list[float], moment: float) -> float:
    """Wall seconds since the last change before a moment; 0 if there was none."""
    return moment - max((each for each in changes if each <= moment), default=moment)

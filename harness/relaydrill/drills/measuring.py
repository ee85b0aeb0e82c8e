"""The times of a flow's verdict, each with what it may be wrong by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from relaydrill.drills.checks import Case
from relaydrill.drills.findings.causes import case_of
from relaydrill.drills.findings.wording import broken
from relaydrill.drills.measured import Measured
from relaydrill.drills.result import FlowVerdict, Judgement
from relaydrill.topology import Topology
from relaydrill.topology.paths import path_of
from relaydrill.verdict import Verdict

_SAME_MOMENT_S: Final = 0.01
"""Wall seconds: the figures of a verdict are rounded."""


def gap_of(judgement: Judgement, flow: FlowVerdict) -> Measured | None:
    """The longest gap of a flow; None where its check says nothing of one.

    Args:
        judgement: The drill.
        flow: One flow of it.
    """
    check = flow.check("gap")
    if check is None or "gap_s" not in check.figures:
        return None
    case, figures = case_of(judgement, flow.flow), check.figures
    excused_s, is_at_the_end = 0.0, False
    if case.attempts:
        begin = case.attempts[0].started + figures["begin_s"] / case.clock
        end = begin + figures["wall_s"]
        excused_s = case.doubt.lost_s(begin, end) * case.clock
        is_at_the_end = end >= case.attempts.observed - _SAME_MOMENT_S
    # A short one lies around the heal, or at the end of all attempts, by chance.
    is_lasting = figures["gap_s"] - excused_s > 3 * figures["resolution_s"]
    return Measured(
        found_s=figures["gap_s"],
        give_s=figures["resolution_s"] + _takeover_play_s(judgement) / 2,
        excused_s=excused_s,
        after_heal_s=figures.get("after_heal_s") if is_lasting else None,
        is_open=is_lasting and is_at_the_end,
    )


def degraded_of(judgement: Judgement, flow: FlowVerdict) -> Measured | None:
    """For how long after a change some attempts failed; None where its check says nothing of that.

    Args:
        judgement: The drill.
        flow: One flow of it.
    """
    check, gap = flow.check("degraded"), flow.check("gap")
    if check is None or "last_s" not in check.figures or gap is None:
        return None
    case, figures = case_of(judgement, flow.flow), check.figures
    sure_s = float(gap.figures.get("resolution_s", 0.0))
    play_s = _check_play_s(case.topology, flow.flow) + _takeover_play_s(judgement)
    return Measured(
        found_s=figures["last_s"],
        give_s=sure_s + play_s / 2,
        excused_s=_excused_s(case),
        after_heal_s=0.0 if _lasts_as_long_as_the_fault(judgement, check, sure_s) else None,
    )


def _excused_s(case: Case) -> float:
    """What the machine may have added to the time for which attempts failed."""
    begun, bad = case.broken_from, case.unserved
    if begun is None or not bad:
        return 0.0
    until = max(each.ended or each.started for each in bad)
    return case.doubt.lost_s(begun, until) * case.clock


def _lasts_as_long_as_the_fault(judgement: Judgement, degraded: Verdict, sure_s: float) -> bool:
    """Whether attempts failed until the heal, for nobody had marked the broken one down."""
    if "detection_s" in degraded.figures:
        return False
    clock = judgement.topology.clock
    lasted = [
        (window.heal - window.inject) * clock
        for window in judgement.ledger.faults
        if window.heal is not None
    ]
    # Those that failed are some of the attempts, so that the last of them was a while before.
    return bool(lasted) and degraded.figures["last_s"] + 3 * sure_s >= max(lasted)


def _check_play_s(topology: Topology, flow: str) -> float:
    """By how much two drills of one design differ in when its health checks notice something.

    A server dies at any moment between two checks: it may take one check more or less.
    """
    path = path_of(topology, flow)
    checks = (each.check for name, each in topology.balancers.items() if name in path)
    cycles = (each.interval + each.longest_s for each in checks if each.kind != "none")
    return max(cycles, default=0.0)


def _takeover_play_s(judgement: Judgement) -> float:
    """The same of two balancers: one dies at any moment between two of its advertisements."""
    return max(_adverts(judgement), default=0.0)


def _adverts(judgement: Judgement) -> Iterator[float]:
    pairs, balancers = judgement.topology.pairs, judgement.topology.balancers
    yield from (balancers[name].vrrp.advert for name in broken(judgement) if name in pairs)

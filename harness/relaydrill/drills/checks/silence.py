"""Whether a node's silence proves that it was broken, or may be chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from relaydrill.drills.checks.case import Case
from relaydrill.drills.checks.place import Place, answerer, is_sole_door, led_to, place_of
from relaydrill.drills.opportunity import (
    LEVEL,
    attempts_to_meet,
    attempts_to_tell,
    silence_by_chance,
)
from relaydrill.ledger import Attempt, Attempts, FaultWindow
from relaydrill.scalars import show_duration
from relaydrill.smtp import Result

JOURNAL_LAG_S: Final = 0.5
"""How long after its reply a real program's deed may stand in its journal, wall seconds."""


@dataclass(frozen=True, slots=True)
class Silence:
    """What a node that took nothing proves.

    Attributes:
        is_proof: Whether it was broken for certain. told: Why, or why not; goes on a sentence.
        figures: The figures that decided.
    """

    is_proof: bool
    told: str
    figures: dict[str, Any]


def took_while_broken(case: Case, window: FaultWindow) -> int:
    """What a node took of the flow, or answered to it, while its fault was in force.

    A session that was open when listening ended may still end well; that is no new traffic.
    """
    assert window.injected is not None
    ledger, flow, injected = case.ledger, case.flow, window.injected
    healed = window.heal or float("inf")
    port = case.topology.flows[flow].port
    under_way = ledger.under_way(flow, injected)
    just_over = ledger.under_way(flow, injected, over_for_s=JOURNAL_LAG_S)
    took = sum(
        each.message not in under_way
        and not (each.message in just_over and each.mono < injected + JOURNAL_LAG_S)
        for each in ledger.traffic_of(window.node, flow, port, after=injected, before=healed)
    )
    return took or len(_answers(case, window))


def _answers(case: Case, window: FaultWindow) -> list[Attempt]:
    """The attempts that bear a node's name though they began while it was to be silent."""
    answered = answerer(case.topology)
    meanwhile = case.attempts.between((window.injected or 0.0) + JOURNAL_LAG_S, window.until)
    spoke = meanwhile.told(lambda each: not each.accepted and answered(each) == window.node)
    return [each for each in spoke if each.ended is not None and each.ended < window.until]


def silence_of(case: Case, window: FaultWindow, before: int) -> Silence:
    """What it proves that a node took nothing while its fault was in force.

    Seen beside the silence, one is enough: senders that were led to it and did not get there, or a
    balancer that marked it down by its checks, and did not take that back. Where there is neither,
    it is a matter of chance: see `relaydrill.drills.opportunity`.

    Args:
        before: What it had taken of the flow.
    """
    if told := _led_in_vain(case, window) or _marked_down(case, window):
        return Silence(True, told, {})
    return by_chance(case, window, before)


def by_chance(case: Case, window: FaultWindow, before: int) -> Silence:
    """What silence alone proves: whether chance alone would seldom have made it."""
    earlier = case.attempts.between(float("-inf"), window.inject)
    since = case.attempts.between(window.injected or window.inject, window.until)
    inside = place_of(case.topology, case.flow, window.node) is Place.INSIDE
    counts = _is_accepted if inside else _is_made
    # A name server answers more than one question for an attempt, a balancer more than one flow.
    had = max(earlier.how_many(counts), 1)
    share, meanwhile = min(before, had), since.how_many(counts)
    chance = silence_by_chance(share, had, meanwhile)
    figures = {"of": had, "attempts": meanwhile, "chance": float(f"{chance:.3g}")}
    if moved := _chose_anew(case, window, earlier, since):
        told = f"{moved} of its senders chose anew meanwhile, which leaves its silence to chance"
        return Silence(False, f"{told}: it takes senders that choose for each message", figures)
    if chance < LEVEL:
        return Silence(True, f"none of {meanwhile}", figures)
    attempts = f"{meanwhile} attempt{'' if meanwhile == 1 else 's'}"
    told = (
        f"{window.node} had {share} of {had} before; {attempts} while it was broken leave its"
        f" silence to chance ({chance:.0%})"
    )
    if since.any(_is_choice):  # then one that chooses the node is enough
        needed = attempts_to_meet(share / had, miss=LEVEL)
    else:
        needed = attempts_to_tell(share, had)
    if not needed:
        return Silence(False, f"{told}: it takes more of its mail before the fault", figures)
    needed_s = needed / _rate(case, window, meanwhile) * case.clock
    figures["needed_s"] = round(needed_s, 1)
    told = f"{told}: it takes {show_duration(_rounded_up(needed_s))} at this rate"
    return Silence(False, told, figures)


def _led_in_vain(case: Case, window: FaultWindow) -> str:
    """That senders chose a node first and did not get there; empty where none did.

    One that was being made at the heal proves nothing, unless it had hung for longer than any took
    before; nor does one on which the machine stood still.
    """
    topology, node, end = case.topology, window.node, window.until
    chosen = case.attempts.between(window.injected or window.inject, end).told(
        lambda each: (
            _is_made(each)
            and is_sole_door(topology, each.choice, node)
            and not _is_served(case, each, node)
        )
    )
    if not chosen:
        return ""
    steady = case.attempts.between(float("-inf"), window.inject)
    usual_s = max(steady.took_s(), default=0.0) + JOURNAL_LAG_S
    in_vain = sum(
        (end if each.ended is None else each.ended) < end or each.started < end - usual_s
        for each in chosen
        if not _met_a_stall(case, each)
    )
    return f"none of {in_vain} that chose it" if in_vain else ""


def _chose_anew(case: Case, window: FaultWindow, earlier: Attempts, since: Attempts) -> int:
    """How many senders that kept to a node made another choice while its fault was in force.

    Their attempts are no choices of their own: one of the senders' makes many. Had they tried the
    node, and found it broken, that would be seen.
    """
    if not since.any(_is_keeper_s):
        return 0
    topology, node = case.topology, window.node
    kept = {who for to, who in earlier.choices() if is_sole_door(topology, to, node)}
    now = {who for to, who in since.choices() if not is_sole_door(topology, to, node)}
    return len((kept & now) - {None})


def _is_served(case: Case, attempt: Attempt, node: str) -> bool:
    """Whether an attempt that chose a node may have been served by it.

    What was accepted by somebody whom the banner does not name, may have been.
    """
    if not attempt.accepted:
        return False
    name = answerer(case.topology)(attempt)
    return not name or name == node or name in led_to(case.topology, attempt.choice)


def _marked_down(case: Case, window: FaultWindow) -> str:
    """That a balancer on the flow's way marked a node down until the heal; empty if none did."""
    topology, port = case.topology, case.topology.flows[case.flow].port
    for name, balancer in topology.balancers.items():
        on_the_way = place_of(topology, case.flow, name) is not Place.ASIDE
        if window.node not in balancer.backends or not on_the_way:
            continue
        for machine in topology.machines_of(name):
            changes = [
                each
                for each in case.ledger.beliefs
                if (each.balancer, each.backend, each.port) == (machine, window.node, port)
                and window.inject < each.mono < window.until
            ]
            if changes and changes[-1].state == "down":
                after_s = (changes[-1].mono - window.inject) * case.clock
                return f"none, and {machine} marked it down after {after_s:.1f} s"
    return ""


def _is_made(attempt: Attempt) -> bool:
    return attempt.result is not Result.UNSENT


def _is_choice(attempt: Attempt) -> bool:
    return bool(attempt.choice)


def _is_keeper_s(attempt: Attempt) -> bool:
    return attempt.member is not None


def _is_accepted(attempt: Attempt) -> bool:
    return attempt.accepted


def _met_a_stall(case: Case, attempt: Attempt) -> bool:
    ended = float("inf") if attempt.ended is None else attempt.ended
    return any(each.begin < ended and attempt.started < each.end for each in case.ledger.stalls)


def _rate(case: Case, window: FaultWindow, meanwhile: int) -> float:
    """Attempts a wall second: as they came while the fault was in force, or as declared."""
    lasted_s = window.until - (window.injected or window.inject)
    seen = meanwhile / lasted_s if lasted_s > 0 else 0.0
    return seen or case.topology.flows[case.flow].wanted_rate


def _rounded_up(seconds: float) -> float:
    """To whole seconds, or to two digits where it is less."""
    return float(-(-seconds // 1)) if seconds >= 10 else -(-seconds * 10 // 1) / 10

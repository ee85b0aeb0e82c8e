"""Whether a node's silence proves that it was broken, or may be chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from relaydrill.documents.checks import BiteFigures
from relaydrill.drills.checks.blame import fault_of
from relaydrill.drills.checks.case import Case
from relaydrill.drills.checks.kinds_of_attempts import (
    has_a_choice,
    is_a_keeper_s,
    is_accepted,
    is_made,
)
from relaydrill.drills.checks.place import Place, is_sole_entry_point, led_to, place_of
from relaydrill.drills.opportunity import (
    LEVEL,
    UNDECIDED,
    attempts_for,
    attempts_to_meet,
    attempts_to_tell,
    silence_by_chance,
    silence_of_some,
)
from relaydrill.faults import ServiceFault, strength_of
from relaydrill.ledger import Attempt, Attempts, FaultWindow
from relaydrill.scalars import show_duration

JOURNAL_LAG_S: Final = 0.5
"""How long after its reply a real program's deed may stand in its journal, wall seconds."""


@dataclass(frozen=True, slots=True)
class Silence:
    """What a node that took nothing proves.

    Attributes:
        is_proof: Whether it was broken for certain.
        text: Why, or why not; goes on a sentence.
        figures: The figures that decided.
    """

    is_proof: bool
    text: str
    figures: BiteFigures


def took_while_broken(case: Case, window: FaultWindow) -> int:
    """What a node took of the flow, or answered to it, while its fault was in force.

    A session that was open when listening ended may still end well, and a sender may use its
    connection for more; that is no new traffic. Of one that was opened since, the first message is.
    """
    assert window.injected is not None
    ledger, flow, injected = case.ledger, case.flow, window.injected
    healed = window.heal or float("inf")
    port = case.topology.flows[flow].port
    under_way = ledger.under_way(flow, injected)
    just_over = ledger.under_way(flow, injected, over_for_s=JOURNAL_LAG_S)
    reused = set[str]()
    if _spares_sessions(window):
        reused = {each.message for each in ledger.over_reused_connections(flow)}
    took = sum(
        each.message not in under_way
        and each.message not in reused
        and not (each.message in just_over and each.mono < injected + JOURNAL_LAG_S)
        for each in ledger.traffic_of(window.node, flow, port, after=injected, before=healed)
    )
    return took or len(_answers(case, window))


def _spares_sessions(window: FaultWindow) -> bool:
    fault = fault_of(window)
    return isinstance(fault, ServiceFault) and fault.spares_sessions


def _answers(case: Case, window: FaultWindow) -> list[Attempt]:
    """The attempts that bear a node's name though they began while it was to be silent."""
    meanwhile = case.attempts.between((window.injected or 0.0) + JOURNAL_LAG_S, window.until)
    spoke = meanwhile.matching(
        lambda each: not each.accepted and case.answered_by(each) == window.node
    )
    return [each for each in spoke if each.ended is not None and each.ended < window.until]


def silence_of(case: Case, window: FaultWindow, before: int) -> Silence:
    """What it proves that a node took nothing while its fault was in force.

    Seen beside the silence, one is enough: senders that were led to it and did not get there, or a
    balancer that marked it down by its checks, and did not take that back. Where there is neither,
    it is a matter of chance: see `relaydrill.drills.opportunity`.

    Args:
        case: The flow of a drill.
        window: When the fault was in force.
        before: What it had taken of the flow.
    """
    if told := _led_in_vain(case, window) or marked_down(case, window):
        return Silence(True, told, {})
    return by_chance(case, window, before)


def by_chance(case: Case, window: FaultWindow, before: int) -> Silence:
    """What silence alone proves: whether chance alone would seldom have made it."""
    earlier = case.attempts.between(float("-inf"), window.inject)
    since = case.attempts.between(window.injected or window.inject, window.until)
    inside = place_of(case.topology, case.flow, window.node) is Place.INSIDE
    counts = is_accepted if inside else is_made
    # A name server answers more than one question for an attempt, a balancer more than one flow.
    had = max(earlier.how_many(counts), 1)
    share, meanwhile = min(before, had), since.how_many(counts)
    strength = strength_of(fault_of(window))
    chance = silence_of_some(share, had, meanwhile, strength)
    figures: BiteFigures = {"of": had, "attempts": meanwhile, "chance": float(f"{chance:.3g}")}
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
    if since.any(has_a_choice):  # then one that chooses the node is enough
        needed = attempts_to_meet(share / had * strength, miss=LEVEL)
    else:
        level = LEVEL if strength >= 1.0 else LEVEL - UNDECIDED
        needed = attempts_for(attempts_to_tell(share, had, level=level), strength)
    if not needed:
        return Silence(False, f"{told}: it takes more of its mail before the fault", figures)
    needed_s = needed / _rate(case, window, meanwhile) * case.clock
    figures["needed_s"] = round(needed_s, 1)
    told = f"{told}: it takes {show_duration(_rounded_up(needed_s))} at this rate"
    return Silence(False, told, figures)


def in_all(case: Case, windows: list[FaultWindow], before: int) -> Silence:
    """What it proves that a node took nothing in any of several faults that were alike.

    Args:
        case: The flow of a drill.
        windows: When they were in force, the first of them first.
        before: What it had taken of the flow before the first.
    """
    first = windows[0]
    earlier = case.attempts.between(float("-inf"), first.inject)
    parts = [case.attempts.between(each.injected or each.inject, each.until) for each in windows]
    inside = place_of(case.topology, case.flow, first.node) is Place.INSIDE
    counts = is_accepted if inside else is_made
    had, meanwhile = max(earlier.how_many(counts), 1), sum(each.how_many(counts) for each in parts)
    chance = silence_by_chance(min(before, had), had, meanwhile)
    figures: BiteFigures = {"of": had, "attempts": meanwhile, "chance": float(f"{chance:.3g}")}
    kept = not any(
        _chose_anew(case, each, earlier, part) for each, part in zip(windows, parts, strict=True)
    )
    told = f"none of {meanwhile} while it was broken {len(windows)} times"
    return Silence(kept and chance < LEVEL, told, figures)


def _led_in_vain(case: Case, window: FaultWindow) -> str:
    """That senders chose a node first and did not get there; empty where none did.

    One that was being made at the heal proves nothing, unless it had hung for longer than any took
    before; nor does one on which the machine stood still.
    """
    topology, node, end = case.topology, window.node, window.until
    chosen = case.attempts.between(window.injected or window.inject, end).matching(
        lambda each: (
            is_made(each)
            and is_sole_entry_point(topology, each.choice, node)
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
    if not in_vain or not is_news(case, window, in_vain):
        return ""
    return f"none of {in_vain} that chose it"


def is_news(case: Case, window: FaultWindow, in_vain: int) -> bool:
    """Whether it is new that attempts which chose a node did not get there.

    One is enough where all did before the fault. Else (a node whose IPv6 path is dead all the time)
    chance must make as many in a row more seldom than it may.

    Args:
        case: The flow of a drill.
        window: When the fault was in force.
        in_vain: How many did not get there meanwhile, of all that chose it.
    """
    topology, node = case.topology, window.node
    earlier = case.attempts.between(float("-inf"), window.inject)
    chosen = earlier.matching(
        lambda each: is_made(each) and is_sole_entry_point(topology, each.choice, node)
    )
    got_there = [
        each for each in chosen if _is_served(case, each, node) or case.answered_by(each) == node
    ]
    if len(got_there) == len(chosen):
        return True
    return silence_by_chance(len(got_there), len(chosen), in_vain) < LEVEL


def _chose_anew(case: Case, window: FaultWindow, earlier: Attempts, since: Attempts) -> int:
    """How many senders that kept to a node made another choice while its fault was in force.

    Their attempts are no choices of their own: one of the senders' makes many. Had they tried the
    node, and found it broken, that would be seen.
    """
    if not since.any(is_a_keeper_s):
        return 0
    topology, node = case.topology, window.node
    kept = {who for to, who in earlier.choices() if is_sole_entry_point(topology, to, node)}
    now = {who for to, who in since.choices() if not is_sole_entry_point(topology, to, node)}
    return len((kept & now) - {None})


def _is_served(case: Case, attempt: Attempt, node: str) -> bool:
    """Whether an attempt that chose a node may have been served by it.

    What was accepted by somebody whom the banner does not name, may have been.
    """
    if not attempt.accepted:
        return False
    name = case.answered_by(attempt)
    return not name or name == node or name in led_to(case.topology, attempt.choice)


def marked_down(case: Case, window: FaultWindow) -> str:
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

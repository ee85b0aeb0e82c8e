"""Attempts that were accepted in time, and only after a fault had held them up.

A heal releases what hung on a broken node: whoever had got it elsewhere in time would have served
it; the heal did. And what a server that is slow took, it took late: that it is no later than the
flow's bound on failures is the fault's doing, and not the tier's.

A session shows by whom it went: a banner, or the machine that holds the address. Name servers that
were asked before it, and whom its server waited for before its 250, it does not show: an attempt
hung on them if nobody whom it shows explains that.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from relaydrill.drills.checks.blame import Suspect, delay_of, fault_of
from relaydrill.drills.checks.place import Place, is_sole_entry_point, place_of
from relaydrill.faults import Proof
from relaydrill.ledger import Attempt, Attempts, FaultWindow

if TYPE_CHECKING:
    from relaydrill.drills.checks.case import Case

_SOME: Final = 1 / 4
"""Of the attempts: a hub of three or four that is waited for makes as many wait."""


def released(case: Case) -> Iterator[Attempt]:
    """The attempts that hung on a broken node until it was healed, and were accepted then."""
    within_s = case.expect.late_s / case.clock
    for suspect in case.blame.suspects:
        window = suspect.window
        if window.heal is None:
            continue
        held = [
            each
            for each in case.attempts.across(window.heal)
            if each.accepted
            and suspect.begun.latest <= each.started
            and case.slow_s < (each.took_s or 0.0) <= within_s
            and _hung_on(case, each, suspect)
            and not _is_about_to_move(case, each, window)
        ]
        if held and not _made_others_wait(case, suspect):
            held = [each for each in held if _shows(case, each, window.node)]
        if not held:
            continue
        meanwhile = _served_before_heal(case, suspect)
        usual_s = _longest_through(case, window, meanwhile)
        elsewhere_s = _wait_for_another(case, held, suspect, meanwhile)
        least_s = max(2 * usual_s, elsewhere_s)
        yield from (each for each in held if (each.took_s or 0.0) > least_s)


def slowed(case: Case) -> Iterator[Attempt]:
    """The attempts that a fault made wait, as long as it makes everybody wait, and then took.

    Nobody minds who says how late mail may be (`Expect.late`), or whose senders come back.
    """
    if case.expect.late is not None or case.expect.deferral:
        return
    for suspect in case.blame.suspects:
        window, delay_s = suspect.window, delay_of(suspect.window)
        if delay_s:
            meanwhile = case.attempts.between(window.inject, window.until)
            yield from _made_wait(case, window, meanwhile, delay_s / case.clock)


def _made_wait(
    case: Case, window: FaultWindow, meanwhile: Attempts, delay_s: float
) -> Iterator[Attempt]:
    """The attempts that a slow server answered, or had its part in, so much late."""
    node = window.node
    moments = sorted(
        each.mono
        for each in case.ledger.bites[node]
        if not each.probe and each.fault == window.kind and window.inject <= each.mono
    )
    with_it = meanwhile.matching(
        lambda each: (
            each.accepted and (_shows(case, each, node) or _may_have_waited_for(case, each, node))
        )
    )
    for attempt in with_it:
        over = (attempt.ended or attempt.started) + attempt.slack_s
        at = bisect_left(moments, attempt.started - attempt.slack_s)
        has_met = window.by_hook or (at < len(moments) and moments[at] <= over)
        if has_met and (attempt.took_s or 0.0) >= delay_s:
            yield attempt


def _is_about_to_move(case: Case, attempt: Attempt, window: FaultWindow) -> bool:
    """Whether an attempt began when a balancer was just about to take its VIPs back.

    Of a pair the other one serves until then, and what it was about to take is late for the move.
    """
    is_one_of_two = window.node in case.topology.pairs
    return is_one_of_two and window.until - attempt.started <= case.slow_s


def _served_before_heal(case: Case, suspect: Suspect) -> list[Attempt]:
    """The attempts that were made and accepted while a fault was in force."""
    heal = suspect.window.until
    meanwhile = case.attempts.between(suspect.begun.latest, heal)
    accepted = meanwhile.matching(lambda each: each.accepted)
    return [each for each in accepted if (each.ended or heal) < heal]


def _longest_through(case: Case, window: FaultWindow, meanwhile: list[Attempt]) -> float:
    """The longest that what went by a broken node took, and was in time, wall seconds.

    One that is only slow holds nothing until its heal.
    """
    node, within_s = window.node, case.expect.late_s / case.clock
    went_by = (
        _shows if place_of(case.topology, case.flow, node) is Place.FRONT else _may_have_waited_for
    )
    took = (
        each.took_s or 0.0
        for each in meanwhile
        if went_by(case, each, node) and not _went_elsewhere(case, each, window)
    )
    return max((each for each in took if each <= within_s), default=0.0)


def _wait_for_another(
    case: Case, held: list[Attempt], suspect: Suspect, meanwhile: list[Attempt]
) -> float:
    """How long senders wait for a silent node, as a rule, before they are served by another.

    Wall seconds. Who hung for no longer at the heal did not need it: he would have gone elsewhere
    in time, as those did who came before. Nothing unless as many did as hung then. A node with two
    addresses makes wait once or twice, by where a sender's list begins: a quarter is rule enough.
    """
    node, within_s = suspect.window.node, case.expect.late_s / case.clock
    nodes = {case.answered_by(each) for each in held if _shows(case, each, node)}
    choices = {each.choice for each in held}

    def may_have_been_led_past(each: Attempt) -> bool:
        """By a balancer, or by a sender that does not tell; if nothing else made it wait."""
        return (
            each.choice in choices
            and case.answered_by(each) not in nodes
            and case.blame.explaining(each) == (suspect,)
        )

    took = [
        each.took_s or 0.0
        for each in meanwhile
        if case.slow_s < (each.took_s or 0.0) <= within_s
        and (_went_elsewhere(case, each, suspect.window) or may_have_been_led_past(each))
        and not case.doubt.is_the_machine_s(each)
    ]
    if not took or len(took) < len(held):
        return 0.0
    return sorted(took)[len(took) * 3 // 4]


def _went_elsewhere(case: Case, attempt: Attempt, window: FaultWindow) -> bool:
    """Whether an attempt that was accepted chose a broken node, and was served by another.

    A balancer is named by no banner; but nothing goes through one that is silent.
    """
    node = window.node
    if not is_sole_entry_point(case.topology, attempt.choice, node):
        return False
    if attempt.choice != node:
        return fault_of(window).proof is Proof.SILENT
    return case.answered_by(attempt) != node


def _hung_on(case: Case, attempt: Attempt, suspect: Suspect) -> bool:
    """Whether what an attempt hung on may have been a broken node.

    Where nothing shows that, it was not if another is shown that it waited for just then.
    """
    if _shows(case, attempt, suspect.window.node):
        return _may_hold(case, attempt, suspect.window.node)
    return _may_have_waited_for(case, attempt, suspect.window.node) and not any(
        _shows(case, attempt, each.window.node) and _made_it_wait(each, attempt)
        for each in case.blame.suspects
    )


def _made_others_wait(case: Case, suspect: Suspect) -> bool:
    """Whether attempts waited, or failed, while a fault was in force: a quarter of them at least.

    Where nothing shows whom an attempt hung on at the heal, a machine that is busy just then with
    the heal itself looks the same; but whoever holds one holds those who came before, too.
    """
    meanwhile = case.attempts.between(suspect.begun.latest, suspect.window.until)
    waited = sum(
        not each.accepted or each.took_s is None or each.took_s > case.slow_s for each in meanwhile
    )
    return waited >= _SOME * len(meanwhile)


def _made_it_wait(suspect: Suspect, attempt: Attempt) -> bool:
    """Whether a fault can have made wait what was accepted in the end: not one that went on."""
    if not suspect.is_live(attempt, 0.0):
        return False
    over = attempt.started if attempt.ended is None else attempt.ended
    changes = (suspect.begun.latest, suspect.window.until)
    return delay_of(suspect.window) > 0 or any(attempt.started <= each <= over for each in changes)


def _shows(case: Case, attempt: Attempt, node: str) -> bool:
    """Whether a node answered an attempt itself, or may have the address that was chosen."""
    vips = case.topology.vips
    held_by = case.topology.machines_of(vips[attempt.choice][0]) if attempt.choice in vips else ()
    return node in (case.answered_by(attempt), *held_by)


def _may_hold(case: Case, attempt: Attempt, node: str) -> bool:
    """Whether a machine may have had its VIPs when an attempt was made; true of no balancer's.

    The second of a pair has them while the first is broken, until that has taken them back, and
    for good from its first fault on where it does not.
    """
    if node not in case.topology.standbys:
        return True
    first = case.topology.standbys[node].standby_of
    vrrp = case.topology.balancers[first].vrrp
    back_s = vrrp.takeover_s / case.clock if vrrp.preempt else float("inf")
    return any(
        each.window.node == first and each.is_live(attempt, back_s) for each in case.blame.suspects
    )


def _may_have_waited_for(case: Case, attempt: Attempt, node: str) -> bool:
    """Whether a node that a session does not show has a part in when an attempt was answered."""
    return node in case.asked or node in case.waits.get(case.answered_by(attempt), ())

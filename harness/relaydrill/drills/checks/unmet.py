"""Whether attempts stopped failing, or only stopped coming to what is broken.

A fault that goes on for longer than attempts may fail tries the tier only if something comes to it
then. Where it had failed some before, and the others all passed it by, that may be chance.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from relaydrill.drills.checks.blame import Suspect, fault_of
from relaydrill.drills.checks.kinds_of_attempts import is_free, is_made
from relaydrill.drills.checks.place import Place, is_sole_entry_point, place_of
from relaydrill.drills.opportunity import LEVEL, silence_by_chance
from relaydrill.faults import strength_of
from relaydrill.ledger import Attempt
from relaydrill.topology.paths import entry_points_of

if TYPE_CHECKING:
    from relaydrill.drills.checks.case import Case


def left_to_chance(case: Case, bad: Iterable[Attempt]) -> str:
    """Which fault may have failed nothing more by chance alone, in a sentence; empty if none.

    Args:
        case: The flow of a drill.
        bad: Its attempts that were not served in time.
    """
    its: dict[int, list[Attempt]] = defaultdict(list)
    for attempt in bad:
        for each in case.blame.explaining(attempt):
            if attempt.started < each.window.until:
                its[id(each)].append(attempt)
    told = (_told(case, each, its[id(each)]) for each in case.blame.suspects if id(each) in its)
    return next(filter(None, told), "")


def _told(case: Case, suspect: Suspect, its: list[Attempt]) -> str:
    """Of one fault, the attempts that it may have failed being known.

    How many have passed it by since, seen from the end: a tier that does nothing has as long a row
    of them no more often than it has one from any other moment on. That one tried it and went on,
    real programs do not tell: of those, what passed it by may be as many, and is no more.
    """
    window, topology = suspect.window, case.topology
    node, end = window.node, min(window.until, case.attempts.observed)
    allowed_s = (case.expect.degraded_s + case.uncertainty_s) / case.clock
    is_long = suspect.begun.latest + allowed_s < end
    if not is_long or place_of(topology, case.flow, node) is not Place.FRONT:
        return ""

    def comes_to_it(attempt: Attempt) -> bool:
        by_choice = is_sole_entry_point(topology, attempt.choice, node)
        return by_choice or case.answered_by(attempt) == node

    last = max(each.started for each in its)
    later = case.attempts.between(math.nextafter(last, math.inf), end)
    is_chosen = node in entry_points_of(topology, case.flow)
    if not is_chosen and case.blame.is_marked_down(node, end):
        return ""
    if came := later.matching(comes_to_it):
        return _all_spared(case, suspect, came)
    earlier = case.attempts.between(float("-inf"), window.inject)
    of = max(earlier.how_many(is_made), 1)
    port = topology.flows[case.flow].port
    had = min(of, case.ledger.took(node, case.flow, port, before=window.inject))
    made = later.how_many(is_free)
    chance = silence_by_chance(had, of, made)
    if not had and any(comes_to_it(each) for each in its):
        return (
            f"{node} had no mail before the fault, so that it may be chance that none of the {made}"
            " attempts from then on to its end came to it: it takes a longer time before the fault"
        )
    if not had or chance < LEVEL:  # to a spare nothing need come
        return ""
    return (
        f"{made} attempts from then on to its end leave it to chance"
        f" ({chance:.0%}) that none came to {node}: it takes a longer fault, or more attempts"
    )


def _all_spared(case: Case, suspect: Suspect, came: Sequence[Attempt]) -> str:
    """That a fault of a share of the sessions may have spared by chance all that came to its node.

    One that it acted on was not accepted there.
    """
    window, strength = suspect.window, strength_of(fault_of(suspect.window))
    chance = (1.0 - strength) ** len(came)
    if chance < LEVEL or not all(_is_served_by(case, each, window.node) for each in came):
        return ""
    return (
        f"{len(came)} attempts came to {window.node} from then on to its end, and {window.label}"
        f" may have spared all of them by chance ({chance:.0%}): it takes a longer fault, or more"
        " attempts"
    )


def _is_served_by(case: Case, attempt: Attempt, node: str) -> bool:
    return attempt.accepted and case.answered_by(attempt) == node

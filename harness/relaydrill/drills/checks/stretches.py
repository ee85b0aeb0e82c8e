"""The time after a heal, in stretches: in each, the same other servers may have been out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

from relaydrill.drills.checks.blame import fault_of
from relaydrill.drills.checks.case import Case
from relaydrill.drills.recovery import recovery_of
from relaydrill.faults import Proof, breaks_nothing
from relaydrill.ledger import FaultWindow
from relaydrill.topology.paths import entry_points_of, path_of, takers_of

_NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a drill.

    Attributes:
        begin: When it begins, monotonic seconds.
        end: When it ends.
        out: The other nodes that may not have had their part of the flow's mail: broken, or not
            back yet.
    """

    begin: float
    end: float
    out: frozenset[str] = frozenset()


class _Absence(NamedTuple):
    """A node may not have had its part from one moment to another."""

    node: str
    begin: float
    end: float


def next_fault(case: Case, node: str, moment: float) -> float:
    """When a node was broken the next time after a moment; infinite if never again."""
    begun = (each.window.inject for each in case.blame.suspects if each.window.node == node)
    return min((each for each in begun if each > moment), default=_NEVER)


def is_broken(case: Case, node: str, moment: float) -> bool:
    """Whether any fault of a node was in force at a moment, or just being injected or healed."""
    windows = (suspect.window for suspect in case.blame.suspects)
    return any(each.node == node and each.is_in_force(moment) for each in windows)


def sharing(case: Case, node: str, begin: float, end: float) -> list[Stretch]:
    """A time in stretches, by who else may have been out of those who share the flow's mail.

    Times are left out in which a name server may have led the senders elsewhere than it does else.
    """
    servers = case.topology.name_servers
    concerned = {*takers_of(case.topology, case.flow), *entry_points_of(case.topology, case.flow)}
    concerned -= {node}
    found, misled = [], []
    for window in case.ledger.faults:
        fault = fault_of(window)
        if window.injected is None or breaks_nothing(fault):
            continue
        if window.node in concerned:
            back_s = recovery_of(case.topology, window.node, case.flow).allowance_s
            until = _healed(window) + back_s / case.clock
            found.append(_Absence(window.node, window.inject, until))
        elif window.node in servers and fault.proof is Proof.FELT:
            misled.append((window.inject, _healed(window)))
    return without(_parted(begin, end, found), misled)


def quiet(case: Case, node: str, begin: float, end: float) -> list[Stretch]:
    """A time but for what lies in other nodes' faults, or in the flow's own time after them.

    What breaks nothing, could not be injected, or lies aside of the flow makes no noise.
    """
    after_s = case.expect.degraded_s / case.clock
    path = path_of(case.topology, case.flow)
    loud = [
        (each.inject, _healed(each) + after_s)
        for each in (suspect.window for suspect in case.blame.suspects)
        if each.node != node and each.node in path
    ]
    return without([Stretch(begin, end)], loud)


def without(stretches: Iterable[Stretch], spans: Iterable[tuple[float, float]]) -> list[Stretch]:
    """What is left of stretches once some times are taken out of them."""
    left = [each for each in stretches if each.begin < each.end]
    for begin, end in spans:
        cut = [
            replace(each, begin=first, end=last)
            for each in left
            for first, last in (
                (each.begin, min(each.end, begin)),
                (max(each.begin, end), each.end),
            )
            if first < last
        ]
        left = cut
    return left


def _parted(begin: float, end: float, absences: list[_Absence]) -> Iterator[Stretch]:
    moments = {moment for each in absences for moment in (each.begin, each.end)}
    bounds = sorted({begin, end, *(each for each in moments if begin < each < end)})
    for first, last in pairwise(bounds):
        out = frozenset(each.node for each in absences if each.begin < last and first < each.end)
        yield Stretch(first, last, out)


def _healed(window: FaultWindow) -> float:
    return _NEVER if window.healed is None else window.healed

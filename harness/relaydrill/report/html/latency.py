"""How long attempts took, from their begin to their outcome, before, during and after the faults.

Pure; field seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Final

from relaydrill.drills.checks.case import Case
from relaydrill.ledger import Attempts

PERCENTILES: Final = (50, 90, 99)


@dataclass(frozen=True, slots=True)
class Latency:
    """The attempts of one flow that began in one part of a drill.

    Attributes:
        part: ``before``, ``during`` or ``after`` the faults; ``all`` where nothing was broken.
        attempts: So many began in it.
        unended: Of them, without an outcome: their sender ended.
        percentiles_s: At each of `PERCENTILES`, by nearest rank; empty without an outcome.
        longest_s: Of all with an outcome.
    """

    part: str
    attempts: int
    accepted: int
    unended: int
    percentiles_s: tuple[float, ...]
    longest_s: float | None


def latencies_of(case: Case) -> tuple[Latency, ...]:
    """Part by part, those of no attempt left out. An attempt belongs to where it began."""
    windows = [each for each in case.ledger.faults if each.injected is not None]
    if not windows:
        return _latencies({"all": case.attempts}, case.clock)
    begin = min(each.inject for each in windows)
    end = max(each.healed or float("inf") for each in windows)
    parts = {
        "before": case.attempts.between(float("-inf"), begin),
        "during": case.attempts.between(begin, end),
        "after": case.attempts.between(max(begin, end), float("inf")),
    }
    return _latencies(parts, case.clock)


def _latencies(parts: Mapping[str, Attempts], clock: float) -> tuple[Latency, ...]:
    found = []
    for part, attempts in parts.items():
        took = sorted(took_s * clock for took_s in attempts.took_s())
        ranks = tuple(nearest_rank(took, percent) for percent in PERCENTILES) if took else ()
        longest, unended = took[-1] if took else None, len(attempts) - len(took)
        found.append(Latency(part, len(attempts), attempts.accepted, unended, ranks, longest))
    return tuple(each for each in found if each.attempts)


def nearest_rank(ordered: list[float], percent: int) -> float:
    """The smallest value that at least ``percent`` of all do not exceed.

    Args:
        ordered: At least one value, smallest first.
        percent: The percentile, 1 to 100.
    """
    return ordered[max(0, ceil(len(ordered) * percent / 100) - 1)]

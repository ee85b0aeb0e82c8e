"""The gap: the longest time in which a flow attempted and nothing was accepted. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from relaydrill.ledger import Attempts


@dataclass(frozen=True, slots=True)
class Gap:
    """The longest gap of a flow.

    Attributes:
        begin: Monotonic time of the first attempt after the last acceptance.
        end: Of the next acceptance; or of the end of what was observed.
        attempts: Attempts that began in it and were not accepted.
        open_ended: Whether nothing was accepted any more, so that the real gap may be longer.
    """

    begin: float
    end: float
    attempts: int
    open_ended: bool

    @property
    def seconds(self) -> float:
        """Its length, wall seconds."""
        return self.end - self.begin


def longest_gap(
    attempts: Attempts,
    without: Callable[[float, float], float] = lambda _begin, _end: 0.0,
    served: Iterable[float] = (),
) -> Gap | None:
    """The longest gap among attempts; None without attempts.

    A gap begins with the first attempt that began after an acceptance, not with the acceptance:
    while nobody attempts, nothing can be accepted. It ends with the next acceptance.

    Args:
        attempts: Those of one flow.
        without: How much of the time from one moment to another is not to count; never below 0.
        served: Moments of attempts that are to count as accepted, whatever became of them.
    """
    if not attempts:
        return None
    starts, observed = attempts.starts, attempts.observed
    gaps: list[tuple[float, float, float, bool]] = []
    longest, after = 0.0, float("-inf")
    acceptances = sorted([*attempts.acceptances, *served]) if served else attempts.acceptances
    for moment in (*acceptances, None):
        # What lies between two acceptances is no shorter than the gap in it.
        if moment is not None and moment - after < longest:
            after = moment
            continue
        first = bisect_right(starts, after)
        if first == len(attempts):
            break
        begin, end = starts[first], observed if moment is None else moment
        if end > begin:
            gaps.append((end - begin - without(begin, end), begin, end, moment is None))
            longest = max(longest, gaps[-1][0])
        after = end
    if not gaps:
        return None
    _, begin, end, open_ended = max(gaps)
    until = float("inf") if open_ended else end
    fell = sum(begin <= each.started < until for each in attempts.failed)
    return Gap(begin, end, fell, open_ended)

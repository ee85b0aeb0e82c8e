"""Which attempts of a schedule were never made, or never journalled. Pure.

The schedule of a drill follows from its seed, so that it can be computed again; the moment at which
an attempt was due tells which it is, to the microsecond that journals are written with.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from relaydrill.drills.loads import PlannedLoad

_MICROSECONDS: Final = 1e6
_MANY: Final = 50_000
"""So many attempts are worth the tenth of a second that loading numpy takes."""

Missing = Mapping[str, tuple[int, list[float]]]
"""By sender, how many attempts were due, and when those were that are missing, in order."""


def missing_attempts(
    loads: Iterable[PlannedLoad], begin: float, until: float, seen: array[float]
) -> Missing:
    """What is missing of one flow.

    Args:
        loads: Of its senders.
        begin: When they begin to send, monotonic seconds.
        until: When they end.
        seen: When each attempt in their journals was due.
    """
    if len(seen) >= _MANY:
        from relaydrill.drills.many_attempts import missing_among_many

        return missing_among_many(loads, begin, until, seen)
    left = Counter(round(moment * _MICROSECONDS) for moment in seen)
    found: dict[str, tuple[int, list[float]]] = {}
    for load in loads:
        due = [round(moment, 6) for moment in load.due(begin, until)]
        lacking = []
        for moment in due:
            key = round(moment * _MICROSECONDS)
            if left[key] > 0:
                left[key] -= 1
            else:
                lacking.append(moment)
        found[load.node] = (len(due), lacking)
    return found

"""Expected time out of service of a system whose parts fail and are repaired. Pure arithmetic.

Each part is an alternating renewal process by itself: it works, fails, is repaired, and works
again. In the long run it is away for the part ``repair / every`` of all time, whatever the
distributions are, and the parts' states are independent (R. E. Barlow and F. Proschan,
*Statistical Theory of Reliability and Life Testing*, 1975). So the time out of
service is the sum over all states of a state's probability times what is lost in it.

With many parts there are too many states. Then only those with few parts away are looked at, and
all others together count as wholly served for the lower bound and as wholly out for the upper one
(V. O. K. Li and J. A. Silvester, "Performance Analysis of Networks with Unreliable Components",
*IEEE Transactions on Communications* 32, 1984). Nothing has to be known of them for that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Final

from relaydrill.topology.failures import YEAR_S, Failure

MOST_STATES: Final = 2048
"""How many states are looked at; eleven parts have as many."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between which two values a figure lies; both the same where it is known.

    Attributes:
        low: The least that it can be.
        high: The most.
    """

    low: float
    high: float


NONE: Final = Bounds(0.0, 0.0)
ALL: Final = Bounds(1.0, 1.0)
OPEN: Final = Bounds(0.0, 1.0)
"""Nobody knows what is lost, if anything."""


@dataclass(frozen=True, slots=True)
class Part:
    """What fails as one, by itself: a node, or a site with all that stands in it.

    Attributes:
        name: The node's or the site's.
        nodes: All that are away with it.
        failure: How often it fails, and for how long it is away.
        gap_s: What each failure of it costs that is ridden out: seconds without service.
        back_s: How long after its repair mail flows again, where its loss stops it: seconds.
        is_default: Whether its failure is a default, and nothing that was said of it alone.
    """

    name: str
    nodes: frozenset[str]
    failure: Failure
    gap_s: Bounds = NONE
    back_s: Bounds = NONE
    is_default: bool = False


Down = frozenset[str]
"""The names of the parts that are away."""

Lost = Callable[[Down], Bounds]
"""What part of the service is lost in a state, of 1. Losing more may never be said to help."""


def most_at_once(parts: int) -> int:
    """How many parts may be away in a state that is looked at; all of them where they are few.

    Args:
        parts: How many there are.
    """
    states = 1
    for size in range(1, parts + 1):
        states += math.comb(parts, size)
        if states > MOST_STATES:
            return max(1, size - 1)
    return parts


def out_of_service(parts: Sequence[Part], lost: Lost) -> Bounds:
    """How long the service is out in a year, as expected in the long run: seconds.

    Args:
        parts: What fails, each by itself; no name twice.
        lost: What is lost in each state.
    """
    lost = cache(lost)
    deepest = most_at_once(len(parts))
    low = high = seen = 0.0
    for down, probability in _states(parts, deepest):
        found = lost(down)
        low += probability * found.low * YEAR_S
        high += probability * found.high * YEAR_S
        seen += probability
    if deepest < len(parts):
        high += max(0.0, 1 - seen) * YEAR_S
    for part in parts:
        switching = _of_its_failures(part, parts, lost, deepest)
        low, high = low + switching.low, high + switching.high
    return Bounds(min(low, YEAR_S), min(high, YEAR_S))


def _states(parts: Sequence[Part], deepest: int) -> Iterator[tuple[Down, float]]:
    """Each state with so many parts away at most, and its probability."""
    up = math.prod(1 - part.failure.unavailability for part in parts)
    odds = [
        (part.name, part.failure.unavailability / (1 - part.failure.unavailability))
        for part in parts
    ]
    for size in range(min(deepest, len(parts)) + 1):
        for some in combinations(odds, size):
            yield frozenset(name for name, _ in some), up * math.prod(odd for _, odd in some)


def _of_its_failures(part: Part, parts: Sequence[Part], lost: Lost, deepest: int) -> Bounds:
    """What the moments of a part's failures and repairs cost a year, whatever state they meet.

    A part fails with the rate ``1 / every`` whatever the others do.
    """
    if part.gap_s == NONE == part.back_s:
        return NONE
    others = [each for each in parts if each.name != part.name]
    is_whole = deepest >= len(parts)
    low = high = seen = 0.0
    for down, probability in _states(others, len(others) if is_whole else deepest - 1):
        before, after = lost(down), lost(down | {part.name})
        low += probability * part.gap_s.low * (1 - after.low)
        low += probability * part.back_s.low * max(0.0, after.low - before.high)
        high += probability * part.gap_s.high * (1 - after.high)
        high += probability * part.back_s.high * (after.high - before.low)
        seen += probability
    if not is_whole:
        high += max(0.0, 1 - seen) * max(part.gap_s.high, part.back_s.high)
    per_year = part.failure.per_year
    return Bounds(low * per_year, high * per_year)

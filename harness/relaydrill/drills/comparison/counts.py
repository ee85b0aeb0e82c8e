"""Whether more mail was wronged in one run than in another. Pure.

How many messages of a row are lost is the tier's doing and chance's: which were under way when a
server died. So they are the same unless one run has at least twice as many, for as much mail, and
chance alone would make so great a difference in less than 1 of 100 pairs of runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from relaydrill.documents.comparison import What
from relaydrill.verdict import binomial_below

_LEVEL: Final = 0.01
_TIMES: Final = 2


@dataclass(frozen=True, slots=True)
class Counted:
    """How much of a flow's mail was wronged.

    Attributes:
        found: So many messages.
        of: Of so many.
    """

    found: int
    of: int


def compare_counts(base: Counted, change: Counted) -> What:
    """Whether more is wronged, less, or the same within what chance does.

    None and some are never the same.

    Args:
        base: Before.
        change: After.
    """
    if bool(base.found) != bool(change.found):
        return "worse" if change.found else "better"
    if _is_more(base, change):
        return "worse"
    return "better" if _is_more(change, base) else "same"


def _is_more(one: Counted, other: Counted) -> bool:
    """Whether the other has more than one: of all that was wronged, too much is its."""
    if other.found * one.of < _TIMES * one.found * other.of or not other.found:
        return False
    every, rest = one.found + other.found, one.of / (one.of + other.of)
    return binomial_below(one.found, every, rest) < _LEVEL

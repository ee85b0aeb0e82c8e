"""Whether silence proves anything: the arithmetic of chances that a node did not get. Pure.

A node that took b of a flow's n attempts before its fault, and none of m while it was in force, may
have been silent by chance alone. How likely that is depends on its share of the flow, which nobody
knows. Here it drops out: if nothing has changed, every choice of the b attempts that the node took
out of all n + m is as likely as any other, and none of them lies among the last m with the
probability C(n, b) / C(n + m, b). That is Fisher's exact test, one-sided (R. A. Fisher, 1935): over
all drills of an injection that does nothing it calls no more than its level a proof, whatever the
share; a guess at the share from the same n would not keep to that. It takes the attempts for
independent choices; turns (round robin) are more even than these, so that the true probability is
smaller still.
"""

from __future__ import annotations

import functools
import math
from typing import Final

from relaydrill.verdict import binomial_below

LEVEL: Final = 0.01
"""Silence proves a fault only if chance alone has it more seldom than this."""

UNDECIDED: Final = 0.001
"""How often, at most, the time before a planned fault, or that of the fault, shall be too short."""

_MOST: Final = 1_000_000


def silence_by_chance(before: int, of: int, attempts: int) -> float:
    """The probability that a node takes nothing though nothing is wrong with it.

    Args:
        before: What it took before. of: Of how many attempts, at least as many.
        attempts: Those made since.

    Raises:
        ValueError: More was taken than attempted, or a count is negative.
    """
    if not 0 <= before <= of or attempts < 0:
        raise ValueError(f"{before} of {of} before, {attempts} since")
    # C(n, b) / C(n + m, b) = n! (n + m - b)! / ((n - b)! (n + m)!)
    log = math.lgamma(of + 1) + math.lgamma(of + attempts - before + 1)
    log -= math.lgamma(of - before + 1) + math.lgamma(of + attempts + 1)
    return min(1.0, math.exp(log))


@functools.cache
def attempts_to_tell(before: int, of: int, *, level: float = LEVEL) -> int:
    """How many attempts make a node's silence a proof; 0 if no number of them does.

    Args:
        before, of: As of `silence_by_chance`. level: A proof is less likely by chance than this.
    """
    if not before or silence_by_chance(before, of, _MOST) >= level:
        return 0
    enough, too_few = _MOST, 0
    while enough - too_few > 1:
        middle = (enough + too_few) // 2
        if silence_by_chance(before, of, middle) < level:
            enough = middle
        else:
            too_few = middle
    return enough


def attempts_to_meet(share: float, *, miss: float = UNDECIDED) -> int:
    """How many independent choices meet a node at least once.

    Args:
        share: Its share of them, above 0. miss: How often they may miss it all the same.
    """
    if share >= 1.0:
        return 1
    return math.ceil(math.log(miss) / math.log1p(-share))


@functools.cache
def attempts_to_plan(share: float, *, even: bool = False) -> tuple[int, int]:
    """How many attempts to make before a fault and during it, so that silence proves it.

    Of all such pairs the one with the smallest sum.

    Args:
        share: The node's share, above 0. even: Whether it is given its share in turn; or else by
            chance, and then it may have less of it before the fault than it should.
    """
    best = (_MOST, _MOST)
    of = 0
    while of < sum(best):
        of += 1
        # A share that is a sum of fractions may lie a rounding error below a whole number.
        before = math.floor(of * share + 1e-9) if even else _least(of, share)
        during = attempts_to_tell(before, of)
        if during and of + during < sum(best):
            best = (of, during)
    return best


def _least(of: int, share: float) -> int:
    """What a node takes at least of so many choices, but for one case in a thousand."""
    taken = 0
    while taken < of and binomial_below(taken, of, share) <= UNDECIDED:
        taken += 1
    return taken

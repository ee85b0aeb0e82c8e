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
from bisect import bisect_left
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
        before: What it took before.
        of: Of how many attempts, at least as many.
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
        before: What it took before.
        of: Of how many attempts, at least as many.
        level: A proof is less likely by chance than this.
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


def silence_of_some(before: int, of: int, attempts: int, strength: float) -> float:
    """The most probable that a node with a fault of a share of its sessions comes past it.

    That is: that none of the sessions which the fault was to act on came to the node, though
    nothing has changed. How many of them there were nobody saw; there were fewer than counted here
    in one case in a thousand, which is added.

    Args:
        before: What it took before.
        of: Of how many attempts, at least as many.
        attempts: Those made since.
        strength: The part of the sessions that the fault acts on; 1: as `silence_by_chance`.
    """
    if strength >= 1.0:
        return silence_by_chance(before, of, attempts)
    hit = least_of(attempts, strength)
    return min(1.0, silence_by_chance(before, of, hit) + UNDECIDED)


def attempts_for(hits: int, strength: float) -> int:
    """How many attempts it takes until a fault of a share of them has acted on so many.

    Args:
        hits: How many, but for one case in a thousand.
        strength: The part of them that it acts on, above 0.
    """
    if strength >= 1.0 or not hits:
        return hits
    most = hits
    while least_of(most, strength) < hits:
        most *= 2
    return bisect_left(range(most), hits, key=lambda made: least_of(made, strength))


def attempts_to_meet(share: float, *, miss: float = UNDECIDED) -> int:
    """How many independent choices meet a node at least once.

    Args:
        share: Its share of them, above 0.
        miss: How often they may miss it all the same.
    """
    if share >= 1.0:
        return 1
    return math.ceil(math.log(miss) / math.log1p(-share))


@functools.cache
def attempts_to_plan(share: float, *, even: bool = False) -> tuple[int, int]:
    """How many attempts to make before a fault and during it, so that silence proves it.

    Of all such pairs the one with the smallest sum.

    Args:
        share: The node's share, above 0.
        even: Whether it is given its share in turn; or else by chance, and then it may have less of
            it before the fault than it should.
    """
    best = (_MOST, _MOST)
    of = 0
    while of < sum(best):
        of += 1
        # A share that is a sum of fractions may lie a rounding error below a whole number.
        before = math.floor(of * share + 1e-9) if even else least_of(of, share)
        during = attempts_to_tell(before, of)
        if during and of + during < sum(best):
            best = (of, during)
    return best


def least_of(of: int, share: float) -> int:
    """How many of so many independent choices fall on a share at least, but for one in a thousand.

    Args:
        of: The choices.
        share: Which part of them is expected.
    """
    return bisect_left(range(of), True, key=lambda k: binomial_below(k, of, share) > UNDECIDED)

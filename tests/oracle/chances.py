"""Binomial chances, by sums of exact fractions of whole numbers: slow, plain, and its own."""

from __future__ import annotations

import functools
from math import comb


def at_most(successes: int, trials: int, share: float) -> float:
    """The chance of so many successes, or fewer."""
    return sum(
        comb(trials, n) * share**n * (1 - share) ** (trials - n) for n in range(successes + 1)
    )


@functools.cache
def choices_needed(fair: float, worse: float) -> int:
    """How many choices tell a fair share from a worse one: 1 % false alarms, 5 % misses."""
    last = 0
    for trials in range(1, 400):
        critical = -1
        while at_most(critical + 1, trials, fair) <= 0.01:
            critical += 1
        if critical < 0 or at_most(critical, trials, worse) < 0.95:
            last = trials
        elif trials > 2 * last:
            break
    return last + 1

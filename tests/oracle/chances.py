"""Binomial chances, by plain sums in logarithms: slow, and its own."""

from __future__ import annotations

import functools
from math import exp, lgamma, log


def at_most(successes: int, trials: int, share: float) -> float:
    """The chance of so many successes, or fewer."""
    if share <= 0.0 or successes >= trials:
        return 1.0
    if share >= 1.0:
        return 0.0
    return sum(exp(_log_of(n, trials, share)) for n in range(successes + 1))


def _log_of(successes: int, trials: int, share: float) -> float:
    """The logarithm of the chance of just so many."""
    ways = lgamma(trials + 1) - lgamma(successes + 1) - lgamma(trials - successes + 1)
    return ways + successes * log(share) + (trials - successes) * log(1 - share)


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

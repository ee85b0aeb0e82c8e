"""The moments of an open-loop workload. Pure.

From one attempt to the next it is anything up to 2/rate seconds, 1/rate in the mean. Two flows of
even steps, or of one attempt in each slot, would stay in lockstep, and a balancer that gives each
connection the next hub would give one of them the same hub more often than the others, as no two
senders of the field are given.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

LONGEST_STEP: Final = 2.0
"""Longest time from one attempt to the next, in steps of 1/rate."""


def moments(seed: str, *, begin: float, rate: float) -> Iterator[float]:
    """When the attempts of one flow are due, without end.

    Args:
        seed: The same seed gives the same steps.
        begin: Where the first step begins, seconds.
        rate: Attempts a second, in the mean.
    """
    chance = random.Random(seed)
    due = begin
    while True:
        due += chance.uniform(0.0, LONGEST_STEP) / rate
        yield due


def seed_of(seed: str, flow: str, sender: str) -> str:
    """The seed of one sender's schedule of a flow, from the drill's.

    Two senders of one flow have two of them, or what they choose would go together.
    """
    return f"{seed} {flow} {sender}"

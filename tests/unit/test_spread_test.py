"""The spread test keeps the two rates that it promises."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from relaydrill.verdict import spread_test

RUNS = 3000


def alarms(servers: int, weights: list[float], choices: int, seed: int) -> int:
    """In how many of the runs some server is found to have an unequal share."""
    chance, test = random.Random(seed), spread_test(servers)
    # The binomial tails are worked out once for each count, not for each run.
    rejected = {k for k in range(choices + 1) if test.rejects(k, choices)}
    found = 0
    for _ in range(RUNS):
        counts = Counter(chance.choices(range(servers), weights, k=choices))
        found += any(counts[server] in rejected for server in range(servers))
    return found


@pytest.mark.parametrize("servers", [2, 3, 6])
def test_false_alarms_are_at_most_what_is_promised(servers: int) -> None:
    """Of fair spreads, at most one in a hundred is found uneven, over all servers together.

    Three thousand runs: with a true rate of 1 %, more than 48 come in one of a thousand tries.
    """
    test = spread_test(servers)
    assert test.alarm == 0.01
    assert alarms(servers, [1.0] * servers, test.choices, seed=servers) <= 48


@pytest.mark.parametrize("servers", [2, 3, 6])
def test_misses_are_at_most_what_is_promised(servers: int) -> None:
    """A server with half of its share goes unnoticed in at most five of a hundred runs.

    Three thousand runs: with a true rate of 5 %, more than 189 come in one of a thousand tries.
    """
    test = spread_test(servers)
    assert test.miss == 0.05
    rest = (1 - test.worse) / (servers - 1)
    weights = [test.worse, *[rest] * (servers - 1)]
    assert RUNS - alarms(servers, weights, test.choices, seed=servers) <= 189


def test_the_side_is_told() -> None:
    """Too few and too many are told apart; a fair count is neither."""
    test = spread_test(6)
    assert test.rejects(30, 600) == "less than"
    assert test.rejects(100, 600) == ""
    assert test.rejects(200, 600) == "more than"


def test_one_server_cannot_share() -> None:
    """A spread over fewer than two servers is a mistake."""
    with pytest.raises(ValueError, match="cannot share"):
        spread_test(1)

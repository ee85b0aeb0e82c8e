"""The arithmetic of a year, held against simulated years and against other ways to reckon it."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from heapq import heapify, heapreplace
from itertools import combinations
from statistics import mean, stdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relaydrill.topology import YEAR_S, Failure
from relaydrill.yearly_cost import states
from relaydrill.yearly_cost.states import (
    ALL,
    NONE,
    OPEN,
    Bounds,
    Down,
    Lost,
    Part,
    most_at_once,
    out_of_service,
)

Cuts = tuple[frozenset[str], ...]

_SIGMAS = 4.5
"""How many standard errors a simulated mean may be off: seven in a million are."""


def part(name: str, every: str, repair: str, gap_s: float = 0.0, back_s: float = 0.0) -> Part:
    """One that fails."""
    return Part(
        name,
        frozenset({name}),
        Failure.model_validate({"every": every, "repair": repair}),
        Bounds(gap_s, gap_s),
        Bounds(back_s, back_s),
    )


def breaks(cuts: Cuts, down: Down) -> Bounds:
    """Out where one of the cut sets is away as a whole."""
    return ALL if any(cut <= down for cut in cuts) else NONE


def by_counting(parts: Sequence[Part], lost: Lost) -> float:
    """The part of all time that is lost: every state by a bit mask, a factor for every part."""
    total = 0.0
    for mask in range(2 ** len(parts)):
        down = frozenset(each.name for at, each in enumerate(parts) if mask >> at & 1)
        factors = (
            each.failure.unavailability if each.name in down else 1 - each.failure.unavailability
            for each in parts
        )
        total += math.prod(factors) * lost(down).low
    return total


@dataclass
class Simulated:
    """What simulated years came to, each figure seconds of a year.

    Attributes:
        out_s: Of each run: how long something was lost because of what was away.
        switching_s: Of each run: how long failovers and returns took besides.
    """

    out_s: list[float]
    switching_s: list[float]


def simulated(
    parts: Sequence[Part], lost: Lost, runs: int, years: float, *, constant: bool
) -> Simulated:
    """Each part works and is repaired in turn, by itself; every moment is looked at.

    Args:
        parts: What fails.
        lost: What is lost in each state.
        runs: How many independent runs.
        years: How long each is.
        constant: Whether all repairs take equally long; else they are exponential, as times
            between failures are.
    """
    found = Simulated([], [])
    for seed in range(runs):
        out_s, switching_s = _simulated_once(parts, lost, random.Random(seed), years, constant)
        found.out_s.append(out_s / years)
        found.switching_s.append(switching_s / years)
    return found


def _simulated_once(
    parts: Sequence[Part], lost: Lost, chance: random.Random, years: float, constant: bool
) -> tuple[float, float]:
    def repaired(each: Part) -> float:
        return each.failure.repair if constant else chance.expovariate(1 / each.failure.repair)

    def fails(each: Part) -> float:
        return chance.expovariate(1 / (each.failure.every - each.failure.repair))

    down = {each.name for each in parts if chance.random() < each.failure.unavailability}
    # As it is in the long run: of a constant repair any part may be left, of the others the whole.
    ahead = [
        (
            (chance.uniform(0, each.failure.repair) if constant else repaired(each))
            if each.name in down
            else fails(each),
            at,
        )
        for at, each in enumerate(parts)
    ]
    heapify(ahead)
    now = out_s = switching_s = 0.0
    while True:
        moment, at = ahead[0]
        before = lost(frozenset(down)).low
        out_s += before * (min(moment, years * YEAR_S) - now)
        if moment >= years * YEAR_S:
            return out_s, switching_s
        now, each = moment, parts[at]
        if each.name in down:
            down.remove(each.name)
            after = lost(frozenset(down)).low
            switching_s += each.back_s.low * (before - after)
            heapreplace(ahead, (now + fails(each), at))
        else:
            down.add(each.name)
            switching_s += each.gap_s.low * (1 - lost(frozenset(down)).low)
            heapreplace(ahead, (now + repaired(each), at))


def agrees(expected: float, samples: Sequence[float]) -> bool:
    """Whether a mean is what was expected, but for chance."""
    return abs(mean(samples) - expected) <= _SIGMAS * stdev(samples) / math.sqrt(len(samples))


def within(bounds: Bounds, samples: Sequence[float]) -> bool:
    """Whether a mean lies between bounds, but for chance."""
    give = _SIGMAS * stdev(samples) / math.sqrt(len(samples))
    return bounds.low - give <= mean(samples) <= bounds.high + give


SMALL = (
    part("lb1", "120d", "3d", back_s=900),
    part("ht1", "30d", "5d", gap_s=600),
    part("ht2", "40d", "4d", gap_s=60),
    part("ns1", "20d", "2d", gap_s=30),
    part("north", "300d", "6d"),
)
SMALL_CUTS: Cuts = (
    frozenset({"lb1"}),
    frozenset({"ht1", "ht2"}),
    frozenset({"north", "ns1"}),
)


@pytest.mark.parametrize("constant", [False, True], ids=["exponential", "constant"])
def test_every_state_agrees_with_simulated_years(constant: bool) -> None:
    """Of a small tier the figures are exact: simulated years scatter around them, and no further.

    That holds whatever the distribution of repairs is; and so does each failure's own cost.
    """
    lost = partial(breaks, SMALL_CUTS)
    assert most_at_once(len(SMALL)) == len(SMALL)
    found = simulated(SMALL, lost, runs=150, years=6, constant=constant)
    still = [replace(each, gap_s=NONE, back_s=NONE) for each in SMALL]
    outages, whole = out_of_service(still, lost), out_of_service(SMALL, lost)
    assert outages.low == pytest.approx(outages.high)
    assert whole.low == pytest.approx(whole.high)
    assert agrees(outages.low, found.out_s)
    assert agrees(whole.low - outages.low, found.switching_s)
    # And they would not, were the figures ten percent off.
    assert not agrees(outages.low * 1.1, found.out_s)
    assert not agrees((whole.low - outages.low) * 1.1, found.switching_s)


def test_bounds_of_a_large_tier_hold_the_simulated_years() -> None:
    """With too many states to look at, the truth lies between bounds that are worth having."""
    parts = [
        part("lb1", "100d", "8h", back_s=600),
        *(part(f"ht{number}", "60d", "1d", gap_s=120) for number in range(15)),
    ]
    pairs = combinations([f"ht{number}" for number in range(6)], 2)
    cuts = (frozenset({"lb1"}), *map(frozenset, pairs))
    lost = partial(breaks, cuts)
    assert most_at_once(len(parts)) < len(parts)
    bounds = out_of_service(parts, lost)
    found = simulated(parts, lost, runs=120, years=4, constant=False)
    assert bounds.low < bounds.high < 1.1 * bounds.low
    both = [one + other for one, other in zip(found.out_s, found.switching_s, strict=True)]
    assert within(bounds, both)
    assert not within(Bounds(bounds.low * 0.8, bounds.low * 0.85), both)
    assert not within(Bounds(bounds.high * 1.15, bounds.high * 1.2), both)
    exact_s = YEAR_S * by_counting(parts, lost)
    still = [replace(each, gap_s=NONE, back_s=NONE) for each in parts]
    outages = out_of_service(still, lost)
    assert outages.low <= exact_s <= outages.high


_PARTS = st.lists(
    st.tuples(st.integers(2, 400), st.floats(0.01, 0.95), st.floats(0, 3000), st.floats(0, 3000)),
    min_size=1,
    max_size=6,
).map(
    lambda each: [
        part(f"p{at}", f"{days}d", f"{days * share:.5f}d", gap_s, back_s)
        for at, (days, share, gap_s, back_s) in enumerate(each)
    ]
)


@st.composite
def tiers(draw: st.DrawFn) -> tuple[list[Part], Cuts]:
    """Some parts, and sets of them whose loss is an outage."""
    parts = draw(_PARTS)
    names = st.sampled_from([each.name for each in parts])
    cuts = draw(st.sets(st.frozensets(names, min_size=1), max_size=5))
    smallest = [each for each in cuts if not any(other < each for other in cuts)]
    return parts, tuple(sorted(smallest, key=sorted))


def _away(parts: Sequence[Part], names: Iterable[str]) -> float:
    """How likely all of these are away."""
    known = {each.name: each.failure.unavailability for each in parts}
    return math.prod(known[name] for name in names)


@settings(max_examples=150, deadline=None)
@given(tiers())
def test_it_is_what_cut_sets_come_to(tier: tuple[list[Part], Cuts]) -> None:
    """The same by inclusion and exclusion over the cut sets, and within the textbook's bounds.

    Those of Bonferroni (one and two terms of it), and that of Esary and Proschan (1963), for parts
    that are independent.
    """
    parts, cuts = tier
    still = [replace(each, gap_s=NONE, back_s=NONE) for each in parts]
    found = out_of_service(still, partial(breaks, cuts))
    terms = [
        sum(_away(parts, frozenset[str]().union(*some)) for some in combinations(cuts, size))
        for size in range(1, len(cuts) + 1)
    ]
    expected = sum((-1) ** at * term for at, term in enumerate(terms))
    assert found.low / YEAR_S == pytest.approx(expected, rel=1e-6, abs=1e-9)
    assert found.high == pytest.approx(found.low)
    assert found.low / YEAR_S <= sum(terms[:1]) + 1e-9
    assert found.low / YEAR_S >= sum(terms[:1]) - sum(terms[1:2]) - 1e-9
    proschan = 1 - math.prod(1 - _away(parts, cut) for cut in cuts)
    assert found.low / YEAR_S <= proschan + 1e-9


@settings(max_examples=100, deadline=None)
@given(tiers(), st.integers(2, 30))
def test_fewer_states_widen_the_bounds_around_the_truth(
    tier: tuple[list[Part], Cuts], most: int
) -> None:
    """However few states are looked at, the bounds hold what all of them come to."""
    parts, cuts = tier
    lost = partial(breaks, cuts)
    whole = out_of_service(parts, lost)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(states, "MOST_STATES", most)
        found = out_of_service(parts, lost)
    assert found.low <= whole.low + 1e-6
    assert found.high >= whole.high - 1e-6


@settings(max_examples=100, deadline=None)
@given(tiers(), st.randoms(use_true_random=False))
def test_what_nobody_knows_widens_them_and_is_never_nothing(
    tier: tuple[list[Part], Cuts], chance: random.Random
) -> None:
    """With some states open, the bounds hold the figure of whatever the truth is.

    Gaps are far shorter than repairs here, as they are wherever something fails over.
    """
    drawn, cuts = tier
    longest_s = [each.failure.repair / 10 for each in drawn]
    parts = [
        replace(each, gap_s=Bounds(min(each.gap_s.low, most_s), min(each.gap_s.high, most_s)))
        for each, most_s in zip(drawn, longest_s, strict=True)
    ]
    known: dict[Down, bool] = {}

    def half_known(down: Down) -> Bounds:
        if not known.setdefault(down, chance.random() < 0.5):
            return OPEN
        return breaks(cuts, down)

    truth = out_of_service(parts, partial(breaks, cuts))
    found = out_of_service(parts, half_known)
    assert found.low <= truth.low + 1e-6
    assert found.high >= truth.high - 1e-6

    def nothing_known(down: Down) -> Bounds:
        return OPEN if down else NONE

    still = [replace(each, gap_s=NONE) for each in parts]
    assert out_of_service(still, nothing_known).low == 0
    assert out_of_service(parts, nothing_known).high > 0


def test_a_part_alone_is_out_for_its_repairs() -> None:
    """Four failures a year of an hour each, and a minute until mail is back, by hand."""
    one = part("lb1", "91.25d", "1h", back_s=60)
    found = out_of_service([one], partial(breaks, (frozenset({"lb1"}),)))
    assert found.low == pytest.approx(4 * 3660)
    assert found.high == pytest.approx(4 * 3660)

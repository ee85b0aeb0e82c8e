"""Verdicts and their arithmetic, checked against exact fractions."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relaydrill.verdict import (
    ShareTest,
    Status,
    binomial_below,
    failed,
    interval,
    merge,
    passed,
    share_test,
    unknown,
)

WORST_FIRST = (Status.FAIL, Status.UNKNOWN, Status.PASS)


def exactly_below(k: int, n: int, p: Fraction) -> Fraction:
    """P(X <= k), summed directly."""
    terms = (math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(min(k, n) + 1))
    return sum(terms, Fraction(0))


@given(st.lists(st.sampled_from(list(Status)), min_size=1))
def test_merge_gives_the_worst(statuses: list[Status]) -> None:
    """Fail outranks unknown, and unknown outranks pass, however many there are of each."""
    assert merge(statuses) is next(status for status in WORST_FIRST if status in statuses)


def test_merge_of_nothing_is_unknown() -> None:
    """Nothing checked is never a pass."""
    assert merge([]) is Status.UNKNOWN


def test_acceptance_covers_a_failure_and_nothing_else() -> None:
    """An accepted failure counts as a pass and is still shown as a failure; the rest stays."""
    assert failed("gap", "12 s").accept("agreed with the owner").counts_as is Status.PASS
    assert failed("gap", "12 s").accept("agreed with the owner").status is Status.FAIL
    assert unknown("gap", "?").accept("agreed with the owner").counts_as is Status.UNKNOWN
    assert passed("gap", "0 s").accept("agreed with the owner").counts_as is Status.PASS
    assert failed("gap", "12 s").counts_as is Status.FAIL


probabilities = st.fractions(min_value=0, max_value=1, max_denominator=50)


@given(k=st.integers(-2, 70), n=st.integers(0, 60), p=probabilities)
def test_binomial_is_exact(k: int, n: int, p: Fraction) -> None:
    """The binomial sum is the exact one, to within the precision of a float."""
    exact = exactly_below(k, n, p) if k >= 0 else Fraction(0)
    assert binomial_below(k, n, float(p)) == pytest.approx(float(exact), rel=1e-10, abs=1e-14)


@pytest.mark.parametrize(("k", "n"), [(0, 2000), (40, 2000), (640, 2000), (1999, 2000)])
def test_binomial_holds_for_large_numbers(k: int, n: int) -> None:
    """Neither an overflow nor a loss of digits creeps in where the terms are extreme."""
    exact = float(exactly_below(k, n, Fraction(1, 3)))
    assert binomial_below(k, n, 1 / 3) == pytest.approx(exact, rel=1e-8, abs=1e-300)


@pytest.mark.parametrize("error", [0.01, 0.05, 0.2])
@pytest.mark.parametrize("n", [1, 2, 5, 12, 30])
def test_the_interval_covers_the_true_share(n: int, error: float) -> None:
    """For every true share, the intervals that miss it come up with probability ``error`` at most.

    Enumerated over all counts, so this is the coverage itself and no sample of it.
    """
    bounds = [interval(k, n, error) for k in range(n + 1)]
    # Just inside the ends of the intervals the coverage is at its worst.
    edges = [end + step for low_high in bounds for end in low_high for step in (-1e-6, 1e-6)]
    for share in (*(i / 40 for i in range(41)), *(p for p in edges if 0 <= p <= 1)):
        p = Fraction(share)
        missed = sum(
            (
                math.comb(n, k) * p**k * (1 - p) ** (n - k)
                for k, (low, high) in enumerate(bounds)
                if not low - 1e-8 <= share <= high + 1e-8
            ),
            Fraction(0),
        )
        assert missed <= error + 1e-6


@given(n=st.integers(1, 60), error=st.sampled_from([0.01, 0.02, 0.1]), data=st.data())
def test_the_interval_ends_where_chance_says(n: int, error: float, data: st.DataObject) -> None:
    """At either end, a count so far off has just the probability ``error / 2``; at 0 and n none."""
    k = data.draw(st.integers(0, n))
    low, high = interval(k, n, error)
    assert 0 <= low <= k / n <= high <= 1
    if k == 0:
        assert low == 0
    else:
        assert 1 - exactly_below(k - 1, n, Fraction(low)) == pytest.approx(error / 2, rel=1e-4)
    if k == n:
        assert high == 1
    else:
        assert exactly_below(k, n, Fraction(high)) == pytest.approx(error / 2, rel=1e-4)


@pytest.mark.parametrize(("k", "n"), [(-1, 5), (6, 5), (0, 0)])
def test_an_impossible_count_has_no_interval(k: int, n: int) -> None:
    """More hits than choices, or no choices at all, is a mistake of the caller."""
    with pytest.raises(ValueError, match="of"):
        interval(k, n, 0.05)


PLANS = [
    (Fraction(1, 2), Fraction(1, 8), 0.01, 0.05),
    (Fraction(1, 2), Fraction(0), 0.01, 0.05),
    (Fraction(1, 3), Fraction(1, 12), 0.01, 0.05),
    (Fraction(1, 3), Fraction(1, 6), 0.05, 0.1),
    (Fraction(1, 4), Fraction(1, 16), 0.01, 0.05),
    (Fraction(1, 6), Fraction(1, 24), 0.01, 0.05),
    (Fraction(9, 10), Fraction(1, 2), 0.01, 0.01),
]


def planned(plan: tuple[Fraction, Fraction, float, float]) -> ShareTest:
    """The test for one of the plans."""
    fair, worse, alarm, miss = plan
    return share_test(float(fair), float(worse), alarm=alarm, miss=miss)


def rejections(test: ShareTest, n: int, share: Fraction) -> Fraction:
    """The exact probability that the test rejects n choices, at a true share."""
    return sum(
        (
            math.comb(n, k) * share**k * (1 - share) ** (n - k)
            for k in range(n + 1)
            if test.rejects(k, n)
        ),
        Fraction(0),
    )


@pytest.mark.parametrize("plan", PLANS)
def test_a_share_test_keeps_both_promises(plan: tuple[Fraction, Fraction, float, float]) -> None:
    """Both error rates hold, by enumeration, at the planned number of choices and at any more.

    More choices than planned are what a drill really gets, and counts are whole: a number a little
    larger could have less power than the planned one.
    """
    fair, worse, alarm, miss = plan
    test = planned(plan)
    for n in range(test.choices, test.choices + 40):
        assert rejections(test, n, fair) <= alarm
        assert 1 - rejections(test, n, worse) <= miss


@pytest.mark.parametrize("plan", PLANS)
def test_a_share_test_needs_no_more_choices_than_it_must(
    plan: tuple[Fraction, Fraction, float, float],
) -> None:
    """With one choice fewer than planned, one of the two promises is broken."""
    _, worse, _, miss = plan
    test = planned(plan)
    assert 1 - rejections(test, test.choices - 1, worse) > miss


def test_false_alarms_stay_rare_whatever_the_number_of_choices() -> None:
    """The false-alarm rate is bound by the rule itself, also with too few choices."""
    test = share_test(1 / 3, 1 / 12)
    for n in range(1, 60):
        assert rejections(test, n, Fraction(1, 3)) <= test.alarm + 1e-12


@given(n=st.integers(1, 80))
def test_rejection_is_monotone(n: int) -> None:
    """If a count is too few, any smaller one is."""
    test = share_test(1 / 3, 1 / 12)
    decisions = [test.rejects(k, n) for k in range(n + 1)]
    assert decisions == sorted(decisions, reverse=True)


@pytest.mark.parametrize(
    ("fair", "worse"),
    [*product((0.5,), (0.5, 0.6, -0.1)), (1.0, 0.5), (0.0, 0.0)],
)
def test_no_test_without_a_difference(fair: float, worse: float) -> None:
    """A fair share that is not above the worse one, or is all there is, cannot be tested."""
    with pytest.raises(ValueError, match="no test"):
        share_test(fair, worse)

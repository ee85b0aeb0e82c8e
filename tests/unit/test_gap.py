"""The gap: the longest time in which a flow attempted and nothing was accepted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relaydrill.drills.checks.gap import Gap, longest_gap
from relaydrill.ledger import Attempt, Attempts
from relaydrill.smtp import Result


def attempt(started: float, ended: float | None, result: Result | None) -> Attempt:
    """One attempt that was on schedule."""
    return Attempt("relay", started, started, ended, result)


def accepted(started: float, took: float = 0.01) -> Attempt:
    """One that got its 250."""
    return attempt(started, started + took, Result.ACCEPTED)


def refused(started: float, took: float = 0.01) -> Attempt:
    """One that did not."""
    return attempt(started, started + took, Result.REFUSED)


def gap_of(flow: list[Attempt]) -> Gap | None:
    """The longest gap among these attempts."""
    return longest_gap(Attempts.of(flow))


def test_no_attempts_have_no_gap() -> None:
    """While nobody attempts, nothing can be accepted: there is nothing to measure."""
    assert gap_of([]) is None


def test_a_steady_flow_is_only_as_late_as_its_replies() -> None:
    """Without an outage the gap is the time of one reply, and no attempt falls into it."""
    gap = gap_of([accepted(i / 10) for i in range(20)])
    assert gap is not None
    assert gap.seconds == pytest.approx(0.01)
    assert (gap.attempts, gap.open_ended) == (0, False)


def test_an_outage_lasts_from_the_first_failure_to_the_next_acceptance() -> None:
    """The gap begins with the first attempt after the last acceptance; the pause does not count."""
    flow = [accepted(0.0), refused(1.0), refused(2.0), refused(3.0), accepted(4.0)]
    gap = gap_of(flow)
    assert gap is not None
    assert (gap.begin, gap.end, gap.attempts, gap.open_ended) == (1.0, 4.01, 3, False)


def test_the_longest_of_several_counts() -> None:
    """Of two outages the longer one is the gap, wherever it lies."""
    short = [accepted(0.0), refused(0.1), accepted(0.2)]
    long = [accepted(1.0), refused(1.1), refused(1.2), refused(1.3), accepted(1.4)]
    for flow in (short + long, long + [accepted(2.0), refused(2.1), accepted(2.2)]):
        gap = gap_of(flow)
        assert gap is not None
        assert (gap.begin, gap.attempts) == (1.1, 3)


def test_an_attempt_that_hangs_and_is_accepted_late_ends_the_gap_late() -> None:
    """Waiting for a 250 is part of the gap: the reply counts, not the attempt's begin."""
    flow = [accepted(0.0), accepted(1.0, took=5.0), accepted(2.0, took=4.5)]
    gap = gap_of(flow)
    assert gap is not None
    assert (gap.begin, gap.end, gap.attempts, gap.open_ended) == (1.0, 6.0, 0, False)


def test_hanging_attempts_beside_working_ones_are_no_gap() -> None:
    """As long as anything is accepted there is no gap, whatever else hangs."""
    hanging = [attempt(i / 10, 30.0, Result.DROPPED) for i in range(0, 20, 2)]
    working = [accepted(i / 10) for i in range(1, 20, 2)]
    gap = gap_of(sorted([*hanging, *working], key=lambda each: each.started))
    assert gap is not None
    assert gap.seconds == pytest.approx(0.11)
    assert not gap.open_ended


def test_never_accepted_again_is_open_ended() -> None:
    """An outage that outlasts the drill lasts to the end of what was seen, and says so."""
    gap = gap_of([accepted(0.0), refused(1.0), refused(2.0, took=0.5)])
    assert gap is not None
    assert (gap.begin, gap.end, gap.attempts, gap.open_ended) == (1.0, 2.5, 2, True)


def test_nothing_ever_accepted_is_one_open_gap() -> None:
    """Without any acceptance the gap is the whole of the drill."""
    gap = gap_of([refused(i) for i in range(5)])
    assert gap is not None
    assert (gap.begin, gap.end, gap.attempts, gap.open_ended) == (0, 4.01, 5, True)


def test_attempts_without_an_outcome_fall_into_the_gap() -> None:
    """An attempt whose sender ended first was not accepted."""
    gap = gap_of([accepted(0.0), attempt(1.0, None, None), attempt(2.0, None, None)])
    assert gap is not None
    assert (gap.seconds, gap.attempts, gap.open_ended) == (1.0, 2, True)


def flow_through(
    closed: tuple[float, float], rate: float, phase: float, seconds: float, lags: list[float]
) -> list[Attempt]:
    """An open-loop flow against a server that refuses for a while, and else accepts at once.

    Each attempt begins as late behind its schedule as ``lags`` say, in turn.
    """
    flow = []
    for number in range(int(seconds * rate)):
        due = (number + phase) / rate
        begun = due + lags[number % len(lags)]
        result = Result.REFUSED if closed[0] <= begun < closed[1] else Result.ACCEPTED
        flow.append(Attempt("relay", due, begun, begun, result))
    return sorted(flow, key=lambda each: each.started)


@given(
    begin=st.floats(1.0, 5.0),
    length=st.floats(0.5, 10.0),
    rate=st.floats(5.0, 50.0),
    phase=st.floats(0.0, 1.0),
    lags=st.lists(st.floats(0.0, 0.3), min_size=1, max_size=5),
)
def test_the_gap_is_the_outage_to_within_the_stated_resolution(
    begin: float, length: float, rate: float, phase: float, lags: list[float]
) -> None:
    """A server closed for a known time shows a gap of that time.

    It is exact to one attempt's spacing, plus the worst lateness of any attempt: what a verdict
    states as its uncertainty.
    """
    flow = flow_through((begin, begin + length), rate, phase, begin + length + 3.0, lags)
    gap = gap_of(flow)
    assert gap is not None
    resolution = 1 / rate + max(each.late_s for each in flow)
    assert abs(gap.seconds - length) <= resolution + 1e-9
    assert not gap.open_ended
    assert gap.attempts == sum(each.result is Result.REFUSED for each in flow)


@given(
    length=st.floats(0.5, 10.0),
    rate=st.floats(5.0, 50.0),
    took=st.floats(0.0, 0.5),
)
def test_slow_replies_lengthen_a_gap_by_no_more_than_they_take(
    length: float, rate: float, took: float
) -> None:
    """A server that answers late moves the gap's ends by its answering time at the most."""
    flow = flow_through((2.0, 2.0 + length), rate, 0.0, 5.0 + length, [0.0])
    for each in flow:
        each.ended = each.started + took
    gap = gap_of(flow)
    assert gap is not None
    assert abs(gap.seconds - length) <= 1 / rate + took + 1e-9


results = st.sampled_from([Result.ACCEPTED, Result.REFUSED, Result.DROPPED, None])


@given(
    st.lists(
        st.tuples(st.floats(0.0, 100.0), st.floats(0.0, 20.0), results), min_size=1, max_size=25
    )
)
def test_no_acceptance_lies_within_a_gap(told: list[tuple[float, float, Result | None]]) -> None:
    """Whatever the attempts, nothing was accepted between a gap's begin and its end.

    And no longer stretch without an acceptance, begun by an attempt, was overlooked.
    """
    flow = sorted(
        (attempt(at, None if result is None else at + took, result) for at, took, result in told),
        key=lambda each: each.started,
    )
    gap = gap_of(flow)
    moments = sorted(each.ended for each in flow if each.accepted and each.ended is not None)
    observed = max(each.ended or each.started for each in flow)
    longest = 0.0
    for each in flow:
        later = [moment for moment in moments if moment >= each.started]
        longest = max(longest, (later[0] if later else observed) - each.started)
    assert (gap.seconds if gap else 0.0) == pytest.approx(longest)
    if gap:
        assert not any(gap.begin < moment < gap.end for moment in moments)
        assert gap.open_ended == (not moments or gap.end not in moments)

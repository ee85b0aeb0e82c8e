"""What a report reckons itself: buckets, percentiles, intervals, and where they are drawn."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relaydrill.drills.checks import Case, check_gap
from relaydrill.ledger import join
from relaydrill.report.html.chart import draw, percent_ticks, round_up, x_steps
from relaydrill.report.html.latency import latencies_of, nearest_rank
from relaydrill.report.html.shares import shares_of
from relaydrill.report.html.timeline import Timeline, bucket_width, period_of, timeline_of
from relaydrill.smtp import Result
from relaydrill.verdict import passed, unknown
from tests.histories import History
from tests.report.made_up import CLOCK, KILL, drill, outage, topology


def case(history: History, *faults: object) -> Case:
    """The case of a history; with any fault at all, of the drill that kills a hub."""
    plan = drill(KILL) if faults else drill()
    return Case(topology(), plan, "relay", join(history.events))


def timeline(given: Case, most: int = 90) -> Timeline:
    """Of a case whose workload began at 0."""
    return timeline_of(given, period_of([given], 0.0), check_gap(given), most)


@given(st.floats(0.01, 1e6), st.integers(20, 200), st.floats(0.0, 100.0, allow_subnormal=False))
def test_a_bucket_is_round_and_there_are_not_too_many(
    length_s: float, most: int, spacing_s: float
) -> None:
    """Its width is 1, 2 or 5 times a power of ten, no less than the spacing, and few enough fit."""
    width_s = bucket_width(length_s, most, spacing_s)
    assert float(f"{width_s:e}".partition("e")[0]) in (1, 2, 5)
    assert length_s / width_s <= most * 1.001
    assert width_s >= spacing_s * 0.999


@pytest.mark.parametrize("most", [5, 20, 90])
def test_every_attempt_is_in_one_bucket(most: int) -> None:
    """The buckets add up to the attempts, accepted and failed, however wide they are."""
    given = case(outage(), KILL)
    found = timeline(given, most)
    assert sum(found.accepted) == sum(each.accepted for each in given.attempts) == 80
    assert sum(found.failed) == 40
    assert len(found.failed) <= most + 1
    assert {each.node: each.total for each in found.series} == {"ht1": 40, "ht2": 40}


def test_a_failed_attempt_counts_where_it_began() -> None:
    """Those of the outage lie between the fault and its heal, though the last ended after it."""
    found = timeline(case(outage(), KILL))
    assert found.width_s == 1.0
    assert {number for number, count in enumerate(found.failed) if count} == set(range(20, 40))
    assert not any(found.accepted[20:40])
    [fault] = found.faults
    assert (fault.label, fault.begin_s) == ("kill:ht1", 20.0)
    assert fault.end_s == pytest.approx(40.01)


def test_the_gap_lies_where_its_check_found_it() -> None:
    """Begin and length are those of the check's figures, on the axis of the drill."""
    given = case(outage(), KILL)
    verdict, found = check_gap(given), timeline(given).gap
    assert verdict
    assert found
    assert found.begin_s == pytest.approx(20.78, abs=0.01)
    assert found.end_s is not None
    assert found.end_s - found.begin_s == pytest.approx(verdict.figures["gap_s"])
    assert found.end_s == pytest.approx(40.79, abs=0.01)


def test_who_took_a_message_is_told_by_its_banner_or_else_by_its_journal() -> None:
    """A server that goes by a name of its own is known by the node that journalled the mail."""
    found = timeline(case(outage(server="MAIL.example.net"), KILL))
    assert [each.node for each in found.series] == ["ht1", "ht2"]
    strange = History()
    strange.attempt("<1@app>", at=0.0, server="MX.example.net")
    strange.attempt("<2@app>", at=0.1)
    found = timeline(case(strange))
    assert [each.node for each in found.series] == ["MX.example.net", "a server without a name"]


def test_what_the_balancer_believed_has_a_begin_and_an_end() -> None:
    """Down until up again; what is down to the end has no end; another port is another matter."""
    history = outage()
    history.belief("ht1", "down", at=2.5)
    history.belief("ht1", "up", at=4.5)
    history.belief("ht2", "drain", at=5.0)
    history.write("lb1", "backend", at=5.1, backend="ht2", port=587, state="down", reason="")
    spans = timeline(case(history, KILL)).beliefs
    assert [(each.label, each.begin_s, each.end_s) for each in spans] == [
        ("lb1: ht1 down", 25.0, 45.0),
        ("lb1: ht2 drain", 50.0, None),
    ]


def test_a_flow_without_attempts_has_no_timeline_to_draw() -> None:
    """A period of nothing is nothing, and no division by it."""
    empty = case(History())
    assert period_of([empty], None).end == 0.0
    assert draw(timeline(empty)).stacks == ()


def test_everything_that_is_drawn_lies_on_the_chart() -> None:
    """Bars between top and bottom, accepted above the line of nothing, failed below; 0 to 100 %."""
    history = outage()
    history.stall(1.0, 1.2)
    history.belief("ht1", "down", at=2.5)
    chart = draw(timeline(case(history, KILL)))
    assert [lane.kind for lane in chart.lanes] == ["fault", "belief", "stall"]
    for stack in chart.stacks:
        for bar in stack.bars:
            assert chart.top - 0.1 <= bar.y <= bar.y + bar.height <= chart.zero + 0.1
    for bar in chart.failed:
        assert chart.zero - 0.1 <= bar.y <= bar.y + bar.height <= chart.bottom + 0.1
    assert chart.gap
    drawn = [*chart.failed, *(bar for stack in chart.stacks for bar in stack.bars)]
    assert all(0 <= bar.bucket < chart.buckets for bar in drawn)
    for span in (chart.gap, *(bar for lane in chart.lanes for bar in lane.bars)):
        assert 0 <= span.x <= span.x + span.width <= 100.001
    assert all(0 <= each <= 100 for each in chart.changes)
    assert len(chart.changes) == 2


def test_the_outline_of_bars_is_where_they_stand() -> None:
    """Each subpath is one bar: six sevenths of its bucket wide, and as high and as low as it."""
    chart = draw(timeline(case(outage(), KILL)))
    unit = re.fullmatch(r"scale\((\S+) (\S+)\) translate\(\.5\)", chart.unit)
    assert unit
    across, down = map(float, unit.groups())
    for bars in (chart.failed, *(stack.bars for stack in chart.stacks)):
        drawn = re.findall(r"M(\d+) (\d+)h(\d+)v(\d+)h-(\d+)", chart.outline(bars))
        for bar, (x, y, width, height, back) in zip(bars, drawn, strict=True):
            assert width == back
            left, right = (float(x) + 0.5) * across, (float(x) + 0.5 + float(width)) * across
            assert right - left == pytest.approx(6 / 7 / chart.buckets, rel=1e-3)
            assert bar.bucket < left * chart.buckets < right * chart.buckets < bar.bucket + 1
            plot_px = chart.bottom - chart.top
            assert float(y) * down * plot_px == pytest.approx(bar.y - chart.top, abs=0.01)
            assert float(height) * down * plot_px == pytest.approx(bar.height, abs=0.01)


def test_bars_are_as_high_as_their_counts() -> None:
    """A second with ten accepted is five times as high as one with two."""
    history = History()
    for number in range(10):
        history.attempt(f"<{number}@app>", at=0.005 * number, server="ht1")
    for number in (10, 11):
        history.attempt(f"<{number}@app>", at=0.1 + 0.005 * number, server="ht1")
    history.attempt("<12@app>", at=3.0, server="ht1")
    [stack] = draw(timeline(case(history))).stacks
    first, second, *_ = stack.bars
    assert first.height == pytest.approx(5 * second.height, rel=0.01)


def test_many_faults_share_one_lane() -> None:
    """A site of many nodes would fill the page; the words tell how many they are."""
    history = outage()
    for number in range(6):
        history.fault(f"pause:x{number}", inject=2.0, heal=3.0)
    [lane] = draw(timeline(case(history, KILL))).lanes
    assert lane.text == "7 faults in force"


def test_a_restless_machine_does_not_fill_the_file() -> None:
    """Thousands of moments in which it starved are a few hundred bars, which cover all of them."""
    history = outage()
    for number in range(5000):
        history.stall(number / 1000, number / 1000 + 0.0005)
    history.stall(5.5, 5.6)
    [lane] = [each for each in draw(timeline(case(history))).lanes if each.kind == "stall"]
    assert len(lane.bars) == 2
    assert lane.bars[0].width == pytest.approx(100 * 50 / 60, rel=0.02)


@given(st.floats(1e-3, 1e9))
def test_an_axis_ends_at_a_round_number_that_is_not_too_small(value: float) -> None:
    """At or above the largest value, and less than twice as far."""
    assert value * 0.999 <= round_up(value) <= 2 * value


@given(st.floats(1e-3, 1e6))
def test_moments_on_the_axis_are_few(length_s: float) -> None:
    """They begin with nothing, stay within the axis, and leave room for their words."""
    steps = x_steps(length_s)
    assert steps[0] == 0
    assert len(steps) <= 7
    assert steps[-1] <= length_s * 1.001


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=300), st.integers(1, 100))
def test_a_percentile_is_a_value_that_was_seen(values: list[float], percent: int) -> None:
    """At least so many of all do not exceed it, and fewer do not exceed the one below it."""
    ordered = sorted(values)
    found = nearest_rank(ordered, percent)
    assert found in ordered
    assert 100 * sum(each <= found for each in ordered) >= percent * len(ordered)
    assert 100 * sum(each < found for each in ordered) < percent * len(ordered)


def test_latency_is_told_before_during_and_after_the_fault() -> None:
    """Field seconds; an attempt belongs to where it began; one without an outcome is told."""
    history = outage()
    history.attempt("<open@app>", None, at=3.5)
    before, during, after = latencies_of(case(history, KILL))
    assert (before.part, before.attempts, before.accepted) == ("before", 40, 40)
    assert before.percentiles_s == pytest.approx((0.004 * CLOCK,) * 3)
    assert (during.part, during.attempts, during.accepted) == ("during", 41, 0)
    assert during.unended == 1
    assert during.longest_s == pytest.approx(0.5 * CLOCK)
    assert (after.part, after.attempts, after.accepted) == ("after", 40, 40)
    [alone] = latencies_of(_steady())
    assert (alone.part, alone.attempts, alone.unended) == ("all", 2, 1)


def _steady() -> Case:
    history = History()
    history.attempt("<1@app>", Result.ACCEPTED, at=0.0)
    history.attempt("<2@app>", None, at=0.1)
    return case(history)


def test_shares_are_those_of_the_check_with_exact_intervals() -> None:
    """Each server's interval holds its share; the axis shows all of them and the fair share."""
    figures = {"counts": {"a": 30, "b": 70}, "choices": 100, "false_alarm": 0.01}
    found = shares_of(passed("spread", "even", **figures))
    assert found
    assert (found.fair, found.choices, found.confidence) == (0.5, 100, 0.995)
    assert [(each.server, each.share) for each in found.rows] == [("a", 0.3), ("b", 0.7)]
    # Clopper and Pearson's limits of 30 in 100, 0.25 % on each side.
    assert found.rows[0].low == pytest.approx(0.1793, abs=2e-3)
    assert found.rows[0].high == pytest.approx(0.4426, abs=2e-3)
    assert all(each.low < each.share < each.high <= found.top for each in found.rows)
    ticks = percent_ticks(found.top)
    assert ticks[0].at == 0
    assert all(tick.at <= 100 for tick in ticks)


def test_without_a_choice_no_shares_are_drawn() -> None:
    """A check that did not look, crashed, or saw nobody choose."""
    assert shares_of(None) is None
    assert shares_of(unknown("spread", "the check crashed")) is None
    assert shares_of(unknown("spread", "none", counts={"a": 0, "b": 0}, choices=0)) is None

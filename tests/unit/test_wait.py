"""The one polling loop, and the one way to let time pass."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

import pytest

from relaydrill.errors import WaitTimeout
from relaydrill.wait import sleep_until, wait_for


def counting(answers: list[object]) -> Iterator[object]:
    """Answers in turn, the last of them for ever."""
    return itertools.chain(answers, itertools.repeat(answers[-1]))


def test_a_true_condition_is_returned_at_once() -> None:
    """What is true already is not waited for, even with no time left, and is handed back."""
    asked = counting([["found"]])
    assert wait_for(lambda: next(asked), what="it", deadline_s=0.0) == ["found"]


def test_the_first_true_value_ends_the_wait() -> None:
    """The condition is asked again and again until it is true, and not once more."""
    asked = counting([0, "", None, [], "there", "too late"])
    assert wait_for(lambda: next(asked), what="it", deadline_s=5.0, every_s=0.001) == "there"
    assert next(asked) == "too late"


def test_a_condition_that_stays_false_times_out_with_a_diagnosis() -> None:
    """The error says for how long one waited, for what, and what was seen last."""
    begun = time.monotonic()
    with pytest.raises(WaitTimeout, match=r"waited 0.05 s for ht1 to answer: it is dead$"):
        wait_for(
            lambda: False,
            what="ht1 to answer",
            deadline_s=0.05,
            every_s=0.005,
            diagnosis=lambda: "it is dead",
        )
    assert time.monotonic() - begun >= 0.05


def test_the_diagnosis_is_asked_only_after_the_deadline() -> None:
    """A diagnosis may be dear: it is made once, and only in need."""
    asked: list[str] = []

    def diagnosis() -> str:
        asked.append("x")
        return "x"

    wait_for(lambda: True, what="it", deadline_s=1.0, diagnosis=diagnosis)
    assert asked == []
    with pytest.raises(WaitTimeout, match="for it: x"):
        wait_for(lambda: False, what="it", deadline_s=0.01, diagnosis=diagnosis)
    assert asked == ["x"]


def test_without_a_diagnosis_the_text_ends_with_what_was_awaited() -> None:
    """No empty colon is left over."""
    with pytest.raises(WaitTimeout, match=r"for it$"):
        wait_for(lambda: False, what="it", deadline_s=0.0)


def test_an_error_in_the_condition_is_not_hidden() -> None:
    """A condition that raises ends the wait with its own error."""

    def broken() -> bool:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        wait_for(broken, what="it", deadline_s=5.0)


def test_sleep_until_ends_at_the_moment_and_not_before() -> None:
    """A schedule is kept to the moment; what has passed is not slept for."""
    moment = time.monotonic() + 0.15
    ticks: list[float] = []
    sleep_until(moment, tick=lambda: ticks.append(time.monotonic()))
    assert time.monotonic() >= moment
    assert len(ticks) >= 2
    sleep_until(moment, tick=lambda: ticks.append(0.0))
    assert 0.0 not in ticks


def test_a_tick_may_end_the_sleep() -> None:
    """An interruption in the display ends the sleep, long before its moment."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sleep_until(time.monotonic() + 60, tick=interrupt)

"""The clock that a thread is given."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from relaydrill import clock
from relaydrill.errors import LabError, WaitTimeout
from relaydrill.journal import Journal, read_events
from relaydrill.wait import sleep_until, wait_for


class Virtual:
    """A clock that goes on only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        """Seconds since nothing in particular."""
        return self.now

    def wall(self) -> float:
        """A day in 2033."""
        return self.now + 2e9

    def sleep(self, seconds: float, /) -> None:
        """Go on at once."""
        self.now += seconds


def test_a_thread_has_the_machine_s_clock_unless_it_is_given_another() -> None:
    """Only the thread that was given a clock has it, and only within the block."""
    before, found = time.monotonic(), list[float]()
    with clock.given(Virtual()):
        other = threading.Thread(target=lambda: found.append(clock.monotonic()))
        other.start()
        other.join()
        assert clock.monotonic() == 1000.0
        assert clock.wall() == 2e9 + 1000.0
    assert before <= found[0] <= clock.monotonic() <= time.monotonic()


def test_a_thread_is_in_one_world() -> None:
    """A second clock is refused: what ran by the first would be torn out of its time."""
    with clock.given(Virtual()):
        with pytest.raises(LabError, match="simulated lab runs in this thread"):
            clock.given(Virtual()).__enter__()
        assert clock.monotonic() == 1000.0


def test_waiting_goes_by_the_clock_that_was_given() -> None:
    """An hour's wait in vain, and an hour's sleep, take no time of the machine."""
    begun, ticks = time.monotonic(), list[float]()
    with clock.given(Virtual()):
        with pytest.raises(WaitTimeout, match="waited 3600 s for the moon"):
            wait_for(lambda: False, what="the moon", deadline_s=3600.0, every_s=60.0)
        assert clock.monotonic() == 1000.0 + 3600.0
        sleep_until(8200.0, tick=lambda: ticks.append(clock.monotonic()))
    assert ticks[-1] == pytest.approx(8200.0)
    assert time.monotonic() - begun < 60.0


def test_a_journal_keeps_the_clock_of_whoever_opened_it(tmp_path: Path) -> None:
    """Its lines bear that clock's times, whatever thread writes them."""
    path = tmp_path / "ht1.jsonl"
    with clock.given(Virtual()):
        journal = Journal.open("ht1", path)
    assert journal.write("ready") == 1000.0
    journal.close()
    [event] = read_events(path)
    assert (event.mono, event.wall) == (1000.0, 2e9 + 1000.0)


def test_a_closed_journal_takes_nothing(tmp_path: Path) -> None:
    """Its descriptor may be another file's by now: a late writer must not hit that."""
    journal = Journal.open("ht1", tmp_path / "ht1.jsonl")
    journal.close()
    with (tmp_path / "other").open("wb"), pytest.raises(OSError, match="Bad file descriptor"):
        journal.write("late")
    assert (tmp_path / "other").read_bytes() == b""

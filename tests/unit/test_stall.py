"""The watch on the machine: what it journals, and what the checks on time make of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.histories import History
from tests.unit.test_checks import (
    ACCEPTED,
    HEAL,
    HUBS,
    INJECT,
    KILL,
    STEP_S,
    case,
    drilled,
    flow,
    found,
    topology,
)

from relaydrill import topology_files
from relaydrill.drills.checks import run_checks
from relaydrill.drills.stall import pressure_s, watching
from relaydrill.journal import Event, read_events
from relaydrill.smtp import NO_ANSWER, NO_SUCH_NAME, REFUSED, Phase, Result
from relaydrill.verdict import Status
from relaydrill.wait import wait_for

PASS, UNKNOWN, FAIL = Status.PASS, Status.UNKNOWN, Status.FAIL

BURN = "while True: pass"


def stalls_in(journal: Path) -> list[Event]:
    """What was journalled as a stall."""
    return [event for event in read_events(journal) if event.kind == "stalled"]


class TestWatch:
    """The watcher, a real process."""

    def test_a_stop_is_journalled(self, tmp_path: Path) -> None:
        """A watcher that got no processor for a time says from when to when, and loses no more."""
        journal = tmp_path / "machine.jsonl"
        with watching(journal) as watcher:
            stopped = time.monotonic()
            os.kill(watcher.pid, signal.SIGSTOP)
            wait_for(lambda: time.monotonic() > stopped + 0.7, what="time to pass", deadline_s=9.0)
            going_on = time.monotonic()
            os.kill(watcher.pid, signal.SIGCONT)
        longest = max(stalls_in(journal), key=lambda event: event.detail["lost_s"])
        assert longest.node == "machine"
        assert longest.detail["begin"] <= stopped + 0.1
        assert longest.detail["end"] >= going_on
        assert 0.4 <= longest.detail["lost_s"] <= longest.detail["end"] - longest.detail["begin"]

    def test_the_whole_watch_is_told(self, tmp_path: Path) -> None:
        """Its length, its worst moment, and the kernel's count of waiting where it counts."""
        journal = tmp_path / "machine.jsonl"
        begun = time.monotonic()
        with watching(journal):
            pass
        [event] = [event for event in read_events(journal) if event.kind == "watched"]
        assert 0.0 < event.detail["watched_s"] < time.monotonic() - begun
        assert ("pressure_s" in event.detail) == (pressure_s() is not None)

    @pytest.mark.skipif(
        not hasattr(os, "sched_setaffinity"), reason="this system pins no process to a processor"
    )
    def test_a_starved_machine_is_journalled(self, tmp_path: Path) -> None:
        """Among nine programs that want its processor, the watcher tells of it in half a second."""
        journal = tmp_path / "machine.jsonl"
        processor = {min(os.sched_getaffinity(0))}
        with ExitStack() as stack:
            watcher = stack.enter_context(watching(journal))
            os.sched_setaffinity(watcher.pid, processor)
            for _ in range(9):
                os.sched_setaffinity(stack.enter_context(burning()).pid, processor)
            wait_for(lambda: stalls_in(journal), what="a stall", deadline_s=20.0)

    def test_it_is_a_process_with_a_session_of_its_own(self, tmp_path: Path) -> None:
        """No thread of the harness can hold it up, and the lab is one competitor of several."""
        with watching(tmp_path / "machine.jsonl") as watcher:
            assert psutil.Process(watcher.pid).ppid() == os.getpid()
            assert os.getsid(watcher.pid) == watcher.pid

    def test_a_missing_count_of_waiting_is_none(self, tmp_path: Path) -> None:
        """A kernel without pressure figures, or with other words in them, is no error."""
        assert pressure_s(tmp_path / "cpu") is None
        (tmp_path / "cpu").write_text("full avg10=0.00 total=5\n")
        assert pressure_s(tmp_path / "cpu") is None
        (tmp_path / "cpu").write_text("some avg10=8.63 avg60=2.85 avg300=2.59 total=19742069\n")
        assert pressure_s(tmp_path / "cpu") == 19.742069


@contextmanager
def burning() -> Iterator[subprocess.Popen[bytes]]:
    """A program that wants a processor all the time, in a session of its own."""
    burner = subprocess.Popen([sys.executable, "-c", BURN], start_new_session=True)
    with burner:
        try:
            yield burner
        finally:
            burner.kill()


def cut(history: History, message: str, at: float) -> None:
    """Cut at the banner, as by a balancer that believes in no backend."""
    history.attempt(
        message, Result.DROPPED, at=at, phase=Phase.BANNER, reason="connection closed", took=0.01
    )


def unreachable(history: History, message: str, at: float) -> None:
    """Nobody listens."""
    history.attempt(message, Result.UNREACHABLE, at=at, phase=Phase.CONNECT, reason=REFUSED)


def without_a_name(history: History, message: str, at: float) -> None:
    """The name server says that there is no such name."""
    reason = f"mail.contoso.com: {NO_SUCH_NAME}"
    history.attempt(message, Result.UNREACHABLE, at=at, phase=Phase.CONNECT, reason=reason)


def unanswered(history: History, message: str, at: float) -> None:
    """No name server listens, which its host says at once."""
    reason = f"mail.contoso.com: {NO_ANSWER}"
    history.attempt(
        message, Result.UNREACHABLE, at=at, phase=Phase.CONNECT, reason=reason, took=0.01
    )


def refused(history: History, message: str, at: float) -> None:
    """A 452 at MAIL."""
    history.attempt(message, Result.REFUSED, at=at, code=452, phase=Phase.MAIL)


Fate = Callable[[History, str, float], None]
OUTAGE = 1.5
"""Wall seconds; one is allowed."""


def outage(fate: Fate = cut) -> History:
    """A drill with an outage that is too long."""
    return drilled(outage=OUTAGE, fate=fate)


def status(history: History, check: str) -> Status:
    """What a check comes to."""
    verdict = found(case(history, KILL), check)
    assert verdict is not None
    return verdict.status


@pytest.mark.parametrize("check", ["gap", "degraded"])
class TestChecks:
    """Both checks on time: a failure that could be the work of the machine is unknown."""

    @pytest.mark.parametrize(
        ("starved_s", "expected"), [(0.0, FAIL), (0.1, FAIL), (1.0, UNKNOWN), (OUTAGE, UNKNOWN)]
    )
    def test_what_was_cut_on_a_starved_machine_is_left_out(
        self, check: str, starved_s: float, expected: Status
    ) -> None:
        """What is left decides: as long as it fails by itself, the machine is no excuse."""
        history = outage()
        if starved_s:
            history.stall(HEAL - 0.5 - starved_s, HEAL - 0.5)
        assert status(history, check) is expected

    @pytest.mark.parametrize("fate", [unreachable, without_a_name, unanswered, refused])
    @pytest.mark.parametrize(("lost_s", "expected"), [(0.2, FAIL), (0.6, UNKNOWN)])
    def test_of_what_was_refused_only_the_lost_time_is_taken_out(
        self, check: str, fate: Fate, lost_s: float, expected: Status
    ) -> None:
        """No machine's starving makes a server refuse, or a name vanish; they only come later."""
        history = outage(fate)
        history.stall(INJECT, HEAL, lost=lost_s * (HEAL - INJECT) / OUTAGE)
        assert status(history, check) is expected

    def test_the_machine_s_part_is_told(self, check: str) -> None:
        """Whoever reads the verdict sees that the machine starved, and for how long."""
        history = outage()
        history.stall(INJECT + 0.2, INJECT + 1.2)
        verdict = found(case(history, KILL), check)
        assert verdict is not None
        assert "the machine itself starved, or stood still, for 10.0 s meanwhile" in verdict.summary
        assert verdict.figures["stalled_s"] == pytest.approx(10.0)

    def test_a_stall_at_another_time_is_no_excuse(self, check: str) -> None:
        """Before the fault, or long after the heal, it changes no word of the verdict."""
        before = found(case(outage(), KILL), check)
        history = outage()
        history.stall(0.5, 1.0)
        history.stall(HEAL + 5.0, HEAL + 6.0)
        assert found(case(history, KILL), check) == before

    def test_an_accepted_weakness_stays_accepted(self, check: str) -> None:
        """What the author accepts is accepted, whether tier or machine did it."""
        history = outage()
        history.stall(INJECT, HEAL)
        verdict = found(case(history, KILL, design=topology(accept=ACCEPTED)), check)
        assert verdict is not None
        assert (verdict.status, verdict.counts_as) == (FAIL, PASS)


class TestLate:
    """Attempts that are accepted late."""

    def test_accepted_late_on_a_machine_that_stood_still(self) -> None:
        """A reply that would have been in time without the stall is no failure of the tier."""
        history = drilled()
        history.attempt("<x@app>", at=HEAL + 3.0, took=1.2)
        assert status(history, "degraded") is FAIL
        history.stall(HEAL + 3.1, HEAL + 3.5, lost=0.4)
        assert status(history, "degraded") is UNKNOWN

    def test_a_moment_s_stall_does_not_excuse_a_long_hang(self) -> None:
        """What is still too late without it fails."""
        history = drilled()
        history.attempt("<x@app>", at=HEAL + 3.0, took=2.5)
        history.stall(HEAL + 3.1, HEAL + 3.5, lost=0.4)
        assert status(history, "degraded") is FAIL

    @pytest.mark.parametrize(
        ("moment", "lost_s", "down", "expected"),
        [
            (3.6, 0.2, HUBS, UNKNOWN),
            (5.0, 0.2, HUBS, FAIL),
            (3.6, 0.2, HUBS[1:], FAIL),
            (3.6, 0.02, HUBS, FAIL),
        ],
    )
    def test_a_balancer_that_lost_its_faith_while_the_machine_starved(
        self, moment: float, lost_s: float, down: tuple[str, ...], expected: Status
    ) -> None:
        """Checks that ran out of time mark servers down for a while: its own journal must say so.

        It is no excuse after they are up again, nor while a server is left, nor where too little
        time was lost to fail a check.
        """
        history = drilled()
        cut(history, "<x@app>", HEAL + moment)
        history.stall(HEAL + 3.1, HEAL + 3.5, lost=lost_s)
        for hub in down:
            history.belief(hub, "down", at=HEAL + 3.5)
            history.belief(hub, "up", at=HEAL + 4.0)
        assert status(history, "degraded") is expected

    def test_a_moment_s_stall_before_the_fault_excuses_nothing(self) -> None:
        """What was lost then cannot have failed a check, whatever the checks' own times are."""
        history = outage()
        history.stall(INJECT - 0.1, INJECT - 0.05)
        slow = topology_files.parse(
            topology_files.dump(topology()).replace("interval: 2s", "interval: 20s"), "slow.yaml"
        )
        verdict = found(case(history, KILL, design=slow), "degraded")
        assert verdict is not None
        assert verdict.status is FAIL

    def test_another_gap_that_is_the_tier_s_own_still_fails(self) -> None:
        """Where the longest gap is the machine's, the next one is looked at."""
        history = drilled(outage=1.8, fate=cut)
        flow(history, 1.5, begin=HEAL + 6.0 + STEP_S, fate=refused)
        flow(history, 1.0, begin=HEAL + 7.5 + STEP_S)
        history.stall(INJECT, HEAL)
        verdict = found(case(history, KILL), "gap")
        assert verdict is not None
        assert (verdict.status, verdict.figures["gap_s"]) == (FAIL, pytest.approx(15.0, abs=1.0))


def test_a_gap_that_fails_beyond_doubt_is_told_as_it_was_seen() -> None:
    """An attempt that never left this machine splits no outage in what a person reads."""
    history = drilled(outage=1.9, fate=refused)
    history.attempt("<x@app>", Result.UNSENT, at=INJECT + 0.31, phase=Phase.CONNECT, reason="no")
    verdict = found(case(history, KILL), "gap")
    assert verdict is not None
    assert (verdict.status, verdict.figures["gap_s"]) == (FAIL, pytest.approx(19.0, abs=1.0))


moments = st.floats(0.0, 12.0)
stalls = st.lists(st.tuples(moments, st.floats(0.001, 4.0), st.floats(0.0, 1.0)), max_size=12)
HISTORIES: dict[str, Callable[[], History]] = {
    "good": lambda: drilled(outage=0.5),
    "close": lambda: drilled(outage=1.0, fate=cut),
    "cut": lambda: drilled(outage=1.5, fate=cut),
    "refused": lambda: drilled(outage=1.8, fate=refused),
    "never again": lambda: drilled(outage=1.0, fate=cut, after=0.0),
}


@pytest.mark.parametrize("name", HISTORIES)
@given(starved=stalls)
@settings(deadline=None, max_examples=40)
def test_stalls_only_ever_turn_a_failure_on_time_into_unknown(
    name: str, starved: list[tuple[float, float, float]]
) -> None:
    """Whatever the stalls: no pass and no unknown changes, no failure passes, no other check."""
    before = run_checks(case(HISTORIES[name](), KILL))
    history = HISTORIES[name]()
    for begin, length, part in starved:
        history.stall(begin, begin + length, lost=part * length)
    after = run_checks(case(history, KILL))
    assert [verdict.check for verdict in after] == [verdict.check for verdict in before]
    for old, new in zip(before, after, strict=True):
        if old.status is FAIL and old.check in ("gap", "degraded", "steady"):
            assert new.status in (FAIL, UNKNOWN)
        elif old.check == "gap":  # it tells of the machine's part in any gap
            assert new.status is old.status
        else:
            assert new == old


def test_a_steady_state_that_a_starving_machine_spoilt_is_unknown() -> None:
    """Attempts that were cut while it starved blame nobody; one that was cut before it does."""
    spoilt, own = History(), History()
    for history, cut_at in ((spoilt, 1.0), (own, 0.2)):
        for number in range(40):
            at = number * 0.05
            if abs(at - cut_at) < 0.01 or abs(at - 1.0) < 0.01:
                history.attempt(
                    f"<{number}@app>",
                    Result.DROPPED,
                    at=at,
                    phase=Phase.BANNER,
                    reason="connection closed",
                )
            else:
                history.delivered(f"<{number}@app>", at=at)
        history.stall(0.9, 1.2)
    found = [
        next(each for each in run_checks(case(history)) if each.check == "steady")
        for history in (spoilt, own)
    ]
    assert [each.status for each in found] == [UNKNOWN, FAIL]
    assert "may be the machine's work" in found[0].summary


def test_a_gap_that_passes_tells_of_the_machines_part_in_it() -> None:
    """So that nobody takes the figure for the design's."""
    history = History()
    for number in range(60):
        if 20 <= number < 30:
            history.attempt(f"<{number}@app>", Result.UNREACHABLE, at=number * 0.05)
        else:
            history.delivered(f"<{number}@app>", at=number * 0.05)
    history.stall(1.0, 1.4)
    [gap] = [each for each in run_checks(case(history)) if each.check == "gap"]
    assert gap.status is PASS
    assert "the machine itself starved" in gap.summary
    assert gap.figures["stalled_s"] > 0

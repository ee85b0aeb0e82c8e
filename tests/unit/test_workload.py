"""The open-loop schedule of a sending node."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Any

import pytest

from relaydrill.errors import CapabilityMissing
from relaydrill.journal import Journal
from relaydrill.nodes import config
from relaydrill.nodes.sending.workload import OutgoingMessage, Workload
from relaydrill.schedule import LONGEST_STEP, moments

RATE = 200.0


def settings(folder: Path) -> config.Sender:
    """A sending node's."""
    return config.Sender(
        name="app",
        fqdn="app.contoso.com",
        address="127.0.0.1",
        control=config.Control(address="127.0.0.1", port=1, token="t"),
        journal=str(folder / "app.jsonl"),
        hosts={},
        ports={},
        ca="",
        login=config.Login(user="", password=""),
    )


def sent(folder: Path, *, seed: int = 1, flow: str = "relay", hold_s: float = 0.0) -> list[float]:
    """When each of fifty messages was due, seconds after the begin, whatever each of them took."""
    messages: list[OutgoingMessage] = []

    def send(message: OutgoingMessage) -> None:
        messages.append(message)
        time.sleep(hold_s)

    begin = time.monotonic()
    load: dict[str, Any] = {
        "drill": f"{seed}.{time.monotonic_ns():x}",
        "flow": flow,
        "persona": "single_host",
        "host": "mail",
        "port": 25,
        "rate": RATE,
        "sender": "app@contoso.com",
        "recipient": "user@contoso.com",
        "size": 200,
        "begin": begin,
        "most": 50,
    }

    async def run() -> None:
        journal = Journal.open("app", folder / "app.jsonl")
        workload = Workload(settings(folder), send, journal, ThreadPoolExecutor(64))
        await workload.handle("start", load)
        await workload.handle("finish", {"flow": flow})
        workload.close()
        journal.close()

    asyncio.run(run())
    return sorted(message.due - begin for message in messages)


def test_steps_vary_about_the_rate_and_are_bounded(tmp_path: Path) -> None:
    """No step is longer than the resolution that a gap is stated with; their mean is the rate's."""
    due = sent(tmp_path)
    steps = [(later - earlier) * RATE for earlier, later in pairwise([0.0, *due])]
    assert 0.0 <= min(steps) < 0.3
    assert 1.7 < max(steps) <= LONGEST_STEP
    assert 0.7 < sum(steps) / len(steps) < 1.3


def test_flows_do_not_go_in_lockstep(tmp_path: Path) -> None:
    """Connections dealt out in turn to three hubs: each flow gets its share of every hub."""
    moments = sorted(
        (moment, flow)
        for flow in ("one", "two")
        for number in range(4)
        for moment in [100 * number + due for due in sent(tmp_path, seed=number, flow=flow)]
    )
    for flow in ("one", "two"):
        hubs = Counter(turn % 3 for turn, (_, whose) in enumerate(moments) if whose == flow)
        assert all(40 < hubs[hub] < 95 for hub in range(3)), hubs  # 67 each in the mean


def test_the_seed_decides_the_moments(tmp_path: Path) -> None:
    """The same seed gives the same schedule in every drill; other seeds and flows have others."""
    first, again, other, flow = (
        [round(moment, 6) for moment in sent(tmp_path, **what)]
        for what in ({"seed": 1}, {"seed": 1}, {"seed": 2}, {"seed": 1, "flow": "submission"})
    )
    assert first == again
    assert first != other
    assert first != flow


def test_slow_replies_do_not_slow_the_schedule(tmp_path: Path) -> None:
    """Attempts that take twenty slots each begin when they are due all the same."""
    begin = time.monotonic()
    assert len(sent(tmp_path, hold_s=20 / RATE)) == 50
    assert time.monotonic() - begin < 4 * 50 / RATE


def test_what_it_cannot_do_is_refused(tmp_path: Path) -> None:
    """An operation that no sender has is refused by name."""

    async def ask() -> None:
        journal = Journal.open("app", tmp_path / "app.jsonl")
        pool = ThreadPoolExecutor(1)
        workload = Workload(settings(tmp_path), lambda _letter: None, journal, pool)
        with pytest.raises(CapabilityMissing):
            await workload.handle("dance", {})
        journal.close()

    asyncio.run(ask())


class FullJournal(Journal):
    """One whose disk is full after some lines."""

    room = 3

    def write(self, kind: str, message: str = "", recipient: str = "", /, **detail: Any) -> float:
        """As a journal's, while there is room."""
        self.room -= 1
        if self.room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(kind, message, recipient, **detail)


def stopped(folder: Path, journal: Journal, after_s: float) -> tuple[list[float], float, str]:
    """When messages were due, when the schedule was stopped, and what the stop said."""
    messages: list[OutgoingMessage] = []
    load: dict[str, Any] = {
        "drill": f"1.{time.monotonic_ns():x}",
        "flow": "relay",
        "persona": "single_host",
        "host": "mail",
        "port": 25,
        "rate": RATE,
        "sender": "app@contoso.com",
        "recipient": "user@contoso.com",
        "size": 200,
        "begin": time.monotonic(),
        "most": 1000,
    }

    async def run() -> tuple[float, str]:
        workload = Workload(settings(folder), messages.append, journal, ThreadPoolExecutor(8))
        await workload.handle("start", load)
        await asyncio.sleep(after_s)
        at = time.monotonic()
        said = await workload.handle("stop", {"flow": "relay", "wait": True})
        workload.close()
        journal.close()
        return at, said

    at, said = asyncio.run(run())
    return sorted(message.due - load["begin"] for message in messages), at - load["begin"], said


def test_all_that_is_due_when_a_schedule_is_stopped_is_tried(tmp_path: Path) -> None:
    """However late the schedule's thread is just then: the judge computes the same attempts."""
    for number in range(5):
        journal = Journal.open("app", tmp_path / f"{number}.jsonl")
        due, stopped_s, said = stopped(tmp_path, journal, 0.05)
        schedule = moments("1 relay app@contoso.com", begin=0.0, rate=RATE)
        wanted = [*takewhile(stopped_s.__gt__, schedule)]
        assert due[: len(wanted)] == pytest.approx(wanted)
        assert said == ""


def test_what_could_not_be_journalled_is_told_when_the_schedule_is_stopped(tmp_path: Path) -> None:
    """A sender whose disk is full sends nothing that nobody knows of, and says what it lacks."""
    journal = FullJournal("app", os.open(tmp_path / "j", os.O_WRONLY | os.O_CREAT))
    due, _, said = stopped(tmp_path, journal, 0.1)
    assert len(due) == 3
    assert re.fullmatch(r"\d+ lines of its attempts \(No space left on device\)", said)

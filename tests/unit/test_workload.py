"""The open-loop schedule of a sending node."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from relaydrill.errors import CapabilityMissing
from relaydrill.journal import Journal
from relaydrill.nodes import config
from relaydrill.nodes.sending.workload import Letter, Workload
from relaydrill.schedule import LONGEST_STEP

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
    """When each of fifty letters was due, seconds after the begin, whatever each of them took."""
    letters: list[Letter] = []

    def send(letter: Letter) -> None:
        letters.append(letter)
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
    return sorted(letter.due - begin for letter in letters)


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
        hands = ThreadPoolExecutor(1)
        workload = Workload(settings(tmp_path), lambda _letter: None, journal, hands)
        with pytest.raises(CapabilityMissing):
            await workload.handle("dance", {})
        journal.close()

    asyncio.run(ask())

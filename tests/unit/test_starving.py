"""What a node tells of the time that it waited for a processor, and what that excuses."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relaydrill.drills.checks.starved import TURNS, apart, starved
from relaydrill.journal import Event, Journal, read_events
from relaydrill.ledger import Stall
from relaydrill.nodes.starving import tell_starving, waited_ns

needs_counts = pytest.mark.skipif(
    not waited_ns(), reason="to run this: a Linux kernel with /proc/PID/task/TID/schedstat"
)

_ROUNDED_S = 1e-5
_SPIN = "import time\nend = time.monotonic() + {0}\nwhile time.monotonic() < end: pass"


def _spin(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def _told(tmp_path: Path, seconds: float) -> list[Event]:
    """What a node journals in so many seconds."""
    journal = Journal.open("ht1", tmp_path / "ht1.jsonl")

    async def tell() -> None:
        task = asyncio.create_task(tell_starving(journal))
        await asyncio.sleep(seconds)
        task.cancel()

    asyncio.run(tell())
    journal.close()
    return [each for each in read_events(tmp_path / "ht1.jsonl") if each.kind == "starved"]


@needs_counts
def test_two_that_want_one_processor_wait_for_each_other(tmp_path: Path) -> None:
    """What a node's child waits for is the node's: about half, and never more than it lasts."""
    one = min(os.sched_getaffinity(0))

    def pin() -> None:
        os.sched_setaffinity(0, {one})

    children = [
        subprocess.Popen([sys.executable, "-c", _SPIN.format(2.5)], preexec_fn=pin)
        for _ in range(2)
    ]
    try:
        told = _told(tmp_path, 2.0)
    finally:
        for child in children:
            child.kill()
            child.wait()
    assert told
    lost_s = sum(each.detail["lost_s"] for each in told)
    assert 0.5 <= lost_s <= 2.1
    for each in told:
        assert each.detail["lost_s"] <= each.detail["end"] - each.detail["begin"] + _ROUNDED_S


@needs_counts
def test_each_thread_is_counted_by_itself() -> None:
    """The threads of this process are among those that are told of, and figures only grow."""
    held = threading.Event()
    thread = threading.Thread(target=held.wait)
    thread.start()
    before = waited_ns()
    assert {threading.get_native_id(), thread.native_id} <= {*before}
    _spin(0.05)
    after = waited_ns()
    held.set()
    thread.join()
    assert all(after[each] >= before[each] for each in before if each in after)


def test_of_a_process_that_is_gone_nothing_is_told() -> None:
    """As where the kernel counts nothing."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert waited_ns(str(child.pid)) == {}


def _never(_stall: Stall) -> bool:
    return False


def test_what_a_message_s_programs_lost_adds_up() -> None:
    """Moment for moment, and never to more than the moment."""
    nodes = {
        "app": [Stall(0.0, 1.0, 0.1)],
        "lb1": [Stall(0.5, 1.5, 0.4)],
        "ht1": [Stall(0.5, 1.0, 0.3)],
    }
    found = starved([], nodes, _never)
    assert [(each.begin, each.end) for each in found] == [(0.0, 0.5), (0.5, 1.0), (1.0, 1.5)]
    assert [each.part for each in found] == pytest.approx([0.1, 1.0, 0.4])


def test_no_more_than_so_many_programs_answer_a_message() -> None:
    """Of ten servers that wait, those are counted that waited most."""
    nodes = {f"ht{number}": [Stall(0.0, 1.0, 0.01 * number)] for number in range(10)}
    (found,) = starved([], nodes, _never)
    assert found.part == pytest.approx(0.06 + 0.07 + 0.08 + 0.09)


def test_a_server_that_refused_had_its_turn() -> None:
    """Then one program's loss is all that may have been lost."""
    nodes = {"lb1": [Stall(0.0, 1.0, 0.2)], "ht1": [Stall(0.0, 1.0, 0.3)]}
    (found,) = starved([Stall(0.0, 1.0, 0.25)], nodes, lambda _stall: True)
    assert found.part == pytest.approx(0.3)


_TIMES = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 10), st.floats(0.0, 1.0)), max_size=8
)


def _stalls(times: list[tuple[int, int, float]]) -> list[Stall]:
    return [
        Stall(begin / 4, (begin + length) / 4, part * length / 4) for begin, length, part in times
    ]


@given(machine=_TIMES, nodes=st.dictionaries(st.sampled_from("abcdef"), _TIMES))
def test_nothing_overlaps_and_no_loss_is_more_than_the_time(
    machine: list[tuple[int, int, float]], nodes: dict[str, list[tuple[int, int, float]]]
) -> None:
    """Whatever is told: in order, apart, within the times told, and no less than any one lost."""
    stalls = {node: _stalls(times) for node, times in nodes.items()}
    found = starved(_stalls(machine), stalls, _never)
    for one, other in pairwise(found):
        assert one.end <= other.begin
    assert all(each.begin < each.end and 0.0 <= each.part <= 1.0 for each in found)
    whole = sum((each.end - each.begin) * each.part for each in found)
    every = [sum(each.lost_s for each in apart(told)) for told in stalls.values()]
    watched = sum(each.lost_s for each in apart(_stalls(machine)))
    assert whole >= max([watched, *every]) - 1e-9
    assert whole <= TURNS * watched + sum(every) + 1e-9

"""How long a node waited for a processor: the kernel counts it, and the node journals it.

A node's journal tells what the machine took from *it*. The watch of the machine
(`relaydrill.drills.stall`) cannot see that: it mostly sleeps, and a kernel that is fair gives it
its few milliseconds at once where a balancer with a busy lab's mail in its hands gets a third of
what it asks for; and what runs in a container may have less than the machine has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from relaydrill import clock
from relaydrill.journal import Journal

_PROC: Final = Path("/proc")
_STEP_S: Final = 0.2
_LEAST: Final = 0.1
"""The part of a step that must be lost before a word is said of it: a busy lab's programs always
wait for each other a little."""


async def tell_starving(journal: Journal) -> None:
    """Journal what the threads of this process, and its children's, waited for a turn.

    It goes on until it is cancelled; where the kernel does not count that, it ends at once.

    Args:
        journal: The node's.
    """
    if clock.current() is not clock.MACHINE:  # nobody waits for a processor in a simulated world
        return
    begin, before = clock.monotonic(), waited_ns()
    while before:
        await asyncio.sleep(_STEP_S)
        end, now = clock.monotonic(), waited_ns()
        # Each thread has work of its own: what waits for several of them waits for the slowest.
        longest_ns = max((now[each] - before.get(each, 0) for each in now), default=0)
        lost_s = min(longest_ns / 1e9, end - begin)
        if lost_s >= _LEAST * (end - begin):
            figures = {"begin": begin, "end": end, "lost_s": lost_s}
            journal.write("starved", **{name: round(value, 6) for name, value in figures.items()})
        begin, before = end, now


def waited_ns(process: str = "self") -> dict[int, int]:
    """For how long each thread of a process and of its children has waited, nanoseconds.

    That is the second figure of ``/proc/PID/task/TID/schedstat`` (Documentation/scheduler/
    sched-stats of the Linux kernel): time spent waiting to run, since the thread began. Empty on
    another system, and on a kernel without it.

    Args:
        process: Its number.
    """
    return dict(_threads(process))


def _threads(process: str) -> Iterator[tuple[int, int]]:
    try:
        tasks = [*(_PROC / process / "task").iterdir()]
    except OSError:  # it has ended meanwhile, or there is no such folder here
        return
    for task in tasks:
        try:
            yield int(task.name), int((task / "schedstat").read_text().split()[1])
            children = (task / "children").read_text().split()
        except (OSError, IndexError):  # the same of a thread, or the kernel does not tell
            continue
        for child in children:
            yield from _threads(child)

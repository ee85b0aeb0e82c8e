"""How long a drill of a million messages is judged, and in how much memory.

The journals are made up: eight hubs behind a balancer, one killed in the middle and healed, six
lines for each message. CPU and memory are those of both processes of the judge together, pages that
they share counted once.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from benchmarks import ledger_journals
from benchmarks.memory import proportional_bytes

_MESSAGES = (1_000, 50_000, 1_000_000)
_GOAL_S = 10.0
_EVERY_S = 0.1


def run(folder: Path) -> Iterator[str]:
    """Measure, and yield a line for each size."""
    for messages in _MESSAGES:
        directory = folder / str(messages)
        lines = ledger_journals.write(directory, messages)
        size = sum(path.stat().st_size for path in (directory / "journals").iterdir())
        took, cpu, most = _judged(directory)
        goal = f", goal {_GOAL_S:.0f} s" if messages == _MESSAGES[-1] else ""
        yield (
            f"{messages:9,} messages, {lines:9,} lines, {size / 1e6:7.1f} MB: "
            f"{took:5.2f} s{goal}; {cpu:5.2f} s of CPU, {most / 2**20:4.0f} MiB"
        )


def _judged(directory: Path) -> tuple[float, float, int]:
    """Seconds from the command to its end, of them of CPU, and the most bytes."""
    command = [sys.executable, "-c", "from relaydrill.cli import main; main()"]
    command += ["judge", str(directory)]
    most, begin, before = 0, time.monotonic(), os.times()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as judge:
        watched = psutil.Process(judge.pid)
        while judge.poll() is None:
            most = max(most, proportional_bytes(watched))
            time.sleep(_EVERY_S)
        took = time.monotonic() - begin
        assert judge.stdout
        told = judge.stdout.read().decode()
    assert f"{directory.name} messages accounted for" in told, told
    after = os.times()
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    return took, cpu, most

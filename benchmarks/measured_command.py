"""What a command of Relaydrill's takes: time, CPU and memory, those of its children included."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass

import psutil

from benchmarks.memory import proportional_bytes

_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class Measured:
    """A command that has ended.

    Attributes:
        took_s: From its start to its end.
        cpu_s: Of all its processes.
        most_bytes: The most memory of all of them together, shared pages counted once.
        told: What it printed.
    """

    took_s: float
    cpu_s: float
    most_bytes: int
    told: str

    def __str__(self) -> str:
        return (
            f"{self.took_s:5.2f} s, {self.cpu_s:5.2f} s of CPU, {self.most_bytes / 2**20:4.0f} MiB"
        )


def measured(*arguments: str) -> Measured:
    """Run ``relaydrill`` with these arguments; whatever it ends with."""
    command = [sys.executable, "-c", "from relaydrill.cli import main; main()", *arguments]
    most, begin, before = 0, time.monotonic(), os.times()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            most = max(most, proportional_bytes(watched))
            time.sleep(_EVERY_S)
        took_s = time.monotonic() - begin
        assert process.stdout
        told = process.stdout.read().decode()
    after = os.times()
    cpu_s = after.children_user + after.children_system
    cpu_s -= before.children_user + before.children_system
    return Measured(took_s, cpu_s, most, told)

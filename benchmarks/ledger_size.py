"""How long a drill of a million messages is judged, and in how much memory.

The journals are made up: eight hubs behind a balancer, one killed in the middle and healed, six
lines for each message. CPU and memory are those of both processes of the judge together, pages that
they share counted once.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks import ledger_journals
from benchmarks.measured_command import measured

_MESSAGES = (1_000, 50_000, 1_000_000)
_GOAL_S = 10.0


def run(folder: Path) -> Iterator[str]:
    """Measure, and yield a line for each size."""
    for messages in _MESSAGES:
        directory = folder / str(messages)
        lines = ledger_journals.write(directory, messages)
        size = sum(path.stat().st_size for path in (directory / "journals").iterdir())
        judged = measured("judge", str(directory))
        assert f"{messages} messages accounted for" in judged.told, judged.told
        goal = f"; goal {_GOAL_S:.0f} s" if messages == _MESSAGES[-1] else ""
        yield f"{messages:9,} messages, {lines:9,} lines, {size / 1e6:7.1f} MB: {judged}{goal}"

"""How long the page of a million messages takes, in how much memory; and how large an audit's is.

The journals are those of `ledger_size`. The report judges them again, so that its time is that of
the judge, and what the page itself takes. The audit has 64 drills of two flows, a minute each.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from benchmarks import ledger_journals
from benchmarks.measured_command import Measured, measured

_MESSAGES = (1_000, 50_000, 1_000_000)
_GOAL_S = 20.0
_DRILLS = 64
_MESSAGES_OF_A_DRILL = 1200
_RATE_OF_A_DRILL = 20.0


def run(folder: Path) -> Iterator[str]:
    """Measure, and yield a line for each size."""
    for messages in _MESSAGES:
        directory = folder / str(messages)
        ledger_journals.write(directory, messages)
        goal = f"; goal {_GOAL_S:.0f} s" if messages == _MESSAGES[-1] else ""
        found, size = _reported(directory)
        yield f"{messages:9,} messages: {found}; {size / 1e3:5.0f} kB{goal}"
    found, size = _reported(_audit(folder / "audit"))
    yield f"an audit of {_DRILLS} drills: {found}; {size / 1e3:5.0f} kB"


def _audit(directory: Path) -> Path:
    """An audit's directory, as its drills and its command leave it."""
    names = [f"drill-{number}" for number in range(1, _DRILLS + 1)]
    directory.mkdir()
    for seed, name in enumerate(names, 1):
        ledger_journals.write(
            directory / name, _MESSAGES_OF_A_DRILL, seed=seed, rate=_RATE_OF_A_DRILL
        )
    (directory / "audit.json").write_text(json.dumps({"rows": names}))
    return directory


def _reported(directory: Path) -> tuple[Measured, int]:
    """What the command took, and the bytes of its page."""
    page = directory / "page.html"
    found = measured("report", str(directory), "--out", str(page))
    assert page.exists(), found.told
    return found, page.stat().st_size

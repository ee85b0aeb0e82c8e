"""What an audit costs in simulated labs: processor time, and messages a second of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import relaydrill

_GOALS_S: Final[dict[str, float | None]] = {"sharepoint": 6.0, "twosites": None, "microsoft": 120.0}
"""Processor time that an audit is to cost; of microsoft, a minute of two cores."""


def run(folder: Path) -> Iterator[str]:
    """Audit the built-in designs, and yield a line for each."""
    for name, goal_s in _GOALS_S.items():
        design = relaydrill.load(name)
        wall, begun = time.monotonic(), time.process_time()
        audit = relaydrill.audit(design, driver="simulate", directory=folder / name)
        cpu_s, wall_s = time.process_time() - begun, time.monotonic() - wall
        messages = sum(sum(flow.account.values()) for row in audit.rows for flow in row.flows)
        goal = f", the goal is {goal_s:g} s" if goal_s else ""
        yield (
            f"{name:12} {len(audit.rows):3} drills, {audit.status}: {cpu_s:6.1f} s of CPU{goal}, "
            f"{wall_s:.1f} s by the clock; {messages / cpu_s:.0f} messages per CPU second, "
            "lab and verdict"
        )

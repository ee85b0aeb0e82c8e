"""The built-in topology microsoft at a large site's mean rate, a site lost in the middle.

16 million messages a day are 185 a second, and 13 million of them are to be refused. There is no
peer: nothing else judges such a run. What is reported is the highest rate at which all holds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from relaydrill import topology_files
from relaydrill.drills.drill_plan import plan
from relaydrill.drills.result import Judgement
from relaydrill.drills.runner import run_drill
from relaydrill.drivers.process import ProcessLab
from relaydrill.ledger import Account
from relaydrill.smtp import Result
from relaydrill.topology import Topology

_RATES = (185, 240, 310, 400, 520)
"""Attempts a second; it ends with the first that does not hold."""

_LENGTH_S, _LOST_S = 60.0, 20.0
_MOST_LATE_MS = 250.0


def run(folder: Path) -> Iterator[str]:
    """Measure, and yield a line for each rate."""
    held = 0
    for rate in _RATES:
        found = _drill(_topology(folder, rate), folder / f"run{rate}")
        problem = _problem(found)
        yield f"{rate:4d}/s  {_told(found)}  {problem or 'holds'}"
        if problem:
            break
        held = rate
    yield f"highest rate that holds: {held}/s, goal 185/s"


def _topology(folder: Path, rate: int) -> Topology:
    path = folder / f"inbound{rate}.yaml"
    path.write_text(
        f"extends: microsoft\nname: inbound\nflows:\n  inbound: {{rate: {rate}/s}}\n"
        "  pinned: {rate: 1/s}\n"
    )
    return topology_files.load(path)


def _drill(topology: Topology, folder: Path) -> Judgement:
    clock = topology.clock
    start, lost = (_LENGTH_S - _LOST_S) / 2 * clock, _LOST_S * clock
    drill = plan(topology, faults=(f"kill:dublin@{start:g}s+{lost:g}s",), flows=("inbound",))
    drill = dataclasses.replace(drill, length_s=_LENGTH_S * clock)
    with ProcessLab(topology, folder.with_suffix(".lab")) as lab:
        return run_drill(lab, drill, folder)


def _told(found: Judgement) -> str:
    harness = found.flow("inbound").check("harness")
    unwanted = found.ledger.attempts("inbound", wanted=False)
    refused = sum(attempt.result is Result.REFUSED for attempt in unwanted)
    attempts = len(found.ledger.attempts("inbound")) + len(unwanted)
    late = harness.figures.get("late_ms", float("nan")) if harness else float("nan")
    return (
        f"{attempts} attempts, {refused} of them to be refused and were, "
        f"{found.ledger.accounts('inbound').get(Account.DELIVERED, 0)} delivered, "
        f"latest {late:.0f} ms behind"
    )


def _problem(found: Judgement) -> str:
    """What does not hold, in a few words; empty if nothing."""
    for verdict in found.flow("inbound").checks:
        if verdict.status != "pass":
            return f"{verdict.check} {verdict.status}: {verdict.summary}"
    harness = found.flow("inbound").check("harness")
    if harness and harness.figures["late_ms"] > _MOST_LATE_MS:
        return f"the schedule was not kept to {_MOST_LATE_MS:.0f} ms"
    return ""

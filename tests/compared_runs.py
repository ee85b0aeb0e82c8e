"""Runs to compare: drills that never ran, with outages as long as one likes; and bare verdicts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from relaydrill import topology_files
from relaydrill.drills.audit import Audit
from relaydrill.drills.drill_plan import plan
from relaydrill.drills.family import PLANNED, FalseAlarm
from relaydrill.drills.judge import judge
from relaydrill.drills.model import Drill
from relaydrill.drills.result import Finding, FlowVerdict, Judgement
from relaydrill.ledger import Ledger
from relaydrill.smtp import Phase, Result
from relaydrill.topology import Topology
from relaydrill.verdict import Verdict
from tests.histories import History
from tests.report.made_up import KILL, drill, due, topology, write_run

REASON = "one balancer until the second is bought"


def short_outage(lasts_s: float) -> History:
    """The drill of `made_up`, in which nothing is accepted for a time after the fault.

    Args:
        lasts_s: Wall seconds; with two of them only the heal ends it.
    """
    history = History()
    history.fault("kill:ht1", inject=2.0, heal=4.0)
    for number, begun in enumerate(due()):
        message = f"<{number}@app>"
        is_broken = 2.0 <= begun < 4.0
        if is_broken and begun < 2.0 + lasts_s:
            history.attempt(
                message,
                Result.UNREACHABLE,
                at=begun,
                took=0.05,
                phase=Phase.CONNECT,
                reason="refused",
            )
            continue
        name = "ht2" if is_broken else f"ht{1 + number % 2}"
        history.attempt(message, at=begun, took=0.004, code=250, server=f"{name}.contoso.com")
        history.accepted(message, name, at=begun + 0.002)
        history.arrived(message, at=begun + 0.003)
        history.write(name, "relayed", message, at=begun + 0.0035, to="127.0.0.1:25")
    return history


def write_outage(directory: Path, lasts_s: float) -> Path:
    """A run directory of such a drill, with its verdict.

    Args:
        directory: Where to.
        lasts_s: As of `short_outage`.
    """
    write_run(directory, topology(), drill(KILL), short_outage(lasts_s).events)
    (directory / "verdict.json").write_text(json.dumps(judge(directory).document()))
    return directory


@cache
def design(name: str = "sharepoint") -> Topology:
    """A built-in topology."""
    return topology_files.load(name)


@cache
def planned(fault: str, seed: int = 1) -> Drill:
    """A drill of ``sharepoint``; of nothing, the steady state."""
    return plan(design(), faults=(fault,) if fault else (), seed=seed)


def judged(
    fault: str,
    flows: Mapping[str, tuple[Verdict, ...]],
    *findings: Finding,
    topology: Topology | None = None,
    **changed: Any,
) -> Judgement:
    """What a drill of ``sharepoint`` came to, without any evidence.

    Args:
        fault: What was broken; empty: nothing.
        flows: The checks of each flow.
        findings: What it found.
        topology: Another than the built-in one.
        changed: Other attributes than usual.
    """
    values: dict[str, Any] = {
        "drill": planned(fault),
        "topology": topology or design(),
        "driver": "process",
        "directory": Path("runs") / (fault or "steady"),
        "flows": tuple(FlowVerdict(name, checks) for name, checks in flows.items()),
        "ledger": Ledger(),
        "findings": findings,
    }
    return Judgement(**(values | changed))


def audit_of(*rows: Judgement) -> Audit:
    """An audit with these rows."""
    first = rows[0]
    alarm = FalseAlarm(1, PLANNED, ())
    return Audit(first.topology, first.driver, first.drill.seed, Path("runs"), rows, alarm)

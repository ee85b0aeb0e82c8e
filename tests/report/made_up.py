"""Run directories of drills that never ran, written from made-up journals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from relaydrill import inventory
from relaydrill.drills.model import Drill, FaultSpec
from relaydrill.drills.record import RunDirectory
from relaydrill.journal import Event
from relaydrill.smtp import Phase, Result
from relaydrill.topology import Topology
from tests.histories import History

CLOCK = 10
_YAML = """\
name: bench
summary: {summary}
clock: 10
nodes:
  ht1: {{role: hub}}
  ht2: {{role: hub}}
  lb1:
    role: balancer
    backends: [ht1, ht2]
    vips: {{mail: {{ports: [25]}}}}
  mbx: {{role: mailbox, domains: [contoso.com]}}
  app: {{role: sender}}
flows:
  relay: {{from: app, to: mail, rate: 20/s}}
expect: {{gap: 10s}}
"""
KILL = FaultSpec("kill", "ht1", start_s=20.0, duration_s=20.0)


def topology(summary: str = "two hubs") -> Topology:
    """Two hubs behind a balancer, ten times faster than in the field."""
    return inventory.parse(_YAML.format(summary=summary), "bench.yaml")


def drill(*faults: FaultSpec) -> Drill:
    """Of the one flow."""
    return Drill("made-up", ("relay",), faults, length_s=60.0, settle_s=10.0, seed=7)


def outage(reason: str = "", server: str = "") -> History:
    """Six wall seconds, an attempt every twentieth of one; in two of them nothing is accepted.

    Args:
        reason: What failed attempts were told. server: How the servers that accept call themselves.
    """
    history = History()
    history.fault("kill:ht1", inject=2.0, heal=4.0)
    for number in range(120):
        begun = number / 20 + 0.01
        if 2.0 <= begun < 4.0:
            history.attempt(
                f"<{number}@app>",
                Result.UNREACHABLE,
                at=begun,
                took=0.5,
                phase=Phase.CONNECT,
                reason=reason or "timed out",
            )
            continue
        name = f"ht{1 + number % 2}"
        banner = server or f"{name}.contoso.com"
        history.attempt(f"<{number}@app>", at=begun, took=0.004, code=250, server=banner)
        history.accepted(f"<{number}@app>", name, at=begun + 0.002)
        history.arrived(f"<{number}@app>", at=begun + 0.003)
        history.write(name, "relayed", f"<{number}@app>", at=begun + 0.0035, to="127.0.0.1:25")
    return history


def write_run(
    directory: Path, design: Topology, plan: Drill, events: Iterable[Event], begun: float = 0.0
) -> Path:
    """A run directory as `relaydrill drill` leaves it, but for the verdict."""
    run = RunDirectory(directory)
    run.save_inputs(design, plan, "process")
    run.save_outcome(plan, "process", begun, ())
    lines: dict[str, list[str]] = defaultdict(list)
    for event in events:
        lines[event.node].append(event.to_line() + "\n")
    for node, told in lines.items():
        (directory / "journals" / f"{node}.jsonl").write_text("".join(told))
    return directory

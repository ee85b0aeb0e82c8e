"""Run directories of drills that never ran, written from made-up journals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from relaydrill import topology_files
from relaydrill.drills.closing import close
from relaydrill.drills.loads import loads_of
from relaydrill.drills.model import Drill
from relaydrill.drills.record import RunDirectory
from relaydrill.faults import FaultSpec
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
SEED = 566
"""One whose schedule has 120 attempts in six wall seconds, and 40 of them in the outage."""
KILL = FaultSpec("kill", "ht1", start_s=20.0, duration_s=20.0)


def topology(summary: str = "two hubs") -> Topology:
    """Two hubs behind a balancer, ten times faster than in the field."""
    return topology_files.parse(_YAML.format(summary=summary), "bench.yaml")


def drill(*faults: FaultSpec) -> Drill:
    """Of the one flow."""
    return Drill("made-up", ("relay",), faults, length_s=60.0, settle_s=10.0, seed=SEED)


def due() -> Iterator[float]:
    """When the attempts of `drill` are due, wall seconds after its begin."""
    (load,) = loads_of(topology(), drill(), "relay")
    return load.due(0.0, 6.0)


def outage(reason: str = "", server: str = "") -> History:
    """Six wall seconds of attempts on the schedule of `drill`; in two nothing is accepted.

    Args:
        reason: What failed attempts were told.
        server: How the servers that accept call themselves.
    """
    history = History()
    history.fault("kill:ht1", inject=2.0, heal=4.0)
    for number, begun in enumerate(due()):
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
    """A run directory as `relaydrill drill` leaves it, but for the verdict.

    Every journal is there, and closed; the harness tells of the drill's begin and end, too.
    """
    run = RunDirectory(directory)
    run.save_inputs(design, plan, "process")
    run.save_outcome(plan, "process", begun, ())
    end = begun + plan.length_s / design.clock
    course = History()
    course.write("harness", "begun", at=begun, begin=begun)
    for flow in plan.flows:
        course.write("harness", "stop", at=end, flow=flow)
    course.write("harness", "over", at=end, length_s=plan.length_s)
    course.write("machine", "watched", at=end, watched_s=end - begun, worst_s=0.0)
    lines: dict[str, list[str]] = defaultdict(list)
    for event in (*events, *course.events):
        lines[event.node].append(event.to_line() + "\n")
    for node in {*design.nodes, *lines}:
        path = directory / "journals" / f"{node}.jsonl"
        path.write_text("".join(lines[node]))
        close(path)
    return directory

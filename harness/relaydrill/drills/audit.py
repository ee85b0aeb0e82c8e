"""The audit: a drill of the steady state and one for each node of the tier, each in its own lab.

Drills are independent, so they run side by side as far as the machine has cores. Most of a drill's
time is waiting for timers, not work.
"""

from __future__ import annotations

import json
import shutil
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from relaydrill.drills.judge import Judgement, judge
from relaydrill.drills.model import Drill, plan
from relaydrill.drills.runner import Observer, Step, run_drill
from relaydrill.drivers.catalogue import LabMaker
from relaydrill.errors import UsageError
from relaydrill.topology import Topology
from relaydrill.verdict import Status, merge

STEADY: Final = "steady"
"""Name of the row in which nothing is broken."""

_INDEX: Final = "audit.json"


class AuditCancelled(Exception):
    """The audit was told to end before it was over; every lab was healed and taken down."""


@dataclass(frozen=True)
class Audit:
    """The matrix: a judgement for each row, in order."""

    topology: Topology
    driver: str
    seed: int
    directory: Path
    rows: tuple[Judgement, ...]

    @property
    def status(self) -> Status:
        """The worst of all rows."""
        return merge(row.status for row in self.rows)

    def document(self) -> dict[str, Any]:
        """Plain JSON values: what ``--json`` prints."""
        return {
            "topology": self.topology.name,
            "driver": self.driver,
            "seed": self.seed,
            "clock": self.topology.clock,
            "directory": str(self.directory),
            "status": str(self.status),
            "rows": [row.document() for row in self.rows],
        }


def plan_audit(
    topology: Topology,
    *,
    nodes: tuple[str, ...] = (),
    flows: tuple[str, ...] = (),
    kind: str = "kill",
    seed: int = 1,
) -> tuple[Drill, ...]:
    """The drills of an audit: the steady state first, then each node of the tier.

    Args:
        topology: What to audit.
        nodes: Only these; the default is the whole tier.
        flows: Only these; the default is all.
        kind: The fault that each node suffers.
        seed: Passed to every drill.

    Raises:
        UsageError: A node or flow is not in the topology, or no such fault exists.
    """
    for node in nodes:
        if node not in topology.tier:
            known = ", ".join(topology.tier)
            raise UsageError(f"no node of the tier is called {node!r}; there are: {known}")
    steady = plan(topology, flows=flows, seed=seed, name=STEADY)
    broken = [
        plan(topology, faults=(f"{kind}:{node}",), flows=flows, seed=seed, name=f"{kind}-{node}")
        for node in (nodes or topology.tier)
    ]
    return (steady, *broken)


def run_audit(
    topology: Topology,
    drills: tuple[Drill, ...],
    make_lab: LabMaker,
    directory: Path,
    *,
    at_once: int = 1,
    observe: Observer = lambda _step: None,
    cancelled: threading.Event | None = None,
) -> Audit:
    """Run the drills of an audit, several at once, and write everything under one directory.

    Args:
        topology, drills: From `plan_audit`.
        make_lab: Makes a lab for a drill.
        directory: Must not exist, or be empty.
        at_once: Labs at a time.
        observe: Told of every step of every drill, from several threads.
        cancelled: Set it to end early; whatever was broken is healed first.

    Raises:
        HarnessError: A lab failed; the other drills are ended first.
        AuditCancelled: ``cancelled`` was set.
        UsageError: The directory holds files already.
    """
    if directory.exists() and any(directory.iterdir()):
        raise UsageError(f"{directory} is not empty; name a directory that does not exist yet")
    directory.mkdir(parents=True, exist_ok=True)
    cancelled = cancelled or threading.Event()

    def watched(step: Step) -> None:
        if cancelled.is_set():
            raise AuditCancelled
        observe(step)

    def row(drill: Drill) -> Judgement:
        lab_directory = directory / f"{drill.name}.lab"
        watched(Step(drill.name, "starting its lab", 0.0))
        with make_lab(topology, lab_directory) as lab:
            judgement = run_drill(lab, drill, directory / drill.name, watched)
        if judgement.status is Status.PASS:
            shutil.rmtree(lab_directory, ignore_errors=True)
        observe(Step(drill.name, str(judgement.status), 1.0))
        return judgement

    with ThreadPoolExecutor(at_once) as pool:
        running = [pool.submit(row, drill) for drill in drills]
        try:
            judgements = tuple(future.result() for future in running)
        except BaseException as error:
            cancelled.set()
            for future in running:
                future.cancel()
            raise _first_cause(running, error) from None
    _save_index(directory, drills)
    return Audit(topology, judgements[0].driver, drills[0].seed, directory, judgements)


def _first_cause(running: list[Future[Judgement]], error: BaseException) -> BaseException:
    """The error that ended the audit, not the cancellation that it brought on the other drills."""
    for future in running:
        found = future.exception() if future.done() and not future.cancelled() else None
        if found is not None and not isinstance(found, AuditCancelled):
            return found
    return error


def _save_index(directory: Path, drills: tuple[Drill, ...]) -> None:
    (directory / _INDEX).write_text(json.dumps({"rows": [drill.name for drill in drills]}) + "\n")


def is_audit(directory: Path) -> bool:
    """Whether a directory holds a whole audit."""
    return (directory / _INDEX).is_file()


def judge_audit(directory: Path) -> Audit:
    """Judge all rows of an audit's directory again, from their journals alone.

    Raises:
        UsageError: It is no audit's directory, or a row of it is broken.
    """
    try:
        names = json.loads((directory / _INDEX).read_text())["rows"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{directory} holds no audit: {error}") from None
    rows = tuple(judge(directory / str(name)) for name in names)
    if not rows:
        raise UsageError(f"{directory} holds an audit without rows")
    first = rows[0]
    return Audit(first.topology, first.driver, first.drill.seed, directory, rows)

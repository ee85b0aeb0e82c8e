"""The audit: the drills of `relaydrill.drills.audit_plan`, each in a lab of its own.

Drills are independent, so they run side by side as far as the machine has cores. Most of a drill's
time is waiting for timers, not work.
"""

from __future__ import annotations

import json
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Final

from relaydrill.documents.audit import (
    AUDIT_INDEX,
    AuditDocument,
    AuditIndexDocument,
    StandsForDocument,
)
from relaydrill.drills.audit_plan import plan_again, remarks_on_spares
from relaydrill.drills.audit_sets import CutSet, Depth, StandsFor, cut_sets, remarks_on_depth
from relaydrill.drills.family import HOLM, PLANNED, FalseAlarm, count_all, is_kept
from relaydrill.drills.judge import judge
from relaydrill.drills.model import Drill
from relaydrill.drills.own_lab import run_in_own_lab
from relaydrill.drills.record import must_be_a_file
from relaydrill.drills.result import Judgement
from relaydrill.drills.runner import Observer, Step
from relaydrill.drills.second_look import by_holm, needs_another
from relaydrill.drills.yearly_cost import yearly_cost
from relaydrill.drivers.catalogue import LabMaker
from relaydrill.errors import UsageError
from relaydrill.fresh import file_name, make_fresh
from relaydrill.ledger import MANY_BYTES
from relaydrill.topology import Topology
from relaydrill.verdict import Status, merge
from relaydrill.yearly_cost.cost import YearlyCost

_INDEX: Final = "audit.json"
_AGAIN: Final = "-again"
"""How the directory of a second look ends, after the name of the first."""


class _Cancelled(Exception):
    """A drill was told to end because another one failed; never leaves this module."""


@dataclass(frozen=True)
class Audit:
    """The matrix: a judgement for each row, in order.

    Attributes:
        false_alarm: The rate of all its statistical tests together, and how they keep to it.
        remarks: What a person should know of it as a whole.
        depth: How many units were lost at a time at most.
        stands_for: The sets of units that rows stand for, besides their own.
    """

    topology: Topology
    driver: str
    seed: int
    directory: Path
    rows: tuple[Judgement, ...]
    false_alarm: FalseAlarm
    remarks: tuple[str, ...] = ()
    depth: int = 1
    stands_for: StandsFor = field(default_factory=dict)

    @property
    def cut_sets(self) -> tuple[CutSet, ...]:
        """The smallest sets whose loss breaks a flow's promise, by flow."""
        return cut_sets(self.rows, self.stands_for)

    @cached_property
    def yearly_cost(self) -> YearlyCost | None:
        """How long each flow is out of service in a year; None where no failure is declared."""
        return yearly_cost(self.topology, self.rows, self.stands_for)

    @property
    def status(self) -> Status:
        """The worst of all rows."""
        return merge(row.status for row in self.rows)

    def document(self) -> AuditDocument:
        """What ``--json`` prints."""
        return {
            "format": "relaydrill.audit",
            "version": 1,
            "topology": self.topology.name,
            "driver": self.driver,
            "seed": self.seed,
            "clock": self.topology.clock,
            "directory": str(self.directory),
            "status": self.status,
            "false_alarm": self.false_alarm.document(),
            "remarks": list(self.remarks),
            "depth": self.depth,
            "stands_for": _stands_for_told(self.stands_for),
            "cut_sets": [each.document() for each in self.cut_sets],
            "yearly_cost": self.yearly_cost.document() if self.yearly_cost else None,
            "rows": [row.document() for row in self.rows],
        }


def run_audit(
    topology: Topology,
    drills: tuple[Drill, ...],
    make_lab: LabMaker,
    directory: Path,
    *,
    at_once: int = 1,
    steady_first: bool = False,
    depth: int = 1,
    deeper: Depth | None = None,
    observe: Observer = lambda _step: None,
    keep_labs: bool = False,
) -> Audit:
    """Run the drills of an audit, several at once, and write everything under one directory.

    Args:
        topology: What is audited.
        drills: From `plan_audit`.
        make_lab: Makes a lab for a drill.
        directory: Must not exist, or be empty.
        at_once: Labs at a time.
        steady_first: Whether nothing is broken unless the steady state, the first drill, passes.
        depth: How many units are lost at a time, at most.
        deeper: Which sets follow from the rows so far; by default as of `Depth`.
        observe: Told of every step of every drill, from several threads.
        keep_labs: Whether all that the labs wrote stays; see `run_in_own_lab`.

    Raises:
        HarnessError: A lab failed; the other drills are ended first.
        UsageError: The directory holds files already, or cannot be made.
    """
    make_fresh(directory)
    lab_rows = _Rows(topology, make_lab, directory, observe, keep_labs, threading.Event())
    steady = lab_rows.decided(lab_rows.judged(drills[:1], 1), drills, 1) if steady_first else ()
    rest = drills[len(steady) :] if all(each.status is Status.PASS for each in steady) else ()
    rows = (*steady, *lab_rows.decided(lab_rows.judged(rest, at_once), drills, at_once))
    phases, stands_for = [drills], dict[str, tuple[tuple[str, ...], ...]]()
    deeper = deeper or Depth(topology, seed=drills[0].seed)
    for size in range(2, depth + 1):
        sets = deeper.sets(rows, stands_for, size)
        more = lab_rows.judged(sets.drills, at_once)
        rows = (*rows, *lab_rows.decided(more, sets.drills, at_once, size))
        stands_for |= sets.stands_for
        phases.append(sets.drills)
    planned = tuple(drill for each in phases for drill in each)
    remarks = remarks_on_spares(topology, planned)
    if depth > 1:
        remarks += remarks_on_depth(topology, rows, stands_for, depth)
    found = Audit(
        topology,
        rows[0].driver,
        drills[0].seed,
        directory,
        rows,
        _false_alarm(topology, rows, *phases),
        remarks,
        depth,
        stands_for,
    )
    index: AuditIndexDocument = {
        "format": "relaydrill.audit-index",
        "version": 1,
        "rows": [each.directory.name for each in rows],
        "seed": found.seed,
        "false_alarm": found.false_alarm.document(),
        "remarks": [*remarks],
        "depth": depth,
        "stands_for": _stands_for_told(stands_for),
    }
    (directory / _INDEX).write_text(json.dumps(index) + "\n")
    return _kept_to_its_rate(found)


@dataclass(frozen=True)
class _Rows:
    """How one drill after the other becomes a row; the arguments are those of `run_audit`."""

    topology: Topology
    make_lab: LabMaker
    directory: Path
    observe: Observer
    keep_labs: bool
    cancelled: threading.Event

    def judged(
        self, drills: tuple[Drill, ...], at_once: int, ending: str = ""
    ) -> tuple[Judgement, ...]:
        """Run drills, several at once; the first that cannot be run ends all of them.

        Args:
            drills: What to run.
            at_once: How many labs there are at a time.
            ending: Of the names of their directories.

        Raises:
            HarnessError: As of `run_audit`.
        """
        with ThreadPoolExecutor(at_once) as pool:
            running = [pool.submit(self._row, drill, ending) for drill in drills]
            try:
                return tuple(future.result() for future in running)
            except BaseException as error:
                self.cancelled.set()
                for future in running:
                    future.cancel()
                raise _first_cause(running, error) from None

    def decided(
        self, rows: tuple[Judgement, ...], planned: tuple[Drill, ...], at_once: int, size: int = 1
    ) -> tuple[Judgement, ...]:
        """The rows, with a second look in the place of each that a first one left in doubt.

        Args:
            rows: Of the first look.
            planned: All drills that were planned together, `rows` among them.
            at_once: How many labs there are at a time.
            size: How many units each of them breaks.

        Raises:
            HarnessError: As of `run_audit`.
        """
        tests = count_all(self.topology, planned)
        again = tuple(
            plan_again(self.topology, row.drill, tests, size) for row in rows if needs_another(row)
        )
        looks = iter(self.judged(again, at_once, _AGAIN))
        return tuple(next(looks) if needs_another(row) else row for row in rows)

    def _row(self, drill: Drill, ending: str) -> Judgement:
        called = file_name(drill.name) + ending
        self._step(Step(drill.name, "starting its lab", 0.0))
        judgement = run_in_own_lab(
            self.make_lab,
            self.topology,
            drill,
            self.directory / called,
            self._step,
            keep_lab=self.keep_labs,
        )
        self.observe(Step(drill.name, str(judgement.status), 1.0))
        return judgement

    def _step(self, step: Step) -> None:
        if self.cancelled.is_set():
            raise _Cancelled
        self.observe(step)


def _first_cause(running: list[Future[Judgement]], error: BaseException) -> BaseException:
    """The error that ended the audit, not the cancellation that it brought on the other drills."""
    for future in running:
        found = future.exception() if future.done() and not future.cancelled() else None
        if found is not None and not isinstance(found, _Cancelled):
            return found
    return error


def _false_alarm(
    topology: Topology, rows: tuple[Judgement, ...], *phases: tuple[Drill, ...]
) -> FalseAlarm:
    """How the tests of an audit keep to one rate: as planned, or else by Holm afterwards."""
    again = tuple(
        (row.drill.name, row.directory.name.removesuffix(_AGAIN))
        for row in rows
        if row.directory.name == file_name(row.drill.name) + _AGAIN
    )
    tests = sum(count_all(topology, drills) for drills in phases)
    return FalseAlarm(tests, PLANNED if is_kept(topology, *phases) else HOLM, again)


def _kept_to_its_rate(audit: Audit) -> Audit:
    if audit.false_alarm.method != HOLM:
        return audit
    return replace(audit, rows=by_holm(audit.rows, audit.false_alarm.tests))


def _stands_for_told(stands_for: StandsFor) -> list[StandsForDocument]:
    return [
        {"drill": name, "sets": [[*units] for units in sets]} for name, sets in stands_for.items()
    ]


def is_audit(directory: Path) -> bool:
    """Whether a directory holds a whole audit."""
    return (directory / _INDEX).is_file()


def judge_either(directory: Path) -> Audit | Judgement:
    """Judge a run directory again, of an audit or of a drill, from its journals alone.

    Raises:
        UsageError: It is neither.
    """
    return judge_audit(directory) if is_audit(directory) else judge(directory)


def _texts(told: object) -> tuple[str, ...]:
    if not isinstance(told, list) or not all(isinstance(each, str) for each in told):
        raise TypeError(f"{told!r} in {_INDEX}, where a list of names belongs")
    return tuple(told)


def _stands_for(told: object) -> StandsFor:
    """Read back what `_stands_for_told` wrote."""
    if not isinstance(told, list):
        raise TypeError(f"{told!r} in {_INDEX}, where a list of sets belongs")
    return {str(each["drill"]): tuple(map(_texts, each["sets"])) for each in told}


def judge_audit(directory: Path) -> Audit:
    """Judge all rows of an audit's directory again, from their journals alone.

    Raises:
        UsageError: It is no audit's directory, or a row of it is broken.
    """
    must_be_a_file(directory / _INDEX)
    try:
        index = json.loads((directory / _INDEX).read_text())
        AUDIT_INDEX.version_of(index, directory / _INDEX)
        names, remarks = _texts(index["rows"]), _texts(index.get("remarks", []))
        seed, told = index.get("seed"), index.get("false_alarm")
        false_alarm = FalseAlarm.from_document(told) if told else None
        # Earlier versions broke two at a time, and no set stood for another.
        depth, stands_for = int(index.get("depth", 1)), _stands_for(index.get("stands_for", []))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(f"{directory} holds no audit: {error}") from None
    # What columns need is loaded once for all rows, and the ledgers of all of them are kept.
    many_bytes = MANY_BYTES // max(1, len(names))
    rows = tuple(judge(directory / str(name), many_bytes=many_bytes) for name in names)
    if not rows:
        raise UsageError(f"{directory} holds an audit without rows")
    first = rows[0]
    if false_alarm is None:  # an earlier version's, which planned each drill for itself
        drills = tuple(row.drill for row in rows)
        false_alarm = _false_alarm(first.topology, rows, drills)
    seed = first.drill.seed if seed is None else seed
    return _kept_to_its_rate(
        Audit(
            first.topology,
            first.driver,
            seed,
            directory,
            rows,
            false_alarm,
            remarks,
            depth,
            stands_for,
        )
    )

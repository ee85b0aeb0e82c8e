"""The one function that runs a drill, and the workload that it sends."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from relaydrill import faults
from relaydrill.drills.judge import judge
from relaydrill.drills.judgement import Judgement
from relaydrill.drills.loads import loads_of
from relaydrill.drills.model import Drill, FaultSpec
from relaydrill.drills.record import RunDirectory
from relaydrill.drills.stall import watching
from relaydrill.drivers.base import HasHooks, Lab, RunsElsewhere
from relaydrill.errors import CapabilityMissing, ControlError, HarnessError, WaitTimeout
from relaydrill.faults.reach import takes_away
from relaydrill.journal import Journal
from relaydrill.wait import sleep_until, wait_for

_START_MARGIN_S: Final = 0.05
_LAST_ATTEMPTS_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Step:
    """Where a drill stands, for a display.

    Attributes:
        drill: Its name. stage: What happens now, a few words.
        done: Part of the schedule that has passed, 0 to 1.
    """

    drill: str
    stage: str
    done: float


Observer = Callable[[Step], None]


def run_drill(
    lab: Lab, drill: Drill, directory: Path, observe: Observer = lambda _step: None
) -> Judgement:
    """Run a drill on a lab, write its run directory, and judge it.

    Whatever happens, every fault that was injected is healed before this returns or raises.

    Args:
        lab: Running, with nothing broken.
        drill: What to do. directory: Where to write; see `relaydrill.drills.record`.
        observe: Told of every step.

    Raises:
        HarnessError: The lab could not be driven, or a fault could not be healed.
        UsageError: The directory is not empty.
    """
    run = RunDirectory(directory)
    run.save_inputs(lab.topology, drill, lab.driver, lab.remarks)
    offsets = {node: _size(lab.journal(node)) for node in lab.topology.nodes}
    with run.harness_journal() as journal:
        conductor = _Conductor(lab, drill, journal, observe)

        def take_stock() -> None:
            for node, offset in offsets.items():
                run.save_slice(node, lab.journal(node), offset)

        try:
            with watching(run.machine_path):
                conductor.conduct(take_stock)
            if conductor.begun is not None:
                journal.write("over", length_s=drill.length_s)
        finally:
            problems = (*conductor.problems, *_new_deaths(lab, conductor.deaths_before))
            run.save_outcome(drill, lab.driver, conductor.begun, problems)
            if not conductor.stock_is_taken:
                take_stock()
    judgement = judge(directory)
    run.save_verdict(judgement.document())
    return judgement


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _new_deaths(lab: Lab, before: int) -> list[str]:
    return [f"a node ended by itself: {death}" for death in lab.deaths()[before:]]


class _Conductor:
    """One drill's course: start the flows, break, heal, stop, let the queues drain, take stock."""

    def __init__(self, lab: Lab, drill: Drill, journal: Journal, observe: Observer) -> None:
        self.begun: float | None = None
        self.stock_is_taken = False
        self.problems: list[str] = []
        self.deaths_before = len(lab.deaths())
        self._lab = lab
        self._drill = drill
        self._journal = journal
        self._observe = observe
        self._is_anything_broken = False
        self._broken: list[_Broken] = []

    def conduct(self, take_stock: Callable[[], None]) -> None:
        """Carry the drill out.

        Args:
            take_stock: Called when all mail has come to rest, and before what is broken for good is
                healed: what a node does when it comes back is not part of the account.
        """
        if isinstance(self._lab, RunsElsewhere):
            self._journal.write("sight", **self._lab.sight())
        if self._can_break_nothing():
            take_stock()
            self.stock_is_taken = True
            return
        with contextlib.ExitStack() as heals:
            with self._flows():
                last = 0.0
                for moment, act in self._acts(heals):
                    self._until(moment)
                    act()
                    last = moment
                # Healing takes its time, too: what was planned after it is not to be cut short.
                rest = self._drill.length_s - last
                self._until(max(self._drill.length_s, self._passed() + rest if last else 0.0))
            self._step("letting the queues drain", 1.0)
            self._drain()
            take_stock()
            self.stock_is_taken = True

    def _can_break_nothing(self) -> bool:
        """Whether no fault can be done to somebody else's lab: then it gets no mail, either."""
        lab = self._lab
        if not isinstance(lab, HasHooks) or not self._drill.faults:
            return False
        reasons = {spec: lab.why_not(spec.node, spec.kind_text) for spec in self._drill.faults}
        if not all(reasons.values()):
            return False
        for spec, reason in reasons.items():
            _Broken(lab, spec, self._journal).give_up(reason)
        self.problems.append(f"nothing was sent: {next(iter(reasons.values()))}")
        return True

    @contextlib.contextmanager
    def _flows(self) -> Iterator[None]:
        """Have all flows send; at the end, wait for their last attempts.

        After an error nobody waits any more: an attempt may take a minute to fail.
        """
        # The time tells drills on one lab apart: no Message-ID is ever used twice. One for all
        # flows: senders forget what they learnt when another drill begins.
        drill = f"{self._drill.seed}.{time.monotonic_ns():x}"
        begin = time.monotonic() + _START_MARGIN_S
        started = []
        whole = False
        try:
            for flow in self._drill.flows:
                self._start(flow, begin, drill)
                started.append(flow)
            self.begun = begin
            self._journal.write("begun", begin=begin)
            yield
            whole = True
        finally:
            self._step("waiting for the last attempts", 1.0)
            for flow in started:
                self._stop(flow, wait=whole)

    def _start(self, flow: str, begin: float, drill: str) -> None:
        topology = self._lab.topology
        settings = topology.flows[flow]
        for load in loads_of(topology, self._drill, flow):
            self._lab.control(load.node)(
                "start",
                drill=drill,
                flow=flow,
                persona=settings.persona,
                host=settings.to,
                port=settings.port,
                rate=load.rate,
                sender=load.address,
                recipient=topology.recipient(flow),
                size=settings.size,
                begin=begin,
                most=load.most,
                population=settings.population,
                pin=settings.pin or "",
                sorts=dict(load.sorts),
            )

    def _stop(self, flow: str, *, wait: bool) -> None:
        # What is due before this moment is tried: whoever judges computes the same schedule.
        self._journal.write("stop", flow=flow)
        for load in loads_of(self._lab.topology, self._drill, flow):
            stop = self._lab.control(load.node)
            lacks = stop("stop", timeout_s=_LAST_ATTEMPTS_S, flow=flow, wait=wait)
            if lacks:
                self.problems.append(f"{load.node} could not write into its journal: {lacks}")

    def _acts(self, heals: contextlib.ExitStack) -> list[tuple[float, Callable[[], None]]]:
        """Injections and heals in the order of their times, field seconds from the begin."""
        acts: list[tuple[float, Callable[[], None]]] = []
        for spec in self._drill.faults:
            broken = _Broken(self._lab, spec, self._journal)
            self._broken.append(broken)
            heals.callback(broken.heal)
            acts.append((spec.start_s, functools.partial(self._inject, broken)))
            if not spec.for_good:
                acts.append((spec.end_s, broken.heal))
        return sorted(acts, key=lambda act: act[0])

    def _inject(self, broken: _Broken) -> None:
        self._step(f"{broken.spec.node} {broken.fault.summary}", self._done())
        if isinstance(self._lab, RunsElsewhere) and not self._is_anything_broken:
            assert self.begun is not None
            if problem := self._lab.unsteady(self.begun):
                broken.give_up(f"the steady state did not hold: {problem}")
                return
        self._is_anything_broken = True
        broken.inject()

    def _until(self, field_s: float) -> None:
        assert self.begun is not None
        moment = self.begun + field_s / self._lab.topology.clock
        sleep_until(moment, tick=lambda: self._step("", self._done()))

    def _done(self) -> float:
        return max(0.0, min(1.0, self._passed() / self._drill.length_s))

    def _passed(self) -> float:
        """Field seconds since the workload began."""
        assert self.begun is not None
        return (time.monotonic() - self.begun) * self._lab.topology.clock

    def _step(self, stage: str, done: float) -> None:
        self._observe(Step(self._drill.name, stage, done))

    def _drain(self) -> None:
        """Wait until nothing is queued, or the time for it is over; then look into each queue."""
        gone = {
            broken.spec.node
            for broken in self._broken
            if broken.in_force and broken.spec.for_good and takes_away(broken.spec.kind)
        }
        queueing = [
            node for node in self._lab.queueing if node not in gone and self._lab.alive(node)
        ]
        deadline_s = self._drill.settle_s / self._lab.topology.clock

        def empty() -> bool:
            self._step("letting the queues drain", 1.0)
            if not all(self._is_empty(node) for node in queueing):
                return False
            if isinstance(self._lab, RunsElsewhere) and self._lab.outstanding():
                return False
            return not self._is_to_be_resubmitted(queueing, gone)

        with contextlib.suppress(WaitTimeout):  # what is left is in the account, as queued
            wait_for(empty, what="all queues to drain", deadline_s=deadline_s)
        for node in queueing:
            try:
                self._lab.control(node)("queue")
            except ControlError as error:
                self.problems.append(f"the queue of {node} could not be read: {error}")

    def _is_empty(self, node: str) -> bool:
        """Whether a node says that it queues nothing; one that cannot be asked may yet answer."""
        try:
            return not self._lab.control(node)("queue_length")
        except ControlError:
            return False

    def _is_to_be_resubmitted(self, queueing: list[str], gone: set[str]) -> bool:
        """Whether a hub keeps copies for one that is gone, and has not delivered them yet."""
        if not gone:
            return False
        hubs = self._lab.topology.hubs
        fakes = [node for node in queueing if node in hubs and hubs[node].kind == "fake"]
        try:
            return any(gone & set(self._lab.control(hub)("shadows")) for hub in fakes)
        except ControlError:  # it may yet answer
            return True


class _Broken:
    """One fault of a plan on its way from whole to broken and back; it heals at most once."""

    def __init__(self, lab: Lab, spec: FaultSpec, journal: Journal) -> None:
        self.spec = spec
        self.fault = faults.make_for(lab, spec.kind, spec.phase)
        self._lab = lab
        self._journal = journal
        self.in_force = False

    def give_up(self, reason: str) -> None:
        """Leave the node whole, and journal why."""
        self._journal.write(
            "inject", fault=self.spec.label, kind=self.spec.kind, node=self.spec.node
        )
        self._journal.write("not-injected", fault=self.spec.label, reason=reason)

    def inject(self) -> None:
        """Break the node; what this lab cannot do is journalled, and leaves it whole."""
        spec = self.spec
        by_hook = isinstance(self._lab, HasHooks)
        self._journal.write(
            "inject", fault=spec.label, kind=spec.kind, node=spec.node, by_hook=by_hook
        )
        self.in_force = True
        try:
            self.fault.inject(self._lab, spec.node)
        except CapabilityMissing as error:
            self.in_force = False
            self._journal.write("not-injected", fault=spec.label, reason=str(error))
            return
        self._journal.write("injected", fault=spec.label)

    def heal(self) -> None:
        """Put it right, if it is broken.

        Raises:
            HarnessError: It stays broken.
        """
        if not self.in_force:
            return
        self._journal.write("heal", fault=self.spec.label)
        try:
            self.fault.heal(self._lab, self.spec.node)
        except HarnessError as error:
            raise HarnessError(f"{self.spec.label} could not be healed: {error}") from error
        self.in_force = False
        self._journal.write("healed", fault=self.spec.label)

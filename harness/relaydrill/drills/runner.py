"""The one function that runs a drill, and the workload that it sends."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from relaydrill import clock
from relaydrill.drills.checks import all_checks
from relaydrill.drills.judge import judge
from relaydrill.drills.loads import loads_of
from relaydrill.drills.model import Drill
from relaydrill.drills.record import RunDirectory
from relaydrill.drills.result import Judgement
from relaydrill.drills.stall import watched
from relaydrill.drivers.base import FollowsLogs, Lab, RunsElsewhere
from relaydrill.faults import FaultSpec
from relaydrill.injection import Injections, drain
from relaydrill.journal import Journal
from relaydrill.wait import sleep_until

_START_MARGIN_S: Final = 0.05
_LAST_ATTEMPTS_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Step:
    """Where a drill stands, for a display.

    Attributes:
        drill: Its name.
        stage: What happens now, a few words.
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
        drill: What to do.
        directory: Where to write; see `relaydrill.drills.record`.
        observe: Told of every step.

    Raises:
        HarnessError: The lab could not be driven, or a fault could not be healed.
        UsageError: The directory is not empty, or what another package adds cannot be loaded.
    """
    all_checks()  # one that cannot be loaded is told now, not when the mail is over
    run = RunDirectory(directory)
    run.save_inputs(lab.topology, drill, lab.driver, lab.remarks)
    offsets = {node: _size(lab.journal(node)) for node in lab.topology.nodes}
    with run.harness_journal() as journal:
        conductor = _Conductor(lab, drill, journal, observe)

        def take_stock() -> None:
            for node, offset in offsets.items():
                run.save_slice(node, lab.journal(node), offset)

        try:
            with watched(run.machine_path):
                conductor.conduct(take_stock)
            if conductor.begun is not None:
                journal.write("over", length_s=drill.length_s)
        finally:
            problems = (*conductor.problems, *_new_deaths(lab, conductor.deaths_before))
            # What the logs told meanwhile may have settled what was to be said before.
            run.save_outcome(drill, lab.driver, conductor.begun, problems, lab.remarks)
            journal.write("saved", files=run.inputs())
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
        self._injections = Injections(lab, journal, drill.seed)

    def conduct(self, take_stock: Callable[[], None]) -> None:
        """Carry the drill out.

        Args:
            take_stock: Called when all mail has come to rest, and before what is broken for good is
                healed: what a node does when it comes back is not part of the account.
        """
        if isinstance(self._lab, RunsElsewhere):
            self._journal.write("sight", **self._lab.begin())
        if self._can_break_nothing():
            take_stock()
            self.stock_is_taken = True
            return
        with contextlib.ExitStack() as heals:
            heals.callback(self._injections.heal)
            with self._flows():
                last = 0.0
                for moment, act in self._acts():
                    self._until(moment)
                    act()
                    last = moment
                # Healing takes its time, too: what was planned after it is not to be cut short.
                rest = self._drill.length_s - last
                self._until(max(self._drill.length_s, self._passed() + rest if last else 0.0))
            self._step("letting the queues drain", 1.0)
            self._drain()
            if isinstance(self._lab, RunsElsewhere):  # what could not be read is known only now
                self._journal.write("sight", **self._lab.sight())
            take_stock()
            self.stock_is_taken = True

    def _can_break_nothing(self) -> bool:
        """Whether no fault can be done to somebody else's lab: then it gets no mail, either."""
        reasons = {spec: self._injections.hindrance(spec) for spec in self._drill.faults}
        if not reasons or not all(reasons.values()):
            return False
        for spec, reason in reasons.items():
            self._injections.refuse(spec, reason)
        self.problems.append(f"nothing was sent: {next(iter(reasons.values()))}")
        return True

    @contextlib.contextmanager
    def _flows(self) -> Iterator[None]:
        """Have all flows send; at the end, wait for their last attempts.

        After an error nobody waits any more: an attempt may take a minute to fail.
        """
        # The time tells drills on one lab apart: no Message-ID is ever used twice. One for all
        # flows: senders forget what they learnt when another drill begins.
        drill = f"{self._drill.seed}.{int(clock.monotonic() * 1e9):x}"
        begin = clock.monotonic() + _START_MARGIN_S
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
            try:
                self._step("waiting for the last attempts", 1.0)
            finally:  # whoever is told may end the drill, and its flows all the same
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
                retry_s=None if settings.retry is None else settings.retry / topology.clock,
            )

    def _stop(self, flow: str, *, wait: bool) -> None:
        # What is due before this moment is tried: whoever judges computes the same schedule.
        self._journal.write("stop", flow=flow)
        for load in loads_of(self._lab.topology, self._drill, flow):
            stop = self._lab.control(load.node)
            lacks = stop("stop", timeout_s=_LAST_ATTEMPTS_S, flow=flow, wait=wait)
            if lacks:
                self.problems.append(f"{load.node} could not write into its journal: {lacks}")

    def _acts(self) -> list[tuple[float, Callable[[], None]]]:
        """Injections and heals in the order of their times, field seconds from the begin.

        At the same moment heals come first: what is healed then may be broken anew.
        """
        acts: list[tuple[float, bool, Callable[[], None]]] = []
        for spec in self._drill.faults:
            acts.append((spec.start_s, True, functools.partial(self._inject, spec)))
            if not spec.for_good:
                acts.append((spec.end_s, False, functools.partial(self._heal, spec)))
        return [(moment, act) for moment, _, act in sorted(acts, key=lambda act: act[:2])]

    def _inject(self, spec: FaultSpec) -> None:
        self._step(f"{spec.node} {spec.fault.summary}", self._done())
        assert self.begun is not None
        self._injections.inject(spec, self.begun)

    def _heal(self, spec: FaultSpec) -> None:
        for each in self._injections.in_force:
            if each.spec is spec:
                each.heal()

    def _until(self, field_s: float) -> None:
        assert self.begun is not None
        moment = self.begun + field_s / self._lab.topology.clock
        sleep_until(moment, tick=self._tick)

    def _tick(self) -> None:
        self._step("", self._done())
        if isinstance(self._lab, FollowsLogs):
            self._lab.keep_up()

    def _done(self) -> float:
        return max(0.0, min(1.0, self._passed() / self._drill.length_s))

    def _passed(self) -> float:
        """Field seconds since the workload began."""
        assert self.begun is not None
        return (clock.monotonic() - self.begun) * self._lab.topology.clock

    def _step(self, stage: str, done: float) -> None:
        self._observe(Step(self._drill.name, stage, done))

    def _drain(self) -> None:
        """Wait until nothing is queued, or the time for it is over; then look into each queue."""
        self.problems += drain(
            self._lab,
            self._drill.settle_s / self._lab.topology.clock,
            gone=self._injections.gone,
            tick=lambda: self._step("letting the queues drain", 1.0),
        )

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
from relaydrill.drills.judge import Judgement, judge
from relaydrill.drills.model import Drill, FaultSpec
from relaydrill.drills.record import RunDirectory
from relaydrill.drivers.base import Lab
from relaydrill.errors import CapabilityMissing, ControlError, HarnessError, WaitTimeout
from relaydrill.journal import Journal
from relaydrill.message import BLOCKED, SPAM, UNKNOWN, WANTED
from relaydrill.topology import Flow
from relaydrill.wait import sleep_until, wait_for

_START_MARGIN_S: Final = 0.05
_LAST_ATTEMPTS_S: Final = 120.0
_SPARE_ATTEMPTS: Final = 3.0


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
        try:
            conductor.conduct()
        finally:
            problems = (*conductor.problems, *_new_deaths(lab, conductor.deaths_before))
            run.save_outcome(drill, lab.driver, conductor.begun, problems)
            for node, offset in offsets.items():
                run.save_slice(node, lab.journal(node), offset)
    judgement = judge(directory)
    run.save_verdict(judgement.document())
    return judgement


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _new_deaths(lab: Lab, before: int) -> list[str]:
    return [f"a node ended by itself: {death}" for death in lab.deaths()[before:]]


class _Conductor:
    """One drill's course: start the flows, break, heal, stop, let the queues drain."""

    def __init__(self, lab: Lab, drill: Drill, journal: Journal, observe: Observer) -> None:
        self.begun: float | None = None
        self.problems: list[str] = []
        self.deaths_before = len(lab.deaths())
        self._lab = lab
        self._drill = drill
        self._journal = journal
        self._observe = observe

    def conduct(self) -> None:
        """Carry the drill out."""
        with contextlib.ExitStack() as heals, self._flows():
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

    @contextlib.contextmanager
    def _flows(self) -> Iterator[None]:
        """Have all flows send; at the end, wait for their last attempts.

        After an error nobody waits any more: an attempt may take a minute to fail.
        """
        begin = time.monotonic() + _START_MARGIN_S
        started = []
        whole = False
        try:
            for flow in self._drill.flows:
                self._start(flow, begin)
                started.append(flow)
            self.begun = begin
            yield
            whole = True
        finally:
            self._step("waiting for the last attempts", 1.0)
            for flow in started:
                self._stop(flow, wait=whole)

    def _start(self, flow: str, begin: float) -> None:
        topology = self._lab.topology
        settings = topology.flows[flow]
        length_s = self._drill.length_s / topology.clock
        for sender, share in _loads(settings):
            rate = settings.rate * sum(share.values())
            self._lab.control(sender)(
                "start",
                # The time tells drills on one lab apart: no Message-ID is ever used twice.
                drill=f"{self._drill.seed}.{time.monotonic_ns():x}",
                flow=flow,
                persona=settings.persona,
                host=settings.to,
                port=settings.port,
                rate=rate,
                sender=f"{sender}@{topology.domains[0]}",
                recipient=topology.recipient(flow),
                size=settings.size,
                begin=begin,
                most=int(length_s * rate * _SPARE_ATTEMPTS) + 1,
                population=settings.population,
                pin=settings.pin or "",
                sorts=share,
            )

    def _stop(self, flow: str, *, wait: bool) -> None:
        for sender, _ in _loads(self._lab.topology.flows[flow]):
            self._lab.control(sender)("stop", timeout_s=_LAST_ATTEMPTS_S, flow=flow, wait=wait)

    def _acts(self, heals: contextlib.ExitStack) -> list[tuple[float, Callable[[], None]]]:
        """Injections and heals in the order of their times, field seconds from the begin."""
        acts: list[tuple[float, Callable[[], None]]] = []
        for spec in self._drill.faults:
            broken = _Broken(self._lab, spec, self._journal)
            heals.callback(broken.heal)
            acts.append((spec.start_s, functools.partial(self._inject, broken)))
            acts.append((spec.end_s, broken.heal))
        return sorted(acts, key=lambda act: act[0])

    def _inject(self, broken: _Broken) -> None:
        self._step(f"{broken.spec.node} {broken.fault.summary}", self._done())
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
        queueing = [node for node in self._lab.topology.queueing if self._lab.alive(node)]
        deadline_s = self._drill.settle_s / self._lab.topology.clock

        def empty() -> bool:
            self._step("letting the queues drain", 1.0)
            return not any(self._lab.control(node)("queue_length") for node in queueing)

        with contextlib.suppress(WaitTimeout):  # what is left is in the account, as queued
            wait_for(empty, what="all queues to drain", deadline_s=deadline_s)
        for node in queueing:
            try:
                self._lab.control(node)("queue")
            except ControlError as error:
                self.problems.append(f"the queue of {node} could not be read: {error}")


def _loads(flow: Flow) -> Iterator[tuple[str, dict[str, float]]]:
    """Who sends what of a flow: the sending node, and the share of each sort that comes from it."""
    mix = flow.mix
    shares = {WANTED: mix.wanted, UNKNOWN: mix.unknown, SPAM: mix.spam}
    yield flow.sender, {sort: share for sort, share in shares.items() if share}
    if flow.blocked_from and mix.blocked:
        yield flow.blocked_from, {BLOCKED: mix.blocked}


class _Broken:
    """One fault of a plan on its way from whole to broken and back; it heals at most once."""

    def __init__(self, lab: Lab, spec: FaultSpec, journal: Journal) -> None:
        self.spec = spec
        self.fault = faults.make(spec.kind, spec.phase)
        self._lab = lab
        self._journal = journal
        self._in_force = False

    def inject(self) -> None:
        """Break the node; what this lab cannot do is journalled, and leaves it whole."""
        spec = self.spec
        self._journal.write("inject", fault=spec.label, kind=spec.kind, node=spec.node)
        self._in_force = True
        try:
            self.fault.inject(self._lab, spec.node)
        except CapabilityMissing as error:
            self._in_force = False
            self._journal.write("not-injected", fault=spec.label, reason=str(error))
            return
        self._journal.write("injected", fault=spec.label)

    def heal(self) -> None:
        """Put it right, if it is broken.

        Raises:
            HarnessError: It stays broken.
        """
        if not self._in_force:
            return
        self._journal.write("heal", fault=self.spec.label)
        try:
            self.fault.heal(self._lab, self.spec.node)
        except HarnessError as error:
            raise HarnessError(f"{self.spec.label} could not be healed: {error}") from error
        self._in_force = False
        self._journal.write("healed", fault=self.spec.label)

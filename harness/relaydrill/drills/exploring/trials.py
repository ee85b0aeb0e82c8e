"""Plans tried in simulated labs, by programs beside this one: such a lab computes all the time.

Each program is given the topology once, and then one plan after the other; it answers with what
the drill came to. They speak in pickles over pipes, with nobody else.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import selectors
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Protocol, Self, cast

from relaydrill.drills.drill_plan import plan
from relaydrill.drills.exploring.exploration import Plan
from relaydrill.drills.family import RATE
from relaydrill.drills.own_lab import run_in_own_lab
from relaydrill.drills.result import Judgement
from relaydrill.drivers.catalogue import SIMULATE, lab_maker
from relaydrill.errors import HarnessError, RelaydrillError
from relaydrill.topology import Topology
from relaydrill.verdict import Status, Verdict

_BY_CHANCE: Final = RATE / 10_000
"""A test that fails with a p above this may have failed by chance: a search makes thousands."""

_END_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a plan came to.

    Attributes:
        status: The drill's; unknown, too, where chance alone may have failed it.
    """

    status: Status


class Trials(Protocol):
    """What tries plans."""

    def outcomes(self, plans: Iterable[Plan]) -> Iterator[tuple[Plan, Outcome]]:
        """Try plans, and give what each came to, in their order.

        Raises:
            HarnessError: A drill could not be run.
        """


@dataclass(frozen=True)
class Task:
    """What a program is given first.

    Attributes:
        topology: On which plans are tried.
        flows: Which send; empty: those that pass what is broken.
        seed: Of every drill.
        folder: Where it may write; it leaves nothing there.
    """

    topology: Topology
    flows: tuple[str, ...]
    seed: int
    folder: Path

    def drilled(self, tried: Plan, directory: Path) -> Judgement:
        """Run a plan as the drill that it is, in a simulated lab of this thread.

        Raises:
            HarnessError: The lab failed.
            UsageError: The directory is not empty.
        """
        drill = plan(self.topology, faults=tried, flows=self.flows, seed=self.seed)
        make = lab_maker(SIMULATE)
        return run_in_own_lab(make, self.topology, drill, directory, lambda _step: None)

    def outcome(self, tried: Plan) -> Outcome:
        """What a plan comes to; of its evidence nothing stays.

        Raises:
            HarnessError: The lab failed.
        """
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            return Outcome(status_of(self.drilled(tried, Path(folder) / "run")))


def status_of(judgement: Judgement) -> Status:
    """A drill's verdict; one that fails by what chance may do in thousands of drills is unknown."""
    failed = [
        check for flow in judgement.flows for check in flow.checks if check.counts_as is Status.FAIL
    ]
    if failed and all(map(_may_be_chance, failed)):
        return Status.UNKNOWN
    return judgement.status


def _may_be_chance(check: Verdict) -> bool:
    p = check.figures.get("p")
    return p is not None and p > _BY_CHANCE


class SideBySide:
    """Programs that try plans, so many at a time. A context manager: they end with it.

    Args:
        topology: On which plans are tried.
        flows: Which send.
        seed: Of every drill.
        at_once: How many programs.
    """

    def __init__(
        self, topology: Topology, *, flows: tuple[str, ...], seed: int, at_once: int
    ) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="relaydrill-explore-"))
        self._task = Task(topology, flows, seed, self._folder)
        self._at_once = at_once
        self._programs: list[_Program] = []

    def __enter__(self) -> Self:
        try:
            self._programs += [_Program(self._task) for _ in range(self._at_once)]
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def _end(self) -> None:
        for program in self._programs:
            program.end()
        shutil.rmtree(self._folder, ignore_errors=True)

    def outcomes(self, plans: Iterable[Plan]) -> Iterator[tuple[Plan, Outcome]]:
        """Try plans, as many at a time as there are programs; see `Trials`.

        What is still tried when the caller has heard enough is waited for, and not told.

        Raises:
            HarnessError: A drill could not be run, or a program ended.
        """
        ahead = iter(plans)
        order: list[Plan] = []
        told: dict[Plan, Outcome] = {}
        busy: dict[_Program, Plan] = {}
        try:
            while True:
                for program in self._programs:
                    if program not in busy and (tried := next(ahead, None)) is not None:
                        program.ask(tried)
                        busy[program] = tried
                        order.append(tried)
                while order and order[0] in told:
                    first = order.pop(0)
                    yield first, told.pop(first)
                if not busy:
                    return
                for program in _answering(busy):
                    told[busy.pop(program)] = program.answer()
        except GeneratorExit:
            for program in busy:
                with contextlib.suppress(RelaydrillError):
                    program.answer()
            raise


def _answering(programs: Iterable[_Program]) -> list[_Program]:
    """Those of some programs that have answered, once one has."""
    with selectors.DefaultSelector() as asked:
        for program in programs:
            asked.register(program.answers, selectors.EVENT_READ, program)
        return [key.data for key, _ in asked.select()]


class _Program:
    """One program that tries plans.

    Args:
        task: What it is given first.
    """

    def __init__(self, task: Task) -> None:
        # Of a process group of its own: Ctrl-C is for this program, which ends that one.
        self._process = subprocess.Popen(
            # -P: what lies in the current folder is none of its modules.
            [sys.executable, "-P", "-c", f"from {__name__} import main; main()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=0,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._asked: IO[bytes] = self._process.stdin
        self.answers: IO[bytes] = self._process.stdout
        self._say(task)

    def ask(self, tried: Plan) -> None:
        """Have it try a plan.

        Raises:
            HarnessError: It has ended.
        """
        self._say(tried)

    def _say(self, what: object) -> None:
        try:
            pickle.dump(what, self._asked)
            self._asked.flush()
        except OSError:
            raise _ended() from None

    def answer(self) -> Outcome:
        """Wait for what the plan came to.

        Raises:
            HarnessError: The drill could not be run, or it has ended.
        """
        try:
            found = pickle.load(self.answers)
        except (EOFError, OSError, pickle.UnpicklingError):
            raise _ended() from None
        if isinstance(found, str):
            raise HarnessError(found)
        return cast("Outcome", found)

    def end(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        for file in (self._asked, self.answers):
            with contextlib.suppress(OSError):
                file.close()
        self._process.wait(_END_S)


def _ended() -> HarnessError:
    return HarnessError(
        "a program that tries plans ended before it had answered; what it said stands above"
    )


def _serve(asked: IO[bytes], answers: IO[bytes]) -> None:
    """Try what is asked for, until nobody asks any more."""
    task = pickle.load(asked)
    assert isinstance(task, Task)
    while True:
        try:
            tried = pickle.load(asked)
        except EOFError:
            return
        try:
            found: Outcome | str = task.outcome(tried)
        except RelaydrillError as error:
            found = f"the drill of {' '.join(tried)} could not be run: {error}"
        pickle.dump(found, answers)
        answers.flush()


def main() -> None:
    """Be such a program: standard input asks, standard output answers, and nothing else prints."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with contextlib.suppress(BrokenPipeError):
        _serve(sys.stdin.buffer, answers)

"""The search: which plans are tried, and when it is over."""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from relaydrill import clock
from relaydrill.drills.exploring.drawing import Drawing
from relaydrill.drills.exploring.exploration import Exploration, Found, Plan
from relaydrill.drills.exploring.space import Space
from relaydrill.drills.exploring.trials import SideBySide, Task, Trials
from relaydrill.faults import FaultText
from relaydrill.fresh import make_fresh
from relaydrill.topology import Topology
from relaydrill.verdict import Status


class _TimeIsUp(BaseException):
    """No plan is tried any more. No `Exception`: Hypothesis would take that for a find."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a search is over.

    Attributes:
        budget_s: After so many seconds of the wall clock, making smaller included.
        plans: After so many plans, making smaller left out; None: with the time.
    """

    budget_s: float
    plans: int | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a search stands, for a display.

    Attributes:
        tried: How many plans came to what.
        elapsed_s: Seconds of the wall clock since it began.
        limits: When it is over.
        best: The smallest plan that breaks a promise so far; None: none.
        is_new: Whether that has just been found.
    """

    tried: dict[Status, int]
    elapsed_s: float
    limits: Limits
    best: Plan | None = None
    is_new: bool = False


Observer = Callable[[Progress], object]


@dataclass
class Search:
    """One search.

    Attributes:
        space: What plans are drawn from.
        seed: Of the search, and of every drill.
        limits: When it is over.
        trials: Tries plans.
        observe: Told of every plan that was tried.
        known: What every plan came to that was tried, in their order.
        first: The plan that was found first; None: none.
        best: The smallest that was found.
        is_smallest: Whether all was tried that might make it smaller.
        is_exhausted: Whether every plan that there is was tried.
        elapsed_s: Seconds of the wall clock that it took.
    """

    space: Space
    seed: int
    limits: Limits
    trials: Trials
    observe: Observer
    known: dict[Plan, Status] = field(default_factory=dict)
    first: Plan | None = None
    best: Plan | None = None
    is_smallest: bool = False
    is_exhausted: bool = False
    elapsed_s: float = 0.0

    def run(self) -> None:
        """Try plans until one breaks a promise, and make that smaller; or until the time is up.

        Raises:
            UsageError: Hypothesis is not installed.
            HarnessError: A drill could not be run.
        """
        self._begun = clock.monotonic()
        drawing = Drawing(self.space, self.seed)
        found = self._first_of(drawing)
        if found is not None:
            self.first = self.best = found
            # Of the plan in which nothing is broken nothing can be left out.
            with contextlib.suppress(_TimeIsUp):
                self.best = drawing.smallest(found, self._breaks) if found else found
                self.is_smallest = True
        self.elapsed_s = self._elapsed()

    def _elapsed(self) -> float:
        return clock.monotonic() - self._begun

    def _first_of(self, drawing: Drawing) -> Plan | None:
        """The first plan that breaks a promise; that in which nothing is broken goes before all."""
        drawn = 0

        def ahead() -> Iterator[Plan]:
            nonlocal drawn
            for each in itertools.chain([()], itertools.islice(drawing, self.limits.plans)):
                if self._elapsed() >= self.limits.budget_s:
                    return
                drawn += 1
                yield each
            self.is_exhausted = self.limits.plans is None or drawn <= self.limits.plans

        for tried, outcome in self.trials.outcomes(ahead()):
            self._note(tried, outcome.status)
            if outcome.status is Status.FAIL:
                self.is_exhausted = False
                return tried
        return None

    def _breaks(self, asked: Plan) -> bool:
        """Whether a plan breaks a promise.

        Raises:
            _TimeIsUp: It has not been tried, and there is no time for it.
        """
        if asked not in self.known:
            if self._elapsed() >= self.limits.budget_s:
                raise _TimeIsUp
            for tried, outcome in self.trials.outcomes([asked]):
                self._note(tried, outcome.status)
        return self.known[asked] is Status.FAIL

    def _note(self, tried: Plan, status: Status) -> None:
        """Keep what a plan came to; of those that break a promise, the last with fewest faults."""
        self.known[tried] = status
        is_new = status is Status.FAIL and (self.best is None or len(tried) <= len(self.best))
        if is_new:
            self.best = tried
        self.observe(Progress(counted(self.known), self._elapsed(), self.limits, self.best, is_new))


def counted(known: dict[Plan, Status]) -> dict[Status, int]:
    """How many plans came to what, in the order in which people are told."""
    found = Counter(known.values())
    return {each: found[each] for each in (Status.PASS, Status.UNKNOWN, Status.FAIL)}


def explore(
    topology: Topology,
    space: Space,
    limits: Limits,
    directory: Path,
    *,
    seed: int,
    at_once: int,
    called: str = "",
    observe: Observer = lambda _progress: None,
) -> Exploration:
    """Search for the smallest plan that breaks a promise, and keep the evidence of that.

    Args:
        topology: Whose promises.
        space: What plans are drawn from.
        limits: When the search is over.
        directory: Where the evidence goes; must not exist, or be empty.
        seed: Of the search, and of every drill.
        at_once: How many programs try plans.
        called: What a command line calls the topology; by default its name.
        observe: Told of every plan that was tried.

    Raises:
        UsageError: Hypothesis is not installed, or the directory is not empty.
        CapabilityMissing: The topology has what cannot be simulated.
        HarnessError: A drill could not be run.
    """
    from relaydrill.drivers.simulate.lab import not_to_be_simulated

    if missing := not_to_be_simulated(topology):
        raise missing
    make_fresh(directory)
    task = Task(topology, space.flows, seed, directory)
    with SideBySide(topology, flows=space.flows, seed=seed, at_once=at_once) as trials:
        search = Search(space, seed, limits, trials, observe)
        search.run()
    found = None
    if search.first is not None and search.best is not None:
        # The caller's own thread may have a simulated lab, and no thread has two.
        with ThreadPoolExecutor(1) as thread:
            judgement = thread.submit(task.drilled, search.best, directory / "found").result()
        found = Found(search.best, search.first, search.is_smallest, judgement)
    broken = {plan: {FaultText.parse(text) for text in plan} for plan in search.known}
    tried = {f"{each.kind_text}:{each.node}" for plan in broken.values() for each in plan}
    pairs = {
        frozenset(two)
        for plan in broken.values()
        for two in combinations(sorted({each.node for each in plan}), 2)
    }
    return Exploration(
        topology=topology.name,
        called=called or topology.name,
        directory=directory,
        flows=space.flows,
        most=space.most,
        seed=seed,
        tried=counted(search.known),
        survived=sum(bool(each) and came is Status.PASS for each, came in search.known.items()),
        elapsed_s=search.elapsed_s,
        is_exhausted=search.is_exhausted,
        untried=tuple(each for each in space.labels if each not in tried),
        pairs=len(pairs),
        all_pairs=len(space.pairs),
        left_out=space.left_out,
        found=found,
    )

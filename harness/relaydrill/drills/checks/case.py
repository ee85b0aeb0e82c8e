"""What a check looks at, and what it may say about failed attempts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from relaydrill.drills.model import Drill, FaultSpec
from relaydrill.ledger import Attempt, FaultWindow, Ledger
from relaydrill.schedule import LONGEST_STEP
from relaydrill.topology import Expect, Topology
from relaydrill.verdict import Verdict


@dataclass(frozen=True)
class Case:
    """What a check looks at: one flow of one drill, and what failed in the harness meanwhile."""

    topology: Topology
    drill: Drill
    flow: str
    ledger: Ledger
    problems: tuple[str, ...] = ()

    @cached_property
    def attempts(self) -> list[Attempt]:
        """The flow's attempts, by the time at which they began."""
        return self.ledger.attempts(self.flow)

    @property
    def expect(self) -> Expect:
        """What the flow promises."""
        return self.topology.expectation(self.flow)

    @property
    def clock(self) -> float:
        """Field seconds in a wall second."""
        return self.topology.clock

    @property
    def resolution_s(self) -> float:
        """Longest field time between two attempts: no gap is known more exactly.

        It varies, so that flows do not go in lockstep; see `relaydrill.schedule`.
        """
        return LONGEST_STEP * self.clock / self.topology.flows[self.flow].wanted_rate

    def window(self, spec: FaultSpec) -> FaultWindow | None:
        """When a fault of the plan was in force; None if the harness never got to it."""
        # A plan may break the same node in the same way twice; both lists are in order of time.
        specs = sorted(self.drill.faults, key=lambda each: each.start_s)
        turn = [each for each in specs if each.label == spec.label].index(spec)
        windows = [each for each in self.ledger.faults if each.label == spec.label]
        return windows[turn] if turn < len(windows) else None

    @cached_property
    def broken_from(self) -> float | None:
        """Monotonic time at which the first fault began to be injected."""
        return min((window.inject for window in self.ledger.faults), default=None)

    def served(self, attempt: Attempt) -> bool:
        """Whether an attempt was accepted, and as soon as the flow promises."""
        if not attempt.accepted or attempt.ended is None:
            return False
        return (attempt.ended - attempt.started) * self.clock <= self.expect.degraded_s

    @cached_property
    def uncertainty_s(self) -> float:
        """How exactly a time is known: the spacing of the attempts, and the lateness of any."""
        late_s = max((attempt.late_s for attempt in self.attempts), default=0.0)
        return self.resolution_s + late_s * self.clock


Check = Callable[[Case], Verdict | None]


def said(bad: list[Attempt]) -> str:
    """What failed attempts were told, the most frequent first."""
    counts = Counter(_told(attempt) for attempt in bad)
    return "; ".join(f"{count}x {said}" for said, count in counts.most_common(3))


def _told(attempt: Attempt) -> str:
    return "accepted late" if attempt.accepted else attempt.said

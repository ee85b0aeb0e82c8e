"""What a check looks at, and what it may say about failed attempts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from relaydrill.drills.model import Drill, FaultSpec
from relaydrill.ledger import Attempt, Attempts, FaultWindow, Ledger, Stall
from relaydrill.schedule import LONGEST_STEP
from relaydrill.sentences import failed_or_late
from relaydrill.smtp import NO_SUCH_NAME, REFUSED
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
    def attempts(self) -> Attempts:
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

    def only_broken(self, window: FaultWindow) -> bool:
        """Whether nothing else was broken meanwhile, so that what went wrong is its doing."""
        end = window.heal or float("inf")
        return all(
            each is window or each.inject >= end or (each.heal or float("inf")) <= window.inject
            for each in self.ledger.faults
        )

    @cached_property
    def unserved(self) -> list[Attempt]:
        """The attempts that were not accepted, or not as soon as the flow promises."""
        return self.attempts.unserved(self.expect.degraded_s, self.clock)

    @cached_property
    def acceptance(self) -> str:
        """Why the topology's author accepts that this drill's faults stop the flow; or empty."""
        broken = frozenset(spec.node for spec in self.drill.faults)
        found = self.topology.acceptance(broken, self.flow)
        return found.reason if found else ""

    def stalled_s(self, begin: float, end: float) -> float:
        """For how much of a time the machine itself stood still, or starved; wall seconds."""
        return sum(_common_s(each, begin, end) for each in self._stalls)

    def taken_s(self, begin: float, end: float) -> float:
        """What is to be taken out of a time because of the machine, before it counts as too long.

        The whole of a stall, unless an attempt met a refusal in it: the tier did answer then, and
        it answered no. Of such a stall it is what a thing may have come later for it.
        """
        return sum(part * _common_s(each, begin, end) for each, part in self._parts)

    def stalled(self, attempt: Attempt) -> bool:
        """Whether an attempt's failure could be the work of the machine, not of the mail tier.

        On a machine that starves time runs out: for the sender, for the balancer, and for its
        checks, which then need a while to believe in their backends again. It makes no server
        refuse, and no listener vanish. And what hung for long is not excused by a moment of it.
        """
        if attempt.ended is None or _met_refusal(attempt):
            return False
        begun, ended, promised_s = attempt.started, attempt.ended, self.expect.degraded_s
        stalled_s = sum(_common_s(each, begun, ended) for each in self._aftermaths)
        if attempt.accepted:
            return stalled_s > 0 and (ended - begun - stalled_s) * self.clock <= promised_s
        return 0 < ended - begun <= 2 * stalled_s

    def settled(self, begin: float) -> float:
        """From when on, at or after a moment, the machine starved no more while attempts were made.

        Its balancers have had time since to believe in their backends again.
        """
        last = self.attempts.starts[-1] if self.attempts else begin
        ends = [each.end for each in self._aftermaths if each.end > begin and each.begin < last]
        return max([begin, *ends])

    @cached_property
    def _parts(self) -> list[tuple[Stall, float]]:
        """Each stall, and the part of it that is to be taken out."""
        refusals = [each.started for each in self.attempts.told(_met_refusal)]
        parts = []
        for each in self._stalls:
            refused = any(each.begin <= moment < each.end for moment in refusals)
            parts.append((each, each.lost_s / (each.end - each.begin) if refused else 1.0))
        return parts

    @cached_property
    def _stalls(self) -> list[Stall]:
        # What the author accepts is accepted whoever did it: there is no verdict to put in doubt.
        return [] if self.acceptance else _apart(self.ledger.stalls)

    @cached_property
    def _aftermaths(self) -> list[Stall]:
        balancers = self.topology.balancers.values()
        checks = [each.check.recovery_s for each in balancers if each.check.kind != "none"]
        after_s = max(checks, default=0.0) / self.clock
        return _apart(Stall(each.begin, each.end + after_s, each.lost_s) for each in self._stalls)

    @cached_property
    def uncertainty_s(self) -> float:
        """How exactly a time is known: the spacing of the attempts, and the lateness of any."""
        return self.resolution_s + self.attempts.latest_s * self.clock


Check = Callable[[Case], Verdict | None]


def _apart(stalls: Iterable[Stall]) -> list[Stall]:
    """The same time, in stalls that do not overlap; those that last no time are left out."""
    apart: list[Stall] = []
    for each in sorted(stalls, key=lambda stall: stall.begin):
        if apart and each.begin < (last := apart[-1]).end:
            end = max(last.end, each.end)
            apart[-1] = Stall(last.begin, end, min(last.lost_s + each.lost_s, end - last.begin))
        elif each.begin < each.end:
            apart.append(each)
    return apart


def _met_refusal(attempt: Attempt) -> bool:
    has_no_name = attempt.reason.endswith(NO_SUCH_NAME)
    return attempt.code >= 400 or attempt.reason == REFUSED or has_no_name


def _common_s(stall: Stall, begin: float, end: float) -> float:
    return max(0.0, min(end, stall.end) - max(begin, stall.begin))


def said(bad: list[Attempt]) -> str:
    """What failed attempts were told, the most frequent first."""
    counts = Counter(_told(attempt) for attempt in bad)
    return "; ".join(f"{count}x {said}" for said, count in counts.most_common(3))


def late_among(bad: list[Attempt]) -> int:
    """How many of these were accepted, only later than the flow promises."""
    return sum(attempt.accepted for attempt in bad)


def how_bad(bad: list[Attempt]) -> str:
    """``failed (5x 452 at mail)``, ``were late (5x accepted late)``, or both in one."""
    return f"{failed_or_late(len(bad), late_among(bad))} ({said(bad)})"


def _told(attempt: Attempt) -> str:
    return "accepted late" if attempt.accepted else attempt.said


def stood_still(stalled_s: float) -> str:
    """What a verdict says of the machine's own part in it; field seconds."""
    return f"; the machine itself starved, or stood still, for {stalled_s:.1f} s meanwhile"

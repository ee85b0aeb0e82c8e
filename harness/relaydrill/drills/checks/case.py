"""What a check looks at, and what it may say about failed attempts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from relaydrill.drills.checks.blame import Blame, Suspect
from relaydrill.drills.checks.doubt import Doubt
from relaydrill.drills.checks.holding import released, slowed
from relaydrill.drills.checks.restraint import Restraint
from relaydrill.drills.model import Drill
from relaydrill.faults import FaultSpec
from relaydrill.ledger import Attempt, Attempts, FaultWindow, Ledger, Named
from relaydrill.schedule import LONGEST_STEP
from relaydrill.sentences import failed_or_late
from relaydrill.topology import Expect, Topology
from relaydrill.topology.acceptances import acceptance_of, accepted_nodes
from relaydrill.topology.banners import named_in
from relaydrill.topology.paths import asked_by, front_of, takers_of, waits_for
from relaydrill.verdict import Verdict

_SLOW_S: Final = 0.1
"""Wall seconds that no attempt is called slow for: a busy machine's ups and downs."""


@dataclass(frozen=True)
class Case:
    """What a check looks at: one flow of one drill, and what failed in the harness meanwhile.

    Attributes:
        problems: What failed in the harness.
        minds_machine: Whether a starving machine may be an excuse.
        accepting: Whether what failed for an accepted fault alone counts as served.
        holes: What is missing of the evidence, a sentence each; see `relaydrill.drills.coverage`.
    """

    topology: Topology
    drill: Drill
    flow: str
    ledger: Ledger
    problems: tuple[str, ...] = ()
    minds_machine: bool = True
    accepting: bool = False
    holes: tuple[str, ...] = ()

    @cached_property
    def attempts(self) -> Attempts:
        """The flow's attempts, by the time at which they began."""
        return self.ledger.attempts(self.flow)

    @cached_property
    def named(self) -> Named:
        """Says which server a banner names; empty where that names none."""
        return named_in(self.topology)

    def answered_by(self, attempt: Attempt) -> str:
        """Which server an attempt was with, by its banner; empty where that names none."""
        return self.named(attempt.server)

    @cached_property
    def asked(self) -> frozenset[str]:
        """The name servers that are asked the way."""
        return asked_by(self.topology, self.flow)

    @cached_property
    def waits(self) -> dict[str, frozenset[str]]:
        """The nodes that each server waits for before it answers an attempt."""
        takers = takers_of(self.topology, self.flow)
        return {each: waits_for(self.topology, self.flow, each) for each in takers}

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

    def turn_of(self, window: FaultWindow) -> str:
        """``fault 3 of 20, kill:ht2@22s+3s``; empty where the drill has only one, or it is none."""
        specs = sorted(self.drill.faults, key=lambda each: each.start_s)
        number = next((n for n, spec in enumerate(specs, 1) if self.window(spec) is window), 0)
        if not number or len(specs) == 1:
            return ""
        return f"fault {number} of {len(specs)}, {specs[number - 1]}"

    @cached_property
    def broken_from(self) -> float | None:
        """Monotonic time at which the first fault that breaks something began to be injected.

        None where nothing was broken: what fails then is the tier's own.
        """
        broken = (each.window.inject for each in self.blame.suspects)
        return min(broken, default=None)

    def only_broken(self, window: FaultWindow) -> bool:
        """Whether nothing else was broken meanwhile, so that what went wrong is its doing."""
        end = window.heal or float("inf")
        return all(
            each is window or each.inject >= end or (each.heal or float("inf")) <= window.inject
            for each in self.ledger.faults
        )

    @cached_property
    def blame(self) -> Blame:
        """Which fault explains which attempt."""
        return Blame(self)

    @cached_property
    def restraint(self) -> Restraint:
        """Which attempts healthy servers put off for limits of their own."""
        return Restraint(self)

    @cached_property
    def doubt(self) -> Doubt:
        """What could have come out otherwise without the tier's doing."""
        if not self.minds_machine:
            return Doubt(self, (), {})
        sender = self.topology.flows[self.flow].sender
        nodes = {sender, *front_of(self.topology, self.flow)}
        return Doubt(self, self.ledger.stalls, {each: self.ledger.starved[each] for each in nodes})

    @cached_property
    def unserved(self) -> list[Attempt]:
        """The attempts that were not accepted, or not as soon as the flow promises.

        Those with a 4xx where the flow's senders come back are served; and those that only the heal
        of a broken node released, or that a slow one made wait, are not, however soon it was.
        """
        return [
            each
            for each in self._amiss
            if not self._is_deferral(each) and not self._is_agreed(each)
        ]

    @cached_property
    def _amiss(self) -> list[Attempt]:
        """The same, whoever comes back, and whatever the author accepts."""
        late = self.attempts.unserved(self.expect.late_s, self.clock)
        held = {_times_of(each): each for each in released(self)} | self._slowed
        found = [*late, *(held[each] for each in held.keys() - set(map(_times_of, late)))]
        return sorted(found, key=lambda each: each.started)

    @cached_property
    def _slowed(self) -> dict[tuple[float, float], Attempt]:
        """The attempts that a slow node made wait, by their times."""
        return {_times_of(each): each for each in slowed(self)}

    @cached_property
    def deferred(self) -> list[Attempt]:
        """The attempts that got a 4xx, where the flow's senders come back."""
        return [each for each in self.attempts.failed if self._is_deferral(each)]

    def _is_deferral(self, attempt: Attempt) -> bool:
        return self.expect.deferral and attempt.deferred

    def unseen_s(self, attempt: Attempt) -> float:
        """For how long after an attempt began mail may have gone on hanging unseen, wall seconds.

        Of those that a heal released the last were too quick to be told from the served ones.
        """
        is_late = (attempt.took_s or 0.0) * self.clock > self.expect.late_s
        is_told = is_late or _times_of(attempt) in self._slowed or not attempt.accepted
        return 0.0 if is_told else self.slow_s

    @cached_property
    def usual_s(self) -> float:
        """The longest of any attempt that was over before anything was broken, wall seconds."""
        until = self.broken_from or 0.0
        steady = self.attempts.between(float("-inf"), until)
        return max(steady.took_s(over_before=until), default=0.0)

    @property
    def slow_s(self) -> float:
        """From how long on an attempt took longer than usual, wall seconds.

        Twice as long as any had taken before something was broken.
        """
        return max(_SLOW_S, 2 * self.usual_s)

    @cached_property
    def accepted_faults(self) -> tuple[FaultWindow, ...]:
        """The faults whose consequences the topology's author accepts: those of whole units."""
        suspects = self.blame.suspects
        return tuple(
            each.window
            for each in suspects
            if self._is_of_an_accepted_unit(
                each, [other for other in suspects if other.window.overlaps(each.window)]
            )
        )

    def _is_of_an_accepted_unit(self, suspect: Suspect, at_once: list[Suspect]) -> bool:
        broken = frozenset(each.window.node for each in at_once)
        return suspect.window.node in accepted_nodes(self.topology, broken, self.flow)

    @cached_property
    def _planned(self) -> dict[int, tuple[float, float]]:
        """From when to when each fault was to be in force, by its window's identity."""
        pairs = ((self.window(spec), spec) for spec in self.drill.faults)
        return {id(window): (spec.start_s, spec.end_s) for window, spec in pairs if window}

    def _whole_with(self, suspect: Suspect, attempt: Attempt) -> list[Suspect]:
        """The faults that were in force beside one when an attempt was made.

        Of those that were to begin and end with it that is so however long each heal took.
        """
        allowed_s, planned = self.expect.degraded_s / self.clock, self._planned
        mine = planned.get(id(suspect.window))
        return [
            each
            for each in self.blame.suspects
            if each.window.overlaps(suspect.window)
            and (planned.get(id(each.window)) == mine or each.is_live(attempt, allowed_s))
        ]

    @property
    def acceptance(self) -> str:
        """Why the topology's author accepts what a fault of this drill causes; or empty."""
        broken = frozenset(window.node for window in self.accepted_faults)
        found = acceptance_of(self.topology, broken, self.flow) if broken else None
        return found.reason if found else ""

    def _is_agreed(self, attempt: Attempt) -> bool:
        """Whether an attempt failed for nothing but a fault that the author accepts.

        Asked only where that is to count as served. The loss of a whole unit covers no time in
        which only a part of it was broken. What another server than the broken one says in its own
        name is the fault's doing no longer than it was in force, and its time after it.
        """
        if not self.accepting:
            return False
        # What goes on failing long after the heal is no outage that anybody agreed to.
        allowed_s = self.expect.degraded_s / self.clock
        blamed = self.blame.explaining(attempt)
        return bool(blamed) and all(
            each.is_live(attempt, allowed_s)
            and self._is_of_an_accepted_unit(each, self._whole_with(each, attempt))
            for each in blamed
        )

    @property
    def agreed(self) -> list[float]:
        """When attempts began that count as served because the author accepts what failed them.

        Or what made them wait: a frozen balancer's kernel keeps connections, and they are served at
        the heal.
        """
        if not self.accepting:
            return []
        return [each.started for each in self._amiss if self._is_agreed(each)]

    def stalled_s(self, begin: float, end: float) -> float:
        """For how much of a time the machine itself stood still, or starved; wall seconds."""
        return self.doubt.stalled_s(begin, end)

    def settled(self, begin: float) -> float:
        """As `Doubt.settled`."""
        return self.doubt.settled(begin)

    @cached_property
    def uncertainty_s(self) -> float:
        """How exactly a time is known: the spacing of the attempts, and the lateness of any."""
        return self.resolution_s + self.attempts.latest_s * self.clock


Check = Callable[[Case], Verdict | None]


def _times_of(attempt: Attempt) -> tuple[float, float]:
    """What tells an attempt from the others of its flow."""
    return attempt.scheduled, attempt.started


def replies_of(bad: list[Attempt]) -> str:
    """What failed attempts were told, the most frequent first."""
    counts = Counter(_reply_of(attempt) for attempt in bad)
    return "; ".join(f"{count}x {said}" for said, count in counts.most_common(3))


def late_among(bad: list[Attempt]) -> int:
    """How many of these were accepted, only later than the flow promises."""
    return sum(attempt.accepted for attempt in bad)


def how_bad(bad: list[Attempt]) -> str:
    """``failed (5x 452 at mail)``, ``were late (5x accepted late)``, or both in one."""
    return f"{failed_or_late(len(bad), late_among(bad))} ({replies_of(bad)})"


def _reply_of(attempt: Attempt) -> str:
    return "accepted late" if attempt.accepted else attempt.said


def stood_still(stalled_s: float, lost_s: float | None = None) -> str:
    """What a verdict says of the machine's own part in it; field seconds.

    Args:
        stalled_s: For how long it starved.
        lost_s: How much of that is an excuse; None: not told.
    """
    of_it = "" if lost_s is None else f", which excuses {lost_s:.1f} s"
    return f"; the machine itself starved, or stood still, for {stalled_s:.1f} s meanwhile{of_it}"

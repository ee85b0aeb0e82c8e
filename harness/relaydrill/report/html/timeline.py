"""What one flow saw in one drill, second by second. Pure; times are field seconds.

What was accepted counts when it was accepted, what failed counts when it was begun: so a failed
attempt lies in the gap into which it fell, however long it took to fail.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from math import floor, log10
from typing import Final

from relaydrill.drills.checks.case import Case
from relaydrill.verdict import Verdict

UNNAMED: Final = "a server without a name"
"""Took a message, and nothing tells which node it was."""

_LEAST_WIDTH_S: Final = 1.0
"""Of a bucket: a second, but for runs that are shorter than a few of them."""


@dataclass(frozen=True, slots=True)
class Span:
    """A time in which something was so; ``end_s`` is None where it was so to the end."""

    label: str
    begin_s: float
    end_s: float | None


@dataclass(frozen=True, slots=True)
class Series:
    """What one node accepted, bucket by bucket; attempts."""

    node: str
    counts: tuple[int, ...]

    @property
    def total(self) -> int:
        """In the whole drill."""
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class Timeline:
    """One flow's drill in buckets.

    Attributes:
        width_s: Of a bucket.
        length_s: Of the drill, from the begin of the workload to the last outcome of any flow.
        series: What each node accepted.
        failed: Attempts that began in a bucket, and failed.
        faults: What was broken, and when.
        gap: The longest time without any acceptance.
        beliefs: When a balancer took a backend to be down.
        stalls: When the machine starved.
    """

    width_s: float
    length_s: float
    series: tuple[Series, ...]
    failed: tuple[int, ...]
    faults: tuple[Span, ...]
    gap: Span | None
    beliefs: tuple[Span, ...]
    stalls: tuple[Span, ...]

    @property
    def accepted(self) -> tuple[int, ...]:
        """What all nodes accepted together, bucket by bucket."""
        columns = zip(*(each.counts for each in self.series), strict=True)
        return tuple(map(sum, columns)) if self.series else (0,) * len(self.failed)


@dataclass(frozen=True, slots=True)
class Period:
    """The time of a drill: monotonic seconds; all its flows share one axis."""

    begin: float
    end: float


def period_of(cases: list[Case], begun: float | None) -> Period:
    """From the begin of the workload to the last thing that a sender saw.

    Args:
        cases: The flows' drills.
        begun: When the workload began, where the run directory tells.
    """
    seen = [case.attempts for case in cases if case.attempts]
    starts = [attempts.starts[0] for attempts in seen]
    begin = min([*starts, *([] if begun is None else [begun])], default=0.0)
    return Period(begin, max((attempts.observed for attempts in seen), default=begin))


def timeline_of(case: Case, period: Period, gap: Verdict | None, most: int) -> Timeline:
    """A flow's drill in ``most`` buckets at most.

    Args:
        case: The flow's drill.
        period: What the chart covers.
        gap: What the check of that name found; its figures say where the gap lies.
        most: How many buckets at most.
    """
    clock = case.clock
    length_s = (period.end - period.begin) * clock
    width_s = bucket_width(length_s, most, case.resolution_s)
    buckets = floor(length_s / width_s) + 1

    def bucket(moment: float) -> int:
        return min(buckets - 1, max(0, int((moment - period.begin) * clock / width_s)))

    counts: dict[str, list[int]] = defaultdict(lambda: [0] * buckets)
    failed = [0] * buckets
    for moment, node in case.ledger.acceptances(case.flow, case.named):
        counts[node or UNNAMED][bucket(moment)] += 1
    for moment in case.attempts.failures:
        failed[bucket(moment)] += 1
    order = [*case.topology.nodes, *sorted(counts)]
    series = tuple(
        Series(node, tuple(counts[node])) for node in dict.fromkeys(order) if node in counts
    )
    spans = _Spans(case, period)
    return Timeline(
        width_s,
        length_s,
        series,
        tuple(failed),
        spans.faults(),
        spans.gap(gap),
        spans.beliefs(),
        spans.stalls(),
    )


def bucket_width(length_s: float, most: int, spacing_s: float) -> float:
    """A round width, 1, 2 or 5 times a power of ten, that gives ``most`` buckets at most.

    Args:
        length_s: What is to be divided, seconds.
        most: How many buckets at most.
        spacing_s: The longest time between two attempts: with narrower buckets a steady flow would
            have holes.
    """
    least = max(length_s / most, spacing_s, min(_LEAST_WIDTH_S, length_s / 20), 1e-3)
    return rounded_up(least, (1, 2, 5, 10))


def rounded_up(value: float, steps: tuple[int, ...]) -> float:
    """The next of these steps times a power of ten; a hair's breadth above one is that one.

    Args:
        value: Above zero.
        steps: From 1 to 10, in order.
    """
    power = 10.0 ** floor(log10(value))
    return next(round(step * power, 9) for step in steps if step * power >= value * 0.9999)


class _Spans:
    """What else was so meanwhile, on the axis of a drill."""

    def __init__(self, case: Case, period: Period) -> None:
        self._case = case
        self._period = period

    def _at(self, moment: float) -> float:
        length_s = (self._period.end - self._period.begin) * self._case.clock
        return min(length_s, max(0.0, (moment - self._period.begin) * self._case.clock))

    def faults(self) -> tuple[Span, ...]:
        """Faults that were in force; from the begin of the injection to the end of the heal."""
        return tuple(
            Span(
                each.label,
                self._at(each.inject),
                None if each.healed is None else self._at(each.healed),
            )
            for each in self._case.ledger.faults
            if each.injected is not None
        )

    def gap(self, found: Verdict | None) -> Span | None:
        """Where the gap lies, of which the check tells."""
        if found is None or "begin_s" not in found.figures or not self._case.attempts:
            return None
        first = self._at(self._case.attempts[0].started)
        begin_s = first + found.figures["begin_s"]
        return Span("gap", begin_s, begin_s + found.figures["gap_s"])

    def beliefs(self) -> tuple[Span, ...]:
        """When a balancer took a backend of the flow's port to be anything but up."""
        port = self._case.topology.flows[self._case.flow].port
        spans: list[Span] = []
        since: dict[tuple[str, str], tuple[str, float]] = {}
        for each in sorted(self._case.ledger.beliefs, key=lambda belief: belief.mono):
            if each.port != port:
                continue
            key = (each.balancer, each.backend)
            if key in since:
                state, begin = since.pop(key)
                spans.append(_belief(*key, state, begin, self._at(each.mono)))
            if each.state != "up":
                since[key] = (each.state, self._at(each.mono))
        spans += [_belief(*key, state, begin, None) for key, (state, begin) in since.items()]
        return tuple(each for each in spans if each.end_s is None or each.end_s > each.begin_s)

    def stalls(self) -> tuple[Span, ...]:
        """When the machine itself stood still or starved, in its own words."""
        found = ((self._at(each.begin), self._at(each.end)) for each in self._case.ledger.stalls)
        return tuple(Span("machine starved", begin, end) for begin, end in found if end > begin)


def _belief(balancer: str, backend: str, state: str, begin_s: float, end_s: float | None) -> Span:
    return Span(f"{balancer}: {backend} {state}", begin_s, end_s)

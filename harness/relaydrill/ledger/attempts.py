"""The attempts of one flow, in columns: a million of them take a few dozen bytes each. Pure."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import compress, repeat
from operator import add, not_, sub
from typing import overload

from relaydrill.ledger.entries import Attempt

NEVER = float("nan")
"""When an attempt was over whose sender died first: neither before nor after any moment."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Attempts in the order in which they began.

    Attributes:
        scheduled: When each was due, monotonic seconds.
        started: When each began.
        ended: When each ended; `NEVER` for what did not.
        slack: As `Attempt.slack_s`.
        told: Which of ``tellings`` each has in common with others: everything but its times.
    """

    scheduled: array[float]
    started: array[float]
    ended: array[float]
    slack: array[float]
    told: array[int]
    tellings: list[Attempt]


class Attempts(Sequence[Attempt]):
    """The attempts of one flow, by the time at which they began.

    As a sequence it makes each `Attempt` when it is asked for it. What checks ask of all of them is
    answered from the columns, and what they look at closely (those that failed) is made once.
    """

    def __init__(self, columns: Columns) -> None:
        self._of = columns

    @classmethod
    def of(cls, attempts: Sequence[Attempt]) -> Attempts:
        """These attempts, in whatever order."""
        ordered = sorted(attempts, key=lambda attempt: attempt.started)
        return cls(
            Columns(
                array("d", [each.scheduled for each in ordered]),
                array("d", [each.started for each in ordered]),
                array("d", [NEVER if each.ended is None else each.ended for each in ordered]),
                array("d", [each.slack_s for each in ordered]),
                array("i", range(len(ordered))),
                ordered,
            )
        )

    def __len__(self) -> int:
        return len(self._of.started)

    @overload
    def __getitem__(self, index: int) -> Attempt: ...

    @overload
    def __getitem__(self, index: slice) -> list[Attempt]: ...

    def __getitem__(self, index: int | slice) -> Attempt | list[Attempt]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        of = self._of
        ended = of.ended[index]
        return replace(
            of.tellings[of.told[index]],
            scheduled=of.scheduled[index],
            started=of.started[index],
            ended=ended if ended == ended else None,
            slack_s=of.slack[index],
        )

    def __iter__(self) -> Iterator[Attempt]:
        return map(self.__getitem__, range(len(self)))

    @property
    def columns(self) -> Columns:
        """What it is made of."""
        return self._of

    @property
    def starts(self) -> Sequence[float]:
        """When each began, in order."""
        return self._of.started

    @cached_property
    def acceptances(self) -> Sequence[float]:
        """When each acceptance came, in order."""
        ends = compress(self._of.ended, self._accepted)
        return array("d", sorted(ended for ended in ends if ended == ended))

    @property
    def accepted(self) -> int:
        """How many were accepted."""
        return sum(self._accepted)

    @cached_property
    def failures(self) -> Sequence[float]:
        """When each that was not accepted began, in order."""
        return array("d", compress(self._of.started, map(not_, self._accepted)))

    @cached_property
    def failed(self) -> Sequence[Attempt]:
        """Those that were not accepted."""
        return self.matching(lambda attempt: not attempt.accepted)

    def matching(self, is_so: Callable[[Attempt], bool]) -> list[Attempt]:
        """Those of which something is so, whenever they were.

        Args:
            is_so: Must not look at times: it is asked once for all attempts that differ in nothing
                else.
        """
        found = self._which(is_so)
        return [self[number] for number in compress(range(len(self)), found)]

    def how_many(self, is_so: Callable[[Attempt], bool]) -> int:
        """How many `told` would give."""
        return sum(self._which(is_so))

    def any(self, is_so: Callable[[Attempt], bool]) -> bool:
        """Whether there is one that `told` would give."""
        return any(self._which(is_so))

    def unserved(self, within_s: float, clock: float = 1.0) -> list[Attempt]:
        """Those that were not accepted within a time.

        Args:
            within_s: Field seconds from the begin of the attempt to its acceptance.
            clock: Field seconds in a wall second.
        """
        of = self._of
        return [
            self[number]
            for number, (begun, ended, slack_s, good) in enumerate(
                zip(of.started, of.ended, of.slack, self._accepted, strict=True)
            )
            if not (good and (ended - begun - slack_s) * clock <= within_s)
        ]

    def between(self, begin: float, end: float) -> Attempts:
        """Those that began at one moment or later, and before another."""
        of = self._of
        part = slice(bisect_left(of.started, begin), bisect_left(of.started, end))
        return Attempts(
            Columns(
                of.scheduled[part],
                of.started[part],
                of.ended[part],
                of.slack[part],
                of.told[part],
                of.tellings,
            )
        )

    def across(self, moment: float) -> list[Attempt]:
        """Those that began before a moment, and had their outcome at it or later."""
        of = self._of
        before = bisect_left(of.started, moment)
        return [self[at] for at in range(before) if of.ended[at] >= moment]

    def took_s(self, *, over_before: float = float("inf")) -> Iterator[float]:
        """How long each with an outcome took its sender, wall seconds; see `Attempt.took_s`.

        Args:
            over_before: Only of those that had their outcome before this moment.
        """
        of = self._of
        spans = map(sub, map(sub, of.ended, of.started), of.slack)
        return compress(spans, map(over_before.__gt__, of.ended))

    def over_before(self, moment: float) -> int:
        """How many had their outcome before a moment."""
        return sum(map(moment.__gt__, self._of.ended))

    @cached_property
    def latest_s(self) -> float:
        """How far the latest was, or may have been, behind its schedule, wall seconds.

        0 without attempts.
        """
        behind = map(max, map(sub, self._of.started, self._of.scheduled), repeat(0.0))
        return max(map(add, behind, self._of.slack), default=0.0)

    @cached_property
    def observed(self) -> float:
        """The last moment of which they tell."""
        of = zip(self._of.started, self._of.ended, strict=True)
        return max((ended if ended == ended else begun for begun, ended in of), default=NEVER)

    def choices(self, after: float = float("-inf")) -> list[tuple[str, int | None]]:
        """What was chosen first, and by which member of a population, in order of time.

        Attempts of senders that found nothing to try are left out.

        Args:
            after: Only of attempts that began after this moment.
        """
        of = self._of
        chosen = [(each.choice, each.member) for each in of.tellings]
        first = bisect_right(of.started, after)
        return [chosen[number] for number in of.told[first:] if chosen[number][0]]

    @cached_property
    def _accepted(self) -> bytes:
        return self._which(lambda attempt: attempt.accepted)

    def _which(self, is_so: Callable[[Attempt], bool]) -> bytes:
        so = [is_so(each) for each in self._of.tellings]
        return bytes(map(so.__getitem__, self._of.told))

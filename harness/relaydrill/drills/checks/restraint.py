"""Which attempts a healthy server put off for a limit of its own: greylisting, or a source's share.

Servers journal it (`PutOff`). An attempt is one of these where such a line of its port, its phase
and its code stands in the time of the attempt, and by the server that its banner named, if any.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Final

from relaydrill.ledger import Attempt, PutOff
from relaydrill.sentences import listed

if TYPE_CHECKING:
    from relaydrill.drills.checks.case import Case

_ROUNDED_S: Final = 1e-5
"""Times are written down to the microsecond."""


class Restraint:
    """What servers put off of one flow, to be asked of its attempts."""

    def __init__(self, case: Case) -> None:
        self._case = case

    def of(self, attempt: Attempt) -> PutOff | None:
        """What put an attempt off at last; None where nothing did."""
        if not 400 <= attempt.code < 500 or attempt.ended is None:
            return None
        at = bisect_left(self._times, attempt.ended + _ROUNDED_S)
        server = self._case.answered_by(attempt)
        while at and self._times[at - 1] >= attempt.started - _ROUNDED_S:
            at -= 1
            found = self._put_off[at]
            if (found.code, found.phase) == (attempt.code, attempt.phase) and (
                not server or server == found.node
            ):
                return found
        return None

    def counts(self, attempts: Iterable[Attempt]) -> Counter[tuple[str, str, str]]:
        """How many attempts were put off for each limit: its name, its connector and the node."""
        found = (self.of(attempt) for attempt in attempts)
        return Counter((each.limit, each.connector, each.node) for each in found if each)

    def told(self, attempts: Iterable[Attempt]) -> str:
        """``; 41 put off by greylist of relay``; empty where none was."""
        by_limit: Counter[str] = Counter()
        for (limit, connector, _), count in self.counts(attempts).items():
            by_limit[f"{limit} of {connector}"] += count
        found = listed(f"{count} by {name}" for name, count in sorted(by_limit.items()))
        return f"; put off by limits of servers that are well: {found}" if found else ""

    @cached_property
    def _put_off(self) -> list[PutOff]:
        """Those at the flow's port, in order of time."""
        port = self._case.topology.flows[self._case.flow].port
        every = (each for found in self._case.ledger.put_offs.values() for each in found)
        return sorted((each for each in every if each.port == port), key=lambda each: each.mono)

    @cached_property
    def _times(self) -> list[float]:
        return [each.mono for each in self._put_off]

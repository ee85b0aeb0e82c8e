"""What a resolver keeps: each record set for its own TTL, and what is not there (RFC 2308)."""

from __future__ import annotations

from dataclasses import replace

from relaydrill import clock
from relaydrill.nodes.zone_data import Answer, RecordSet

_EVERY: str = ""
"""In place of a type: of a name that does not exist, nothing does."""


class Kept:
    """A resolver's memory. Times are those of the node's monotonic clock."""

    def __init__(self) -> None:
        self._sets: dict[tuple[str, str], tuple[float, RecordSet]] = {}
        self._denied: dict[tuple[str, str], tuple[float, Answer]] = {}

    def forget(self) -> None:
        """Keep nothing of all that it was told."""
        self._sets.clear()
        self._denied.clear()

    def learn(self, name: str, kind: str, told: Answer) -> None:
        """Keep what was told, each part for its own time.

        Args:
            name: What was asked about.
            kind: For which type of records.
            told: The answer; one that denies ends with the name that it denies.
        """
        now = clock.monotonic()
        for each in told.sets:
            self._sets[each.owner, each.kind] = (now + each.ttl_s, each)
            if each.kind == "CNAME":
                name = each.records[0].rstrip(".")
        if told.soa:
            denied = kind if told.rcode == "NOERROR" else _EVERY
            self._denied[name, denied] = (now + told.soa.ttl_s, replace(told, sets=()))

    def known(self, name: str, kind: str) -> Answer | None:
        """One step of the way to an answer: records, an alias, or that nothing is there.

        None where nothing is kept that is not too old; what is kept is told with the time that is
        left of it.
        """
        now = clock.monotonic()
        for wanted in (kind, "CNAME"):
            until, found = self._sets.get((name, wanted), (0.0, None))
            if found and now < until:
                return Answer("NOERROR", (replace(found, ttl_s=_left(until)),))
        for wanted in (kind, _EVERY):
            until, denied = self._denied.get((name, wanted), (0.0, None))
            if denied and denied.soa and now < until:
                return replace(denied, soa=replace(denied.soa, ttl_s=_left(until)))
        return None


def _left(until: float) -> float:
    """How many whole seconds are left, so that nobody keeps it for longer."""
    return float(int(until - clock.monotonic()))

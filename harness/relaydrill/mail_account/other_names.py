"""Messages that a next host has under another Message-ID, known by the queue id that it answered.

A gateway may write a Message-ID anew (a disclaimer's milter, header_checks(5), a list). The reply
to whoever handed the message on names the queue id that it has there: with that the next host's log
has it, by whatever name, and tells the rest under that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from relaydrill.mail_account.legs import Gathered, Rows, Way
from relaydrill.mail_account.mixing import mixed

_NEAR_S: Final = 60.0
_MOST_ALIKE: Final = 16
"""Hosts, or times, that may have one queue id: short ones are given out again."""

Keys = NDArray[np.uint64]
Lead = Mapping[tuple[int, int], tuple[float, float]]


def key_of(rows: Rows) -> Keys:
    """By which a row that went on is known again."""
    return mixed(mixed(rows["message"], rows["queue_id"]), mixed(rows["next_id"], rows["host"]))


@dataclass(slots=True)
class Astray:
    """Rows that went on to a queue id which none of their own message has.

    Attributes:
        rows: A few columns of them, by part of the messages.
    """

    rows: list[Rows] = field(default_factory=list)

    def note(self, rows: Rows) -> None:
        """Keep those that a server was given by another."""
        handed = rows[rows["way"] == Way.HANDED_ON]
        if len(handed):
            kept = np.zeros(len(handed), _COLUMNS)
            kept["key"] = key_of(handed)
            for name in ("next_id", "at", "host", "taker"):
                kept[name] = handed[name]
            self.rows.append(kept)

    def found(self, legs: Gathered, claimed: Callable[[Rows], NDArray[Any]]) -> Found:
        """Where these queue ids are, under whatever name and on whichever host.

        Args:
            legs: All rows.
            claimed: Of rows, the numbers of those that others of the same name went on to.
        """
        if not self.rows:
            return Found(np.zeros(0, _COLUMNS), np.zeros(0, _PLACES))
        rows = np.concatenate(self.rows)
        wanted = np.unique(rows["next_id"])
        places = []
        for part in legs.parts():
            is_free = np.isin(part["queue_id"], wanted)
            if is_free.any():
                taken = part[claimed(part)]
                theirs, own = (_under_way(each) for each in (taken, part))
                is_free &= ~np.isin(own, theirs)
            there = part[is_free]
            each = np.zeros(len(there), _PLACES)
            for name in ("queue_id", "host", "begun"):
                each[name] = there[name]
            places.append(np.unique(each))
        return Found(rows, np.sort(np.concatenate(places), order="queue_id"))


def _under_way(rows: Rows) -> Keys:
    """One message under one queue id on one host."""
    return mixed(mixed(rows["message"], rows["queue_id"]), rows["host"])


_COLUMNS: Final = np.dtype(
    [("key", "<u8"), ("next_id", "<i8"), ("at", "<f8"), ("host", "<u2"), ("taker", "<u4")]
)
_PLACES: Final = np.dtype([("queue_id", "<i8"), ("host", "<u2"), ("begun", "<f8")])


@dataclass(frozen=True, slots=True)
class Found:
    """Rows that went astray, and where their queue ids are."""

    rows: Rows
    places: Rows

    def behind(self, near: Callable[[int], set[int]], lead: Lead) -> Keys:
        """The keys of those that are on a host which is known to stand behind their taker.

        Args:
            near: The numbers of these hosts, by taker.
            lead: As in `relaydrill.mail_account.joining.Onward`.
        """
        ordered = self.places["queue_id"]
        first = np.searchsorted(ordered, self.rows["next_id"])
        last = np.searchsorted(ordered, self.rows["next_id"], "right")
        known = [self._known(first + more, last, near, lead) for more in range(_MOST_ALIKE)]
        return np.unique(self.rows["key"][np.concatenate(known)])

    def _known(
        self,
        places: NDArray[Any],
        last: NDArray[Any],
        near: Callable[[int], set[int]],
        lead: Lead,
    ) -> NDArray[Any]:
        """The numbers of rows to which a place fits: of the right host, and of the right time."""
        rows = np.flatnonzero(places < last)
        fits = np.zeros(len(rows), bool)
        one, other = self.rows[rows], self.places[places[rows]]
        ahead = other["begun"] - one["at"]
        for source, target, taker in np.unique(
            np.stack((one["host"], other["host"], one["taker"]), axis=1), axis=0
        ):
            if source == target or int(target) not in near(int(taker)):
                continue
            least, most = lead.get((int(source), int(target)), (0.0, 0.0))
            is_then = (ahead >= least - _NEAR_S) & (ahead <= most + _NEAR_S)
            is_this = (one["host"] == source) & (other["host"] == target)
            fits |= is_then & is_this & (one["taker"] == taker)
        return rows[fits]


class Unclaimed:
    """Mail of which the logs of one host alone tell: it came from nowhere, under this Message-ID.

    Args:
        legs: All rows.
    """

    def __init__(self, legs: Gathered) -> None:
        whom, begun = [], []
        for rows in legs.parts():
            pairs = np.unique(rows[["message", "host"]])
            names, counts = np.unique(pairs["message"], return_counts=True)
            alone = rows[np.isin(rows["message"], names[counts == 1])]
            for name in ("recipient", "original"):
                named = alone[alone[name] != 0]
                whom.append(mixed(named[name], named["host"]))
                begun.append(named["begun"])
        keys, times = np.concatenate(whom), np.concatenate(begun)
        order = np.argsort(keys)
        self._keys, self._times = keys[order], times[order]

    def has(self, recipient: Any, host: int, earliest: float, latest: float) -> bool:
        """Whether a host has such mail for a recipient that it took between two moments."""
        key = mixed(np.array([recipient]), np.array([host]))
        first = int(np.searchsorted(self._keys, key)[0])
        last = int(np.searchsorted(self._keys, key, "right")[0])
        times = self._times[first:last]
        return bool(((times >= earliest - _NEAR_S) & (times <= latest + _NEAR_S)).any())

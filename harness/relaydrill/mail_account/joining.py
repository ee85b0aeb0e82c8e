"""The rows of all hosts, joined by message: what became of it for each recipient."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from relaydrill.mail_account import stores
from relaydrill.mail_account.legs import (
    COPY,
    ENDED,
    NAMED,
    REPEATED,
    RIGHT_SENDER,
    ROW,
    WANTED,
    Gathered,
    Rows,
    Way,
)
from relaydrill.mail_account.mixing import mixed
from relaydrill.mail_account.other_names import Astray, Found, Keys, key_of

_WAYS: Final = len(Way)
_ENOUGH: Final = 2
"""Messages that a host must have had by a name before that name is taken for the host's."""

_ZONE_S: Final = 900.0
"""Time zones differ by quarters of an hour."""

_LATE_S: Final = 2.0
"""Seconds after the last delivery of a message in which its server is done with it."""

Flags = NDArray[np.bool_]


@dataclass(slots=True)
class Onward:
    """Where what a taker took has turned up.

    Attributes:
        hosts: By taker: the numbers of hosts that had it under the queue id that the reply named.
        lead: By pair of hosts: by how many seconds the second's log is ahead of the first's, of the
            messages that went from one to the other: the least and the most.
        astray: What went on to a queue id that none of its own message has.
    """

    hosts: dict[int, set[int]] = field(default_factory=dict)
    lead: dict[tuple[int, int], tuple[float, float]] = field(default_factory=dict)
    astray: Found | None = None


def links(legs: Gathered) -> Onward:
    """Learn from all rows who is behind the names under which mail is handed on."""
    onward, stays, astray = Onward(), _stays(legs), Astray()
    seen: Counter[tuple[int, int]] = Counter()
    for rows in legs.parts():
        source, target = _going_on(rows, stays)
        is_found = target >= 0
        astray.note(rows[source[~is_found]])
        source, target = source[is_found], target[is_found]
        pairs = np.stack((rows["taker"][source], rows["host"][target]), axis=1)
        if len(pairs):
            found, counts = np.unique(pairs, axis=0, return_counts=True)
            for (taker, host), count in zip(found, counts, strict=True):
                seen[int(taker), int(host)] += int(count)
        _leads(onward, rows, source, target)
    onward.astray = astray.found(legs, lambda rows: _targets(rows, stays))
    for (taker, host), count in seen.items():
        if count >= _ENOUGH:
            onward.hosts.setdefault(taker, set()).add(host)
    return onward


def _going_on(rows: Rows, stays: Flags) -> tuple[NDArray[Any], NDArray[Any]]:
    """The numbers of rows that went on to a queue id, and of those that have it; -1: none has."""
    source = np.flatnonzero((rows["next_id"] != 0) & (rows["flags"] & NAMED != 0))
    return source, _next_of(rows, source, stays)


def _targets(rows: Rows, stays: Flags) -> NDArray[Any]:
    _, target = _going_on(rows, stays)
    return target[target >= 0]


def _stays(legs: Gathered) -> Flags:
    return np.array([stays_here(taker) for taker in legs.takers], bool)


def _leads(onward: Onward, rows: Rows, source: NDArray[Any], target: NDArray[Any]) -> None:
    ahead = rows["begun"][target] - rows["at"][source]
    own, other = rows["host"][source].astype(np.int64), rows["host"][target]
    both = own << 16 | other
    usable = (own != other) & (rows["begun"][target] > 0) & (rows["at"][source] > 0)
    for pair in np.unique(both[usable]):
        these = ahead[usable & (both == pair)]
        key = int(pair) >> 16, int(pair) & 0xFFFF
        least, most = onward.lead.get(key, (np.inf, -np.inf))
        # One message in a hundred may have waited: that is no clock's fault.
        low, high = np.percentile(these, (1, 99))
        onward.lead[key] = min(least, float(low)), max(most, float(high))


def stays_here(taker: bytes) -> bool:
    """Whether what takes mail over may be on the same host: a program, a socket, loopback."""
    _, is_server, address = taker.partition(b"[")
    return not is_server or address.startswith((b"127.", b"::1]", b"/", b"private/", b"public/"))


def _next_of(rows: Rows, source: NDArray[Any], stays: Flags) -> NDArray[Any]:
    """For each of these rows one that has the message under the queue id it went on to; or -1.

    Two hosts may give a message the same queue id: what went to another host did not go to this.

    Args:
        rows: All rows of a part of the messages.
        source: The numbers of those that went on.
        stays: By taker, whether it may be on the same host.
    """
    if not len(rows):
        return np.full(len(source), -1)
    have = mixed(rows["message"], rows["queue_id"])
    order = np.lexsort((rows["host"], have))
    ordered = have[order]
    wanted = mixed(rows["message"][source], rows["next_id"][source])
    first = order[np.minimum(np.searchsorted(ordered, wanted), len(order) - 1)]
    last = order[np.maximum(np.searchsorted(ordered, wanted, "right") - 1, 0)]
    is_elsewhere = ~stays[rows["taker"][source]] & (rows["way"][source] != Way.MOVED)
    is_elsewhere |= rows["next_id"][source] == rows["queue_id"][source]
    own = np.where(is_elsewhere, rows["host"][source].astype(np.int64), -1)
    found = np.where(rows["host"][first] == own, last, first)
    return np.where((have[found] == wanted) & (rows["host"][found] != own), found, -1)


def better_known(legs: Gathered) -> NDArray[np.uint64]:
    """Keys of rows whose Message-ID is not known, and of which others say more.

    A file that is a copy of an end of another begins in the middle of messages; and a message whose
    begin is not in one host's logs may be known on the host that it went to.
    """
    unnamed = [rows[rows["flags"] & NAMED == 0] for rows in legs.parts()]
    rows = np.concatenate(unnamed) if unnamed else np.zeros(0, ROW)
    if not len(rows):
        return np.zeros(0, np.uint64)
    keys, going = _event(rows), rows["next_id"] != 0
    onward = [mixed(rows["next_id"], _day(rows["at"]) + days) for days in (-1, 0, 1)]
    known = np.zeros(len(rows), bool)
    for part in legs.parts():
        known |= np.isin(keys, _event(part[part["flags"] & NAMED != 0]))
        known |= _within(rows, part[part["flags"] & NAMED != 0])
        there = mixed(part["queue_id"], _day(part["begun"]))
        known |= going & np.logical_or.reduce([np.isin(each, there) for each in onward])
    return keys[known]


def _within(rows: Rows, named: Rows) -> Flags:
    """Which rows are of a queue id at a time at which it is known whose it was."""
    own, here = (mixed(each["queue_id"], each["host"]) for each in (rows, named))
    is_same = np.isin(here, own)
    spans: dict[int, list[tuple[float, float]]] = {}
    for key, row in zip(here[is_same], named[is_same], strict=True):
        spans.setdefault(int(key), []).append((float(row["begun"]), float(row["at"]) + _LATE_S))
    return np.array(
        [
            any(first <= row["at"] <= last for first, last in spans.get(int(key), ()))
            for key, row in zip(own, rows, strict=True)
        ],
        bool,
    )


def _day(times: NDArray[Any]) -> NDArray[np.int64]:
    return np.asarray(np.floor(times / 86400.0), np.int64)


def _event(rows: Rows) -> NDArray[np.uint64]:
    here = mixed(rows["queue_id"], rows["host"])
    moment = np.floor(rows["at"]).astype(np.int64)
    return mixed(here, mixed(rows["recipient"], moment))


@dataclass(slots=True)
class Joined:
    """The rows of some messages, by message and recipient.

    Attributes:
        rows: Each thing once.
        again: How many stood in the logs more than once.
        order: Of `rows`, so that those of one group are together.
        begins: Where each group begins in that order.
        ways: By group, how many rows of each way.
        is_copy: By group, whether it is a copy.
        is_wanted: By group, whether it was asked for.
        followed: By row, whether a row of the same message tells of it under the queue id that it
            went on to.
        elsewhere: By row, whether the next host tells of it under another Message-ID.
    """

    rows: Rows
    again: int
    order: NDArray[Any]
    begins: NDArray[Any]
    ways: NDArray[Any]
    is_copy: Flags
    is_wanted: Flags
    followed: Flags
    elsewhere: Flags

    def __len__(self) -> int:
        return len(self.begins)

    def group(self, number: int) -> NDArray[Any]:
        """The numbers of a group's rows."""
        begin = self.begins[number]
        end = self.begins[number + 1] if number + 1 < len(self.begins) else len(self.order)
        return self.order[begin:end]


@dataclass(frozen=True, slots=True)
class Filters:
    """What was asked for.

    Attributes:
        by_recipient: Whether only some recipients were asked for.
        by_sender: Whether only some senders were asked for.
        since: Only messages first seen from then on, seconds since the epoch.
        until: Only messages first seen before then.
    """

    by_recipient: bool = False
    by_sender: bool = False
    since: float = -np.inf
    until: float = np.inf


def joined(legs: Gathered, filters: Filters, elsewhere: Keys) -> Iterator[Joined]:
    """All messages, a part at a time.

    Args:
        legs: The rows.
        filters: What was asked for.
        elsewhere: Keys of rows of which the next host tells under another Message-ID.
    """
    better, stays = better_known(legs), _stays(legs)
    for both in legs.parts():
        rows, said = stores.apart(both)
        if len(better):
            rows = rows[(rows["flags"] & NAMED != 0) | ~np.isin(_event(rows), better)]
        kept, again = _once(rows, legs)
        stores.as_stores_say(kept, said, legs)
        yield _grouped(kept, again, filters, stays, elsewhere)


def _once(rows: Rows, legs: Gathered) -> tuple[Rows, int]:
    """Each thing once, whatever was read twice, and of what was read in part what is known best."""
    if not len(rows):
        return rows, 0
    is_open = np.isin(rows["way"], (Way.QUEUED, Way.HELD, Way.UNTOLD))
    rows = rows[~is_open | (rows["text"] == _best_told(rows))]
    # Copies may tell of other times, where a zone is not told: what counts is which of several it
    # is under its queue id.
    is_one_more = rows["flags"] & REPEATED != 0
    moment = np.where(is_one_more, np.floor(rows["at"]), 0).astype(np.int64)
    here = mixed(rows["queue_id"], rows["host"])
    one = mixed(mixed(rows["message"], here), mixed(rows["recipient"], rows["original"]))
    is_open = np.isin(rows["way"], (Way.QUEUED, Way.HELD, Way.UNTOLD))
    order = np.lexsort((rows["at"], ~is_open, rows["flags"] & ENDED, moment, one))
    key = mixed(one, moment)[order]
    is_last = key[1:] != key[:-1]
    is_apart = ~is_last & _are_apart(rows[order[:-1]], rows[order[1:]])
    ends = np.append(np.flatnonzero(is_last | is_apart), len(order) - 1)
    for at in np.flatnonzero(is_apart):
        this = int(np.searchsorted(ends, at))
        begin = ends[this - 1] + 1 if this else 0
        before, after = order[begin : at + 1], order[at + 1 : ends[this + 1] + 1]
        is_last[at] = bool(_files_of(legs, rows[before]) & _files_of(legs, rows[after]))
    kept = order[np.append(is_last, True)]
    again = int(len(order) - len(kept))
    kept.sort()
    rows, one, is_open = rows[kept], one[kept], is_open[kept]
    return rows[~(is_open & np.isin(one, one[~is_open]))], again


def _are_apart(rows: Rows, others: Rows) -> Flags:
    """Which pairs are of two times, whatever the zones: a queue id given out again, or a copy.

    A client that got no answer sends its message once more, and a short queue id may be the same.
    """
    apart = np.ones(len(rows), bool)
    for name in ("begun", "at"):
        span = others[name] - rows[name]
        apart &= np.abs(span - _ZONE_S * np.round(span / _ZONE_S)) > _LATE_S
    return apart & (rows["begun"] > 0) & (others["begun"] > 0)


def _files_of(legs: Gathered, rows: Rows) -> set[str]:
    """Where rows stand: what one file tells of two times happened twice; clocks of two differ."""
    return {legs.leg(row).where.rpartition(":")[0] for row in rows}


def _best_told(rows: Rows) -> NDArray[Any]:
    """For each row, the text of whatever tells most of its message under its queue id.

    A copy that ends early knows less of what was open at its end than one that goes on.
    """
    here = mixed(rows["message"], mixed(rows["queue_id"], rows["host"]))
    _, number = np.unique(rows["text"], return_inverse=True)
    named = np.bincount(number, weights=rows["recipient"] != 0)[number]
    order = np.lexsort((rows["text"], named, rows["at"], rows["flags"] & ENDED, here))
    ordered = here[order]
    is_last = np.append(ordered[1:] != ordered[:-1], True)
    best = rows["text"][order[is_last]]
    by_order: NDArray[Any] = best[np.cumsum(is_last) - is_last]
    return by_order[np.argsort(order)]


def _grouped(rows: Rows, again: int, filters: Filters, stays: Flags, elsewhere: Keys) -> Joined:
    aliases = rows[rows["original"] != 0].copy()
    aliases["recipient"], aliases["original"], aliases["way"] = aliases["original"], 0, Way.RENAMED
    aliases["next_id"] = 0
    rows = np.concatenate((rows, aliases)) if len(aliases) else rows
    group = mixed(rows["message"], rows["recipient"])
    # Where nobody is named, the queue id stands for whoever it is.
    group = np.where(rows["recipient"] == 0, mixed(group, rows["queue_id"]), group)
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])) if len(order) else order
    number = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(order))))
    cells = number * _WAYS + rows["way"][order]
    ways = np.bincount(cells, minlength=len(starts) * _WAYS).reshape(-1, _WAYS)
    flags = rows["flags"][order]
    source = np.flatnonzero(rows["next_id"])
    followed = np.zeros(len(rows), bool)
    followed[source] = _next_of(rows, source, stays) >= 0
    renamed = np.zeros(len(rows), bool)
    if len(elsewhere):
        renamed[source] = ~followed[source] & np.isin(key_of(rows[source]), elsewhere)
    return Joined(
        rows,
        again,
        order,
        starts,
        ways,
        _any(flags & COPY != 0, starts),
        _wanted(rows, order, starts, flags, filters),
        followed | renamed,
        renamed,
    )


def _any(flags: Flags, starts: NDArray[Any]) -> Flags:
    return np.logical_or.reduceat(flags, starts) if len(starts) else np.zeros(0, bool)


def _wanted(
    rows: Rows, order: NDArray[Any], starts: NDArray[Any], flags: NDArray[Any], filters: Filters
) -> Flags:
    wanted = np.ones(len(starts), bool)
    if filters.by_recipient:
        wanted &= _any(flags & WANTED != 0, starts)
    message = rows["message"][order]
    if filters.by_sender:
        senders = np.unique(message[flags & RIGHT_SENDER != 0])
        wanted &= np.isin(message[starts], senders)
    if np.isfinite(filters.since) or np.isfinite(filters.until):
        names, inverse = np.unique(message, return_inverse=True)
        first = np.full(len(names), np.inf)
        np.minimum.at(first, inverse, rows["begun"][order])
        begun = first[inverse[starts]]
        wanted &= (begun >= filters.since) & (begun < filters.until)
    return wanted


__all__ = ["ROW", "Filters", "Joined", "Onward", "joined", "links"]

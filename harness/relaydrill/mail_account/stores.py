"""What mail stores say of mail that a server has handed to them, where they did not keep it.

The server's log says ``sent`` in any case. Lines of a store bear no queue id: they are joined to
deliveries by message and recipient, once all logs have been read.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from relaydrill.mail_account.legs import NAMED, STORE, Gathered, Legs, Rows, Way
from relaydrill.mail_account.under_way import WAYS
from relaydrill.mail_logs import dovecot
from relaydrill.mail_logs.reading import Told, keeps_mail

_MOST_UNDER_WAY: Final = 10_000
"""Deliveries of which more lines may come; those of one stand close together."""

_MOST_LINES: Final = 50


class Stores:
    """Takes in what stores say, and keeps what they did not keep.

    Args:
        legs: Where rows go.
        number_of: The number of a host, by its name.

    Attributes:
        nameless: By host, how many messages without a Message-ID were not kept.
    """

    def __init__(self, legs: Legs, number_of: Callable[[str], int]) -> None:
        self._legs, self._number_of = legs, number_of
        self._said: OrderedDict[tuple[str, str, str], list[_Line]] = OrderedDict()
        self.nameless: Counter[str] = Counter()

    def take(self, told: Told, host: str, at: float, where: tuple[bytes, int]) -> None:
        """What a line says.

        Args:
            told: As `dovecot.read` gives it.
            host: Whose log it is.
            at: When, in seconds since the epoch.
            where: The file and the number of the line.
        """
        # Where neither a name nor a session is told, each line stands for itself.
        session = told.queue_id or ("" if told.message else str(where))
        key = (told.message, session, told.recipient)
        lines = self._said.setdefault(key, [])
        if len(lines) < _MOST_LINES:
            lines.append((told, host, at, where))
        if len(self._said) > _MOST_UNDER_WAY:
            self._write(self._said.popitem(last=False)[1])

    def end(self) -> None:
        """No more lines of them are to come."""
        while self._said:
            self._write(self._said.popitem(last=False)[1])

    def _write(self, lines: list[_Line]) -> None:
        told = dovecot.comes_to(each for each, *_ in lines)
        if told is None:
            return
        _, host, at, where = next(each for each in lines if each[0] is told)
        if not told.message:
            self.nameless[host] += 1
            return
        name = told.message.encode()
        head = [name, b"", b"", b"%s:%d" % where]
        own = (hash(told.queue_id or int(at)), self._number_of(host), at)
        row = (WAYS[told.does], told.by.encode(), told.said.encode(), b"", at)
        self._legs.put(
            head, hash(name), own, ((told.recipient.lower().encode(), b"", row, NAMED | STORE),)
        )


_Line = tuple[Told, str, float, tuple[bytes, int]]
"""What it says, whose log it is, when it was, and where it stands."""


def apart(rows: Rows) -> tuple[Rows, Rows]:
    """The rows of servers, and those of stores."""
    is_store = rows["flags"] & STORE != 0
    return (rows[~is_store], rows[is_store]) if is_store.any() else (rows, rows[:0])


def as_stores_say(rows: Rows, said: Rows, legs: Gathered) -> None:
    """Put what became of mail in a store in place of its delivery to it.

    Args:
        rows: Of servers, each thing once; they are changed.
        said: Of stores, of the same messages.
        legs: For the names behind rows.
    """
    if not len(said):
        return
    # What stands in several files is of one session.
    _, once = np.unique(said[["message", "recipient", "queue_id"]], return_index=True)
    said = said[once]
    order = np.argsort(rows["message"], kind="stable")
    ordered = rows["message"][order]
    for message in np.unique(said["message"]):
        first, last = np.searchsorted(ordered, message), np.searchsorted(ordered, message, "right")
        kept = [int(at) for at in order[first:last] if rows["way"][at] == Way.DELIVERED]
        _of_one(rows, kept, said[said["message"] == message], legs)


def _of_one(rows: Rows, kept: list[int], said: Rows, legs: Gathered) -> None:
    """Of one message.

    Args:
        rows: As of `as_stores_say`.
        kept: Which of them say that it was delivered.
        said: What stores say of it.
        legs: For the names behind rows.
    """
    strange = []
    for row in said:
        user = legs.leg(row).recipient
        names = (at for at in kept if user in dovecot.accounts_of(legs.leg(rows[at]).recipient))
        mine = next(names, None)
        if mine is None:
            strange.append(row)
            continue
        kept.remove(mine)
        _replace(rows[mine : mine + 1], row, row["way"])
    kept = [at for at in kept if _is_store(legs.takers[int(rows["taker"][at])])]
    for row in strange:
        # Its user has a name of its own: of several recipients nobody knows which that is.
        for at in kept:
            _replace(rows[at : at + 1], row, row["way"] if len(kept) == 1 else Way.UNTOLD)


def _replace(delivery: Rows, row: Any, way: int) -> None:
    """The delivery keeps its recipient, and refers to what the store says."""
    delivery["way"], delivery["taker"] = way, row["taker"]
    delivery["flags"] |= STORE
    delivery["next_id"] = row["text"]


def _is_store(taker: bytes) -> bool:
    return b"[" in taker or keeps_mail(taker.decode("utf-8", "backslashreplace"))

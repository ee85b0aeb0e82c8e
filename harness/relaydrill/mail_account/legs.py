"""What one queue id did for one recipient, as rows in temporary files: 74 bytes for each.

Names stand there as hashes, so that rows of all hosts can be joined in arrays; what a person wants
to read stands in a file of texts, to which each row points. Rows are dealt out over several files,
by message: each can be joined by itself, so that memory is bounded whatever the logs' size.
"""

from __future__ import annotations

import enum
import struct
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray


class Way(enum.IntEnum):
    """How it ended for one recipient, under one queue id.

    QUEUED is deferred, or still there where the log ends; UNTOLD is that the server was done with
    the message, and no line says what became of this recipient. RENAMED is a mark: other recipients
    stand in for this one.
    """

    DELIVERED = 0
    MOVED = 1
    HANDED_ON = 2
    DISCARDED = 3
    HELD = 4
    QUEUED = 5
    FAILED = 6
    REFUSED = 7
    UNTOLD = 8
    RENAMED = 9


ENDED: Final = 1
COPY: Final = 2
WANTED: Final = 4
BEFORE: Final = 8
NAMED: Final = 16
RIGHT_SENDER: Final = 32
REPEATED: Final = 64
STORE: Final = 128
"""Flags of a row: the queue id is done with; a copy for somebody else; of a recipient, or a sender,
that was asked for; its begin is not in the logs; it has a Message-ID; one more of the same; what a
mail store says."""

_ROW: Final = struct.Struct("<qqqqqddqHHIBB")
ROW: Final = np.dtype(
    [
        *(("message", "<i8"), ("recipient", "<i8"), ("original", "<i8"), ("queue_id", "<i8")),
        *(("next_id", "<i8"), ("begun", "<f8"), ("at", "<f8"), ("text", "<i8")),
        *(("ordinal", "<u2"), ("host", "<u2"), ("taker", "<u4"), ("way", "u1"), ("flags", "u1")),
    ]
)
FILES: Final = 16
_BUFFER: Final = 1 << 18
_SOURCE_BIT: Final = 48
_MARK: Final = b"\x1f"
_LONGEST_SAID: Final = 300
_MOST_ORDINAL: Final = 0xFFFF
_DELIVERED: Final = Way.DELIVERED

Delivery = tuple[Way, bytes, bytes, bytes, float]
"""How it ended for a recipient, what took it, its reply, its queue id there, and when."""

Each = Iterable[tuple[bytes, bytes, Delivery, int]]
"""Recipient, original recipient, how it ended, and flags."""

Rows = NDArray[Any]
"""Of `ROW`."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One row in words.

    Attributes:
        message: Its Message-ID.
        sender: Its envelope sender.
        queue_id: Its queue id.
        where: Where it was first seen, ``file:line``.
        recipient: As in `mail_logs.deeds.Deed`.
        original: As in `mail_logs.deeds.Deed`.
        by: As in `mail_logs.deeds.Deed`.
        said: As in `mail_logs.deeds.Deed`.
    """

    message: str
    sender: str
    queue_id: str
    where: str
    recipient: str
    original: str
    by: str
    said: str


class Legs:
    """All rows of an account, and their texts."""

    def __init__(self) -> None:
        self.takers: dict[bytes, int] = {b"": 0}
        self._rows: list[IO[bytes]] = []
        self._waiting = [bytearray() for _ in range(FILES)]
        self._texts: IO[bytes] = tempfile.TemporaryFile(prefix="relaydrill-")  # noqa: SIM115
        self._pending = bytearray(b"\n")  # no text stands at 0: that is none
        self._written = len(self._pending)

    def __enter__(self) -> Legs:
        self._rows = [tempfile.TemporaryFile(prefix="relaydrill-") for _ in range(FILES)]  # noqa: SIM115
        return self

    def __exit__(self, *_: object) -> None:
        for each in (*self._rows, self._texts):
            each.close()

    def put(self, head: list[bytes], number: int, own: tuple[int, int, float], rows: Each) -> None:
        """Put down what became of one message under one queue id.

        Args:
            head: Its Message-ID, sender, queue id and place.
            number: In place of its Message-ID.
            own: The numbers of its queue id and host, and when it was first seen.
            rows: For each recipient.
        """
        place, takers = self._written, self.takers
        part = number & (FILES - 1)
        waiting = self._waiting[part]
        queue_id, host, begun = own
        for ordinal, (recipient, original, (way, by, said, next_id, at), flags) in enumerate(rows):
            head += (recipient, original, by, b"" if way == _DELIVERED else said[:_LONGEST_SAID])
            waiting += _ROW.pack(
                number,
                hash(recipient),
                hash(original) if original and original != recipient else 0,
                queue_id,
                hash(next_id) if next_id else 0,
                begun,
                at,
                place,
                ordinal if ordinal < _MOST_ORDINAL else _MOST_ORDINAL,
                host,
                takers[by] if by in takers else self._taker(by),
                way,
                flags,
            )
        self._text(head)
        if len(waiting) > _BUFFER:
            self._flush(part)

    def _text(self, parts: list[bytes]) -> None:
        line = _MARK.join(parts) + b"\n"
        if line.count(_MARK) >= len(parts) or line.count(b"\n") > 1:
            cleaned = [part.replace(_MARK, b"?").replace(b"\n", b" ") for part in parts]
            line = _MARK.join(cleaned) + b"\n"
        self._written += len(line)
        self._pending += line
        if len(self._pending) > _BUFFER:
            self._flush_texts()

    def _taker(self, name: bytes) -> int:
        return self.takers.setdefault(name, len(self.takers))

    def rows(self, part: int) -> Rows:
        """The rows of a part of the messages."""
        self._flush(part)
        self._rows[part].seek(0)
        return np.frombuffer(self._rows[part].read(), dtype=ROW).copy()

    def leg(self, place: int, ordinal: int) -> Leg:
        """What stands for a row in words.

        Args:
            place: The row's ``text``.
            ordinal: The row's ``ordinal``.
        """
        self._flush_texts()
        self._texts.seek(place)
        parts = [_readable(part) for part in self._texts.readline()[:-1].split(_MARK)]
        at = 4 + 4 * ordinal
        self._texts.seek(0, 2)
        return Leg(*parts[:4], *parts[at : at + 4])

    def finish(self) -> None:
        """Write out what waits, so that another process can read it."""
        for part in range(FILES):
            self._flush(part)
            self._rows[part].flush()
        self._flush_texts()
        self._texts.flush()

    def _flush(self, number: int) -> None:
        self._rows[number].write(self._waiting[number])
        self._waiting[number].clear()

    def _flush_texts(self) -> None:
        self._texts.write(self._pending)
        self._pending.clear()


class Gathered:
    """The rows of several readers, as if one had read all.

    Args:
        several: Each with the names of what takes mail over, by its numbers, and with the numbers
            that its hosts have here.
    """

    def __init__(self, several: Sequence[tuple[Legs, Sequence[bytes], Sequence[int]]]) -> None:
        self._several = [legs for legs, _, _ in several]
        self._hosts = [np.array(hosts, "<u2") for _, _, hosts in several]
        numbers: dict[bytes, int] = {b"": 0}
        self._takers = [
            np.array([numbers.setdefault(name, len(numbers)) for name in names], "<u4")
            for _, names, _ in several
        ]
        self.takers = tuple(numbers)

    def parts(self) -> Iterator[Rows]:
        """The rows, a part of the messages at a time: all rows of a message are in one part."""
        for part in range(FILES):
            yield np.concatenate([self._of(number, part) for number in range(len(self._several))])

    def _of(self, number: int, part: int) -> Rows:
        rows = self._several[number].rows(part)
        if len(rows):
            rows["host"] = self._hosts[number][rows["host"]]
            rows["taker"] = self._takers[number][rows["taker"]]
            rows["text"] |= number << _SOURCE_BIT
        return rows

    def leg(self, row: Any) -> Leg:
        """What a row says in words."""
        leg = self._at(int(row["text"]), int(row["ordinal"]))
        if row["flags"] & STORE and row["next_id"]:
            # It was delivered to a store, which says itself what it did with it.
            said = self._at(int(row["next_id"]), 0)
            return replace(leg, by=said.by, said=said.said, where=said.where)
        return leg

    def _at(self, place: int, ordinal: int) -> Leg:
        source = self._several[place >> _SOURCE_BIT]
        return source.leg(place & ((1 << _SOURCE_BIT) - 1), ordinal)


def _readable(part: bytes) -> str:
    return part.decode("utf-8", "backslashreplace")

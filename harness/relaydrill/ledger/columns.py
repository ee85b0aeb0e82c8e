"""Columns, and the numbers by which they tell messages, nodes and words apart."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

DIGEST_BYTES: Final = 32


class Numbering(dict[Any, int]):
    """Numbers things in the order in which they are first met."""

    def __missing__(self, key: Any) -> int:
        number = self[key] = len(self)
        return number

    def numbers_of(self, others: Iterable[Any]) -> Array:
        """The numbers here of what others have numbered, in their order."""
        return np.array([self[each] for each in others], dtype="i4")


class _Messages(dict[str, int]):
    """Numbers the messages for one recipient; the numbers are common to all recipients."""

    def __init__(self, numbers: Iterator[int]) -> None:
        super().__init__()
        self._numbers = numbers

    def __missing__(self, message: str) -> int:
        number = self[message] = next(self._numbers)
        return number


class Rows:
    """A number for each (message, recipient)."""

    def __init__(self) -> None:
        self._numbers = count()
        self._of: dict[str, _Messages] = {}

    def of(self, recipient: str) -> _Messages:
        """Those of one recipient, upper or lower case, by message."""
        recipient = recipient.lower()
        found = self._of.get(recipient)
        if found is None:
            found = self._of[recipient] = _Messages(self._numbers)
        return found

    def count(self) -> int:
        """How many there are."""
        return sum(map(len, self._of.values()))

    def by_recipient(self) -> Iterable[tuple[str, dict[str, int]]]:
        """The numbers of the messages for each recipient."""
        return self._of.items()

    def close(self) -> tuple[list[str], list[str]]:
        """The message and the recipient of each row."""
        rows = [row for messages in self._of.values() for row in messages.values()]
        order = np.argsort(np.asarray(rows, dtype="i4"))
        messages = [message for messages in self._of.values() for message in messages]
        recipients = [each for each, messages in self._of.items() for _ in messages]
        return [messages[at] for at in order], [recipients[at] for at in order]


class Table:
    """The lines of one kind, each field a column; the types are those of `array`."""

    def __init__(self, **types: str) -> None:
        self._columns = {name: array(code) for name, code in types.items()}

    def add(self, **fields: list[Any]) -> None:
        """Append as many values to each column."""
        for name, values in fields.items():
            self._columns[name].fromlist(values)

    def column(self, name: str) -> Array:
        """One column; nothing can be added any more."""
        return np.frombuffer(self._columns[name], dtype=self._columns[name].typecode)

    def extend(self, others: Table, renumbered: Mapping[str, Array]) -> None:
        """Append the lines of another one.

        Args:
            others: Of the same columns.
            renumbered: By column, the number here of each number there.
        """
        for name, column in self._columns.items():
            theirs = others.column(name)
            if name in renumbered:
                theirs = renumbered[name][theirs].astype(column.typecode)
            column.frombytes(theirs.tobytes())

    def counts(self, rows: int) -> Array:
        """How many lines there are of each row."""
        return np.bincount(self.column("row"), minlength=rows)

    def last(self, rows: int) -> Array:
        """Where the last line of each row stands; 0 for rows of none."""
        found = np.zeros(rows, dtype="i4")
        found[self.column("row")] = np.arange(len(self._columns["row"]))
        return found

    def line(self, number: int) -> dict[str, Any]:
        """One line, field by field."""
        return {name: column[number] for name, column in self._columns.items()}


def digests_of(them: bytearray) -> Array:
    """Digests that stand in a row, each as four numbers."""
    return np.frombuffer(them, dtype="u8").reshape(-1, DIGEST_BYTES // 8)


def digests_in(digests: list[str]) -> bytes | None:
    """All of them in a row; None if not each is a digest as nodes write it."""
    text = "".join(digests)
    try:
        found = bytes.fromhex(text)
    except ValueError:
        return None
    is_plain = text == text.lower() and {*map(len, digests)} <= {2 * DIGEST_BYTES}
    return found if is_plain and len(found) == DIGEST_BYTES * len(digests) else None

"""How far a file has been read, and whether another one is the same file up to there."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

_MARK: Final = 256


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file, known again by what stands before it.

    Attributes:
        offset: Bytes before it.
        head: The file's first bytes.
        mark: The last ones before it.
    """

    offset: int = 0
    head: bytes = b""
    mark: bytes = b""

    @staticmethod
    def of(file: int, offset: int) -> Place:
        """A place in an open file."""
        size = min(offset, _MARK)
        return Place(offset, os.pread(file, size, 0), os.pread(file, size, offset - size))

    def is_in(self, file: int) -> bool:
        """Whether a file is the same up to here, and perhaps has more."""
        if os.pread(file, len(self.head), 0) != self.head:
            return False
        return os.pread(file, len(self.mark), self.offset - len(self.mark)) == self.mark

    def may_come_in(self, file: int) -> bool:
        """Whether a file has the same begin and is shorter: it may be being copied (scp, cp)."""
        size = os.fstat(file).st_size
        return 0 < size < self.offset and self.begins(os.pread(file, len(self.head), 0))

    def begins(self, head: bytes) -> bool:
        """Whether a text that begins so begins as this file does; an empty one says nothing."""
        size = min(len(head), len(self.head))
        return size > 0 and head[:size] == self.head[:size]

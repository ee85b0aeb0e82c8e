"""Chunks of bytes as lines; UTF-16 becomes UTF-8. Pure."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import Final

from relaydrill.mail_logs.framing import LONGEST

_MARKS: Final = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_LOOKED_AT: Final = 64


class Splitter:
    """Splits what comes in chunks into whole lines, and keeps the half one at the end.

    Attributes:
        rest: The line whose end is to come. One that is far too long is kept only in part, and is
            still too long.
    """

    def __init__(self) -> None:
        self.rest = b""
        self._wide: codecs.IncrementalDecoder | None = None
        self._is_first = True

    def lines(self, chunk: bytes) -> Iterator[bytes]:
        """The lines that end in a chunk, without their ends."""
        if self._is_first and chunk:
            self._is_first = False
            if name := wide(chunk):
                self._wide = codecs.getincrementaldecoder(name)("replace")
        if self._wide:
            chunk = self._wide.decode(chunk).removeprefix("\ufeff").encode()
        first, *others = chunk.split(b"\n")
        self.rest += first
        if others:
            yield self.rest
            yield from others[:-1]
            self.rest = others[-1]
        if len(self.rest) > 4 * LONGEST:
            self.rest = self.rest[: 2 * LONGEST]


def wide(begin: bytes) -> str:
    """The encoding of a text in UTF-16, with its mark or without; empty for any other."""
    for mark, name in _MARKS.items():
        if begin.startswith(mark):
            return name
    looked_at = begin[:_LOOKED_AT]
    half = len(looked_at) // 2
    if half >= 8:
        # Latin letters have a zero in one of their two bytes, and never in the other.
        for name, zeroes, letters in (
            ("utf-16-le", looked_at[1::2], looked_at[0::2]),
            ("utf-16-be", looked_at[0::2], looked_at[1::2]),
        ):
            if zeroes.count(0) == len(zeroes) and 0 not in letters:
                return name
    return ""

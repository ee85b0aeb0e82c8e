"""What comes between 354 and the dot, as aiosmtpd takes it. Sans I/O."""

from __future__ import annotations

import enum
from typing import Final

_END: Final = b".\r\n"
_LINE_END: Final = b"\r\n"


class Flaw(enum.Enum):
    """Why a message that has come in whole is not taken."""

    NONE = enum.auto()
    LONG_LINE = enum.auto()
    """A line is longer than RFC 5321 §4.5.3.1.6 allows."""
    TOO_MUCH = enum.auto()
    """It is longer than the server takes."""


class Body:
    """A message as it comes in, in pieces of any size; only CRLF ends a line.

    Args:
        longest_line: Bytes of a line, its CRLF counted.
        most: Bytes of a message; 0 for any.
    """

    def __init__(self, *, longest_line: int, most: int) -> None:
        self.flaw = Flaw.NONE
        self._longest_line = longest_line
        self._most = most
        self._taken: list[bytes] = []
        self._size = 0
        self._rest = b""
        """The line that has not ended yet, or its end, where it is too long."""
        self._is_mid_line = False
        """Whether some of that line has been thrown away."""

    def feed(self, data: bytes) -> bytes | None:
        """Take a piece; None while the end has not come, else what came after it."""
        data = self._rest + data if self._rest else data
        if not self._is_mid_line and data.startswith(_END):
            self._rest = b""
            return data[len(_END) :]
        end = data.find(b"\r\n.\r\n")
        whole = end + 2 if end >= 0 else data.rfind(_LINE_END) + 2
        if whole >= 2:
            self._lines(data[:whole])
        if end >= 0:
            self._rest = b""
            return data[end + 5 :]
        self._rest = data[whole:] if whole >= 2 else data
        self._shorten_rest()
        return None

    def _lines(self, lines: bytes) -> None:
        """Count and keep whole lines; the first may be the end of one that was begun before."""
        if self.flaw is Flaw.NONE:
            fits = not self._most or self._size + len(lines) <= self._most
            if fits and self._are_short(lines):
                self._taken.append(lines)
            else:
                self._find_flaw(lines)
        self._size += len(lines)
        self._is_mid_line = False

    def _are_short(self, lines: bytes) -> bool:
        """Whether no line is too long: wherever one begins, one ends within that length."""
        begin = 0
        while begin < len(lines):
            end = lines.rfind(_LINE_END, begin, begin + self._longest_line)
            if end < 0:
                return False
            begin = end + len(_LINE_END)
        return True

    def _find_flaw(self, lines: bytes) -> None:
        """Which of the two limits a line met first, as one sees who reads line by line."""
        size = self._size
        for line in lines.split(_LINE_END)[:-1]:
            length = len(line) + len(_LINE_END)
            # A line that the reader cannot hold is known to be long before it is counted.
            if len(line) > self._longest_line:
                self.flaw = Flaw.LONG_LINE
                break
            size += length
            if self._most and size > self._most:
                self.flaw = Flaw.TOO_MUCH
                break
            if length > self._longest_line:
                self.flaw = Flaw.LONG_LINE
                break
        self._taken.clear()

    def _shorten_rest(self) -> None:
        """Of a line that is too long, keep only what may be the begin of its end."""
        if len(self._rest) <= self._longest_line + 1:
            return
        if self.flaw is Flaw.NONE:
            self.flaw = Flaw.LONG_LINE
            self._taken.clear()
        kept = self._rest[-1:]
        self._size += len(self._rest) - len(kept)
        self._rest = kept
        self._is_mid_line = True

    @property
    def content(self) -> bytes:
        """The message without its dots of transparency (RFC 5321 §4.5.2)."""
        content = b"".join(self._taken)
        if content.startswith(b"."):
            content = content[1:]
        return content.replace(b"\r\n.", b"\r\n")

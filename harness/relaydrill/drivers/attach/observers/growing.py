"""A file that others add lines to, and turn over now and then."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from relaydrill.errors import LabError, UsageError


class GrowingFile:
    """Reads what is added to a log, on into the new file where it is turned over (logrotate).

    Args:
        path: Its file. What stands in it already is passed over.

    Raises:
        UsageError: It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file: BinaryIO = path.open("rb")
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror}") from None
        self._file.seek(0, os.SEEK_END)
        self._half = b""

    def new_lines(self) -> Iterator[str]:
        """The whole lines that were added since the last time.

        Raises:
            LabError: It cannot be read any more.
        """
        try:
            yield from self._rest()
            if self._is_turned_over():
                yield from self._rest()  # what was added to the old one just now
                self._file.close()
                self._file, self._half = self._path.open("rb"), b""
                yield from self._rest()
        except OSError as error:
            raise LabError(f"{self._path} cannot be read any more: {error.strerror}") from None

    def close(self) -> None:
        """Let it go."""
        self._file.close()

    def _rest(self) -> Iterator[str]:
        for line in self._file:
            if not line.endswith(b"\n"):
                self._half += line
                return
            yield (self._half + line).decode("utf-8", "replace")
            self._half = b""

    def _is_turned_over(self) -> bool:
        """Whether the path leads to another file, or the file was emptied (copytruncate)."""
        try:
            now = self._path.stat()
        except FileNotFoundError:
            return False  # the new one is about to come
        ours = os.fstat(self._file.fileno())
        return now.st_ino != ours.st_ino or now.st_size < self._file.tell()

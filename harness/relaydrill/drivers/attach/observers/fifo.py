"""A FIFO that a system's logger writes lines into."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from relaydrill.drivers.attach.observers.splitting import Splitter
from relaydrill.errors import UsageError

_CHUNK: Final = 1 << 16


class Fifo:
    """Reads what is written into a FIFO; each line is for one reader, and this is it.

    Args:
        path: Where it is.

    Raises:
        UsageError: It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror}") from None
        self._split = Splitter()
        self._had_writer = False
        self._has_writer = False

    def lines(self) -> Iterator[bytes]:
        """The whole lines that were written since the last time."""
        while True:
            try:
                chunk = os.read(self._file, _CHUNK)
            except BlockingIOError:
                self._had_writer = self._has_writer = True
                return
            if not chunk:
                self._has_writer = False
                return
            self._had_writer = self._has_writer = True
            yield from self._split.lines(chunk)

    def begin(self) -> None:
        """What it tells is how it is now, and nothing of that is over."""

    def unread(self) -> Iterator[str]:
        """That nobody writes into it, where nobody does."""
        if not self._has_writer:
            since = " any more" if self._had_writer else ""
            yield f"{self.name}: nobody writes into this FIFO{since}"

    def close(self) -> None:
        """Let it go."""
        os.close(self._file)

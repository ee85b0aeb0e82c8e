"""A file that others add lines to, and turn over now and then."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from relaydrill.drivers.attach.observers import turned_over
from relaydrill.drivers.attach.observers.place import Place
from relaydrill.drivers.attach.observers.splitting import Splitter
from relaydrill.errors import UsageError

_CHUNK: Final = 1 << 20
_REMEMBERED: Final = 100
"""Files that have been read, and are known again where they are copied or packed."""


class _Reading:
    """A file that is open, and how far it has been read."""

    def __init__(self, file: BinaryIO, *, at_end: bool) -> None:
        self.file = file
        self.split = Splitter()
        self.place = Place()
        if at_end:
            self._pass_over(os.fstat(file.fileno()).st_size)

    def _pass_over(self, end: int) -> None:
        """What stands in it already is not new."""
        for _ in self.split.lines(os.pread(self.file.fileno(), min(end, 64), 0)):
            pass  # which encoding it is in
        self.split.rest = b""
        self.place = Place.of(self.file.fileno(), end)

    def lines(self) -> Iterator[bytes]:
        """The whole lines that were added since the last time."""
        file = self.file.fileno()
        while chunk := os.pread(file, _CHUNK, self.place.offset):
            self.place = Place.of(file, self.place.offset + len(chunk))
            yield from self.split.lines(chunk)

    def is_emptied(self) -> bool:
        """Whether the file was emptied, and perhaps written anew, since it was read."""
        return not self.place.is_in(self.file.fileno())

    def begin_anew(self) -> None:
        """Read it from its begin."""
        self.split, self.place = Splitter(), Place()


class GrowingFile:
    """Reads what is added to a log, on into the new file where it is turned over (logrotate).

    Args:
        path: Its file. What stands in it already is passed over.

    Raises:
        UsageError: It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._now = _Reading(path.open("rb"), at_end=True)
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror}") from None
        self._before: _Reading | None = None
        self._read: list[Place] = []
        self._gaps: list[str] = []
        self._wrong = ""

    @property
    def name(self) -> str:
        """What people call it."""
        return str(self.path)

    def begin(self) -> None:
        """Forget what was not read until now."""
        self._gaps.clear()

    def unread(self) -> Iterator[str]:
        """What of it was not read whole, a sentence each."""
        yield from dict.fromkeys(self._gaps)
        if self._wrong:
            yield f"{self.path}: {self._wrong}"

    def new_lines(self) -> Iterator[str]:
        """The whole lines that were added since the last time, as text."""
        for line in self.lines():
            yield line.decode("utf-8", "replace")

    def lines(self) -> Iterator[bytes]:
        """The whole lines that were added since the last time."""
        self._wrong = ""
        try:
            if self._before:
                yield from self._before.lines()  # its writer may not have been told yet
            if self._is_turned_over():
                yield from self._turn_over()
            elif self._now.is_emptied():
                if self._now.place.may_come_in(self._now.file.fileno()):
                    self._wrong = "it is written anew, and not yet what it was"
                    return
                yield from self._after_emptying()
            yield from self._now.lines()
        except OSError as error:
            self._wrong = f"it cannot be read any more: {error.strerror}"

    def close(self) -> None:
        """Let it go."""
        for reading in filter(None, (self._before, self._now)):
            reading.file.close()

    def _is_turned_over(self) -> bool:
        """Whether the path leads to another file now."""
        try:
            now = self.path.stat()
        except FileNotFoundError:
            self._wrong = "it is not there any more"
            return False  # the new one may be about to come
        ours = os.fstat(self._now.file.fileno())
        return (now.st_dev, now.st_ino) != (ours.st_dev, ours.st_ino)

    def _turn_over(self) -> Iterator[bytes]:
        new = self.path.open("rb")
        now = self._now
        if now.is_emptied():
            yield from self._after_emptying()
        yield from now.lines()  # what was added to the old one just now
        if now.place.offset and now.place.is_in(new.fileno()):
            # rsync renames a new copy into place.
            now.file.close()
            now.file = new
            return
        between = turned_over.between(self.path, os.fstat(now.file.fileno()))
        if self._before:
            self._before.file.close()
        self._remember()
        self._before, self._now = now, _Reading(new, at_end=False)
        for path in between or ():
            yield from self._whole(path)
        if between is None:
            self._gaps.append(
                f"{self.path}: it was turned over, and the file that was read until then is not"
                " beside it: whether another one lay between the two is not known"
            )

    def _whole(self, path: Path) -> Iterator[bytes]:
        """All of an older file, if nothing of it has been read."""
        split, is_first = Splitter(), True
        for chunk in turned_over.chunks(path):
            if is_first and any(place.begins(chunk) for place in self._read):
                return
            is_first = False
            yield from split.lines(chunk)

    def _remember(self) -> None:
        self._read = [*self._read, self._now.place][-_REMEMBERED:]

    def _after_emptying(self) -> Iterator[bytes]:
        """Read on in the copy that was made first, if there is one, and then in the empty file."""
        now = self._now
        for chunk in turned_over.copied_since(self.path, now.place):
            yield from now.split.lines(chunk)
        self._gaps.append(
            f"{self.path}: it was emptied while it was read (copytruncate): what was written just"
            " then is lost"
        )
        self._remember()
        now.begin_anew()

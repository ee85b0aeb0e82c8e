"""A folder of logs, all of which are read."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from relaydrill.drivers.attach.observers import turned_over
from relaydrill.drivers.attach.observers.place import Place
from relaydrill.drivers.attach.observers.splitting import Splitter, wide
from relaydrill.errors import UsageError

_PACKED: Final = (".gz", ".xz", ".bz2", ".zst", ".zip")
_CHUNK: Final = 1 << 20
_BEGIN: Final = 512
_REMEMBERED: Final = 100
"""Files that were emptied, and are known again in their copies."""

Identity = tuple[int, int]
"""Device and inode: a file keeps them when it is renamed."""


class _File:
    """How far one file has been read."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.split = Splitter()


class Folder:
    """Reads what is added to any file of a folder, also to those that come later.

    Files are told apart by what they are, not by their names: one that is turned over is read on
    under its new name. Of packed ones (gzip) only that is read which was not when they were plain.

    Args:
        path: The folder; what is below it is not read. What stands in its files already is not new.

    Raises:
        UsageError: It cannot be looked into.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files: dict[Identity, _File] = {}
        self._emptied: list[_File] = []
        self._packed: set[tuple[int, int, int]] = set()
        self._gaps: dict[str, None] = {}
        try:
            for file, stat in self._found():
                place = _place_in(file, stat.st_size)
                self._files[stat.st_dev, stat.st_ino] = _File(place)
            self._packed.update(self._all_packed())
        except OSError as error:
            raise UsageError(f"{error.filename or path}: {error.strerror}") from None

    @property
    def name(self) -> str:
        """What people call it."""
        return str(self._path)

    def lines(self) -> Iterator[bytes]:
        """The whole lines that were added since the last time."""
        try:
            found = list(self._found())
        except OSError as error:
            self._gaps[f"{self._path}: it cannot be looked into any more: {error.strerror}"] = None
            return
        there = {(stat.st_dev, stat.st_ino) for _, stat in found}
        for gone in [each for each in self._files if each not in there]:
            self._forget(self._files.pop(gone))
        # Read backwards, told forwards: what a mail server says of a delivery, its store has said
        # before, in ``dovecot.log``. Whoever is read first must not tell of what comes later.
        added = [self._new_in(path, stat) for path, stat in reversed(found)]
        for lines in reversed(added):
            yield from lines
        for packed, path in self._all_packed().items():
            if packed not in self._packed:
                self._packed.add(packed)
                yield from self._unpacked(path)

    def _new_in(self, path: Path, stat: os.stat_result) -> list[bytes]:
        """The whole lines that were added to one file since the last time."""
        identity, lines = (stat.st_dev, stat.st_ino), list[bytes]()
        try:
            if (known := self._files.get(identity)) is None:
                known = self._files[identity] = self._copied(path)
            if stat.st_size != known.place.offset:
                for line in self._added(path, known):
                    lines.append(line)
        except OSError as error:
            self._gaps[f"{path}: it cannot be read: {error.strerror}"] = None
        return lines

    def _all_packed(self) -> dict[tuple[int, int, int], Path]:
        """By device, inode and time: a file that is gone leaves its inode to another."""
        found = {}
        for path in self._path.iterdir():
            if path.suffix == ".gz" and path.is_file():
                stat = path.stat()
                found[stat.st_dev, stat.st_ino, int(stat.st_mtime)] = path
        return found

    def _unpacked(self, path: Path) -> Iterator[bytes]:
        """What was added to a file after the last look at it, and before it was packed."""
        known, offset = _File(Place()), 0
        try:
            for chunk in turned_over.chunks(path):
                if not offset:
                    known = self._begun_as(chunk)
                rest = chunk[max(0, known.place.offset - offset) :]
                offset += len(chunk)
                yield from known.split.lines(rest)
        except OSError as error:
            self._gaps[f"{path}: it cannot be read: {error.strerror}"] = None
            return
        if offset > known.place.offset:
            self._forget(_File(Place(offset, known.place.head, known.place.mark)))

    def begin(self) -> None:
        """Forget what was not read until now."""
        self._gaps.clear()

    def unread(self) -> Iterator[str]:
        """What of it was not read whole, a sentence each."""
        yield from self._gaps

    def close(self) -> None:
        """No file is held open."""

    def _found(self) -> Iterator[tuple[Path, os.stat_result]]:
        for path in sorted(self._path.iterdir()):
            if path.suffix not in _PACKED and path.is_file():
                yield path, path.stat()

    def _added(self, path: Path, known: _File) -> Iterator[bytes]:
        with path.open("rb") as file:
            number = file.fileno()
            if not known.place.is_in(number):
                if known.place.may_come_in(number):
                    return  # it is being copied anew
                self._begin_anew(path, known)
            if not known.place.offset:  # an empty one may have given its inode to a copy
                other = self._copied(path)
                known.place, known.split = other.place, other.split
            begin = os.pread(number, _BEGIN, 0)
            if b"\0" in begin and not wide(begin):
                return  # no text: wtmp, a database
            while chunk := os.pread(number, _CHUNK, known.place.offset):
                known.place = Place.of(number, known.place.offset + len(chunk))
                yield from known.split.lines(chunk)

    def _begin_anew(self, path: Path, known: _File) -> None:
        """It was emptied; or it is another file, which has got the inode of one that is gone."""
        self._forget(known)
        other = self._copied(path)
        known.place, known.split = other.place, other.split
        if not known.place.offset:
            said = f"{path}: it was emptied while it was read (copytruncate)"
            self._gaps[f"{said}: what was written just then is lost"] = None

    def _forget(self, known: _File) -> None:
        """Know what a file was, where a copy of it comes yet."""
        before = _File(known.place)
        before.split = copy.deepcopy(known.split)
        self._emptied = [*self._emptied, before][-_REMEMBERED:]

    def _begun_as(self, head: bytes) -> _File:
        """How far the file was read that a packed one has in it."""
        found = _File(Place(0, head[:_BEGIN]))
        for each in [*self._emptied, *self._files.values()]:
            if each.place.begins(head) and each.place.offset > found.place.offset:
                found.place, found.split = each.place, copy.deepcopy(each.split)
        return found

    def _copied(self, path: Path) -> _File:
        """A new file: read as far as the one was of which it is a copy."""
        found = _File(Place())
        with path.open("rb") as file:
            for each in [*self._emptied, *self._files.values()]:
                longer = each.place.offset > found.place.offset
                if longer and each.place.is_in(file.fileno()):
                    found.place, found.split = each.place, copy.deepcopy(each.split)
        return found


def _place_in(path: Path, offset: int) -> Place:
    with path.open("rb") as file:
        return Place.of(file.fileno(), offset)

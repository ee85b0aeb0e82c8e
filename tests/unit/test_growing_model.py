"""A model of a log that is written, turned over, packed, emptied and copied between two looks."""

from __future__ import annotations

import gzip
import os
import random
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relaydrill.drivers.attach.observers.folder import Folder
from relaydrill.drivers.attach.observers.growing import GrowingFile


class Log:
    """A log and its older files, as logrotate and others treat them.

    Attributes:
        written: Every line since the begin, in order.
    """

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.path = folder / "mail.log"
        self.chance = chance
        self.written: list[str] = []
        self._time = 1_700_000_000
        for number in range(chance.choice([0, 3, 60])):
            self._add(self.path, f"an old line of this log, number {number}")
        self.path.touch()
        self._tick(self.path)

    def _add(self, path: Path, line: str) -> None:
        with path.open("a") as file:
            file.write(line + "\n")
        self._tick(path)

    def _tick(self, path: Path) -> None:
        """Time goes on by seconds, and leaves its mark on a file."""
        self._time += 2
        os.utime(path, (self._time, self._time))

    def write(self) -> None:
        """Some lines, each its own."""
        for _ in range(self.chance.choice([1, 2, 40])):
            line = f"line {len(self.written)} {self.chance.random()}"
            self._add(self.path, line)
            self.written.append(line)

    def _make_room(self) -> None:
        for number in (3, 2, 1):
            for suffix in ("", ".gz"):
                older = self.path.with_name(f"mail.log.{number}{suffix}")
                if older.exists():
                    older.rename(self.path.with_name(f"mail.log.{number + 1}{suffix}"))

    def turn_over(self) -> None:
        """Logrotate with create."""
        self._make_room()
        self.path.rename(self.path.with_name("mail.log.1"))
        self.path.touch()
        self._tick(self.path)

    def pack(self) -> None:
        """Logrotate's delayed compression."""
        older = self.path.with_name("mail.log.1")
        if older.exists():
            stat = older.stat()
            packed = older.with_name("mail.log.1.gz")
            packed.write_bytes(gzip.compress(older.read_bytes()))
            os.utime(packed, (stat.st_atime, stat.st_mtime))
            older.unlink()

    def empty(self) -> None:
        """Logrotate with copytruncate."""
        self._make_room()
        older = self.path.with_name("mail.log.1")
        older.write_bytes(self.path.read_bytes())
        self._tick(older)
        self.path.write_text("")
        self._tick(self.path)

    def copy_anew(self) -> None:
        """rsync: a new file of the same content, renamed into place."""
        copy = self.path.with_name(".mail.log.rsync")
        copy.write_bytes(self.path.read_bytes())
        copy.rename(self.path)
        self._tick(self.path)

    def replace(self) -> None:
        """Somebody removes it, and its writer makes another."""
        self.path.unlink()
        self.path.touch()
        self._tick(self.path)


@pytest.mark.parametrize("kind", [GrowingFile, Folder])
@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_each_line_is_read_once_or_a_gap_is_told(
    kind: type[GrowingFile] | type[Folder], seed: int
) -> None:
    """No line is ever told twice; one that is missing has a sentence that says so."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        log = Log(Path(folder), chance)
        source = GrowingFile(log.path) if kind is GrowingFile else Folder(Path(folder))
        alone = [log.empty] if kind is Folder else [log.empty, log.copy_anew, log.replace]
        found: list[bytes] = []
        for _ in range(12):
            act = chance.choice([log.write, log.write, log.turn_over, log.pack, *alone])
            if act in alone:  # what several of these do at once cannot be made out of what is left
                found += source.lines()
            act()
            if act in alone or chance.random() < 0.5:
                found += source.lines()
        found += source.lines()
        told = list(source.unread())
        source.close()
    counted = Counter(line.decode() for line in found)
    assert [line for line, count in counted.items() if count > 1] == []
    assert set(counted) <= set(log.written)
    assert told or set(counted) == set(log.written)

"""The mark that ends each journal of a run directory, and what it proves.

When the harness has copied what a node journalled, it ends the copy with a line of its own, of the
kind ``closed``: of which format all lines are, how many stand before it, and the SHA-256 of all
bytes before it. A journal without its mark was cut short; one that does not agree with it is not
what the node wrote.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from relaydrill import clock
from relaydrill.documents.journal import JOURNAL
from relaydrill.journal import CLOSED, TORN, Event

_LONGEST_MARK: Final = 4096
_PIECE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Look:
    """What a journal file holds, and what its mark says that it should.

    Attributes:
        lines: How many stand before the mark.
        digest: The SHA-256 of their bytes, in hex.
        whole_digest: SHA-256 of the whole file.
        mark: The mark at its end; None where there is none.
    """

    lines: int
    digest: str
    whole_digest: str
    mark: Event | None

    def must_be_read(self, path: Path) -> None:
        """Make sure that this version reads the journal.

        Args:
            path: Its file.

        Raises:
            UsageError: Its mark is of another format, or of a newer version.
        """
        if self.mark is not None:
            JOURNAL.version_of(self.mark.detail, path)

    def missing(self, name: str) -> str:
        """What is wrong with the journal, a sentence that names it; empty where it is whole."""
        if self.mark is None:
            return f"{name} was not closed: its end is missing"
        told, digest = self.mark.detail.get("lines"), self.mark.detail.get("sha256")
        if told != self.lines:
            less = isinstance(told, int) and self.lines < told
            what = "taken out of it" if less else "put into it"
            return (
                f"{name} has {self.lines} lines, and was closed with {told}: something was {what}"
            )
        if digest != self.digest:
            return f"{name} was changed after it was closed"
        if self.mark.node != Path(name).stem:
            return f"{name} was closed as the journal of {self.mark.node}"
        return ""


def close(path: Path) -> None:
    """End a journal with its mark; one that it has already is made anew.

    Half a line at its end, of a node that was killed while it wrote, becomes a line that is none.

    Raises:
        OSError: The journal cannot be written.
    """
    with path.open("r+b") as file:
        end, _ = _find_mark(file)
        file.truncate(end)
        file.seek(max(0, end - 1))
        if end and file.read(1) != b"\n":
            file.seek(end)
            file.write(TORN.encode())
            end += len(TORN)
        file.seek(0)
        hashed, lines = _read(file, end)
        detail = {
            "format": JOURNAL.name,
            "version": JOURNAL.version,
            "lines": lines,
            "sha256": hashed.hexdigest(),
        }
        mark = Event(clock.monotonic(), clock.wall(), path.stem, CLOSED, detail=detail)
        file.seek(end)
        file.write(mark.to_line().encode() + b"\n")


def look(path: Path) -> Look:
    """Look at a journal file.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        end, mark = _find_mark(file)
        file.seek(0)
        hashed, lines = _read(file, end)
        digest = hashed.hexdigest()
        while piece := file.read(_PIECE):
            hashed.update(piece)
        return Look(lines, digest, hashed.hexdigest(), mark)


def _find_mark(file: BinaryIO) -> tuple[int, Event | None]:
    """Where the mark begins, and the mark; where there is none, the file's end."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _LONGEST_MARK))
    tail = file.read()
    last = tail[tail[:-1].rfind(b"\n") + 1 :]
    if not last.endswith(b"\n"):
        return size, None
    try:
        event = Event.from_line(last)
    except ValueError:
        return size, None
    return (size - len(last), event) if event.kind == CLOSED else (size, None)


def _read(file: BinaryIO, end: int) -> tuple[hashlib._Hash, int]:
    """The hash of all bytes before one, and how many lines end among them."""
    hashed, lines, at = hashlib.sha256(), 0, 0
    while at < end and (piece := file.read(min(_PIECE, end - at))):
        hashed.update(piece)
        lines += piece.count(b"\n")
        at += len(piece)
    return hashed, lines

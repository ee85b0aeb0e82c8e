"""The mark that ends each journal of a run directory, and what it proves.

When the harness has copied what a node journalled, it ends the copy with a line of its own, of the
kind ``closed``: how many lines stand before it, and the SHA-256 of all bytes before it. A journal
without its mark was cut short; one that does not agree with it is not what the node wrote.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from relaydrill.journal import TORN, Event

CLOSED: Final = "closed"
_LONGEST_MARK: Final = 4096
_PIECE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Look:
    """What a journal file holds, and what its mark says that it should.

    Attributes:
        lines, digest: How many lines stand before the mark, and the SHA-256 of their bytes, in hex.
        whole_digest: SHA-256 of the whole file.
        mark: The mark at its end; None where there is none.
    """

    lines: int
    digest: str
    whole_digest: str
    mark: Event | None

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
        digest = _hash(file, end).hexdigest()
        file.seek(0)
        detail = {"lines": _count(file, end), "sha256": digest}
        mark = Event(time.monotonic(), time.time(), path.stem, CLOSED, detail=detail)
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
        hashed = _hash(file, end)
        digest = hashed.hexdigest()
        while piece := file.read(_PIECE):
            hashed.update(piece)
        # What has the digest has the lines: counting them takes as long as all the rest.
        told = mark.detail.get("lines") if mark and mark.detail.get("sha256") == digest else None
        file.seek(0)
        lines = told if isinstance(told, int) else _count(file, end)
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


def _hash(file: BinaryIO, end: int) -> hashlib._Hash:
    """The hash of all bytes before one."""
    hashed = hashlib.sha256()
    for piece in _pieces(file, end):
        hashed.update(piece)
    return hashed


def _count(file: BinaryIO, end: int) -> int:
    """How many lines end before a byte."""
    return sum(piece.count(b"\n") for piece in _pieces(file, end))


def _pieces(file: BinaryIO, end: int) -> Iterator[bytes]:
    at = 0
    while at < end and (piece := file.read(min(_PIECE, end - at))):
        yield piece
        at += len(piece)

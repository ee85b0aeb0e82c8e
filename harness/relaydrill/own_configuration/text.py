"""A configuration file as lines of text, whatever it was saved as; what cannot be text is refused.

A note says what was read otherwise than it stands, or not at all: nothing is left out in silence.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from relaydrill.errors import UsageError
from relaydrill.marks import Mark, show

_MOST_BYTES: Final = 8 * 1024 * 1024
_UTF_16: Final = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


@dataclass(frozen=True, order=True, slots=True)
class Note:
    """What a reader did not understand, or read otherwise than it stands; sorts by its line.

    Attributes:
        at: The line.
        what: What it is, and what was done with it.
    """

    at: Mark
    what: str

    def __str__(self) -> str:
        return f"{self.at}: {self.what}"


NOTHING_THERE: Final = "nothing is written here that a rule could look at"
"""Of a file that is empty, but for comments."""


@dataclass(frozen=True, slots=True)
class TextFile:
    """A file that was read.

    Attributes:
        path: As messages call it.
        lines: Its lines without their ends.
        notes: What is odd about its encoding.
    """

    path: str
    lines: tuple[str, ...]
    notes: tuple[Note, ...] = ()

    def mark(self, number: int) -> Mark:
        """The mark of a line, from 1 on."""
        return Mark(self.path, number)


def read_text(path: Path) -> TextFile:
    """A file as text.

    Args:
        path: Where it lies.

    Raises:
        UsageError: It is not there, cannot be read, is too big, or no text.
    """
    return text_of(_bytes(path), str(path))


def text_of(data: bytes, name: str) -> TextFile:
    """The text that some bytes are.

    Args:
        data: A whole file.
        name: What messages call it.

    Raises:
        UsageError: They are too many, or no text.
    """
    if len(data) > _MOST_BYTES:
        raise UsageError(f"{name} is larger than {_MOST_BYTES >> 20} MiB: no configuration is")
    text, notes = _decoded(data, name)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UsageError(f"{name}:{line}: a NUL byte: this is no text; name a configuration file")
    # Only these end a line for the programs that read such files; others are characters.
    lines = text.replace("\r\n", "\n").split("\n")
    if lines[-1] == "":
        lines.pop()
    return TextFile(name, tuple(lines), tuple(notes))


def _decoded(data: bytes, name: str) -> tuple[str, list[Note]]:
    start = Mark(name, 1)
    for mark, encoding in _UTF_16:
        if data.startswith(mark):
            text = data[len(mark) :].decode(encoding, errors="replace")
            what = "the file is UTF-16, which no mail server or balancer reads: save it as UTF-8"
            return text, [Note(start, what)]
    notes = []
    if data.startswith(codecs.BOM_UTF8):
        data = data[len(codecs.BOM_UTF8) :]
        what = "the file begins with a byte order mark, which belongs to its first word for the"
        notes.append(Note(start, f"{what} program that reads it: save it without"))
    try:
        return data.decode("utf-8"), notes
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        what = f"byte 0x{data[error.start]:02x} is not UTF-8; the file is read as Windows-1252"
        notes.append(Note(Mark(name, line), what))
    try:
        return data.decode("cp1252"), notes
    except UnicodeDecodeError:
        return data.decode("latin-1"), notes


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            # Never more than needed to know: the path may be a device without end.
            return file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        raise UsageError(f"there is no file {show(str(path))}") from None
    except IsADirectoryError:
        raise UsageError(f"{path} is a directory; name a file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its name cannot be one"
        raise UsageError(f"{path} cannot be read: {reason}") from None

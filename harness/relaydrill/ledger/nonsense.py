"""Lines of journals that are no events, or say what their kind cannot: where they stand. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from relaydrill.journal import CLOSED, LONGEST_LINE, TORN, Event
from relaydrill.ledger.soundness import unsound

_SHOWN: Final = 60
_TORN: Final = TORN.encode()


class Nonsense(NamedTuple):
    """A line that says nothing.

    Attributes:
        path: Its journal.
        at: The byte at which it begins.
        why: What is wrong with it.
    """

    path: Path
    at: int
    why: str

    def __str__(self) -> str:
        return f"{self.path.parent.name}/{self.path.name}:{self.line()}: {self.why}"

    def line(self) -> int:
        """Its number in the file, from 1."""
        with self.path.open("rb") as file:
            return file.read(self.at).count(b"\n") + 1


def event_of(line: bytes, path: Path, at: int, node: str) -> Event | Nonsense | None:
    """What a line of a journal tells; None where it is torn, and so was never to tell anything.

    A line is torn where its writer was killed, or its disk filled up, while it was written: then
    whatever it would have promised was never said.

    Args:
        line: The line, with its end.
        path: Its journal.
        at: The byte at which it begins.
        node: Whose journal that is: the path's stem, which takes its time to find out.
    """
    if len(line) >= LONGEST_LINE and not line.endswith(b"\n"):
        return Nonsense(path, at, "a line without an end")
    if not line.endswith(b"\n") or line.endswith(_TORN) or line.isspace():
        return None
    try:
        event = Event.from_line(line)
    except ValueError:
        shown = line[:_SHOWN].rstrip().decode("ascii", "backslashreplace")
        return Nonsense(path, at, f"no journal line: {shown!r}")
    if event.node != node:
        return Nonsense(path, at, f"a line of {event.node!r}, which does not write this journal")
    if event.kind == CLOSED and at + len(line) < path.stat().st_size:
        return Nonsense(path, at, "the mark of the journal's end, and more lines behind it")
    why = unsound(event)
    return Nonsense(path, at, why) if why else event


def read_sound(path: Path, nonsense: list[Nonsense]) -> Iterator[Event]:
    """The events of a journal; what is none, and not merely torn, is put into a list.

    Raises:
        OSError: It cannot be read.
    """
    at, node = 0, path.stem
    with path.open("rb") as file:
        for line in iter(lambda: file.readline(LONGEST_LINE), b""):
            found = event_of(line, path, at, node)
            at += len(line)
            if isinstance(found, Event):
                yield found
            elif found is not None:
                nonsense.append(found)
                if len(line) >= LONGEST_LINE:
                    return  # the rest of it would be as many lines again

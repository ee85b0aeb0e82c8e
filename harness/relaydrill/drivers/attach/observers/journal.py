"""Arrivals by the journal of a mailbox server of another Relaydrill on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from relaydrill.drivers.attach.observers.arrival import Arrival
from relaydrill.drivers.attach.observers.growing import GrowingFile
from relaydrill.journal import Event


class JournalObserver:
    """The journal of a mailbox server of another Relaydrill on this machine.

    Args:
        path: Its file. What stands in it already is not new.

    Raises:
        UsageError: It is not there.
    """

    def __init__(self, path: Path) -> None:
        self._file = GrowingFile(path)

    def new(self) -> Iterator[Arrival]:
        """What has been journalled as arrived."""
        for line in self._file.new_lines():
            try:
                event = Event.from_line(line)
            except ValueError:
                continue  # torn, where its writer was killed
            if event.kind == "arrived":
                detail = event.detail
                changed = detail.get("changed", ())
                yield Arrival(
                    event.message,
                    event.recipient,
                    digest=str(detail.get("digest", "")),
                    mono=event.mono,
                    wall=event.wall,
                    known_by=str(detail.get("known_by", "")),
                    changed=tuple(map(str, changed)) if isinstance(changed, list) else (),
                )

    def close(self) -> None:
        """Look no more."""
        self._file.close()

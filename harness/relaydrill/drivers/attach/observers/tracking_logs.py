"""Arrivals by Exchange's message tracking logs: what the store driver delivered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from relaydrill.drivers.attach.observers.arrival import Arrival
from relaydrill.errors import ExchangeLogError, LabError, UsageError
from relaydrill.exchange_logs import TrackingRow, parse_log

_PATTERN: Final = "MSGTRK*.[Ll][Oo][Gg]"
_WIDE: Final = (b"\xff\xfe", b"\xfe\xff")


class TrackingLogsObserver:
    """A folder of message tracking logs: a share of the server's, or a copy kept up to date.

    Args:
        folder: It, and what is below it. What stands in its files already is not new.

    Raises:
        UsageError: It is no folder.
        LabError: A file in it cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise UsageError(f"{folder}: there is no such folder")
        self._folder = folder
        self._logs: dict[Path, _Log] = {}
        for _ in self.new():
            pass

    def new(self) -> Iterator[Arrival]:
        """What has been delivered."""
        for path in sorted(self._folder.rglob(_PATTERN)):
            log = self._logs.setdefault(path, _Log(path))
            for row in log.new_rows():
                if row.event == "DELIVER" and row.source == "STOREDRIVER":
                    for recipient in row.recipients:
                        yield Arrival(row.message, recipient)

    def close(self) -> None:
        """Look no more: no file is held open."""


class _Log:
    """One day's file: how far it has been read, and which fields its rows have."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._header = b""

    def new_rows(self) -> Iterator[TrackingRow]:
        """The rows that were added since the last time.

        Raises:
            LabError: It cannot be read, or is no such log.
        """
        try:
            added = self._added()
            if added:
                yield from parse_log(self._path, self._header + added).tracking
                self._header = _header(self._header + added)
        except (OSError, ExchangeLogError) as error:
            raise LabError(f"{self._path} cannot be read: {error}") from None

    def _added(self) -> bytes:
        """Whole rows only: one that is being written, or has an open quote, is left for later."""
        with self._path.open("rb") as file:
            if file.read(2) in _WIDE:
                raise ExchangeLogError("it is UTF-16, and Exchange writes these logs in UTF-8")
            if self._path.stat().st_size < self._offset:
                self._offset = 0  # copied anew
            file.seek(self._offset)
            content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        if whole.count(b'"') % 2:
            return b""
        self._offset += len(whole)
        return whole


def _header(content: bytes) -> bytes:
    """The header that rows to come stand under: the last block of it."""
    lines = [line for line in content.splitlines(keepends=True) if line.startswith(b"#")]
    begins = [at for at, line in enumerate(lines) if line.lower().startswith(b"#log-type")]
    return b"".join(lines[begins[-1] :] if begins else lines)

"""What Exchange's message tracking logs tell of mail: deliveries, and how else it ended."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from relaydrill.drivers.attach.observers.silence import fell_silent
from relaydrill.errors import ExchangeLogError, LabError, UsageError
from relaydrill.exchange_logs import ExchangeLog, TrackingRow, parse_log
from relaydrill.exchange_logs.coverage import DELIVERY, kind_by_name, numbers_missing, order_of
from relaydrill.exchange_logs.decoding import encoding_of
from relaydrill.exchange_logs.deeds import Deeds, own_name
from relaydrill.mail_logs.deeds import Deed

_PATTERN: Final = "MSGTRK*.[Ll][Oo][Gg]"
_WIDE_ENDS: Final = {"utf-16-le": b"\n\0", "utf-16-be": b"\0\n"}
_PROBE: Final = 4096
_MOST_ROWS: Final = 500_000
"""Rows of which it is remembered in which file they stood."""


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
        self._stood: OrderedDict[int, Path] = OrderedDict()
        self._deeds = Deeds()
        self._deliver: set[str] = set()
        self._handed: dict[str, Path] = {}
        self._gone: set[Path] = set()
        self._latest: set[Path] = set()
        self._lost: list[str] = []
        self._rows = 0
        self._heard = time.monotonic()
        for _ in self.new():
            pass
        self._rows = 0
        self.begin()

    def begin(self) -> None:
        """A drill begins: what was missed until now was missed of those before it."""
        self._before = set(self._logs)
        self._cut_before = {path for path in self._logs if self._is_cut(path)}
        self._lost.clear()
        self._deeds.strange.clear()
        for log in self._logs.values():
            log.has_gaps = False

    def new(self) -> Iterator[Deed]:
        """What has happened to mail since the last look."""
        there = sorted(self._folder.rglob(_PATTERN))
        for path in there:
            log = self._logs.setdefault(path, _Log(path))
            for row in log.new_rows():
                if not self._is_known(path, row, is_again=log.is_again):
                    self._rows += 1
                    self._heard = time.monotonic()
                    if log.version >= 15:
                        self._note(path, row)
                    for deed in self._deeds.of(row):
                        # A server's clock is its own: what is seen now happened now.
                        yield replace(deed, wall=None)
        for path in set(self._logs) - set(there) - self._gone:
            self._gone.add(path)
            if path in self._latest:
                self._lost.append(
                    f"{path} is gone; what came into it since the last look is missing"
                )

        self._latest = {path for path in there if self._is_latest(path)}

    def quiet(self, missing: Iterable[float]) -> Iterator[str]:
        """That the logs went quiet while mail was taken that never came, where they did."""
        if self._rows:
            yield from fell_silent(str(self._folder), "row", self._heard, missing)

    def unread(self) -> Iterator[str]:
        """What of the logs was not read whole, a sentence each."""
        if not self._rows:
            yield f"{self._folder}: no row has come since the drill began"
        yield from self._lost
        for path, log in sorted(self._logs.items()):
            if log.has_gaps:
                yield f"{path}: rows of it cannot be read"
            if self._is_cut(path) and path not in self._cut_before:
                yield f"{path}: its last row is cut off"
        for folder in sorted({path.parent for path in self._logs}):
            names = [path.name for path in self._logs if path.parent == folder]
            begun = {path.name for path in self._before if path.parent == folder}
            for missing in set(numbers_missing(names)) - set(numbers_missing(begun)):
                yield f"{folder}: {missing}"
        for server in self._without_deliveries():
            yield f"{server}'s log of deliveries to mailboxes ({DELIVERY}) is not at hand"
        for event, where in self._deeds.strange.items():
            yield f"{where}: nobody knows what {event} means for a message"

    def close(self) -> None:
        """Look no more: no file is held open."""

    def _is_latest(self, path: Path) -> bool:
        """Whether rows came into it still: Exchange deletes old logs, and those are read."""
        kind = kind_by_name(path.name)
        return not any(
            (other.parent, kind_by_name(other.name)) == (path.parent, kind)
            and order_of(other.name) > order_of(path.name)
            for other in self._logs
        )

    def _is_cut(self, path: Path) -> bool:
        """Whether the last row of a file is half a row for good."""
        return self._logs[path].half and not self._is_latest(path)

    def _is_known(self, path: Path, row: TrackingRow, *, is_again: bool) -> bool:
        """Whether a row stood in another file, or in this one before it was copied anew."""
        mark = hash(row.values.row)
        known = mark in self._stood and is_again
        first = self._stood.setdefault(mark, path)
        if len(self._stood) > _MOST_ROWS:
            self._stood.popitem(last=False)
        return known or first != path

    def _note(self, path: Path, row: TrackingRow) -> None:
        """From 2013 on a service of its own delivers, and has a log of its own."""
        name = own_name(row).lower().partition(".")[0]
        if row.event == "DELIVER":
            self._deliver.add(name)
        elif row.event == "SEND" and name and name == row.server.lower().partition(".")[0]:
            self._handed[name] = path.parent

    def _without_deliveries(self) -> Iterator[str]:
        """Servers whose transport handed mail to a service whose log is not there."""
        beside = {path.parent for path in self._logs if path.name.upper().startswith(DELIVERY)}
        for server, folder in sorted(self._handed.items()):
            if server not in self._deliver and folder not in beside:
                yield server


class _Log:
    """One file: how far it has been read, and which fields its rows have.

    Attributes:
        version: Of the Exchange that writes it, as `relaydrill.exchange_logs.ExchangeLog` has it.
        has_gaps: Whether rows of it could not be read.
        half: Whether it ends within a row.
        is_again: Whether what was read just now may have been read before.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._farthest = 0
        self._header = b""
        self._encoding = ""
        self.version = 0
        self.has_gaps = False
        self.half = False
        self.is_again = False

    def new_rows(self) -> Iterator[TrackingRow]:
        """The rows that were added since the last time.

        Raises:
            LabError: It cannot be read, or is no such log.
        """
        try:
            added = self._added()
            if added:
                log = parse_log(self._path, self._header + added)
                self._take(log, added)
                yield from log.tracking
        except FileNotFoundError:
            return  # taken away between two looks, which is told
        except (OSError, ExchangeLogError) as error:
            raise LabError(f"{self._path} cannot be read: {error}") from None

    def _take(self, log: ExchangeLog, added: bytes) -> None:
        self.version = max(self.version, log.version)
        self._header = _header(self._header + added)
        # Lines are numbered within what was added, so that no number would be the file's.
        self.has_gaps = self.has_gaps or bool(log.remarks)

    def _added(self) -> bytes:
        """Whole rows only: one that is being written, or has an open quote, is left for later."""
        with self._path.open("rb") as file:
            self._encoding = self._encoding or _encoding(file.read(_PROBE))
            if self._path.stat().st_size < self._offset:
                self._offset = 0  # copied anew
                self._header = b""
            self.is_again = self._offset < self._farthest
            file.seek(self._offset)
            content = file.read()
        end = _end_of_rows(content, self._encoding)
        self.half = end < len(content)
        whole = content[:end]
        if self._encoding in _WIDE_ENDS:
            text = whole.decode(self._encoding, "replace").removeprefix("\ufeff")
            encoded = text.encode("utf-8")
        else:
            encoded = whole
        if encoded.count(b'"') % 2:
            return b""
        self._offset += end
        self._farthest = max(self._farthest, self._offset)
        return encoded


def _encoding(probe: bytes) -> str:
    return encoding_of(probe) if len(probe) > 1 else ""


def _end_of_rows(content: bytes, encoding: str) -> int:
    """Where the last whole line ends."""
    mark = _WIDE_ENDS.get(encoding)
    if mark is None:
        return content.rfind(b"\n") + 1
    at = content.rfind(mark)
    while at >= 0 and at % 2:
        at = content.rfind(mark, 0, at + 1)
    return at + 2 if at >= 0 else 0


def _header(content: bytes) -> bytes:
    """The header that rows to come stand under: the last block of it."""
    lines = [line for line in content.splitlines(keepends=True) if line.startswith(b"#")]
    begins = [at for at, line in enumerate(lines) if line.lower().startswith(b"#log-type")]
    return b"".join(lines[begins[-1] :] if begins else lines)

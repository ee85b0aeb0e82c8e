"""From the bytes of one of Exchange's logs, or of an export of them, to its rows. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from relaydrill.errors import ExchangeLogError
from relaydrill.exchange_logs import exports, quoting
from relaydrill.exchange_logs.decoding import lines
from relaydrill.exchange_logs.rows import (
    NEVER,
    RECEIVE_TYPE,
    SEND_TYPE,
    TRACKING_TYPE,
    ExchangeLog,
    Fields,
    ProtocolRow,
    TrackingRow,
)

_OF_SESSIONS: Final = ("date-time", "session-id", "sequence-number", "event", "data")
_NEEDED: Final = {
    RECEIVE_TYPE: _OF_SESSIONS,
    SEND_TYPE: _OF_SESSIONS,
    TRACKING_TYPE: ("date-time", "source", "event-id", "message-id", "recipient-address"),
}
_ROW_BEGINS: Final = re.compile(r"\d{4}-\d\d-\d\dT|#[A-Za-z-]+:")
_NULS: Final = re.compile("^\0+|\0{16,}")
"""A value may hold a NUL; a row does not begin with one, and no value is full of them."""
_MOST_DIGITS: Final = 10
_MOST_TEXTS: Final = 10_000
_MOST_LINES: Final = 100
_MOST_CHARACTERS: Final = 4_000_000
"""Lines, or what they hold, beyond which an open quote is the end of a row that was cut off."""


def parse_log(path: Path, content: bytes) -> ExchangeLog:
    """The rows in what stands, or stood, in a log file.

    Args:
        path: Of the file, for messages.
        content: What stands in it.

    Raises:
        ExchangeLogError: It is no log of Exchange's.
    """
    return _Reading(path).read(content)


class _Reading:
    """One file on its way from bytes to rows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kind = ""
        self._fields: tuple[str, ...] = ()
        self._kinds: list[str] = []
        self._tracking: list[TrackingRow] = []
        self._protocol: list[ProtocolRow] = []
        self._sending: list[ProtocolRow] = []
        self._remarks: list[str] = []
        self._version = 0
        self._begun: float | None = None
        self._last: float | None = None
        self._hole_from: float | None = None
        self._holes: list[tuple[float, float]] = []
        self._delimiter = ","
        self._is_export = self._in_export = False
        self._exported: list[tuple[str, Fields]] = []
        self._places: dict[str, int] = {}
        self._texts: dict[str, str] = {}
        self._blocks = 0
        self._blind = 0

    def read(self, content: bytes) -> ExchangeLog:
        for number, values in self._records(lines(content)):
            self._row(number, values)
        if not self._kinds and not self._fields:
            if content.strip(b"\0\r\n \t\xef\xbb\xbf\xff\xfe"):
                raise ExchangeLogError(
                    f"{self._path} is no log of Exchange's: it has no #Fields line"
                )
            self._remarks.append(f"{self._path} is empty")
        self._take_exported()
        is_bad = not (self._tracking or self._protocol or self._sending)
        # In an SmtpSend log no mail is missed.
        is_bad = is_bad and self._hole_from is not None and {*self._kinds} != {SEND_TYPE}
        if self._hole_from is not None:
            self._holes.append((self._hole_from, NEVER))
        return ExchangeLog(
            self._path,
            tuple(dict.fromkeys(self._kinds)),
            tuple(self._tracking),
            tuple(self._protocol),
            tuple(self._remarks),
            self._version,
            self._begun,
            tuple(self._holes),
            self._is_export,
            self._blocks,
            self._blind,
            unread=f"{self._path}: not one of its rows can be read" if is_bad else "",
            sending=tuple(self._sending),
        )

    def _records(self, found: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
        """Rows as values, each with the number of its first line; headers are taken note of."""
        held, begun = "", 0
        for number, line in self._without_nuls(found):
            if held:
                # An open quote goes on over the line's end, unless its row was cut off there.
                is_long = number - begun >= _MOST_LINES or len(held) > _MOST_CHARACTERS
                if not is_long and not _ROW_BEGINS.match(line):
                    values, is_open = _split(f"{held}\n{line}", self._delimiter)
                    held = f"{held}\n{line}" if is_open else ""
                    if not is_open:
                        yield begun, values
                    continue
                self._torn(begun)
                held = ""
            if line.startswith("#"):
                self._header(number, line)
            elif line and not self._heading(line):
                values, is_open = _split(line, self._delimiter)
                if is_open:
                    held, begun = line, number
                else:
                    yield number, values
        if held:
            self._torn(begun)

    def _without_nuls(self, found: Iterable[str]) -> Iterator[tuple[int, str]]:
        """Numbered lines; what a disk has left in place of the last ones before a crash is told."""
        for number, line in enumerate(found, start=1):
            if "\0" not in line or not (parts := _NULS.split(line))[1:]:
                yield number, line
                continue
            self._remark(number, "NUL bytes stand where rows stood", hole=True)
            for part in parts:
                if part:
                    yield number, part

    def _heading(self, line: str) -> bool:
        """Whether the line is the heading of an export; rows below it are read by it."""
        if self._fields and not self._in_export:
            return False
        found = exports.heading(line) if "essage" in line else None
        if found is None:
            return False
        lacking = [each for each in ("recipient-address",) if each not in found.fields]
        if lacking:
            raise ExchangeLogError(
                f"{self._path} is an export without recipients; {exports.HOW_TO}"
            )
        self._kind, self._fields, self._delimiter = TRACKING_TYPE, found.fields, found.delimiter
        self._places = {name: at for at, name in enumerate(self._fields)}
        self._kinds.append(TRACKING_TYPE)
        self._is_export = self._in_export = True
        self._blocks += 1
        return True

    def _header(self, number: int, line: str) -> None:
        name, _, value = line[1:].partition(":")
        match name.strip().lower():
            case "version":
                first = value.strip().partition(".")[0]
                is_number = first.isdecimal() and len(first) < _MOST_DIGITS
                self._version = int(first) if is_number else self._version
            case "date" if self._begun is None:
                try:
                    self._begun = _seconds(value)
                except ValueError:
                    self._begun = None
            case "log-type":
                self._kind = value.strip()
                self._kinds.append(self._kind)
                self._in_export = False
                self._fields = ()  # a new block: the fields above were another log's
            case "fields":
                self._blocks += 1
                self._in_export, self._delimiter = False, ","
                self._fields = tuple(each.strip().lower() for each in value.split(","))
                if "event-id" in self._fields and not self._kind:
                    self._kind = TRACKING_TYPE
                self._places = {name: at for at, name in enumerate(self._fields)}
                lacking = [each for each in _NEEDED.get(self._kind, ()) if each not in self._fields]
                if lacking:
                    raise ExchangeLogError(
                        f"{self._path}:{number}: the #Fields line of a {self._kind} lacks"
                        f" {', '.join(lacking)}"
                    )

    def _row(self, number: int, values: list[str]) -> None:
        if not self._fields:
            raise ExchangeLogError(
                f"{self._path}:{number} is no log of Exchange's: a row, and no #Fields line above"
            )
        if self._kind not in _NEEDED:
            return
        more = values[len(self._fields) :]
        if len(values) < len(self._fields):
            self._torn(number)
        elif any(more):
            told = f"{len(values)} values under {len(self._fields)} fields"
            self._remark(number, told, hole=True)
        else:
            found = Fields(self._places, self._shared(values[: len(self._fields)]))
            where = f"{self._path}:{number}"
            if self._in_export:
                self._exported.append((where, found))
                return
            try:
                self._take(found, where)
            except (ValueError, OverflowError):
                self._remark(number, "the row's time or number cannot be read", hole=True)

    def _shared(self, values: list[str]) -> tuple[str, ...]:
        """The same values, of which each text is held once: most say what the last row said."""
        if len(self._texts) > _MOST_TEXTS:
            self._texts.clear()
        share = self._texts.setdefault
        return tuple([share(value, value) for value in values])

    def _take(self, found: Fields, where: str) -> None:
        if self._kind == TRACKING_TYPE:
            row = _tracking_row(found, where, _seconds(found["date-time"]))
            self._tracking.append(row)
            self._last = row.time
        else:
            said = _protocol_row(found, where)
            (self._sending if self._kind == SEND_TYPE else self._protocol).append(said)
            self._last = said.time
        if self._hole_from is not None:
            self._holes.append((self._hole_from, self._last))
            self._hole_from = None

    def _take_exported(self) -> None:
        """The rows of an export: how its times are to be read, all of them together tell."""
        if not self._is_export:
            return
        read, said = exports.clock_of([found["date-time"] for _, found in self._exported])
        if said:
            self._remarks.append(f"{self._path} is an export: {said}")
        for where, found in self._exported:
            try:
                self._tracking.append(self._exported_row(found, where, read))
            except (ValueError, OverflowError):
                self._remarks.append(f"{where}: the row's time cannot be read; skipped")
                self._holes.append((-NEVER, NEVER))
        if self._blind:
            self._remarks.append(
                f"{self._path}: {self._blind} rows do not say for whom they are (System.String[]);"
                f" what became of that mail cannot be known: {exports.HOW_TO}"
            )

    def _exported_row(self, found: Fields, where: str, read: Callable[[str], float]) -> TrackingRow:
        time = read(found["date-time"])
        recipients = exports.addresses(found["recipient-address"])
        self._blind += recipients is None
        row = dict(found) | {
            "source": found.get("source", ""),
            "recipient-address": ";".join(recipients or ()),
            "related-recipient-address": ";".join(
                exports.addresses(found.get("related-recipient-address", "")) or ()
            ),
            "recipient-status": ";".join(exports.statuses(found.get("recipient-status", ""))),
        }
        places = {name: at for at, name in enumerate(row)}
        return _tracking_row(Fields(places, tuple(row.values())), where, time)

    def _torn(self, number: int) -> None:
        self._remark(number, "the row is cut off", hole=True)

    def _remark(self, number: int, what: str, *, hole: bool) -> None:
        self._remarks.append(f"{self._path}:{number}: {what}; skipped")
        if hole and self._hole_from is None:
            self._hole_from = self._begin() if self._last is None else self._last

    def _begin(self) -> float:
        return -NEVER if self._begun is None else self._begun


def _split(line: str, delimiter: str = ",") -> tuple[list[str], bool]:
    """The values of a row, and whether its last quote is still open."""
    if '"' not in line:
        return line.split(delimiter), False
    values: list[str] = []
    at = 0
    while True:
        value = ""
        if line.startswith('"', at):
            end = _closing_quote(line, at + 1)
            if end < 0:
                return values, True
            value, at = line[at + 1 : end].replace('""', '"'), end + 1
        comma = line.find(delimiter, at)
        values.append(value + (line[at:] if comma < 0 else line[at:comma]))
        if comma < 0:
            return values, False
        at = comma + 1


def _closing_quote(line: str, at: int) -> int:
    while (end := line.find('"', at)) >= 0 and line.startswith('"', end + 1):
        at = end + 2
    return end


def _tracking_row(found: Fields, where: str, time: float) -> TrackingRow:
    return TrackingRow(
        time=time,
        event=found["event-id"].strip().upper(),
        source=found["source"].strip().upper(),
        message=found["message-id"].strip(),
        internal=found.get("internal-message-id", ""),
        recipients=_list(found["recipient-address"]),
        statuses=_list(found.get("recipient-status", "")),
        related=_list(found.get("related-recipient-address", "")),
        client=found.get("client-hostname", ""),
        client_ip=found.get("client-ip", ""),
        server=found.get("server-hostname", ""),
        server_ip=found.get("server-ip", ""),
        context=found.get("source-context", ""),
        sender=found.get("sender-address", ""),
        where=where,
        values=found,
    )


def _protocol_row(found: Mapping[str, str], where: str) -> ProtocolRow:
    return ProtocolRow(
        time=_seconds(found["date-time"]),
        connector=found.get("connector-id", ""),
        session=found["session-id"],
        number=int(found["sequence-number"]),
        local=found.get("local-endpoint", ""),
        remote=found.get("remote-endpoint", ""),
        event=found["event"].strip(),
        data=found["data"],
        context=found.get("context", ""),
        where=where,
    )


def _list(text: str) -> tuple[str, ...]:
    if '"' in text:
        return quoting.parted(text, ";")
    return tuple(part for each in text.split(";") if (part := each.strip()))


def _seconds(text: str) -> float:
    found = datetime.fromisoformat(text.strip())
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()

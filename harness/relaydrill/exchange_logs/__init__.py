"""Exchange's SmtpReceive and message tracking logs: how a row is written, and read back. Pure.

A log is lines of comma-separated values under a block of lines that begin with ``#``. Which value
is which field, its ``#Fields`` line alone says: Exchange 2007 has 21 fields in a tracking log, 2010
has 26, and later versions put new ones in between. A file may hold several such blocks, begin with
a byte order mark, and break off in the middle of a row where its server was killed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from relaydrill.errors import ExchangeLogError

RECEIVE_TYPE: Final = "SMTP Receive Protocol Log"
TRACKING_TYPE: Final = "Message Tracking Log"

RECEIVE_FIELDS: Final = (
    *("date-time", "connector-id", "session-id", "sequence-number", "local-endpoint"),
    *("remote-endpoint", "event", "data", "context"),
)
TRACKING_FIELDS: Final = (
    *("date-time", "client-ip", "client-hostname", "server-ip", "server-hostname"),
    *("source-context", "connector-id", "source", "event-id", "internal-message-id"),
    *("message-id", "recipient-address", "recipient-status", "total-bytes", "recipient-count"),
    *("related-recipient-address", "reference", "message-subject", "sender-address"),
    *("return-path", "message-info"),
)
"""Those of Exchange 2007, which the fakes write."""

_NEEDED: Final = {
    RECEIVE_TYPE: ("date-time", "session-id", "sequence-number", "event", "data"),
    TRACKING_TYPE: ("date-time", "source", "event-id", "message-id", "recipient-address"),
}
READ_TYPES: Final = (RECEIVE_TYPE, TRACKING_TYPE)
_LINE_ENDS: Final = re.compile(r"[\r\n]+")
_ROW_BEGINS: Final = re.compile(r"\d{4}-\d\d-\d\dT|#[A-Za-z-]+:")
_MOST_LINES: Final = 100
"""Lines beyond which an open quote is taken for the end of a row that was cut off."""
_BOMS: Final = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be", b"\xef\xbb\xbf": "utf-8"}


@dataclass(frozen=True, slots=True)
class TrackingRow:
    """One event of a message tracking log.

    Attributes:
        time: Seconds since the epoch. event, source: ``RECEIVE``, ``SMTP`` and so on, upper case.
        message: The Message-ID as it stands there. internal: The server's own number for it.
        recipients, statuses, related: Lists that the log separates by semicolons.
        client, client_ip, server, server_ip: The two ends.
        context: The field source-context. sender: The field sender-address.
        where: ``file:line``. values: Every field by its name, unknown ones too.
    """

    time: float
    event: str
    source: str
    message: str
    internal: str
    recipients: tuple[str, ...]
    statuses: tuple[str, ...]
    related: tuple[str, ...]
    client: str
    client_ip: str
    server: str
    server_ip: str
    context: str
    sender: str
    where: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ProtocolRow:
    """One line of an SMTP session.

    Attributes:
        time: Seconds since the epoch. connector, session: Whose it is.
        number: From 0, within the session.
        local, remote: Address and port of the two ends.
        event: ``+`` and ``-`` begin and end a session, ``<`` came from the client, ``>`` went to
            it, ``*`` is the server's remark.
        data, context: What was said. where: ``file:line``.
    """

    time: float
    connector: str
    session: str
    number: int
    local: str
    remote: str
    event: str
    data: str
    context: str
    where: str


@dataclass(frozen=True, slots=True)
class ExchangeLog:
    """One file, read.

    Attributes:
        path: The file. kinds: Values of its ``#Log-type`` lines, those that are not read included.
        tracking, protocol: Its rows, in their order.
        remarks: What could not be read, ``file:line`` first.
    """

    path: Path
    kinds: tuple[str, ...]
    tracking: tuple[TrackingRow, ...]
    protocol: tuple[ProtocolRow, ...]
    remarks: tuple[str, ...]


def header(log_type: str, fields: Iterable[str], date: str) -> str:
    """The lines at the top of a log, as Exchange 2007 writes them."""
    lines = (
        "#Software: Microsoft Exchange Server",
        "#Version: 8.0.0.0",
        f"#Log-type: {log_type}",
        f"#Date: {date}",
        f"#Fields: {','.join(fields)}",
    )
    return "".join(f"{line}\r\n" for line in lines)


def to_line(values: Iterable[str]) -> str:
    """One row with its line end; what would end the line within a value becomes a space."""
    return ",".join(_quoted(value) for value in values) + "\r\n"


def _quoted(value: str) -> str:
    if "\n" in value or "\r" in value:
        value = _LINE_ENDS.sub(" ", value)
    if "," in value or '"' in value:
        return '"' + value.replace('"', '""') + '"'
    return value


def read_log(path: Path) -> ExchangeLog:
    """Read a log file, whatever version of Exchange has written it.

    Raises:
        ExchangeLogError: It cannot be opened, or is no log of Exchange's.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ExchangeLogError(f"{path} cannot be read: {error.strerror or error}") from None
    return parse_log(path, content)


def parse_log(path: Path, content: bytes) -> ExchangeLog:
    """The rows in what stands, or stood, in a log file.

    Args:
        path: Of the file, for messages.

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
        self._remarks: list[str] = []

    def read(self, content: bytes) -> ExchangeLog:
        for number, values in self._records(_lines(content)):
            self._row(number, values)
        if not self._kinds and not self._fields:
            if content.strip():
                raise ExchangeLogError(
                    f"{self._path} is no log of Exchange's: it has no #Fields line"
                )
            self._remarks.append(f"{self._path} is empty")
        return ExchangeLog(
            self._path,
            tuple(dict.fromkeys(self._kinds)),
            tuple(self._tracking),
            tuple(self._protocol),
            tuple(self._remarks),
        )

    def _records(self, lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
        """Rows as values, each with the number of its first line; headers are taken note of."""
        held, begun = "", 0
        for number, line in enumerate(lines, start=1):
            if held:
                # An open quote goes on over the line's end, unless its row was cut off there.
                if number - begun < _MOST_LINES and not _ROW_BEGINS.match(line):
                    values, is_open = _split(f"{held}\n{line}")
                    held = f"{held}\n{line}" if is_open else ""
                    if not is_open:
                        yield begun, values
                    continue
                self._torn(begun)
                held = ""
            if line.startswith("#"):
                self._header(number, line)
            elif line:
                values, is_open = _split(line)
                if is_open:
                    held, begun = line, number
                else:
                    yield number, values
        if held:
            self._torn(begun)

    def _header(self, number: int, line: str) -> None:
        name, _, value = line[1:].partition(":")
        match name.strip().lower():
            case "log-type":
                self._kind = value.strip()
                self._kinds.append(self._kind)
                self._fields = ()  # a new block: the fields above were another log's
            case "fields":
                self._fields = tuple(each.strip().lower() for each in value.split(","))
                if "event-id" in self._fields and not self._kind:
                    self._kind = TRACKING_TYPE
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
            self._remark(number, f"{len(values)} values under {len(self._fields)} fields")
        else:
            found = dict(zip(self._fields, values, strict=False))
            try:
                self._take(found, f"{self._path}:{number}")
            except (ValueError, OverflowError):
                self._remark(number, "the row's time or number cannot be read")

    def _take(self, found: Mapping[str, str], where: str) -> None:
        if self._kind == TRACKING_TYPE:
            self._tracking.append(_tracking_row(found, where))
        else:
            self._protocol.append(_protocol_row(found, where))

    def _torn(self, number: int) -> None:
        self._remark(number, "the row is cut off")

    def _remark(self, number: int, what: str) -> None:
        self._remarks.append(f"{self._path}:{number}: {what}; it is passed over")


def _lines(content: bytes) -> Iterator[str]:
    encoding = next((name for bom, name in _BOMS.items() if content.startswith(bom)), "utf-8")
    # A byte order mark stands at the begin of a line also where files were put together.
    for line in content.decode(encoding, "replace").split("\n"):
        yield line.removeprefix("\ufeff").removesuffix("\r")


def _split(line: str) -> tuple[list[str], bool]:
    """The values of a row, and whether its last quote is still open."""
    if '"' not in line:
        return line.split(","), False
    values: list[str] = []
    at = 0
    while True:
        value = ""
        if line.startswith('"', at):
            end = _closing_quote(line, at + 1)
            if end < 0:
                return values, True
            value, at = line[at + 1 : end].replace('""', '"'), end + 1
        comma = line.find(",", at)
        values.append(value + (line[at:] if comma < 0 else line[at:comma]))
        if comma < 0:
            return values, False
        at = comma + 1


def _closing_quote(line: str, at: int) -> int:
    while (end := line.find('"', at)) >= 0 and line.startswith('"', end + 1):
        at = end + 2
    return end


def _tracking_row(found: Mapping[str, str], where: str) -> TrackingRow:
    return TrackingRow(
        time=_seconds(found["date-time"]),
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
    return tuple(part for each in text.split(";") if (part := each.strip()))


def _seconds(text: str) -> float:
    found = datetime.fromisoformat(text.strip())
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()

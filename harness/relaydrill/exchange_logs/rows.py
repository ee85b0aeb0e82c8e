"""The rows of Exchange's logs, and the files that hold them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

RECEIVE_TYPE: Final = "SMTP Receive Protocol Log"
SEND_TYPE: Final = "SMTP Send Protocol Log"
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

READ_TYPES: Final = (RECEIVE_TYPE, SEND_TYPE, TRACKING_TYPE)
NEVER: Final = float("inf")


class Fields(Mapping[str, str]):
    """A row's values by the names of its fields: of a million rows, each holds its values alone.

    Args:
        places: Where each name's value stands, one mapping for all rows of a block.
        values: As the row has them; names that stand behind them are none of its fields.
    """

    __slots__ = ("_places", "_values")

    def __init__(self, places: Mapping[str, int], values: tuple[str, ...]) -> None:
        self._places = places
        self._values = values

    def __getitem__(self, name: str) -> str:
        """The value of a field."""
        return self._values[self._places[name]]

    def __iter__(self) -> Iterator[str]:
        """The names, in the order of the values."""
        return iter(self._places)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._values)

    @property
    def row(self) -> tuple[str, ...]:
        """The values in the order of the file."""
        return self._values


@dataclass(frozen=True, slots=True)
class TrackingRow:
    """One event of a message tracking log.

    Attributes:
        time: Seconds since the epoch.
        event: What happened, upper case: ``RECEIVE``.
        source: By which component, upper case: ``SMTP``.
        message: The Message-ID as it stands there.
        internal: The server's own number for it.
        recipients: The recipients; the log separates them by semicolons.
        statuses: Their statuses, likewise.
        related: Related recipients, likewise.
        client: Name of the client.
        client_ip: Address of the client.
        server: Name of the server.
        server_ip: Address of the server.
        context: The field source-context.
        sender: The field sender-address.
        where: ``file:line``.
        values: Every field by its name, unknown ones too.
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
    values: Fields


@dataclass(frozen=True, slots=True)
class ProtocolRow:
    """One line of an SMTP session.

    Attributes:
        time: Seconds since the epoch.
        connector: The connector of its session.
        session: Its session.
        number: From 0, within the session.
        local: Address and port of this end.
        remote: Address and port of the other end.
        event: ``+`` and ``-`` begin and end a session, ``<`` came from the other end, ``>`` went
            to it, ``*`` is the server's remark.
        data: What was said.
        context: Exchange's remark on it.
        where: ``file:line``.
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
        path: The file.
        kinds: Values of its ``#Log-type`` lines, those that are not read included.
        tracking: Rows of its message tracking log, in their order.
        protocol: Rows of its protocol log, in their order.
        remarks: What could not be read, ``file:line`` first.
        version: The first number of its ``#Version`` line, 8 for Exchange 2007 and 15 for 2013 to
            SE; 0 where it has none.
        begun: When it was begun, by its ``#Date`` line, seconds since the epoch; None without.
        holes: Where rows are missing that stood there, or may have: the times of the rows before
            and behind, `NEVER` where none follows.
        is_export: Whether a shell exported it, rather than that a server wrote it.
        blocks: How many headings it holds; more than one where files were put together.
        blind: How many of its rows do not say for whom they are.
        is_cut: Whether it surely went on behind its last row.
        unread: Why nothing of the file could be read; empty where something was.
        sending: Rows of its SmtpSend protocol log, in their order.
    """

    path: Path
    kinds: tuple[str, ...]
    tracking: tuple[TrackingRow, ...]
    protocol: tuple[ProtocolRow, ...]
    remarks: tuple[str, ...]
    version: int = 0
    begun: float | None = None
    holes: tuple[tuple[float, float], ...] = ()
    is_export: bool = False
    blocks: int = 1
    blind: int = 0
    is_cut: bool = False
    unread: str = ""
    sending: tuple[ProtocolRow, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether it has no row."""
        return not (self.tracking or self.protocol or self.sending)

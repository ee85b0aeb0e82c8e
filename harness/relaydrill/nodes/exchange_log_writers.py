"""The logs that an Exchange server keeps beside its work: SmtpReceive and message tracking.

They promise nothing to anybody: where the disk is full, mail goes on without them. A line that was
written outlives a kill.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from relaydrill import clock
from relaydrill.endpoint import address_of
from relaydrill.exchange_logs import (
    RECEIVE_FIELDS,
    RECEIVE_TYPE,
    TRACKING_FIELDS,
    TRACKING_TYPE,
    header,
    to_line,
)
from relaydrill.fibres.carrier import closed_at_the_end
from relaydrill.journal import Clock
from relaydrill.message import split
from relaydrill.nodes import config
from relaydrill.nodes.receiving.reception import Received
from relaydrill.nodes.transport.queue import Queued

_SUBJECT: Final = re.compile(rb"^subject:[ \t]*((?:[^\r\n]|\r?\n[ \t])*)", re.I | re.M)
_FOLD: Final = re.compile(r"\r?\n[ \t]+")
_TICKS: Final = 10_000_000
_EPOCH_TICKS: Final = 621_355_968_000_000_000
"""The first of January 1970 in ticks of 100 ns since the year 1, as Windows counts."""


class DailyLog:
    """A log with a file for each day (UTC); safe to use from several threads.

    Args:
        folder: Made if missing.
        prefix: Of the files' names.
        log_type: The log's type, for its header.
        fields: The names of its columns, for its header.
        wall: Clock of the time of day, seconds.
    """

    def __init__(
        self,
        folder: Path,
        prefix: str,
        log_type: str,
        fields: tuple[str, ...],
        *,
        wall: Clock = clock.wall,
    ) -> None:
        self._folder = folder
        self._prefix = prefix
        self._type = log_type
        self._fields = fields
        self._wall = wall
        self._lock = threading.Lock()
        self._descriptor: int | None = None
        self._day = ""
        self._torn = False
        closed_at_the_end(self)

    def write(self, *values: str) -> None:
        """Append a row; its time is put before the values."""
        with self._lock, contextlib.suppress(OSError):
            stamp = _stamp(self._wall())
            if stamp[:10] != self._day or self._descriptor is None:
                self._open(stamp)
            self._append(to_line((stamp, *values)))

    def close(self) -> None:
        """Close the file; another `write` would open it again."""
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    def _open(self, stamp: str) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{self._prefix}{stamp[:10].replace('-', '')}-1.LOG"
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o644)
        self._day = stamp[:10]
        size = os.fstat(self._descriptor).st_size
        self._torn = size > 0 and os.pread(self._descriptor, 1, size - 1) != b"\n"
        if not size:
            self._append(header(self._type, self._fields, stamp))

    def _append(self, text: str) -> None:
        assert self._descriptor is not None
        # What a kill or a full disk has cut off ends here, or the next row would be lost with it.
        line = (("\r\n" if self._torn else "") + text).encode("utf-8", "replace")
        self._torn = os.write(self._descriptor, line) != len(line)


class ReceiveLog:
    """The SmtpReceive protocol log of one server.

    Args:
        folder: That of all logs of the server.
        name: The server's.
    """

    def __init__(self, folder: Path, name: str, *, wall: Clock = clock.wall) -> None:
        self._name = name
        self._log = DailyLog(
            folder / "SmtpReceive", "RECV", RECEIVE_TYPE, RECEIVE_FIELDS, wall=wall
        )
        self._sessions = itertools.count(_EPOCH_TICKS + int(wall() * _TICKS))

    def session(self) -> str:
        """An identity for a new session, which no other has had in an earlier life either."""
        return f"{next(self._sessions):016X}"

    def write(
        self,
        connector: str,
        session: str,
        number: int,
        local: str,
        remote: str,
        event: str,
        data: str = "",
        context: str = "",
    ) -> None:
        """Append a row; see `relaydrill.exchange_logs.ProtocolRow`."""
        connector_id = f"{self._name}\\{connector}"
        self._log.write(connector_id, session, str(number), local, remote, event, data, context)

    def close(self) -> None:
        """Close the file."""
        self._log.close()


class TrackingLog:
    """The message tracking log of one server.

    Args:
        settings: The server's configuration.
    """

    def __init__(self, settings: config.Hub, *, wall: Clock = clock.wall) -> None:
        self._settings = settings
        self._log = DailyLog(
            Path(settings.logs) / "MessageTracking",
            "MSGTRK",
            TRACKING_TYPE,
            TRACKING_FIELDS,
            wall=wall,
        )

    def received(self, identity: str, received: Received, internal: int) -> None:
        """A message was taken by SMTP, for all of its recipients."""
        settings = self._settings
        self._row(
            {
                "client-ip": received.client,
                "client-hostname": received.helo,
                "server-ip": settings.address,
                "server-hostname": settings.name,
                "source-context": received.session,
                "connector-id": f"{settings.name}\\{received.connector}",
                "source": "SMTP",
                "event-id": "RECEIVE",
                "internal-message-id": str(internal),
                "message-id": identity,
                "recipient-address": ";".join(received.recipients),
                "recipient-count": str(len(received.recipients)),
            },
            received.sender,
            received.content,
        )

    def left(self, item: Queued, to: str, server: str, *, to_mailbox: bool) -> None:
        """A next hop took a message for one recipient: a mailbox server, or another one."""
        self._of_item(
            item,
            "STOREDRIVER" if to_mailbox else "SMTP",
            "DELIVER" if to_mailbox else "SEND",
            **{
                "server-ip": address_of(to),
                "server-hostname": server or address_of(to),
                "recipient-status": "" if to_mailbox else "250 2.1.5 Recipient OK",
            },
        )

    def failed(self, item: Queued, reason: str) -> None:
        """A message was given up for one recipient."""
        self._of_item(item, "SMTP", "FAIL", **{"recipient-status": reason})

    def deferred(self, item: Queued, reason: str) -> None:
        """A message has to wait for one recipient."""
        self._of_item(item, "SMTP", "DEFER", **{"source-context": reason})

    def close(self) -> None:
        """Close the file."""
        self._log.close()

    def _of_item(self, item: Queued, source: str, event: str, **fields: str) -> None:
        settings = self._settings
        own = {
            "client-ip": settings.address,
            "client-hostname": settings.name,
            "source": source,
            "event-id": event,
            "internal-message-id": str(item.row),
            "message-id": item.message,
            "recipient-address": item.recipient,
            "recipient-count": "1",
        }
        self._row(own | fields, item.sender, item.content)

    def _row(self, fields: dict[str, str], sender: str, content: bytes) -> None:
        fields |= {
            "total-bytes": str(len(content)),
            "message-subject": _subject(content),
            "sender-address": sender,
            "return-path": sender,
        }
        self._log.write(*(fields.get(name, "") for name in TRACKING_FIELDS[1:]))


def _stamp(wall: float) -> str:
    """UTC in ISO 8601, with milliseconds."""
    moment = datetime.fromtimestamp(wall, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def _subject(content: bytes) -> str:
    found = _SUBJECT.search(split(content)[0])
    return _FOLD.sub(" ", found.group(1).decode("utf-8", "replace")) if found else ""

"""A hub's queues: accepted messages in SQLite, one row for each recipient, by destination.

A row that `Queue.put` has written outlives a ``kill -9`` of the hub. It need not outlive a power
cut, so nothing is synced: that would only measure the machine's disk.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from relaydrill import clock
from relaydrill.fibres.carrier import closed_at_the_end


class QueueFull(Exception):
    """The disk, or the queue's own limit, has no room: the field's back pressure."""


@dataclass(frozen=True, slots=True)
class Queued:
    """One row: a message on its way to one recipient."""

    row: int
    message: str
    sender: str
    recipient: str
    content: bytes


_SCHEMA = """
CREATE TABLE IF NOT EXISTS queue (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    message TEXT NOT NULL,
    sender TEXT NOT NULL,
    recipient TEXT NOT NULL,
    content BLOB NOT NULL,
    destination TEXT NOT NULL
)
"""

_INSERT: Final = (
    "INSERT INTO queue (message, sender, recipient, content, destination) VALUES (?, ?, ?, ?, ?)"
)

UNREACHABLE: Final = ""
"""The destination of what no route leads to."""


class Queue:
    """The queues of one hub; safe to use from several threads.

    Args:
        path: The SQLite file; made where it is missing, gone on with where it is not.
        most_pages: Bound on its size in SQLite pages of 4 KiB; 0 is none.
        on_done: Called, in whatever thread, with each row that has left.
    """

    def __init__(
        self,
        path: Path,
        *,
        most_pages: int = 0,
        on_done: Callable[[int], None] = lambda _row: None,
    ) -> None:
        self._on_done = on_done
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        closed_at_the_end(self._db)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute(_SCHEMA)
        if most_pages:
            self._db.execute(f"PRAGMA max_page_count = {most_pages:d}")
        # What is claimed or put off lives in memory only: a hub that comes back tries everything
        # at once, as Exchange does when its transport service starts.
        self._claimed: set[int] = set()
        self._done: set[int] = set()
        self._not_before: dict[int, float] = {}

    def put(
        self,
        message: str,
        sender: str,
        recipients: Sequence[str],
        content: bytes,
        *,
        destinations: Sequence[str] = (),
        copies: int = 1,
    ) -> range:
        """Store a message for its recipients, all or none, and return its rows.

        The rows are claimed until `put_off` gives them free for delivery, or `withdraw` takes them
        back: a promise that could not be journalled must not be delivered either.

        Args:
            message: The Message-ID.
            sender: Envelope sender.
            recipients: Envelope recipients.
            content: The message, headers and body.
            destinations: Where each recipient's row waits; none named: `UNREACHABLE`.
            copies: How many hubs must have a copy before it is sent.

        Raises:
            QueueFull: There is no room, or the queue is closed; nothing was stored.
        """
        places = destinations or [UNREACHABLE] * len(recipients)
        rows = [
            (message, sender, recipient, content, destination)
            for recipient, destination in zip(recipients, places, strict=True)
        ] * copies
        with self._lock:
            try:
                last = self._insert(rows)
                stored = range(last - len(rows) + 1, last + 1)
                self._claimed.update(stored)
            except sqlite3.Error as error:
                with contextlib.suppress(sqlite3.Error):  # closed, as the hub is ending
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
                raise QueueFull(str(error)) from error
        return stored

    def _insert(self, rows: Sequence[tuple[str, str, str, bytes, str]]) -> int:
        """Write rows, all or none, and return the number of the last."""
        if len(rows) == 1:  # one statement is a transaction of its own
            return int(self._db.execute(_INSERT, rows[0]).lastrowid or 0)
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany(_INSERT, rows)
        last = self._db.execute("SELECT last_insert_rowid()").fetchone()[0]
        self._db.execute("COMMIT")
        return int(last)

    def withdraw(self, rows: range) -> None:
        """Take back rows that `put` has just stored."""
        for row in rows:
            self.done(row)

    def claim(self, most: int, destination: str = UNREACHABLE) -> list[Queued]:
        """Take up to ``most`` rows that are due; each stays claimed until `done` or `put_off`.

        Args:
            most: How many rows at most.
            destination: Of the rows.
        """
        now = clock.monotonic()
        with self._lock:
            self._delete_done()
            waiting = {row for row, due in self._not_before.items() if due > now}
            passed_over = self._claimed | waiting
            # More rows than are passed over are read, so that enough remain.
            found = self._db.execute(
                "SELECT row FROM queue WHERE destination = ? ORDER BY row LIMIT ?",
                (destination, most + len(passed_over)),
            ).fetchall()
            rows = [row for (row,) in found if row not in passed_over][:most]
            self._claimed.update(rows)
            marks = ",".join("?" * len(rows))
            taken = self._db.execute(
                "SELECT row, message, sender, recipient, content FROM queue "
                f"WHERE row IN ({marks}) ORDER BY row",
                rows,
            ).fetchall()
        return [Queued(*fields) for fields in taken]

    def done(self, row: int) -> None:
        """A row has left the queue.

        Where the disk is so full that it cannot even be deleted, it is deleted as soon as there is
        room, and not delivered again meanwhile.
        """
        with self._lock:
            self._done.add(row)
            self._delete_done()
        self._on_done(row)

    def holds(self, first: int, last: int) -> bool:
        """Whether any of these rows is still here."""
        with self._lock:
            self._delete_done()
            found = self._db.execute(
                "SELECT row FROM queue WHERE row BETWEEN ? AND ?", (first, last)
            ).fetchall()
            return any(row not in self._done for (row,) in found)

    def _delete_done(self) -> None:
        with contextlib.suppress(sqlite3.OperationalError):
            for row in sorted(self._done):
                self._db.execute("DELETE FROM queue WHERE row = ?", (row,))
                self._done.discard(row)
                self._claimed.discard(row)
                self._not_before.pop(row, None)

    def put_off(self, row: int, seconds: float = 0.0) -> None:
        """Give a claimed row back, to be tried again after so many seconds."""
        with self._lock:
            self._claimed.discard(row)
            if seconds > 0:
                self._not_before[row] = clock.monotonic() + seconds

    def items(self) -> list[tuple[str, str]]:
        """(Message-ID, recipient) of every row."""
        with self._lock:
            self._delete_done()
            rows = self._db.execute("SELECT row, message, recipient FROM queue ORDER BY row")
            left = [fields for row, *fields in rows if row not in self._done]
        return [(str(message), str(recipient)) for message, recipient in left]

    def __len__(self) -> int:
        with self._lock:
            self._delete_done()
            rows = int(self._db.execute("SELECT count(*) FROM queue").fetchone()[0])
            return rows - len(self._done)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

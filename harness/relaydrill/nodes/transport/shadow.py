"""Shadow copies: a hub of Exchange 2013 answers 250 only when a second hub has the message, too.

The one that promised is the *primary*, the other its *shadow*. The shadow asks the primary at every
heartbeat which messages have left it, and throws those copies away. A primary that has not answered
for the resubmit time is given up, and the shadow delivers in its place; what the primary had
delivered by then, without the shadow having heard of it, arrives twice (Exchange documentation,
"Shadow redundancy": ShadowHeartbeatFrequency 2 min, ShadowResubmitTimeSpan 3 h).

Both sides speak SMTP with two commands of their own, which only servers of the organisation may
use: ``XSHADOW primary first last`` makes the next message a copy of those rows, and ``XQDISCARD
first last`` asks whether rows have left: ``250 discard``, or ``250 keep``.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from relaydrill import clock
from relaydrill.endpoint import Endpoint
from relaydrill.fibres.carrier import closed_at_the_end
from relaydrill.fibres.waiting import Work, begin, new_event
from relaydrill.nodes import config
from relaydrill.nodes.transport.queue import QueueFull
from relaydrill.smtp import Result
from relaydrill.smtp_client import Route, SessionEnded, SmtpSession

DISCARD: Final = "discard"
KEEP: Final = "keep"


@dataclass(frozen=True, slots=True)
class Copy:
    """A message that a shadow keeps.

    Attributes:
        number: Its own, in this hub.
        primary: The hub that promised it.
        first: Its first row there.
        last: Its last row there.
        message: Its Message-ID.
        sender: Its envelope sender.
        recipients: Its envelope recipients.
        content: Headers and body.
    """

    number: int
    primary: str
    first: int
    last: int
    message: str
    sender: str
    recipients: tuple[str, ...]
    content: bytes


def route_to(settings: config.Hub, address: config.Address) -> Route:
    """How one hub speaks to another."""
    return Route(
        Endpoint(address.address, address.port),
        helo=settings.fqdn,
        source=settings.addresses,
        connect_s=settings.connect_s,
        reply_s=settings.reply_s,
    )


class Copier:
    """The primary's side: gives each message to a second hub before it is promised."""

    def __init__(self, settings: config.Hub) -> None:
        self._settings = settings
        self._turns = itertools.count()

    async def copy(
        self, rows: range, sender: str, recipients: tuple[str, ...], content: bytes
    ) -> str:
        """Have a partner keep a copy; its name, or nothing where none of them did.

        Exchange then promises all the same (RejectMessageOnShadowFailure is off by default).
        """
        return await asyncio.to_thread(self._copy, rows, sender, recipients, content)

    def _copy(self, rows: range, sender: str, recipients: tuple[str, ...], content: bytes) -> str:
        for partner in self._in_turn():
            with contextlib.suppress(SessionEnded):
                session = SmtpSession.connect(route_to(self._settings, partner.address))
                try:
                    own = self._settings.name
                    if not session.extension(f"XSHADOW {own} {rows[0]} {rows[-1]}").ok:
                        continue
                    taken = session.send(sender, recipients, content)
                    if all(each.result is Result.ACCEPTED for each in taken.values()):
                        return partner.name
                finally:
                    session.quit()
        return ""

    def _in_turn(self) -> Iterator[config.Partner]:
        """Partners of another site first, each group turned by one for each message."""
        turn = next(self._turns)
        for near in (False, True):
            group = [each for each in self._settings.partners if each.near is near]
            start = turn % len(group) if group else 0
            yield from group[start:] + group[:start]


_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS shadow (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    primary_hub TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    message TEXT NOT NULL,
    sender TEXT NOT NULL,
    recipients TEXT NOT NULL,
    content BLOB NOT NULL
)
"""


class ShadowQueue:
    """The copies that a hub keeps for others; like its queue, they outlive a ``kill -9``."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        closed_at_the_end(self._db)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute(_SCHEMA)

    def keep(self, copy: Copy) -> None:
        """Store a copy; its number is given anew.

        Raises:
            QueueFull: There is no room.
        """
        fields = (copy.primary, copy.first, copy.last, copy.message, copy.sender)
        with self._lock:
            try:
                self._db.execute(
                    "INSERT INTO shadow (primary_hub, first, last, message, sender, recipients,"
                    " content) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (*fields, json.dumps(copy.recipients), copy.content),
                )
            except sqlite3.Error as error:
                raise QueueFull(str(error)) from error

    def counts(self) -> dict[str, int]:
        """How many copies are kept for each primary."""
        with self._lock:
            found = self._db.execute(
                "SELECT primary_hub, count(*) FROM shadow GROUP BY primary_hub"
            ).fetchall()
        return {str(primary): int(count) for primary, count in found}

    def of(self, primary: str) -> list[Copy]:
        """The copies kept for one primary, oldest first."""
        with self._lock:
            found = self._db.execute(
                "SELECT number, primary_hub, first, last, message, sender, recipients, content"
                " FROM shadow WHERE primary_hub = ? ORDER BY number",
                (primary,),
            ).fetchall()
        return [
            Copy(number, hub, first, last, message, sender, tuple(json.loads(recipients)), content)
            for number, hub, first, last, message, sender, recipients, content in found
        ]

    def discard(self, copy: Copy) -> None:
        """Throw a copy away."""
        with self._lock:
            self._db.execute("DELETE FROM shadow WHERE number = ?", (copy.number,))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()


class Custodian:
    """The shadow's side: asks primaries after their messages, and takes over where one is gone.

    Args:
        settings: The hub's configuration.
        shadows: What it keeps.
        resubmit: Called with a copy that is to be delivered in the primary's place.
    """

    def __init__(
        self, settings: config.Hub, shadows: ShadowQueue, resubmit: Callable[[Copy], None]
    ) -> None:
        self._settings = settings
        self._shadows = shadows
        self._resubmit = resubmit
        self._addresses = {each.name: each.address for each in settings.partners}
        self._heard: dict[str, float] = {}
        self._ended = new_event()
        self._asking: Work

    def start(self) -> None:
        """Begin to ask."""
        self._asking = begin(self._run, name="custodian")

    def stop(self) -> None:
        """Ask no more."""
        self._ended.set()
        self._asking.join()

    def _run(self) -> None:
        while not self._ended.wait(self._settings.shadow.heartbeat):
            kept = self._shadows.counts()
            # Whose last copy has been thrown away is asked no more, and so not heard of.
            self._heard = {name: heard for name, heard in self._heard.items() if name in kept}
            for primary in kept:
                self._heard.setdefault(primary, clock.monotonic())
                if self._ask(primary):
                    self._heard[primary] = clock.monotonic()
                elif clock.monotonic() - self._heard[primary] >= self._settings.shadow.resubmit:
                    self._take_over(primary)

    def _ask(self, primary: str) -> bool:
        """Throw away what has left the primary; whether it answered."""
        try:
            session = SmtpSession.connect(route_to(self._settings, self._addresses[primary]))
        except (KeyError, SessionEnded):
            return False
        try:
            for copy in self._shadows.of(primary):
                reply = session.extension(f"XQDISCARD {copy.first} {copy.last}")
                if reply.ok and reply.text == DISCARD:
                    self._shadows.discard(copy)
        except SessionEnded:
            return False
        finally:
            session.quit()
        return True

    def _take_over(self, primary: str) -> None:
        for copy in self._shadows.of(primary):
            with contextlib.suppress(QueueFull, OSError):  # at the next heartbeat, then
                self._resubmit(copy)
                self._shadows.discard(copy)

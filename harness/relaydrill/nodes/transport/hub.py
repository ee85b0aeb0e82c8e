"""The Hub Transport server: accepts mail, queues it, delivers it towards the mailbox servers."""

from __future__ import annotations

import asyncio
import contextlib
from email.utils import make_msgid
from pathlib import Path
from typing import Any

from relaydrill.disturbance import OF_A_MAIL_SERVER, OF_TLS
from relaydrill.errors import CapabilityMissing
from relaydrill.journal import Journal
from relaydrill.message import message_id, own_id, split
from relaydrill.message.rewriting import rewritten
from relaydrill.nodes import config
from relaydrill.nodes.disturbances import Disturbances
from relaydrill.nodes.exchange_log_writers import TrackingLog
from relaydrill.nodes.receiving import replies
from relaydrill.nodes.receiving.listeners import Listeners
from relaydrill.nodes.receiving.reception import Received
from relaydrill.nodes.transport.departures import Departures
from relaydrill.nodes.transport.destinations import Destinations
from relaydrill.nodes.transport.queue import Queue, QueueFull
from relaydrill.nodes.transport.shadow import Copier, Copy, Custodian, ShadowQueue
from relaydrill.smtp import Reply


class HubService:
    """A hub; also the acceptor of its own listeners."""

    disturbable = OF_A_MAIL_SERVER | OF_TLS

    def __init__(self, settings: config.Hub, journal: Journal, disturbances: Disturbances) -> None:
        if settings.tls is None:
            self.disturbable = OF_A_MAIL_SERVER
        self._settings = settings
        self._journal = journal
        self._departures = Departures()
        self._queue = Queue(
            Path(settings.queue),
            most_pages=settings.queue_pages,
            on_done=self._departures.gone,
        )
        self._tracking = TrackingLog(settings) if settings.logs else None
        self._destinations = Destinations(settings, self._queue, journal, self._tracking)
        self._listeners = Listeners(settings, self, journal, disturbances, primary=self)
        self._copier = Copier(settings)
        self._shadows = ShadowQueue(Path(settings.queue).with_suffix(".shadow.sqlite"))
        self._custodian = Custodian(settings, self._shadows, self._resubmit)
        self._promised = 0

    async def start(self) -> None:
        """Listen, and deliver what an earlier life left in the queue."""
        await self._listeners.open()
        self._destinations.start()
        self._custodian.start()

    async def stop(self) -> None:
        """Stop listening, finish the deliveries under way, and close the queue."""
        await self._listeners.close()
        await asyncio.to_thread(self._custodian.stop)
        await asyncio.to_thread(self._destinations.stop)
        self._listeners.finish()
        self._queue.close()
        self._shadows.close()
        if self._tracking:
            self._tracking.close()

    async def refresh(self) -> None:
        """Follow the disturbances."""
        await self._listeners.follow()

    async def handle(self, op: str, args: dict[str, Any]) -> Any:
        """``queue_length``; ``queue`` also journals what lies in the queue; ``shadows``; ``way``.

        ``shadows`` tells how many copies are kept for each primary, ``way`` where the mail for an
        address would go.
        """
        if op == "queue_length":
            return len(self._queue) + self._promised
        if op == "queue":
            items = self._queue.items()
            self._journal.write("queue", items=items, shadows=self._shadows.counts())
            return items
        if op == "shadows":
            return self._shadows.counts()
        if op == "way":
            return self._destinations.of(str(args["recipient"]))
        raise CapabilityMissing(op, "the node program", self._settings.name)

    def takes(self, recipient: str, *, relay: bool) -> Reply | None:
        """Mail for the accepted domains; for others only where this client may relay."""
        domain = recipient.rpartition("@")[2].lower()
        if relay or domain in self._settings.domains:
            return None
        return replies.UNABLE_TO_RELAY

    def discards(self, first: int, last: int) -> bool:
        """Whether none of these rows is in the queue any more, so that a shadow may forget them."""
        return not self._queue.holds(first, last)

    @property
    def answers_at_once(self) -> bool:
        """Whether nothing else than storing is waited for before 250."""
        return self._settings.ack in ("stored", "before_store")

    async def accept(self, received: Received) -> Reply:
        """Queue a message and promise its delivery: first the queue, then the journal, then 250."""
        head, _ = split(received.content)
        if _hops(head) > replies.MOST_HOPS:
            return replies.LOOP
        own = message_id(head)
        identity = own_id(head) or make_msgid(domain=self._settings.fqdn)
        if received.shadow_of:
            return self._keep(identity, received)
        content = self._stamped(received, "" if own else identity)
        try:
            if not received.kept:
                self._journal_all("accepted", identity, received, stored=False)
                self._track(identity, received, 1)
                return replies.queued(identity, 1)
            if self._settings.ack == "before_store":
                self._journal_all("accepted", identity, received, stored=False)
                self._track(identity, received, 1)
                self._store_later(identity, received, content)
                return replies.queued(identity, 1)
            rows = self._store(identity, received, content)
        except (QueueFull, OSError):
            return replies.BACK_PRESSURE
        is_promise = self._settings.ack == "stored"
        try:
            self._journal_all("accepted" if is_promise else "stored", identity, received)
            self._track(identity, received, rows[0])
        except OSError:
            self._queue.withdraw(rows)
            return replies.BACK_PRESSURE
        if is_promise:
            self._destinations.release(rows, received.kept)
        else:
            await self._make_sure(rows, received, content)
            # That it is stored stands in the journal: a full disk now takes nothing back.
            with contextlib.suppress(OSError):
                self._journal_all("accepted", identity, received, stored=False)
        return replies.queued(identity, rows[0])

    async def _make_sure(self, rows: range, received: Received, content: bytes) -> None:
        """Return when the message may be promised, by whatever this hub waits for.

        A client that hangs up meanwhile ends the wait; the message stays and is delivered.
        """
        if self._settings.ack == "delayed":
            departure = self._departures.expect(rows)
            self._destinations.release(rows, received.kept)
            try:
                # A task of its own, for a session is none and cannot be timed.
                await asyncio.create_task(departure.wait(self._settings.ack_delay))
            finally:
                self._departures.forget(rows)
            return
        try:
            await self._copier.copy(rows, received.sender, received.kept, content)
        finally:
            self._destinations.release(rows, received.kept)

    def _journal_all(
        self, kind: str, identity: str, received: Received, *, stored: bool = True
    ) -> None:
        """Journal what has become of a message for each of its recipients."""
        for recipient in received.recipients:
            self._journal.write(
                kind,
                identity,
                recipient,
                client=received.client,
                port=received.port,
                connector=received.connector,
                stored=stored and recipient in received.kept,
            )

    def _track(self, identity: str, received: Received, row: int) -> None:
        """Write a message into the message tracking log, where one is kept."""
        if self._tracking:
            self._tracking.received(identity, received, row)

    def _store(self, identity: str, received: Received, content: bytes) -> range:
        return self._queue.put(
            identity,
            received.sender,
            received.kept,
            content,
            destinations=[self._destinations.of(each) for each in received.kept],
            copies=self._settings.copies,
        )

    def _store_later(self, identity: str, received: Received, content: bytes) -> None:
        """The defect ``ack: before_store``: what was promised is in memory only for a while."""

        def store() -> None:
            self._promised -= 1
            rows = self._store(identity, received, content)
            self._destinations.release(rows, received.kept)

        self._promised += 1
        asyncio.get_running_loop().call_later(self._settings.ack_lag, store)

    def _keep(self, identity: str, received: Received) -> Reply:
        """Keep a shadow copy for the hub that sends it."""
        primary, first, last = received.shadow_of.split(" ")
        copy = Copy(
            number=0,
            primary=primary,
            first=int(first),
            last=int(last),
            message=identity,
            sender=received.sender,
            recipients=received.recipients,
            content=received.content,
        )
        try:
            self._shadows.keep(copy)
        except QueueFull:
            return replies.BACK_PRESSURE
        with contextlib.suppress(OSError):  # a copy too many is discarded in time
            for recipient in received.recipients:
                self._journal.write("shadowed", identity, recipient, primary=primary)
        return replies.queued(identity, copy.first)

    def _resubmit(self, copy: Copy) -> None:
        """Deliver a copy in its primary's place.

        Raises:
            QueueFull, OSError: There is no room.
        """
        rows = self._queue.put(
            copy.message,
            copy.sender,
            copy.recipients,
            copy.content,
            destinations=[self._destinations.of(each) for each in copy.recipients],
        )
        try:
            for recipient in copy.recipients:
                self._journal.write("resubmitted", copy.message, recipient, primary=copy.primary)
        except OSError:
            self._queue.withdraw(rows)
            raise
        self._destinations.release(rows, copy.recipients)

    def _stamped(self, received: Received, missing_id: str) -> bytes:
        """The message with this hub's Received header, and a Message-ID if it had none.

        What this hub writes anew is so from here on.
        """
        with_tls = " (TLS)" if received.tls else ""
        head = (
            f"Received: from {received.helo} ({received.client}) by {self._settings.fqdn}"
            f" ({self._settings.address})\r\n with Microsoft SMTP Server{with_tls}"
            f" id 8.1.311.2; {replies.date()}\r\n"
        )
        if missing_id:
            head += f"Message-ID: {missing_id}\r\n"
        content = received.content
        if changes := self._settings.rewrites:
            content = rewritten(content, changes, domain=self._settings.fqdn)
        return head.encode("utf-8", "surrogateescape") + content


def _hops(head: bytes) -> int:
    return (b"\n" + head.lower()).count(b"\nreceived:")

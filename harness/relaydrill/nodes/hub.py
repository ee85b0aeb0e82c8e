"""The Hub Transport server: accepts mail, queues it, delivers it to the mailbox servers."""

from __future__ import annotations

import asyncio
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Any

from relaydrill.errors import CapabilityMissing
from relaydrill.journal import Journal
from relaydrill.message import message_id, split
from relaydrill.nodes import config, replies
from relaydrill.nodes.delivery import Delivery
from relaydrill.nodes.disturbance import OF_A_MAIL_SERVER, Disturbances
from relaydrill.nodes.queue import Queue, QueueFull
from relaydrill.nodes.smtp_server import Listeners, Received
from relaydrill.smtp import Reply


class HubService:
    """A hub; also the acceptor of its own listeners."""

    disturbable = OF_A_MAIL_SERVER

    def __init__(self, settings: config.Hub, journal: Journal, disturbances: Disturbances) -> None:
        self._settings = settings
        self._journal = journal
        self._queue = Queue(Path(settings.queue), most_pages=settings.queue_pages)
        self._delivery = Delivery(settings, self._queue, journal)
        self._listeners = Listeners(settings, self, journal, disturbances)
        self._promised = 0

    async def start(self) -> None:
        """Listen, and deliver what an earlier life left in the queue."""
        await self._listeners.open()
        self._delivery.start()

    async def stop(self) -> None:
        """Stop listening, finish the deliveries under way, and close the queue."""
        await self._listeners.close()
        await asyncio.to_thread(self._delivery.stop)
        self._queue.close()

    async def refresh(self) -> None:
        """Follow the disturbances."""
        await self._listeners.follow()

    async def handle(self, op: str, args: dict[str, Any]) -> Any:
        """``queue_length``; ``queue`` also journals what lies in the queue."""
        if op == "queue_length":
            return len(self._queue) + self._promised
        if op == "queue":
            items = self._queue.items()
            self._journal.write("queue", items=items)
            return items
        raise CapabilityMissing(op, "the node program", self._settings.name)

    def takes(self, recipient: str, *, relay: bool) -> Reply | None:
        """Mail for the accepted domains; for others only where this client may relay."""
        domain = recipient.rpartition("@")[2].lower()
        if relay or domain in self._settings.domains:
            return None
        return replies.UNABLE_TO_RELAY

    def accept(self, received: Received) -> Reply:
        """Queue a message and promise its delivery: first the queue, then the journal, then 250."""
        if _hops(received.content) > replies.MOST_HOPS:
            return replies.LOOP
        identity = message_id(received.content) or make_msgid(domain=self._settings.fqdn)
        content = self._stamped(received, identity)
        try:
            if self._settings.ack == "before_store":
                self._promise(identity, received, stored=False)
                self._store_later(identity, received, content)
                return replies.queued(identity, 1)
            rows = self._store(identity, received, content)
        except (QueueFull, OSError):
            return replies.BACK_PRESSURE
        try:
            self._promise(identity, received, stored=True)
        except OSError:
            self._queue.withdraw(rows)
            return replies.BACK_PRESSURE
        self._release(rows)
        return replies.queued(identity, rows[0])

    def _promise(self, identity: str, received: Received, *, stored: bool) -> None:
        """Journal what the 250 is about to say."""
        for recipient in received.recipients:
            self._journal.write(
                "accepted",
                identity,
                recipient,
                client=received.client,
                port=received.port,
                connector=received.connector,
                stored=stored,
            )

    def _store(self, identity: str, received: Received, content: bytes) -> range:
        copies = self._settings.copies
        return self._queue.put(
            identity, received.sender, received.recipients, content, copies=copies
        )

    def _release(self, rows: range) -> None:
        for row in rows:
            self._queue.put_off(row)
        self._delivery.wake()

    def _store_later(self, identity: str, received: Received, content: bytes) -> None:
        """The defect ``ack: before_store``: what was promised is in memory only for a while."""

        def store() -> None:
            self._promised -= 1
            self._release(self._store(identity, received, content))

        self._promised += 1
        asyncio.get_running_loop().call_later(self._settings.ack_lag_s, store)

    def _stamped(self, received: Received, identity: str) -> bytes:
        """The message with this hub's Received header, and a Message-ID if it had none."""
        with_tls = " (TLS)" if received.tls else ""
        head = (
            f"Received: from {received.helo} ({received.client}) by {self._settings.fqdn}"
            f" ({self._settings.address})\r\n with Microsoft SMTP Server{with_tls}"
            f" id 8.1.311.2; {formatdate()}\r\n"
        )
        if not message_id(received.content):
            head += f"Message-ID: {identity}\r\n"
        return head.encode("utf-8", "surrogateescape") + received.content


def _hops(content: bytes) -> int:
    head = split(content)[0].lower()
    return (b"\n" + head).count(b"\nreceived:")

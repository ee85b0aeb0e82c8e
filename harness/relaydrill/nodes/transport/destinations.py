"""The destinations of one hub: which queue a recipient's mail waits in, and who empties it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Final

from relaydrill.journal import Journal
from relaydrill.nodes import config
from relaydrill.nodes.exchange_log_writers import TrackingLog
from relaydrill.nodes.transport.delivery import Delivery
from relaydrill.nodes.transport.queue import UNREACHABLE, Queue

_AT_ONCE: Final = 100


class Destinations:
    """The routes of one hub, each with deliveries of its own: one that is stuck stops no other.

    Args:
        settings: The hub's configuration.
        queue: Where messages wait.
        journal: The hub's.
        tracking: Its message tracking log.
    """

    def __init__(
        self,
        settings: config.Hub,
        queue: Queue,
        journal: Journal,
        tracking: TrackingLog | None = None,
    ) -> None:
        self._queue = queue
        self._journal = journal
        self._tracking = tracking
        self._deliveries = {
            route.name: Delivery(settings, route, queue, journal, tracking=tracking)
            for route in settings.routes
        }
        self._by_domain = {
            domain: route.name for route in settings.routes for domain in route.domains
        }
        others = [route.name for route in settings.routes if not route.domains]
        self._others = others[0] if others else UNREACHABLE

    def of(self, recipient: str) -> str:
        """The destination of mail for a recipient."""
        return self._by_domain.get(recipient.rpartition("@")[2].lower(), self._others)

    def start(self) -> None:
        """Begin to deliver whatever is queued."""
        for delivery in self._deliveries.values():
            delivery.start()
        self._bounce_the_unreachable()

    def stop(self) -> None:
        """Finish the messages under way, and end."""
        for delivery in self._deliveries.values():
            delivery.stop()

    def release(self, rows: range, recipients: Iterable[str]) -> None:
        """Give rows that were just stored free for delivery."""
        for row in rows:
            self._queue.put_off(row)
        for destination in {self.of(recipient) for recipient in recipients}:
            if destination == UNREACHABLE:
                self._bounce_the_unreachable()
            else:
                self._deliveries[destination].wake()

    def _bounce_the_unreachable(self) -> None:
        """What no route leads to goes back to its sender (554 5.4.4), and is lost to the other."""
        while items := self._queue.claim(_AT_ONCE, UNREACHABLE):
            for item in items:
                domain = item.recipient.rpartition("@")[2]
                reason = f"554 5.4.4 no route to {domain}"
                with contextlib.suppress(OSError):
                    self._journal.write("bounced", item.message, item.recipient, reason=reason)
                if self._tracking:
                    self._tracking.failed(item, reason)
                self._queue.done(item.row)

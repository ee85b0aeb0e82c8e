"""A hub's deliveries to one destination, from its queue to the next hop, as Exchange does them.

Next hops are tried in an order that is rotated for each connection. A destination none of whose
hops answers is retried after 60 s four times, then after 5 min six times, then every 10 min
(Exchange's queue glitch and transient-failure retries), all on the lab's clock.
"""

from __future__ import annotations

import contextlib
import itertools

import tenacity

from relaydrill.endpoint import Endpoint
from relaydrill.fibres.waiting import Work, begin, new_event, new_permits
from relaydrill.journal import Journal
from relaydrill.nodes import config
from relaydrill.nodes.exchange_log_writers import TrackingLog
from relaydrill.nodes.transport.queue import Queue, Queued
from relaydrill.smtp import Outcome, Result
from relaydrill.smtp_client import Route, SessionEnded, SmtpSession

MOST_PER_CONNECTION = 20
"""Messages sent over one connection (Exchange's SmtpMaxMessagesPerConnection)."""


class _NoNextHop(Exception):
    """Not one of the next hops opened a session."""


class Delivery:
    """The deliveries to one destination; each connection is made by blocking code beside the loop.

    Args:
        settings: The hub's configuration.
        route: Where they deliver to.
        queue: Where messages come from.
        journal: The hub's journal.
        workers: Connections at a time.
        tracking: The hub's message tracking log, if it keeps one.
    """

    def __init__(
        self,
        settings: config.Hub,
        route: config.Route,
        queue: Queue,
        journal: Journal,
        *,
        workers: int = 2,
        tracking: TrackingLog | None = None,
    ) -> None:
        self._settings = settings
        self._hops = route.next_hops
        self._towards = route.towards
        self._destination = route.name
        self._queue = queue
        self._journal = journal
        self._tracking = tracking
        self._ended = new_event()
        self._work = new_permits()
        self._turns = itertools.count()
        self._workers = workers
        self._running: list[Work] = []

    def start(self) -> None:
        """Begin to deliver whatever is queued."""
        for number in range(self._workers):
            self._running.append(begin(self._run, name=f"delivery-{self._destination}-{number}"))
            self._work.release()

    def wake(self) -> None:
        """Something new is queued."""
        self._work.release()

    def stop(self) -> None:
        """Finish the messages under way, and end."""
        self._ended.set()
        for _ in self._running:
            self._work.release()
        for worker in self._running:
            worker.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            # The timeout brings back the rows that were put off.
            self._work.acquire(timeout=min(1.0, self._settings.deferral_s))
            while not self._ended.is_set() and (batch := self._claim()):
                self._deliver(batch[0])

    def _claim(self) -> list[Queued]:
        return self._queue.claim(1, self._destination)

    def _deliver(self, first: Queued) -> None:
        """Open a session and send ``first`` and whatever else is queued, up to the limit."""
        try:
            session = self._open_with_retries(first)
        except (tenacity.RetryError, _NoNextHop):
            self._queue.put_off(first.row)
            return
        pending: Queued | None = first
        try:
            for _ in range(MOST_PER_CONNECTION):
                if pending is None or not self._send(session, pending):
                    break
                claimed = [] if self._ended.is_set() else self._claim()
                pending = claimed[0] if claimed else None
            else:
                if pending is not None:
                    self._queue.put_off(pending.row)
        finally:
            session.quit()

    def _open_with_retries(self, first: Queued) -> SmtpSession:
        settings = self._settings
        schedule = tenacity.wait_chain(
            *[tenacity.wait_fixed(settings.glitch_retry_s)] * settings.glitch_retries,
            *[tenacity.wait_fixed(settings.retry_s)] * settings.retries,
            tenacity.wait_fixed(settings.late_retry_s),
        )
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_NoNextHop),
            wait=schedule,
            stop=tenacity.stop_when_event_set(self._ended),
            sleep=tenacity.sleep_using_event(self._ended),
        )
        return retrying(self._open, first)

    def _open(self, first: Queued) -> SmtpSession:
        """Open a session to the first next hop that answers, in this turn's order."""
        hops = self._hops
        turn = next(self._turns) % len(hops) if hops else 0
        reason = "no next hop is configured"
        for hop in (*hops[turn:], *hops[:turn]):
            try:
                return SmtpSession.connect(self._route(hop))
            except SessionEnded as ended:
                reason = f"{hop.address}:{hop.port}: {ended.outcome}"
        self._note("deferred", first, reason=reason)
        if self._tracking:
            self._tracking.deferred(first, reason)
        raise _NoNextHop(reason)

    def _route(self, hop: config.Address) -> Route:
        settings = self._settings
        return Route(
            Endpoint(hop.address, hop.port),
            helo=settings.fqdn,
            source=settings.addresses,
            connect_s=settings.connect_s,
            reply_s=settings.reply_s,
        )

    def _send(self, session: SmtpSession, item: Queued) -> bool:
        """Send one message; True if the session can carry another."""
        try:
            outcome = session.send(item.sender, (item.recipient,), item.content)[item.recipient]
        except SessionEnded as ended:
            # After the dot this may duplicate the message at the next try; before it, it cannot.
            # A queue that may not lose mail has no other choice (RFC 5321 §4.5.4.1).
            self._put_off(item, ended.outcome)
            return False
        if outcome.result is Result.ACCEPTED:
            self._note("relayed", item, to=outcome.address, towards=self._towards)
            if self._tracking:
                to_mailbox = self._towards == "mailbox"
                self._tracking.left(item, outcome.address, outcome.server, to_mailbox=to_mailbox)
            self._queue.done(item.row)
            return True
        if outcome.reply and outcome.reply.transient:
            self._put_off(item, outcome)
        else:
            self._note("bounced", item, reason=str(outcome))
            if self._tracking:
                self._tracking.failed(item, str(outcome.reply or outcome))
            self._queue.done(item.row)
        return session.reset()

    def _put_off(self, item: Queued, outcome: Outcome) -> None:
        self._note("deferred", item, reason=str(outcome))
        if self._tracking:
            self._tracking.deferred(item, str(outcome))
        self._queue.put_off(item.row, self._settings.deferral_s)

    def _note(self, kind: str, item: Queued, **detail: str) -> None:
        """Journal what became of a message; none of it is a promise to anybody.

        A full disk must not end the thread, nor have a message sent again that has been taken.
        """
        with contextlib.suppress(OSError):
            self._journal.write(kind, item.message, item.recipient, **detail)

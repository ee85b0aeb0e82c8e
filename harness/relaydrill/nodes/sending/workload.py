"""Open-loop workloads: attempts begin when the schedule says so.

Whatever becomes of the attempts before, the next one comes at its time, so an outage shows as the
attempts that failed in it and never as a pause in trying.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Executor, Future
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from relaydrill import clock
from relaydrill.errors import CapabilityMissing
from relaydrill.fibres.waiting import Work, begin, new_event, result_of
from relaydrill.journal import Journal
from relaydrill.message import SPAM, UNKNOWN, WANTED, compose, digest
from relaydrill.nodes import config
from relaydrill.schedule import moments, seed_of
from relaydrill.smtp import Outcome


@dataclass(frozen=True, slots=True)
class Load:
    """One flow's share of a workload.

    Attributes:
        drill: Prefix of the Message-IDs, unique among all drills.
        flow: The flow's name.
        persona: How to send.
        host: Where to send to.
        port: The port there.
        rate: Attempts a second.
        sender: Envelope sender.
        recipient: Envelope recipient.
        size: Bytes of a body.
        begin: Monotonic time of the first attempt.
        most: Bound on the number of attempts.
        population: Senders that take turns.
        pin: The MX host that they have picked, if one.
        sorts: Weight of each sort of mail.
        retry_s: How long after an attempt that was put off it is made again, wall seconds; None:
            never.
    """

    drill: str
    flow: str
    persona: str
    host: str
    port: int
    rate: float
    sender: str
    recipient: str
    size: int
    begin: float
    most: int
    population: int = 1
    pin: str = ""
    sorts: Mapping[str, float] = field(default_factory=lambda: {WANTED: 1.0})
    retry_s: float | None = None

    @property
    def seed(self) -> str:
        """The same for the same flow of the same seed: the seed is what ``drill`` begins with."""
        return seed_of(self.drill.partition(".")[0], self.flow, self.sender)


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """One message on its way out.

    Attributes:
        load: Whose it is.
        number: From 0.
        identity: Its Message-ID.
        recipient: Of its envelope.
        sort: What sort of mail it is.
        content: Headers and body, CRLF.
        due: When the schedule wanted it, monotonic.
        date: Of its header, seconds since the epoch.
    """

    load: Load
    number: int
    identity: str
    recipient: str
    sort: str
    content: bytes
    due: float
    date: float


def compose_message(
    load: Load, number: int, *, fqdn: str, sort: str, due: float, date: float
) -> OutgoingMessage:
    """One message of a load. The same arguments give the same message, wherever it is written.

    Args:
        load: What the sender sends.
        number: Its number in the load, from 0.
        fqdn: The name of the sending host. The rest as in `OutgoingMessage`.
        sort: Whether it is wanted, or to be refused.
        due: When it was due, monotonic seconds.
        date: Of its header, seconds since the epoch.
    """
    identity = f"<{load.drill}.{load.flow}.{number}@{fqdn}>"
    domain = load.recipient.rpartition("@")[2]
    recipient = f"nobody{number}@{domain}" if sort == UNKNOWN else load.recipient
    content = compose(
        identity,
        sender=load.sender,
        recipients=(recipient,),
        size=load.size,
        date=date,
        spam=sort == SPAM,
    )
    return OutgoingMessage(load, number, identity, recipient, sort, content, due, date)


Send = Callable[[OutgoingMessage], None]
"""Makes one attempt and returns when its outcome is journalled."""


class _Running:
    """A load under way.

    Attributes:
        schedule: What keeps it.
        ended: Set when its schedule is to end.
        until: What was due by then is still tried, monotonic seconds.
        unwritten: Why lines of its attempts could not be journalled.
    """

    def __init__(self, load: Load) -> None:
        self.load = load
        self.ended = new_event()
        self.until = float("-inf")
        self.unwritten: list[str] = []
        self.schedule: Work


class Workload:
    """The loads of one sending node.

    Args:
        settings: The node's configuration.
        send: What makes an attempt; called by one of the pool, after the attempt is journalled.
        journal: The node's journal.
        pool: What carries out the attempts, many at a time; shut down by `close`.
    """

    def __init__(
        self, settings: config.Common, send: Send, journal: Journal, pool: Executor
    ) -> None:
        self._settings = settings
        self._send = send
        self._journal = journal
        self._pool = pool
        self._running: dict[str, _Running] = {}

    def close(self) -> None:
        """End the schedules; attempts under way are given up, and so have no outcome."""
        for running in self._running.values():
            running.ended.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def handle(self, op: str, args: dict[str, Any]) -> Any:
        """``start`` a load; ``finish`` waits for its end; ``stop`` ends its schedule early.

        What ``stop`` returns says what the journal lacks of the load; empty if nothing.
        """
        if op == "start":
            return self._start(Load(**args))
        if op == "finish":
            running = self._running.pop(str(args["flow"]))
            return await asyncio.to_thread(running.schedule.join)
        if op == "stop":
            return await asyncio.to_thread(self._stop, str(args["flow"]), wait=bool(args["wait"]))
        raise CapabilityMissing(op, "the node program", self._settings.name)

    def _start(self, load: Load) -> None:
        if load.flow in self._running:
            raise ValueError(f"flow {load.flow} is running already")
        running = _Running(load)
        self._running[load.flow] = running
        keep = functools.partial(self._keep_schedule, running)
        running.schedule = begin(keep, name=f"schedule-{load.flow}")

    def _stop(self, flow: str, *, wait: bool) -> str:
        """End a schedule; waiting, until the outcome of its last attempt is journalled.

        Whoever waits gets all attempts that are due by now: a schedule that is a moment behind
        ends no sooner than it was to.
        """
        running = self._running.pop(flow)
        if wait:
            running.until = clock.monotonic()
        running.ended.set()
        if wait:
            running.schedule.join()
        lacks = running.unwritten
        return f"{len(lacks)} lines of its attempts ({lacks[0]})" if lacks else ""

    def _keep_schedule(self, running: _Running) -> None:
        load = running.load
        attempts: deque[Future[None]] = deque()
        chance = random.Random(f"{load.seed} sorts")
        due_times = moments(load.seed, begin=load.begin, rate=load.rate)
        for number, due in enumerate(islice(due_times, load.most)):
            # One wait for each attempt, until its own moment: lateness does not add up.
            if running.ended.wait(max(0.0, due - clock.monotonic())) and due > running.until:
                break
            [sort] = chance.choices([*load.sorts], [*load.sorts.values()])
            try:
                attempt = self._pool.submit(self._attempt, running, number, due, sort)
            except RuntimeError:  # the node is ending
                break
            attempts.append(attempt)
            while attempts and _went_well(attempts[0]):
                attempts.popleft()
        for attempt in attempts:
            with contextlib.suppress(CancelledError):  # the node is ending
                result_of(attempt)

    def _attempt(self, running: _Running, number: int, due: float, sort: str) -> None:
        message = compose_message(
            running.load, number, fqdn=self._settings.fqdn, sort=sort, due=due, date=clock.wall()
        )
        try:
            # What cannot be journalled is not sent: nobody would know of it.
            note_attempt(self._journal, message, scheduled=due)
            self._send(message)
        except OSError as error:
            running.unwritten.append(error.strerror or str(error))


def _went_well(attempt: Future[None]) -> bool:
    """Whether an attempt is over, and nothing is to be said of it at the end."""
    return attempt.done() and not attempt.cancelled() and not attempt.exception()


def note_attempt(journal: Journal, message: OutgoingMessage, *, scheduled: float) -> None:
    """Journal that a message is tried."""
    journal.write(
        "attempt",
        message.identity,
        message.recipient,
        flow=message.load.flow,
        sort=message.sort,
        scheduled=round(scheduled, 6),
        port=message.load.port,
        digest=digest(message.content),
    )


def note_outcome(journal: Journal, message: OutgoingMessage, outcome: Outcome, **more: Any) -> None:
    """Journal what the sender has learnt from the last attempt."""
    detail: dict[str, Any] = {
        "result": str(outcome.result),
        "phase": str(outcome.phase),
        "address": outcome.address,
        "server": outcome.server,
        **more,
    }
    if outcome.reply:
        detail |= {"code": outcome.reply.code, "text": outcome.reply.text}
    if outcome.reason:
        detail["reason"] = outcome.reason
    if outcome.reused:
        detail["reused"] = True
    journal.write("outcome", message.identity, message.recipient, **detail)

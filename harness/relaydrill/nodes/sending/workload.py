"""Open-loop workloads: attempts begin when the schedule says so.

Whatever becomes of the attempts before, the next one comes at its time, so an outage shows as the
attempts that failed in it and never as a pause in trying.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Executor, Future
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from relaydrill.errors import CapabilityMissing
from relaydrill.journal import Journal
from relaydrill.message import SPAM, UNKNOWN, WANTED, compose, digest
from relaydrill.nodes import config
from relaydrill.schedule import moments, seed_of
from relaydrill.smtp import Outcome


@dataclass(frozen=True, slots=True)
class Load:
    """One flow's share of a workload.

    Attributes:
        drill: Prefix of the Message-IDs, unique among all drills. flow: The flow's name.
        persona, host, port: How and where to. rate: Attempts a second.
        sender, recipient: The envelope. size: Bytes of a body.
        begin: Monotonic time of the first attempt. most: Bound on the number of attempts.
        population: Senders that take turns. pin: The MX host that they have picked, if one.
        sorts: Weight of each sort of mail.
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

    @property
    def seed(self) -> str:
        """The same for the same flow of the same seed: the seed is what ``drill`` begins with."""
        return seed_of(self.drill.partition(".")[0], self.flow, self.sender)


@dataclass(frozen=True, slots=True)
class Letter:
    """One message on its way out.

    Attributes:
        load: Whose it is. number: From 0. identity: Its Message-ID.
        recipient: Of its envelope. sort: What sort of mail it is. content: Headers and body, CRLF.
        due: When the schedule wanted it, monotonic. date: Of its header, seconds since the epoch.
    """

    load: Load
    number: int
    identity: str
    recipient: str
    sort: str
    content: bytes
    due: float
    date: float


def write_letter(
    load: Load, number: int, *, fqdn: str, sort: str, due: float, date: float
) -> Letter:
    """One letter of a load. The same arguments give the same letter, wherever it is written.

    Args:
        fqdn: The name of the sending host. The rest as in `Letter`.
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
    return Letter(load, number, identity, recipient, sort, content, due, date)


Send = Callable[[Letter], None]
"""Makes one attempt and returns when its outcome is journalled."""


class _Running:
    """A load under way.

    Attributes:
        ended: Set when its schedule is to end. until: What was due by then is still tried,
            monotonic seconds. unwritten: Why lines of its attempts could not be journalled.
    """

    def __init__(self, load: Load, keep_schedule: Callable[[_Running], None]) -> None:
        self.load = load
        self.ended = threading.Event()
        self.until = float("-inf")
        self.unwritten: list[str] = []
        self.thread = threading.Thread(
            target=keep_schedule, args=(self,), name=f"schedule-{load.flow}", daemon=True
        )


class Workload:
    """The loads of one sending node.

    Args:
        settings: The node's configuration.
        send: What makes an attempt; called by one of the hands, after the attempt is journalled.
        journal: The node's journal.
        hands: What carries out the attempts, many at a time; shut down by `close`.
    """

    def __init__(
        self, settings: config.Common, send: Send, journal: Journal, hands: Executor
    ) -> None:
        self._settings = settings
        self._send = send
        self._journal = journal
        self._hands = hands
        self._running: dict[str, _Running] = {}

    def close(self) -> None:
        """End the schedules; attempts under way are given up, and so have no outcome."""
        for running in self._running.values():
            running.ended.set()
        self._hands.shutdown(wait=False, cancel_futures=True)

    async def handle(self, op: str, args: dict[str, Any]) -> Any:
        """``start`` a load; ``finish`` waits for its end; ``stop`` ends its schedule early.

        What ``stop`` returns says what the journal lacks of the load; empty if nothing.
        """
        if op == "start":
            return self._start(Load(**args))
        if op == "finish":
            running = self._running.pop(str(args["flow"]))
            return await asyncio.to_thread(running.thread.join)
        if op == "stop":
            return await asyncio.to_thread(self._stop, str(args["flow"]), wait=bool(args["wait"]))
        raise CapabilityMissing(op, "the node program", self._settings.name)

    def _start(self, load: Load) -> None:
        if load.flow in self._running:
            raise ValueError(f"flow {load.flow} is running already")
        running = _Running(load, self._keep_schedule)
        self._running[load.flow] = running
        running.thread.start()

    def _stop(self, flow: str, *, wait: bool) -> str:
        """End a schedule; waiting, until the outcome of its last attempt is journalled.

        Whoever waits gets all attempts that are due by now: a schedule that is a moment behind
        ends no sooner than it was to.
        """
        running = self._running.pop(flow)
        if wait:
            running.until = time.monotonic()
        running.ended.set()
        if wait:
            running.thread.join()
        lacks = running.unwritten
        return f"{len(lacks)} lines of its attempts ({lacks[0]})" if lacks else ""

    def _keep_schedule(self, running: _Running) -> None:
        load = running.load
        attempts: deque[Future[None]] = deque()
        chance = random.Random(f"{load.seed} sorts")
        due_times = moments(load.seed, begin=load.begin, rate=load.rate)
        for number, due in enumerate(islice(due_times, load.most)):
            # One wait for each attempt, until its own moment: lateness does not add up.
            if running.ended.wait(max(0.0, due - time.monotonic())) and due > running.until:
                break
            [sort] = chance.choices([*load.sorts], [*load.sorts.values()])
            try:
                attempt = self._hands.submit(self._attempt, running, number, due, sort)
            except RuntimeError:  # the node is ending
                break
            attempts.append(attempt)
            while attempts and _went_well(attempts[0]):
                attempts.popleft()
        for attempt in attempts:
            with contextlib.suppress(CancelledError):  # the node is ending
                attempt.result()

    def _attempt(self, running: _Running, number: int, due: float, sort: str) -> None:
        letter = write_letter(
            running.load, number, fqdn=self._settings.fqdn, sort=sort, due=due, date=time.time()
        )
        try:
            # What cannot be journalled is not sent: nobody would know of it.
            note_attempt(self._journal, letter, scheduled=due)
            self._send(letter)
        except OSError as error:
            running.unwritten.append(error.strerror or str(error))


def _went_well(attempt: Future[None]) -> bool:
    """Whether an attempt is over, and nothing is to be said of it at the end."""
    return attempt.done() and not attempt.cancelled() and not attempt.exception()


def note_attempt(journal: Journal, letter: Letter, *, scheduled: float) -> None:
    """Journal that a letter is tried."""
    journal.write(
        "attempt",
        letter.identity,
        letter.recipient,
        flow=letter.load.flow,
        sort=letter.sort,
        scheduled=round(scheduled, 6),
        port=letter.load.port,
        digest=digest(letter.content),
    )


def note_outcome(journal: Journal, letter: Letter, outcome: Outcome, **more: Any) -> None:
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
    journal.write("outcome", letter.identity, letter.recipient, **detail)

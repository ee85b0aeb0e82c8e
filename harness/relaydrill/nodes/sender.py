"""The sending host: runs personas on a schedule, and journals every attempt.

The workload is open-loop: attempts begin when the schedule says so, whatever became of those
before, so an outage shows as the attempts that failed in it and never as a pause in trying.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from relaydrill.errors import CapabilityMissing
from relaydrill.journal import Journal
from relaydrill.message import compose, digest
from relaydrill.nodes import config
from relaydrill.personas import PERSONAS, Persona
from relaydrill.personas.courier import Courier
from relaydrill.placement import Credentials, Endpoint
from relaydrill.smtp import Outcome


@dataclass(frozen=True, slots=True)
class Load:
    """One flow's share of a workload.

    Attributes:
        drill: Prefix of the Message-IDs, unique among all drills. flow: The flow's name.
        persona, host, port: How and where to. rate: Attempts a second.
        sender, recipient: The envelope. size: Bytes of a body.
        begin: Monotonic time of the first attempt. most: Bound on the number of attempts.
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


class Running:
    """A load under way."""

    def __init__(self, load: Load, keep_schedule: Callable[[Running], None]) -> None:
        self.load = load
        self.ended = threading.Event()
        self.thread = threading.Thread(
            target=keep_schedule, args=(self,), name=f"schedule-{load.flow}", daemon=True
        )


class SenderService:
    """The sender node."""

    disturbable = False

    def __init__(self, settings: config.Sender, journal: Journal) -> None:
        self._settings = settings
        self._journal = journal
        self._courier = _courier(settings)
        self._running: dict[str, Running] = {}
        self._pool = ThreadPoolExecutor(settings.most_at_once, thread_name_prefix="attempt")

    async def start(self) -> None:
        """A sender listens nowhere but on its control channel."""

    async def stop(self) -> None:
        """End the schedules; attempts under way are given up, and so have no outcome."""
        for running in self._running.values():
            running.ended.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def refresh(self) -> None:
        """There is nothing to disturb."""

    async def handle(self, op: str, args: dict[str, Any]) -> Any:
        """``start`` a load; ``finish`` waits for its end; ``stop`` ends its schedule early."""
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
        running = Running(load, self._keep_schedule)
        self._running[load.flow] = running
        running.thread.start()

    def _stop(self, flow: str, *, wait: bool) -> None:
        """End a schedule; waiting, until the outcome of its last attempt is journalled."""
        running = self._running.pop(flow)
        running.ended.set()
        if wait:
            running.thread.join()

    def _keep_schedule(self, running: Running) -> None:
        load, persona = running.load, PERSONAS[running.load.persona]
        attempts = []
        for number in range(load.most):
            due = load.begin + number / load.rate
            # One wait for each attempt, until its own moment: lateness does not add up.
            if running.ended.wait(max(0.0, due - time.monotonic())):
                break
            attempts.append(self._pool.submit(self._attempt, load, persona, number, due))
            if len(attempts) > 2 * self._settings.most_at_once:
                attempts = [attempt for attempt in attempts if not attempt.done()]
        for attempt in attempts:
            attempt.result()

    def _attempt(self, load: Load, persona: Persona, number: int, due: float) -> None:
        identity = f"<{load.drill}.{load.flow}.{number}@{self._settings.fqdn}>"
        content = compose(
            identity,
            sender=load.sender,
            recipients=(load.recipient,),
            size=load.size,
            date=time.time(),
        )
        self._journal.write(
            "attempt",
            identity,
            load.recipient,
            flow=load.flow,
            scheduled=round(due, 6),
            port=load.port,
            digest=digest(content),
        )
        outcome = self._courier.send(
            persona,
            load.host,
            load.port,
            sender=load.sender,
            recipient=load.recipient,
            content=content,
        )
        self._journal.write("outcome", identity, load.recipient, **_detail(outcome))


def _detail(outcome: Outcome) -> dict[str, Any]:
    detail: dict[str, Any] = {
        "result": str(outcome.result),
        "phase": str(outcome.phase),
        "address": outcome.address,
        "server": outcome.server,
    }
    if outcome.reply:
        detail |= {"code": outcome.reply.code, "text": outcome.reply.text}
    if outcome.reason:
        detail["reason"] = outcome.reason
    return detail


def _courier(settings: config.Sender) -> Courier:
    def endpoint(address: str, port: int) -> Endpoint:
        return Endpoint(address, settings.ports.get(address, {}).get(port, port))

    return Courier(
        helo=settings.fqdn,
        source=settings.address,
        resolve=lambda host: settings.hosts.get(host, ()),
        endpoint=endpoint,
        connect_s=settings.connect_s,
        reply_s=settings.reply_s,
        tls=ssl.create_default_context(cafile=settings.ca),
        login=Credentials(settings.login.user, settings.login.password),
    )

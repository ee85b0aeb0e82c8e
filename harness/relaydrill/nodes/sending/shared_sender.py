"""A sending host whose attempts are made by Locust workers, on this machine or on others.

The schedule and the journal are here, as every sender's are. What this node sends is orders: each
attempt is in the journal before its order goes out, so that whatever becomes of a worker, no
message is sent that nobody knows of. Locust changes the Python that it runs in, so its master is a
program of its own, `relaydrill.locust.master`.
"""

from __future__ import annotations

import asyncio
import importlib.util
import itertools
import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from relaydrill import clock
from relaydrill.disturbance import Action
from relaydrill.errors import LabError
from relaydrill.journal import Journal
from relaydrill.nodes import config
from relaydrill.nodes.program import Program
from relaydrill.nodes.sending.host import SendingHost
from relaydrill.nodes.sending.orders import heard, order_of
from relaydrill.nodes.sending.workload import OutgoingMessage, Workload, note_outcome
from relaydrill.nodes.supervisor import Supervisor
from relaydrill.smtp import Outcome, Phase, Result

_MOST_AT_ONCE: Final = 512  # each is a thread here, and a user on every worker


@dataclass(eq=False, slots=True)
class _Ordered:
    """A message that a worker is to send, or has."""

    message: OutgoingMessage
    since: float
    is_over: threading.Event = field(default_factory=threading.Event)


class SharedSender:
    """The sender node, where its load is shared among workers."""

    disturbable: frozenset[Action] = frozenset()

    def __init__(self, settings: config.Sender, journal: Journal) -> None:
        most = min(settings.most_at_once, _MOST_AT_ONCE)
        self._settings = settings.model_copy(update={"most_at_once": most})
        self._journal = journal
        self._host = SendingHost(settings)
        pool = ThreadPoolExecutor(most, "order")
        self._workload = Workload(settings, self._send, journal, pool)
        self._numbers = itertools.count()
        self._ordered: dict[int, _Ordered] = {}
        self._lock = threading.Lock()
        self._stopping = False
        self._loop: asyncio.AbstractEventLoop
        self._master = Program("the Locust master")
        self._supervisor = Supervisor(
            settings.name, self._master, self._master.lines(whole=True), self._heard
        )

    async def start(self) -> None:
        """Start the master, and return when all workers have come.

        Raises:
            LabError: Locust is not installed, its port is taken, or too few workers came in time.
        """
        if importlib.util.find_spec("locust") is None:
            raise LabError(
                f"{self._settings.name} shares its load among Locust workers, and Locust is not"
                " installed here; run: pip install 'relaydrill[locust]'"
            )
        self._loop = asyncio.get_running_loop()
        # A session of its own: where this node is killed, the master sees its input end, and has a
        # moment to send the workers home. ``-P``: no file of the user's passes for a module.
        await self._master.start(
            *(sys.executable, "-P", "-m", "relaydrill.locust.master"),
            stdin=asyncio.subprocess.PIPE,
            stderr=None,
            own_session=True,
        )
        self._tell(_for_master(self._settings))
        try:
            await self._gather()
        except BaseException:
            await self._master.end()
            raise
        self._supervisor.follow()

    async def stop(self) -> None:
        """End the schedules, and send the workers home; attempts under way have no outcome."""
        self._stopping = True
        self._supervisor.expect_end()
        self._workload.close()
        self._release()
        self._master.close_input()
        await self._supervisor.finish()

    async def refresh(self) -> None:
        """There is nothing to disturb."""

    async def handle(self, op: str, args: dict[str, Any]) -> Any:
        """As `relaydrill.nodes.sending.sender`; ``ask`` is asked from here, and not by a worker."""
        if op == "ask":
            return await asyncio.to_thread(self._host.ask, **args)
        if op == "start":
            # Each worker is a sender of its own, with a memory of its own.
            args["population"] = max(int(args.get("population", 1)), self._settings.workers)
        return await self._workload.handle(op, args)

    def _send(self, message: OutgoingMessage) -> None:
        """Have a worker send a message, and wait until its outcome is known, or never will be."""
        number = next(self._numbers)
        ordered = _Ordered(message, clock.monotonic())
        with self._lock:
            if self._stopping:  # whoever is released has been
                return
            self._ordered[number] = ordered
        member = message.number % message.load.population
        order = {"id": number, "member": member, **order_of(message)}
        self._loop.call_soon_threadsafe(self._tell, order)
        ordered.is_over.wait()

    def _tell(self, line: dict[str, Any]) -> None:
        self._master.write(json.dumps(line).encode() + b"\n")

    async def _gather(self) -> None:
        """Follow the master until all workers have come.

        Raises:
            LabError: They have not, or it cannot listen.
        """
        why = ""
        async for line in self._master.lines(whole=True):
            event = json.loads(line)
            match event["event"]:
                case "ready":
                    return
                case "failed":  # it goes on to send home who came
                    why = f"{self._settings.name}: {event['reason']}"
                case _:
                    self._note(event)
        raise LabError(why or await self._supervisor.how_it_ended("at its start"))

    def _heard(self, line: str) -> None:
        """Journal what a worker tells.

        Raises:
            SystemExit: That is nonsense.
        """
        try:
            self._note(json.loads(line))
        except (ValueError, KeyError, TypeError) as error:
            text = f"{self._settings.name}: a worker sent an invalid message: {error!r}"
            raise SystemExit(text) from error

    def _note(self, event: dict[str, Any]) -> None:
        match event:
            case {"event": "worker", "worker": worker, "state": state}:
                self._journal.write("worker", worker=worker, state=state)
            case {"event": "outcome", "id": number, "worker": worker}:
                if ordered := self._over(number):
                    self._note_outcome(ordered, event, worker)
            case {"event": "unsent", "id": number, "reason": reason}:
                if ordered := self._over(number):
                    outcome = Outcome(Result.UNSENT, Phase.CONNECT, reason=reason)
                    note_outcome(self._journal, ordered.message, outcome)
                    ordered.is_over.set()
            case {"event": "given up", "ids": numbers}:
                # Nobody knows what became of these, and so the journal has no outcome of them.
                for number in numbers:
                    if ordered := self._over(number):
                        ordered.is_over.set()

    def _over(self, number: int) -> _Ordered | None:
        with self._lock:
            return self._ordered.pop(number, None)

    def _note_outcome(self, ordered: _Ordered, event: dict[str, Any], worker: str) -> None:
        """Journal what a worker has learnt, and how much later than it all this clock may be."""
        slack_s = clock.monotonic() - ordered.since - float(event["took_s"])
        note_outcome(
            self._journal,
            ordered.message,
            heard(event["outcome"]),
            **event["notes"],
            worker=worker,
            slack_s=round(max(0.0, slack_s), 6),
        )
        ordered.is_over.set()

    def _release(self) -> None:
        """Nobody waits any more for what the workers will not tell."""
        with self._lock:
            for ordered in self._ordered.values():
                ordered.is_over.set()


def _for_master(settings: config.Sender) -> dict[str, Any]:
    """What the master has to know; its workers cannot read files of this machine."""
    assert settings.master
    return {
        "address": settings.master.address,
        "port": settings.master.port,
        "workers": settings.workers,
        "settings": settings.model_copy(update={"ca": ""}).model_dump(mode="json"),
        "authority": Path(settings.ca).read_text(encoding="ascii") if settings.ca else "",
    }

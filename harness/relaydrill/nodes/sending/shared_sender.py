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
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from relaydrill.errors import LabError
from relaydrill.journal import Journal
from relaydrill.nodes import child, config
from relaydrill.nodes.disturbance import Action
from relaydrill.nodes.sending.host import SendingHost
from relaydrill.nodes.sending.orders import heard, order_of
from relaydrill.nodes.sending.workload import Letter, Workload, note_outcome
from relaydrill.smtp import Outcome, Phase, Result

_ENDS_S: Final = 5.0
_MOST_AT_ONCE: Final = 512  # each is a thread here, and a user on every worker
_LONGEST_LINE: Final = 1024 * 1024  # a reply of many lines fits


@dataclass(eq=False, slots=True)
class _Ordered:
    """A letter that a worker is to send, or has."""

    letter: Letter
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
        hands = ThreadPoolExecutor(most, "order")
        self._workload = Workload(settings, self._send, journal, hands)
        self._numbers = itertools.count()
        self._ordered: dict[int, _Ordered] = {}
        self._lock = threading.Lock()
        self._stopping = False
        self._loop: asyncio.AbstractEventLoop
        self._master: asyncio.subprocess.Process
        self._attending: asyncio.Task[None]

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
        self._master = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "relaydrill.locust.master"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
            limit=_LONGEST_LINE,
        )
        self._tell(_for_master(self._settings))
        try:
            await self._gather()
        except BaseException:
            await child.end(self._master, patience_s=_ENDS_S)
            raise
        self._attending = self._loop.create_task(self._attend())

    async def stop(self) -> None:
        """End the schedules, and send the workers home; attempts under way have no outcome."""
        self._stopping = True
        self._workload.close()
        self._release()
        assert self._master.stdin
        self._master.stdin.close()
        await self._attending

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

    def _send(self, letter: Letter) -> None:
        """Have a worker send a letter, and wait until its outcome is known, or never will be."""
        number = next(self._numbers)
        ordered = _Ordered(letter, time.monotonic())
        with self._lock:
            if self._stopping:  # whoever is released has been
                return
            self._ordered[number] = ordered
        member = letter.number % letter.load.population
        order = {"id": number, "member": member, **order_of(letter)}
        self._loop.call_soon_threadsafe(self._tell, order)
        ordered.is_over.wait()

    def _tell(self, line: dict[str, Any]) -> None:
        assert self._master.stdin
        self._master.stdin.write(json.dumps(line).encode() + b"\n")

    async def _events(self) -> AsyncIterator[dict[str, Any]]:
        """What the master says, until it ends."""
        assert self._master.stdout
        while line := await self._master.stdout.readline():
            if line.endswith(b"\n"):  # else it was killed in the middle
                yield json.loads(line)

    async def _gather(self) -> None:
        why = ""
        async for event in self._events():
            match event["event"]:
                case "ready":
                    return
                case "failed":  # it goes on to send home who came
                    why = f"{self._settings.name}: {event['reason']}"
                case _:
                    self._note(event)
        raise LabError(why or await self._how_it_ended())

    async def _attend(self) -> None:
        """Journal what the workers tell. The master's unwanted end is the end of this node, too.

        Raises:
            SystemExit: It has ended by itself, the journal is full, or a worker talks nonsense.
                Unlike other errors it passes through the event loop, so that the driver sees this
                node die.
        """
        try:
            async for event in self._events():
                self._note(event)
        except OSError as error:
            raise SystemExit(f"{self._settings.name} cannot write its journal: {error}") from error
        except (ValueError, KeyError, TypeError) as error:
            text = f"{self._settings.name}: a worker told what nobody understands: {error!r}"
            raise SystemExit(text) from error
        how = await self._how_it_ended()
        if not self._stopping:
            raise SystemExit(how)

    async def _how_it_ended(self) -> str:
        status = await self._master.wait()
        return f"{self._settings.name}: the Locust master ended {child.how_it_ended(status, ())}"

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
                    note_outcome(self._journal, ordered.letter, outcome)
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
        slack_s = time.monotonic() - ordered.since - float(event["took_s"])
        note_outcome(
            self._journal,
            ordered.letter,
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

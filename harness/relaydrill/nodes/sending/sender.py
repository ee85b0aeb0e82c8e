"""The sending host: runs personas on a schedule, and journals every attempt."""

from __future__ import annotations

import asyncio
import contextlib
import resource
from typing import Any, Final

from relaydrill.disturbance import Action
from relaydrill.fibres.carrier import carrier
from relaydrill.fibres.waiting import new_pool
from relaydrill.hindrance import Hindrance
from relaydrill.journal import Journal
from relaydrill.nodes import config
from relaydrill.nodes.sending.host import Learnt, SendingHost
from relaydrill.nodes.sending.retries import Retries
from relaydrill.nodes.sending.workload import (
    OutgoingMessage,
    Workload,
    note_attempt,
    note_outcome,
)
from relaydrill.personas.base import no_for_good
from relaydrill.personas.own_side import OwnSide
from relaydrill.smtp import Outcome, Result

_OTHER_FILES: Final = 64


class SenderService:
    """The sender node."""

    disturbable: frozenset[Action] = frozenset()

    def __init__(self, settings: config.Sender, journal: Journal) -> None:
        self._journal = journal
        self._name = settings.name
        self._side = OwnSide(self._met)
        self._host = SendingHost(settings, side=self._side)
        most = settings.most_at_once
        self._pool = new_pool(most if carrier() else _with_room_for(most), name="attempts")
        self._workload = Workload(settings, self._send, journal, self._pool)
        self._retries: dict[tuple[str, str], Retries] = {}

    async def start(self) -> None:
        """A sender listens nowhere but on its control channel."""

    async def stop(self) -> None:
        """End the schedules; attempts under way are given up, and so have no outcome."""
        self._forget_all()
        self._workload.close()
        self._pool.shutdown()  # nothing writes into the journal from here on

    async def refresh(self) -> None:
        """There is nothing to disturb."""

    async def handle(self, op: str, args: dict[str, Any]) -> Any:
        """``ask`` probes a server without sending; the rest as `Workload.handle`.

        ``hinder`` has it meet a `Hindrance`, until ``unhinder`` lifts the one of a label.
        ``queue_length`` and ``queue`` tell of what waits for its next attempt, as those of a hub.
        """
        if op == "hinder":
            hindrance = Hindrance.from_json(args)
            self._side.hinder(hindrance)
            return self._journal.write("hindered", fault=hindrance.label, on=True)
        if op == "unhinder":
            label = str(args["label"])
            if self._side.lift(label):
                self._journal.write("hindered", fault=label, on=False)
            return None
        if op == "ask":
            return await asyncio.to_thread(self._host.ask, **args)
        if op in ("queue_length", "queue"):
            kept = [each for retries in self._retries.values() for each in retries.kept]
            if op == "queue_length":
                return len(kept)
            items = [(each.identity, each.recipient) for each in kept]
            self._journal.write("queue", items=items)
            return items
        if op == "start" and args["drill"] not in {drill for drill, _ in self._retries}:
            self._forget_all()  # what an earlier drill has left is none of this one's
        return await self._workload.handle(op, args)

    def _met(self, hindrance: Hindrance, port: int) -> None:
        """Journal what acted on a session, at which node it would have been: that knows nothing."""
        self._journal.write(
            "bitten",
            fault=hindrance.label,
            phase="",
            client=self._name,
            port=port,
            probe=False,
            at=hindrance.node,
        )

    def _send(self, message: OutgoingMessage) -> None:
        def note(learnt: Learnt) -> None:
            note_outcome(self._journal, message, learnt.outcome, **learnt.notes)
            self._keep_or_forget(message, learnt.outcome)

        self._host.send(message, note)

    def _keep_or_forget(self, message: OutgoingMessage, outcome: Outcome) -> None:
        """Try again later what has not been taken, unless it was refused for good."""
        load = message.load
        if load.retry_s is None:
            return
        key = load.drill, load.flow
        if key not in self._retries:
            self._retries[key] = Retries(load.retry_s, self._again)
        if outcome.result is Result.ACCEPTED or no_for_good(outcome):
            self._retries[key].forget(message)
        else:
            self._retries[key].keep(message)

    def _again(self, due: float, message: OutgoingMessage) -> None:
        """Have a message tried again, beside all other attempts."""

        def attempt() -> None:
            note_attempt(self._journal, message, scheduled=due)
            self._send(message)

        with contextlib.suppress(RuntimeError):  # the node is ending
            self._pool.submit(attempt)

    def _forget_all(self) -> None:
        for retries in self._retries.values():
            retries.end()
        self._retries.clear()


def _with_room_for(connections: int) -> int:
    """Have this process allowed so many connections at a time, or how many fewer it may have.

    An attempt that finds no descriptor says nothing of the tier, so it had better wait.
    """
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _OTHER_FILES
    if most != resource.RLIM_INFINITY:
        wanted = min(wanted, most)
    if allowed != resource.RLIM_INFINITY and allowed < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
    return max(1, wanted - _OTHER_FILES)

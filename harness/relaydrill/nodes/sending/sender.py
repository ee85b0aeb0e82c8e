"""The sending host: runs personas on a schedule, and journals every attempt."""

from __future__ import annotations

import asyncio
import resource
from typing import Any, Final

from relaydrill.disturbance import Action
from relaydrill.fibres.carrier import carrier
from relaydrill.fibres.waiting import new_pool
from relaydrill.journal import Journal
from relaydrill.nodes import config
from relaydrill.nodes.sending.host import Learnt, SendingHost
from relaydrill.nodes.sending.workload import OutgoingMessage, Workload, note_outcome

_OTHER_FILES: Final = 64


class SenderService:
    """The sender node."""

    disturbable: frozenset[Action] = frozenset()

    def __init__(self, settings: config.Sender, journal: Journal) -> None:
        self._journal = journal
        self._host = SendingHost(settings)
        most = settings.most_at_once
        self._pool = new_pool(most if carrier() else _with_room_for(most), name="attempts")
        self._workload = Workload(settings, self._send, journal, self._pool)

    async def start(self) -> None:
        """A sender listens nowhere but on its control channel."""

    async def stop(self) -> None:
        """End the schedules; attempts under way are given up, and so have no outcome."""
        self._workload.close()
        self._pool.shutdown()  # nothing writes into the journal from here on

    async def refresh(self) -> None:
        """There is nothing to disturb."""

    async def handle(self, op: str, args: dict[str, Any]) -> Any:
        """``ask`` probes a server without sending; the rest as `Workload.handle`."""
        if op == "ask":
            return await asyncio.to_thread(self._host.ask, **args)
        return await self._workload.handle(op, args)

    def _send(self, message: OutgoingMessage) -> None:
        def note(learnt: Learnt) -> None:
            note_outcome(self._journal, message, learnt.outcome, **learnt.notes)

        self._host.send(message, note)


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

"""The node of a WNLB cluster: no machine, but what one can know and want of the cluster.

It hears the hosts' heartbeats and comes to the same view as they do, tells it, and passes on what
an operator wants. Where the kernels are the cluster it is not in the path of any mail; elsewhere a
stand-in takes the connections.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from relaydrill.disturbance import Action
from relaydrill.errors import CapabilityMissing
from relaydrill.journal import Journal
from relaydrill.nodes import config
from relaydrill.nodes.wnlb.agent import Agent
from relaydrill.nodes.wnlb.membership import HostState
from relaydrill.nodes.wnlb.stand_in import StandIn

_ORDERS: Final = {
    "ready": HostState.STARTED,
    "drain": HostState.DRAINING,
    "maint": HostState.STOPPED,
}
"""What is wanted of a host, by the words that all balancers know."""


class ClusterNode:
    """The service of the node."""

    disturbable: frozenset[Action] = frozenset()

    def __init__(self, settings: config.ClusterNode, journal: Journal) -> None:
        self._settings = settings
        self._journal = journal
        self._loop: asyncio.AbstractEventLoop | None = None
        self._agent = Agent(settings.cluster, changed=self._hear_of, answered=self._hear_answer)
        self._stand_in = StandIn(settings, self._agent, journal)
        self._told: dict[str, str] = {}

    async def start(self) -> None:
        """Hear the heartbeats; stand in, where that is wanted."""
        self._loop = asyncio.get_running_loop()
        await self._stand_in.start()
        self._agent.start()

    async def stop(self) -> None:
        """Hear no more."""
        self._stand_in.stop()
        self._agent.stop()

    async def refresh(self) -> None:
        """It has no session of its own to disturb."""

    async def handle(self, op: str, args: dict[str, Any]) -> Any:
        """``backends`` tells all states, ``cluster`` the hosts that share in the node's own view.

        ``state`` wants a host to start (``ready``), to end its connections and then leave
        (``drain``), or to stop at once (``maint``).
        """
        if op == "backends":
            return [
                {"backend": each.name, "port": port, "state": self._state(each.name)}
                for each in self._settings.backends
                for port in each.endpoints
            ]
        if op == "cluster":
            return sorted(self._agent.view)
        if op == "state":
            host, state = str(args["backend"]), str(args["state"])
            if state not in _ORDERS:
                raise ValueError(f"no state {state!r}: ready, drain or maint")
            if host not in {each.name for each in self._settings.backends}:
                raise ValueError(f"no backend {host!r}")
            self._agent.order(host, _ORDERS[state])
            return None
        raise CapabilityMissing(op, "the node program", self._settings.name)

    def _state(self, host: str) -> str:
        match self._agent.membership.state_of(host):
            case HostState.STOPPED:
                return "maint"
            case HostState.DRAINING:
                return "drain"
        return "up" if host in self._agent.view else "down"

    def _hear_of(self) -> None:
        if self._loop:
            self._loop.call_soon_threadsafe(self._changed)

    def _hear_answer(self, nonce: int) -> None:
        if self._loop:
            self._loop.call_soon_threadsafe(self._stand_in.answered, nonce)

    def _changed(self) -> None:
        for each in self._settings.backends:
            state = self._state(each.name)
            if self._told.get(each.name, "down") != state:
                self._told[each.name] = state
                for port in each.endpoints:
                    self._journal.write(
                        "backend",
                        backend=each.name,
                        port=port,
                        state=state,
                        reason="by the operator" if state in ("drain", "maint") else "converged",
                    )
        self._stand_in.changed()

"""A hub that is a host of a WNLB cluster: its own service, and an agent beside it.

The node program is the host. So whatever ends or freezes it silences the heartbeats; what only
closes its listeners does not, and WNLB goes on giving it its share.
"""

from __future__ import annotations

import asyncio
from typing import Any

from relaydrill.disturbance import Action
from relaydrill.journal import Journal
from relaydrill.nodes import config
from relaydrill.nodes.service import Service
from relaydrill.nodes.wnlb.agent import Agent
from relaydrill.nodes.wnlb.kernel import Kernel


class ClusterHost:
    """A service, and its host's agent."""

    disturbable: frozenset[Action]

    def __init__(
        self, name: str, cluster: config.Cluster, service: Service, journal: Journal
    ) -> None:
        self.disturbable = service.disturbable
        self._service = service
        self._journal = journal
        self._kernel = Kernel(cluster, name) if cluster.kernel else None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._view: frozenset[str] = frozenset()
        self._agent = Agent(cluster, name, changed=self._changed, filter_=self._kernel)

    async def start(self) -> None:
        """Take the VIPs, where the kernel is the cluster; then serve, and be heard.

        Raises:
            LabError: The kernel cannot.
        """
        self._loop = asyncio.get_running_loop()
        if self._kernel:
            await asyncio.to_thread(self._kernel.prepare)
        await self._service.start()
        self._agent.start()

    async def stop(self) -> None:
        """The host goes down: it is silent first."""
        self._agent.stop()
        await self._service.stop()

    async def refresh(self) -> None:
        """Follow the disturbances; the host does not care."""
        await self._service.refresh()

    async def handle(self, op: str, args: dict[str, Any]) -> Any:
        """``cluster`` tells the view; everything else is the service's."""
        if op == "cluster":
            return sorted(self._agent.view)
        return await self._service.handle(op, args)

    def _changed(self) -> None:
        view = self._agent.view
        if view != self._view and self._loop:
            self._view = view
            self._loop.call_soon_threadsafe(self._tell, view)

    def _tell(self, view: frozenset[str]) -> None:
        self._journal.write("converged", hosts=sorted(view))

"""A balancer that is one of a pair: its own service, and VRRP beside it."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol, cast

from relaydrill.disturbance import Action
from relaydrill.journal import Journal
from relaydrill.nodes import config
from relaydrill.nodes.service import Service
from relaydrill.nodes.vrrp.keepalived import Keepalived
from relaydrill.nodes.vrrp.router import VrrpState
from relaydrill.nodes.vrrp.stand_in import Adverts


class Holder(Service, Protocol):
    """A balancer that can take its VIPs, and leave them to another."""

    async def take_vips(self) -> None:
        """Listen on them."""

    async def leave_vips(self) -> None:
        """Listen on them no more; sessions that came by them are lost."""


class Member:
    """A machine of a pair."""

    disturbable: frozenset[Action]

    def __init__(
        self,
        settings: config.Balancer,
        vrrp: config.Vrrp,
        service: Service,
        journal: Journal,
    ) -> None:
        self.disturbable = service.disturbable
        self._name = settings.name
        self._service = service
        self._holder = None if vrrp.keepalived else cast(Holder, service)
        self._journal = journal
        self._state = VrrpState.INITIALIZE
        self._wanted: asyncio.Queue[VrrpState] = asyncio.Queue()
        self._following: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop
        self._adverts = None if vrrp.keepalived else Adverts(vrrp, self._heard)
        self._keepalived = Keepalived(settings, vrrp, self._tell) if vrrp.keepalived else None

    async def start(self) -> None:
        """Begin to balance, and then to speak with the other.

        Raises:
            LabError: There is no keepalived.
        """
        self._loop = asyncio.get_running_loop()
        await self._service.start()
        if self._keepalived:
            await self._keepalived.start()
        if self._adverts:
            self._following = self._loop.create_task(self._follow())
            self._adverts.start()

    async def stop(self) -> None:
        """The machine goes down: a master hands the VIPs over first."""
        if self._keepalived:
            await self._keepalived.stop()
        if self._adverts and self._following:
            await asyncio.to_thread(self._adverts.stop)
            self._following.cancel()
        await self._service.stop()

    async def refresh(self) -> None:
        """Follow the disturbances; VRRP does not care."""
        await self._service.refresh()

    async def handle(self, op: str, args: dict[str, Any]) -> Any:
        """``vrrp`` tells whether it is master or backup; everything else is the balancer's."""
        if op == "vrrp":
            return str(self._state)
        return await self._service.handle(op, args)

    def _heard(self, state: VrrpState) -> None:
        """Called in the thread of the advertisements."""
        self._loop.call_soon_threadsafe(self._wanted.put_nowait, state)

    async def _follow(self) -> None:
        """Take and leave the VIPs, one after the other.

        Raises:
            SystemExit: They cannot be taken. Unlike other errors it passes through the event loop,
                so that the driver sees this node die.
        """
        assert self._holder
        while True:
            state = await self._wanted.get()
            try:
                if state is VrrpState.MASTER:
                    await self._holder.take_vips()
                else:
                    await self._holder.leave_vips()
            except OSError as error:
                raise SystemExit(f"{self._name} cannot take its VIPs: {error}") from error
            self._tell(state)

    def _tell(self, state: VrrpState) -> None:
        if state is not self._state:
            self._state = state
            self._journal.write("vrrp", state=state)

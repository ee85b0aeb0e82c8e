"""What all nodes share: journal, control channel, signals, and the road from start to end."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import os
import signal
from pathlib import Path
from typing import Any, Protocol, cast

from relaydrill.dead_end import dead_end
from relaydrill.disturbance import Disturbance
from relaydrill.errors import CapabilityMissing, LabError
from relaydrill.event_loop import new_event_loop
from relaydrill.journal import Journal
from relaydrill.nodes import config, own_network
from relaydrill.nodes.control import ControlServer
from relaydrill.nodes.disturbances import Disturbances
from relaydrill.nodes.service import Service
from relaydrill.nodes.starving import tell_starving


class _Kind(Protocol):
    """The module ``service`` of a kind of nodes; see `relaydrill.kinds`."""

    def build(
        self, settings: config.NodeConfig, journal: Journal, disturbances: Disturbances
    ) -> Service:
        """The service that runs in a node of that kind."""


def build(settings: config.NodeConfig, journal: Journal, disturbances: Disturbances) -> Service:
    """The service for a configuration; with its agent, in a WNLB cluster and in a pair.

    A kind's code is loaded only here: what other nodes run costs this one nothing.
    """
    kind = cast(_Kind, importlib.import_module(f"relaydrill.kinds.{settings.kind}.service"))
    service = kind.build(settings, journal, disturbances)
    if isinstance(settings, config.Hub) and settings.cluster:
        from relaydrill.nodes.wnlb.host import ClusterHost

        return ClusterHost(settings.name, settings.cluster, service, journal)
    if isinstance(settings, config.Balancer) and settings.vrrp:
        from relaydrill.nodes.vrrp.member import Member

        return Member(settings, settings.vrrp, service, journal)
    return service


class Runtime:
    """One node from start to end.

    Args:
        settings: What it is told.
        journal: Its own.
        pid: Number of its process; by default that of this one.
    """

    def __init__(
        self, settings: config.NodeConfig, journal: Journal, *, pid: int | None = None
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._pid = os.getpid() if pid is None else pid
        self._disturbances = Disturbances()
        self._service = build(settings, journal, self._disturbances)

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then end in good order.

        Raises:
            LabError: An address cannot be bound.
        """
        with contextlib.ExitStack() as stack:
            if self._settings.network:
                stack.enter_context(await own_network.held(self._settings.network))
            for address, port in self._settings.dead_ends:
                stack.enter_context(dead_end(address, port))
            await self._serve()

    async def _serve(self) -> None:
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ended.set)
        control = ControlServer(self._settings.control, self._handle)
        try:
            await self._service.start()
            await control.start()
        except OSError as error:
            raise LabError(f"{self._settings.name} cannot listen: {error}") from error
        self._journal.write("ready", pid=self._pid)
        starving = loop.create_task(tell_starving(self._journal))
        await ended.wait()
        starving.cancel()
        self._journal.write("stopping")
        await self._service.stop()
        await control.stop()

    async def _handle(self, op: str, args: dict[str, Any]) -> Any:
        if op == "ping":
            return self._settings.name
        if op == "mark":
            return self._journal.write("mark", mark=str(args["mark"]))
        if op == "disturb":
            disturbance = Disturbance.from_json(args)
            if disturbance.action not in self._service.disturbable:
                what = f"disturb ({disturbance.action})"
                raise CapabilityMissing(what, "the node program", self._settings.name)
            self._disturbances.add(disturbance)
            return await self._disturbed(disturbance, on=True)
        if op == "relieve":
            lifted = self._disturbances.lift(str(args["label"]))
            return await self._disturbed(lifted, on=False) if lifted else None
        return await self._service.handle(op, args)

    async def _disturbed(self, disturbance: Disturbance, *, on: bool) -> None:
        await self._service.refresh()
        self._journal.write("disturbed", fault=disturbance.label, on=on)


def run(settings: config.NodeConfig) -> None:
    """Run a node in this process until it is told to end.

    Raises:
        LabError: It cannot listen where it was told to.
    """
    # It warns of a deprecation of its own at every login.
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    journal = Journal.open(settings.name, Path(settings.journal))
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(Runtime(settings, journal).run())
    finally:
        journal.close()

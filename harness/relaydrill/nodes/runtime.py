"""What all nodes share: journal, control channel, signals, and the road from start to end."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from pathlib import Path
from typing import Any

from relaydrill.errors import CapabilityMissing, LabError
from relaydrill.event_loop import new_event_loop
from relaydrill.journal import Journal
from relaydrill.nodes import config
from relaydrill.nodes.control import ControlServer
from relaydrill.nodes.disturbance import Disturbance, Disturbances
from relaydrill.nodes.service import Service


def build(settings: config.NodeConfig, journal: Journal, disturbances: Disturbances) -> Service:
    """The service for a configuration; with its agent, in a WNLB cluster and in a pair."""
    service = _of_role(settings, journal, disturbances)
    if isinstance(settings, config.Hub) and settings.cluster:
        from relaydrill.nodes.wnlb.host import ClusterHost

        return ClusterHost(settings.name, settings.cluster, service, journal)
    if isinstance(settings, config.Balancer) and settings.vrrp:
        from relaydrill.nodes.vrrp.member import Member

        return Member(settings, settings.vrrp, service, journal)
    return service


def _of_role(settings: config.NodeConfig, journal: Journal, disturbances: Disturbances) -> Service:
    """The service of a role. Roles are imported only where they are used."""
    match settings:
        case config.Hub(role="postfix") | config.Mailbox(role="postfix-mailbox"):
            from relaydrill.nodes.postfix.keeper import PostfixKeeper

            return PostfixKeeper(settings, journal, disturbances)
        case config.Dns(role="bind"):
            from relaydrill.nodes.bind.keeper import BindKeeper

            return BindKeeper(settings, journal, disturbances)
        case config.Dns():
            from relaydrill.nodes.name_server import NameServer

            return NameServer(settings, journal, disturbances)
        case config.Hub():
            from relaydrill.nodes.transport.hub import HubService

            return HubService(settings, journal, disturbances)
        case config.Mailbox():
            from relaydrill.nodes.mailbox import MailboxService

            return MailboxService(settings, journal, disturbances)
        case config.Balancer(role="haproxy"):
            from relaydrill.nodes.haproxy.keeper import HaproxyKeeper

            return HaproxyKeeper(settings, journal)
        case config.Balancer():
            from relaydrill.nodes.balancing.balancer import BalancerService

            return BalancerService(settings, journal)
        case config.ClusterNode():
            from relaydrill.nodes.wnlb.observer import ClusterNode

            return ClusterNode(settings, journal)
        case config.Sender() if settings.workers:
            from relaydrill.nodes.sending.shared_sender import SharedSender

            return SharedSender(settings, journal)
        case config.Sender():
            from relaydrill.nodes.sending.sender import SenderService

            return SenderService(settings, journal)
        case config.Mta(role="sending-postfix"):
            from relaydrill.nodes.postfix.sending import SendingPostfix
            from relaydrill.nodes.sending.sending_mta import SendingMta

            return SendingMta(settings, journal, SendingPostfix(settings))
        case config.Mta():
            from relaydrill.nodes.exim.sending import Exim
            from relaydrill.nodes.sending.sending_mta import SendingMta

            return SendingMta(settings, journal, Exim(settings))


class Runtime:
    """One node from start to end."""

    def __init__(self, settings: config.NodeConfig, journal: Journal) -> None:
        self._settings = settings
        self._journal = journal
        self._disturbances = Disturbances()
        self._service = build(settings, journal, self._disturbances)

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then end in good order.

        Raises:
            LabError: An address cannot be bound.
        """
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
        self._journal.write("ready", pid=os.getpid())
        await ended.wait()
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

"""The sending host: runs personas on a schedule, and journals every attempt."""

from __future__ import annotations

import ssl
from typing import Any

from relaydrill.journal import Journal
from relaydrill.nodes import config
from relaydrill.nodes.workload import Letter, Workload, note_outcome
from relaydrill.personas import PERSONAS
from relaydrill.personas.courier import Courier
from relaydrill.placement import Credentials, Endpoint


class SenderService:
    """The sender node."""

    disturbable = False

    def __init__(self, settings: config.Sender, journal: Journal) -> None:
        self._journal = journal
        self._courier = _courier(settings)
        self._workload = Workload(settings, self._send, journal, most_at_once=settings.most_at_once)

    async def start(self) -> None:
        """A sender listens nowhere but on its control channel."""

    async def stop(self) -> None:
        """End the schedules; attempts under way are given up, and so have no outcome."""
        self._workload.close()

    async def refresh(self) -> None:
        """There is nothing to disturb."""

    async def handle(self, op: str, args: dict[str, Any]) -> Any:
        """The operations of `relaydrill.nodes.workload.Workload`."""
        return await self._workload.handle(op, args)

    def _send(self, letter: Letter) -> None:
        load = letter.load
        outcome = self._courier.send(
            PERSONAS[load.persona],
            load.host,
            load.port,
            sender=load.sender,
            recipient=load.recipient,
            content=letter.content,
        )
        note_outcome(self._journal, letter, outcome)


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

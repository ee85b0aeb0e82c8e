"""The mailbox server: the end of the road. It records what arrives and keeps no mail."""

from __future__ import annotations

from email.utils import make_msgid
from typing import Any

from relaydrill.disturbance import OF_A_MAIL_SERVER
from relaydrill.errors import CapabilityMissing
from relaydrill.journal import Journal
from relaydrill.message import last_hop, recognise
from relaydrill.nodes import config
from relaydrill.nodes.disturbances import Disturbances
from relaydrill.nodes.receiving import replies
from relaydrill.nodes.receiving.listeners import Listeners
from relaydrill.nodes.receiving.reception import Received
from relaydrill.smtp import Reply


class MailboxService:
    """A mailbox server; also the acceptor of its own listener."""

    disturbable = OF_A_MAIL_SERVER
    answers_at_once = True

    def __init__(
        self, settings: config.Mailbox, journal: Journal, disturbances: Disturbances
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._listeners = Listeners(settings, self, journal, disturbances)
        self._arrivals = 0

    async def start(self) -> None:
        """Listen."""
        await self._listeners.open()

    async def stop(self) -> None:
        """Stop listening."""
        await self._listeners.close()

    async def refresh(self) -> None:
        """Follow the disturbances."""
        await self._listeners.follow()

    async def handle(self, op: str, args: dict[str, Any]) -> Any:
        """``arrivals``: how many messages have arrived."""
        if op == "arrivals":
            return self._arrivals
        raise CapabilityMissing(op, "the node program", self._settings.name)

    def takes(self, recipient: str, *, relay: bool) -> Reply | None:
        """Mail for its own domains, and nothing else."""
        if recipient.rpartition("@")[2].lower() in self._settings.domains:
            return None
        return replies.USER_UNKNOWN

    async def accept(self, received: Received) -> Reply:
        """Journal the arrival for each recipient; the promise is kept by the journal itself."""
        found, via = recognise(received.content), last_hop(received.content)
        identity = found.identity or make_msgid(domain=self._settings.fqdn)
        try:
            for recipient in received.kept:
                self._journal.write(
                    found.kind,
                    identity,
                    recipient,
                    **found.details,
                    via=via,
                    client=received.client,
                    port=received.port,
                )
        except OSError:
            return replies.BACK_PRESSURE
        self._arrivals += 1
        return replies.queued(identity, self._arrivals)

"""A real mail server that sends, seen from its keeper: what it can be asked, and what it tells.

Facts about it come from its own log, a moment after they happen.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from relaydrill.nodes.supervisor import Supervised
from relaydrill.smtp import Outcome


@dataclass(frozen=True, slots=True)
class Named:
    """The Message-ID of a queue id."""

    queue_id: str
    message: str


@dataclass(frozen=True, slots=True)
class Tried:
    """It has tried to deliver a message to one recipient, and this is what it learnt."""

    queue_id: str
    recipient: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class PutOff:
    """It has not tried to deliver a message, because the server is known not to answer."""

    queue_id: str
    recipient: str
    reason: str


@dataclass(frozen=True, slots=True)
class Left:
    """The queue id is done with: delivered, or given up."""

    queue_id: str


Fact = Named | Tried | PutOff | Left


class Mta(Supervised, Protocol):
    """A real mail server as a child of this process, or one that runs already."""

    async def begin(self) -> None:
        """Configure it and start it; it need not listen yet.

        Raises:
            LabError: It is not installed, or its configuration is wrong.
        """

    async def takes_mail(self) -> bool:
        """Wait until it takes mail; False if it has ended instead.

        Raises:
            WaitTimeout: It does neither.
        """

    def facts(self) -> AsyncIterator[Fact]:
        """What it logs, until it ends."""

    def queue(self) -> list[tuple[str, str]]:
        """Queue id and recipient of everything that is queued."""

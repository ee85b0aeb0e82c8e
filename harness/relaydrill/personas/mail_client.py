"""An IMAP or POP user's mail client, submitting on 587 (RFC 6409)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from relaydrill.personas.base import Directory, SenderSettings, unreachable
from relaydrill.personas.nearest import nearest_first
from relaydrill.smtp import Outcome


@dataclass(frozen=True, slots=True)
class MailClient:
    """STARTTLS with the certificate checked, AUTH, and every address of its server in turn."""

    name: str = "mail_client"
    authenticates: bool = True
    chooses: Literal["message", "sender"] = "message"

    def new_sender(self, settings: SenderSettings) -> _All:
        """It remembers nothing, and stands where it stands."""
        return _All(settings.near)

    def goes_on(self, outcome: Outcome) -> bool:
        """Where no connection could be opened."""
        return unreachable(outcome)


@dataclass(frozen=True, slots=True)
class _All:
    near: str

    def addresses(self, target: str, directory: Directory) -> Iterator[str]:
        """All addresses, in the order of ``getaddrinfo``."""
        yield from nearest_first(directory.addresses(target), self.near)

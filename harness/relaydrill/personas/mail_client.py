"""An IMAP or POP user's mail client, submitting on 587 (RFC 6409)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from relaydrill.personas.base import Resolve


@dataclass(frozen=True, slots=True)
class MailClient:
    """STARTTLS with the certificate checked, AUTH, and every address of its server in turn."""

    name: str = "mail_client"
    authenticates: bool = True

    def addresses(self, host: str, resolve: Resolve) -> Iterator[str]:
        """All addresses, in the resolver's order."""
        yield from resolve(host)

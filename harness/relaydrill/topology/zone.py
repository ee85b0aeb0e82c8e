"""What DNS says of the domains that receive mail. Pure data."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from relaydrill.scalars import Domain, Duration, Name
from relaydrill.topology.model import Model

NOWHERE: Final = "nowhere"
"""In place of a node: an address that nobody has, as a stale record gives it."""


class Mx(Model):
    """One MX record with the addresses of its host.

    Attributes:
        host: The name that it gives. preference: Lower is preferred (RFC 5321 §5.1).
        addresses: Nodes or VIPs whose addresses the name has, in that order.
    """

    host: Domain
    preference: int = Field(default=10, ge=0, le=65_535)
    addresses: tuple[Name, ...] = Field(min_length=1)


class Zone(Model):
    """A domain's mail exchangers.

    Attributes:
        ttl: How long an answer may be kept.
    """

    ttl: Duration = 3600.0
    mx: tuple[Mx, ...] = Field(min_length=1)

    @property
    def addresses(self) -> tuple[str, ...]:
        """Everything that an MX host's name leads to, each once."""
        return tuple(dict.fromkeys(name for mx in self.mx for name in mx.addresses))

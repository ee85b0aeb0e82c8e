"""What DNS says of the domains that receive mail from anywhere. Pure data."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from relaydrill.model import Model
from relaydrill.scalars import Duration, ExchangerName, Name

NOWHERE: Final = "nowhere"
"""In place of a node: an address that nobody has, as a stale record gives it."""

NULL_MX: Final = "."
"""In place of a host: the domain takes no mail (RFC 7505)."""

USUAL_TTL_S: Final = 3600.0
"""How long an answer may be kept where nothing says otherwise."""


class Mx(Model):
    """One MX record with the addresses of its host.

    Attributes:
        host: The name that it gives; ``.`` for a null MX: the domain takes no mail (RFC 7505);
            ``[edge1]`` for the mistake of a record that holds an address, that of edge1.
        preference: Lower is preferred (RFC 5321 §5.1).
        addresses: Nodes or VIPs whose addresses the name has, in that order; an empty list for a
            name that has none. Left out where the host is one of ``names`` or ``aliases``.
    """

    host: ExchangerName
    preference: int = Field(default=10, ge=0, le=65_535)
    addresses: tuple[Name, ...] | None = None

    @property
    def is_null(self) -> bool:
        """Whether it says that its domain takes no mail."""
        return self.host == NULL_MX

    @property
    def literal(self) -> str:
        """The node or VIP whose address stands in it in place of a name; empty where none does."""
        return self.host[1:-1] if self.host.startswith("[") else ""


class Zone(Model):
    """A domain's mail exchangers.

    Attributes:
        ttl: How long answers of the zone may be kept, but for names that ``ttls`` names.
        negative_ttl: How long it may be kept that something is not there: the last field of its SOA
            (RFC 2308); by default not at all.
        mx: Its MX records.
    """

    ttl: Duration = USUAL_TTL_S
    negative_ttl: Duration = 0.0
    mx: tuple[Mx, ...] = Field(min_length=1)

"""Where a server listens, and what a client logs in with."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A real address and port."""

    address: str
    port: int

    def __str__(self) -> str:
        return f"{bracketed(self.address)}:{self.port}"


def bracketed(address: str) -> str:
    """An address as it stands before a port: one of IPv6 in brackets (RFC 3986 §3.2.2)."""
    return f"[{address}]" if ":" in address else address


def like(address: str, own: tuple[str, ...]) -> str:
    """Of a host's own addresses the first of another one's IP version; empty if it has none."""
    return next((each for each in own if (":" in each) == (":" in address)), "")


def family(address: str) -> socket.AddressFamily:
    """Which sockets an address is for."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def address_of(endpoint: str) -> str:
    """The address in an endpoint's text: of ``10.0.0.1:25`` or ``[2001:db8::1]:25``."""
    return endpoint.rpartition(":")[0].removeprefix("[").removesuffix("]")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a mail client logs in with on 587; made anew for each lab."""

    user: str
    password: str = field(repr=False)

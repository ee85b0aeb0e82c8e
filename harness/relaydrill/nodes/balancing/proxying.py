"""The two halves of a proxied connection, and how a proxy tells whose it is (PROXY protocol)."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import struct
from typing import Final, cast

from relaydrill.address_span import Address, parse_address

_PROXY_V2: Final = b"\r\n\r\n\x00\r\nQUIT\n"
_PROXY, _LOCAL = 0x21, 0x20
_TCP4, _TCP6 = 0x11, 0x21
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


def proxy_header(client: tuple[str, int], server: tuple[str, int]) -> bytes:
    """A PROXY protocol v2 header for a TCP connection (the protocol's §2.2).

    It has one IP version for both ends: an IPv4 one beside one of IPv6 is mapped.
    """
    ends = [parse_address(client[0]), parse_address(server[0])]
    is_v4 = all(isinstance(each, ipaddress.IPv4Address) for each in ends)
    packed = b"".join(each.packed if is_v4 else _as_v6(each).packed for each in ends)
    body = packed + struct.pack("!HH", client[1], server[1])
    return _PROXY_V2 + struct.pack("!BBH", _PROXY, _TCP4 if is_v4 else _TCP6, len(body)) + body


def _as_v6(address: Address) -> Address:
    return ipaddress.IPv6Address(f"::ffff:{address}") if address.version == 4 else address


PROXY_LOCAL: Final = _PROXY_V2 + struct.pack("!BBH", _LOCAL, 0, 0)
"""The header of a connection that the balancer makes for itself, such as a health check."""


class Half(asyncio.Protocol):
    """One of the two connections of a proxied session; what comes in goes out by the other."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: Half | None = None
        self.has_ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast(asyncio.Transport, transport)  # by kind: uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        """Pass it on."""
        if self.other and self.other.transport:
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        """Pass a half-close on; the other direction stays open until it ends too."""
        self.has_ended = True
        other = self.other
        if other is None or other.transport is None or other.has_ended:
            return False
        if other.transport.can_write_eof():
            with contextlib.suppress(OSError):
                other.transport.write_eof()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        """Close the other connection too."""
        if self.other and self.other.transport:
            self.other.transport.close()
        self.other = None

    def pause_writing(self) -> None:
        """Take in no more than can be passed on."""
        if self.other and self.other.transport:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on."""
        if self.other and self.other.transport and not self.other.transport.is_closing():
            self.other.transport.resume_reading()

    def cut(self) -> None:
        """End the connection at once."""
        if self.transport:
            self.transport.abort()

    def reset(self) -> None:
        """End it as a kernel does that knows of no such connection."""
        if self.transport:
            connection = self.transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.cut()

"""A range of addresses, as a CIDR network or from one address to another. Pure.

Receive connectors of Exchange know both forms ("RemoteIPRanges": 10.0.0.0/24, 10.0.0.1-10.0.0.9).
An IPv4 client of a socket that serves both versions shows as an IPv4-mapped address
(``::ffff:10.0.0.1``, RFC 4291 §2.5.5.2). Such a one is the IPv4 address here, wherever it stands.
"""

from __future__ import annotations

import functools
import ipaddress
from dataclasses import dataclass
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class AddressSpan:
    """All addresses from ``first`` to ``last``, of one IP version."""

    first: Address
    last: Address

    @staticmethod
    def parse(text: str) -> AddressSpan:
        """The span that a text stands for.

        Raises:
            ValueError: It is neither an address, nor ``10.0.0.0/24``, nor ``10.0.0.1-10.0.0.9``, or
                ends before it begins.
        """
        return _parsed(text)

    @property
    def size(self) -> int:
        """How many addresses it has."""
        return int(self.last) - int(self.first) + 1

    @property
    def networks(self) -> tuple[str, ...]:
        """The CIDR networks that it consists of, for programs that know no others."""
        return tuple(str(each) for each in ipaddress.summarize_address_range(self.first, self.last))

    def __contains__(self, address: Address) -> bool:
        address = _unmapped(address)
        return self._holds(address.version, int(address), int(address))

    def holds(self, other: AddressSpan) -> bool:
        """Whether another lies wholly inside of it."""
        return self._holds(other.first.version, int(other.first), int(other.last))

    def overlaps(self, other: AddressSpan) -> bool:
        """Whether they have an address in common."""
        same = self.first.version == other.first.version
        return same and int(self.first) <= int(other.last) and int(other.first) <= int(self.last)

    def __str__(self) -> str:
        networks = self.networks
        return networks[0] if len(networks) == 1 else f"{self.first}-{self.last}"

    def _holds(self, version: int, first: int, last: int) -> bool:
        return version == self.first.version and int(self.first) <= first and last <= int(self.last)


EVERYBODY: Final = ("0.0.0.0/0", "::/0")
"""The ranges of all addresses, of both IP versions."""


def parse_address(text: str) -> Address:
    """An address; an IPv4-mapped one is the IPv4 address.

    Raises:
        ValueError: It is none.
    """
    return _unmapped(ipaddress.ip_address(text))


def in_networks(address: str, networks: tuple[str, ...]) -> bool:
    """Whether an address lies in any of the ranges; text that is no address lies in none."""
    if not networks:
        return False
    try:
        found = parse_address(address)
    except ValueError:
        return False
    return any(found in AddressSpan.parse(network) for network in networks)


_MAPPED: Final = ipaddress.IPv6Network("::ffff:0:0/96")


def _unmapped(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv6Address):
        return address.ipv4_mapped or address
    return address


# Servers ask for the same few ranges at every session and every recipient.
@functools.lru_cache(maxsize=1024)
def _parsed(text: str) -> AddressSpan:
    begin, dash, end = text.partition("-")
    if not dash:
        network = ipaddress.ip_network(text)
        first, last = network[0], network[-1]
    else:
        first, last = ipaddress.ip_address(begin.strip()), ipaddress.ip_address(end.strip())
    if first in _MAPPED and last in _MAPPED:
        first, last = _unmapped(first), _unmapped(last)
    if first.version != last.version or int(first) > int(last):
        raise ValueError(f"{text!r} is no range")
    return AddressSpan(first, last)

"""A range of addresses, as a CIDR network or from one address to another. Pure.

Receive connectors of Exchange know both forms ("RemoteIPRanges": 10.0.0.0/24, 10.0.0.1-10.0.0.9).
"""

from __future__ import annotations

import functools
import ipaddress
from dataclasses import dataclass

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class AddressSpan:
    """All addresses from ``first`` to ``last``, of one IP version."""

    first: _Address
    last: _Address

    @staticmethod
    def parse(text: str) -> AddressSpan:
        """The span that a text stands for.

        Raises:
            ValueError: It is neither ``10.0.0.0/24`` nor ``10.0.0.1-10.0.0.9``, or ends before it
                begins.
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

    def __contains__(self, address: _Address) -> bool:
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


# Servers ask for the same few ranges at every session and every recipient.
@functools.lru_cache(maxsize=1024)
def _parsed(text: str) -> AddressSpan:
    begin, dash, end = text.partition("-")
    if not dash:
        network = ipaddress.ip_network(text)
        return AddressSpan(network[0], network[-1])
    first, last = ipaddress.ip_address(begin.strip()), ipaddress.ip_address(end.strip())
    if first.version != last.version or int(first) > int(last):
        raise ValueError(f"{text!r} is no range")
    return AddressSpan(first, last)

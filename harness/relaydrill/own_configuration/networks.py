"""Lists of addresses, as relays have of those who may send anywhere: how wide they are. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_WIDEST_PUBLIC: Final = {4: 16, 6: 32}
_WIDEST: Final = {4: 16, 6: 48}
_WIDEST_OUTSIDE: Final = {4: 24, 6: 56}


@dataclass(frozen=True, slots=True)
class Trusted:
    """An entry of such a list."""

    text: str
    network: _Network

    @property
    def is_open(self) -> bool:
        """Whether it lets strangers in: a large part of the addresses of the Internet."""
        private = self.network.is_private or self.network.is_link_local
        return not private and self.network.prefixlen < _WIDEST_PUBLIC[self.network.version]

    @property
    def is_wide(self) -> bool:
        """Whether it lets in more hosts than a site has that send mail."""
        net = self.network
        if net.is_loopback or net.is_link_local or self.is_open:
            return False
        widest = _WIDEST if net.is_private else _WIDEST_OUTSIDE
        return net.prefixlen < widest[net.version]

    def holds(self, address: Address) -> bool:
        """Whether an address is in it."""
        return address.version == self.network.version and address in self.network


def trusted(text: str) -> Trusted | None:
    """The entry that a text is (``10.0.0.0/8``, ``[fd00::]/8``); None if it is none."""
    plain = text.replace("[", "").replace("]", "")
    try:
        return Trusted(text, ipaddress.ip_network(plain, strict=False))
    except ValueError:
        return None

"""In which order ``getaddrinfo`` gives a host's addresses to a client in their own subnet.

RFC 6724 rule 9: the longest prefix shared with the own address comes first, and addresses that
share as much keep the name server's order. glibc follows it for IPv4 within the own subnet only,
and so undoes the rotation of DNS there (measured with glibc 2.36); ``gethostbyname`` does not.
Addresses of IPv6 come before them, in the name server's order.
"""

from __future__ import annotations

import ipaddress


def nearest_first(addresses: tuple[str, ...], own: str) -> tuple[str, ...]:
    """The addresses by the prefix that they share with ``own``; as they are where that is empty."""
    if not own:
        return addresses
    here = int(ipaddress.IPv4Address(own))

    def distance(address: str) -> int:
        if ":" in address:
            return -1
        return (int(ipaddress.IPv4Address(address)) ^ here).bit_length()

    return tuple(sorted(addresses, key=distance))

"""Where a host name leads, and whether the fence lets this machine go there."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Final, Self

from relaydrill.address_span import in_networks
from relaydrill.endpoint import Endpoint
from relaydrill.errors import LabError
from relaydrill.topology.attach import Allow


@dataclass(frozen=True, slots=True)
class Bounds:
    """The part of a fence that is about connections.

    Attributes:
        hosts: Address ranges that may be connected to; none: all.
        ports: Real ports; none: all.
    """

    hosts: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()

    @classmethod
    def of(cls, allow: Allow) -> Self:
        """Those of an inventory."""
        return cls(allow.hosts, allow.ports)

    def endpoint(self, host: str, port: int) -> Endpoint:
        """Where a host is, by an address that may be connected to.

        Of several addresses of a name the first that lies inside counts. It is to be connected to
        itself: asked once more, a name server may say something else.

        Args:
            host: A name or an address.
            port: The port that is wanted there.

        Raises:
            LabError: The name leads nowhere, or everything that it leads to lies outside.
        """
        if self.ports and port not in self.ports:
            allowed = ", ".join(str(each) for each in self.ports)
            raise LabError(f"port {port} of {host} is not in attach.allow.ports ({allowed})")
        found = addresses_of(host)
        for address in found:
            if not self.hosts or in_networks(address, self.hosts):
                return Endpoint(address, port)
        where = host if found == [host] else f"{host} leads to {', '.join(found)}, which"
        raise LabError(f"{where} is outside of attach.allow.hosts ({', '.join(self.hosts)})")


ANYWHERE: Final = Bounds()
"""No fence: what is asked about a lab of which none is known."""


def addresses_of(host: str) -> list[str]:
    """All addresses of a host, those of IPv4 first: from here there may be no way by IPv6.

    Raises:
        LabError: It has none.
    """
    try:
        found = socket.getaddrinfo(host, None, socket.AF_UNSPEC, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise LabError(f"the name {host} leads to no address: {why}") from None
    addresses = dict.fromkeys(str(each[4][0]) for each in found)
    return sorted(addresses, key=lambda each: ":" in each)

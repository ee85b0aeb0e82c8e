"""Which receive connector serves a client, and how many may come at once.

Exchange picks by local address, port and remote range, and of several ranges that hold a client the
smallest ("most specific") wins (Exchange documentation, "Receive connectors").
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from relaydrill.address_span import AddressSpan, parse_address
from relaydrill.nodes import config
from relaydrill.nodes.receiving import replies
from relaydrill.smtp import Reply

UNSERVED: Final = config.Connector(name="default", anonymous=False, tls="offered")
"""Serves whom no other does, as the Default connector of Exchange 2007: to log in, and no more."""


def serving(listener: config.Listener, client: str) -> config.Connector:
    """The connector with the smallest range that holds a client's address."""
    try:
        address = parse_address(client)
    except ValueError:
        return UNSERVED
    best, smallest = UNSERVED, None
    for connector in listener.connectors:
        for text in connector.networks:
            span = AddressSpan.parse(text)
            if address in span and (smallest is None or span.size < smallest):
                best, smallest = connector, span.size
    return best


class Occupancy:
    """How many sessions each connector of a node has open, in all and from each address."""

    def __init__(self) -> None:
        self._open: Counter[tuple[int, str]] = Counter()
        self._of_source: Counter[tuple[int, str, str]] = Counter()

    def enter(self, port: int, connector: config.Connector, client: str) -> Reply | None:
        """Count a session; the refusal where it is one too many."""
        here, source = (port, connector.name), (port, connector.name, client)
        self._open[here] += 1
        self._of_source[source] += 1
        if self._open[here] > connector.connections:
            return replies.TOO_MANY_CONNECTIONS
        most = connector.per_source
        if most is not None and self._of_source[source] > most:
            return replies.TOO_MANY_FROM_SOURCE
        return None

    def has_room(self, port: int, connector: config.Connector, client: str) -> bool:
        """Whether `enter` would not refuse."""
        most = connector.per_source
        return self._open[port, connector.name] < connector.connections and (
            most is None or self._of_source[port, connector.name, client] < most
        )

    def leave(self, port: int, connector: config.Connector, client: str) -> None:
        """A session that was counted is over."""
        here, source = (port, connector.name), (port, connector.name, client)
        self._open[here] -= 1
        self._of_source[source] -= 1
        if not self._of_source[source]:
            del self._of_source[source]

"""Which receive connector serves a client, and how many may come at once.

Exchange picks by local address, port and remote range, and of several ranges that hold a client the
smallest ("most specific") wins (Exchange documentation, "Receive connectors").
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from relaydrill.address_span import AddressSpan, parse_address
from relaydrill.node_settings import Limit
from relaydrill.nodes import config
from relaydrill.nodes.receiving import replies
from relaydrill.nodes.receiving.rates import Rates
from relaydrill.smtp import Reply

PutOff = tuple[Limit, Reply]
"""For which limit a client is put off, and in which words."""

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
    """How many sessions each connector of a node has open, in all and from each address.

    And how many came from each within a time, and how many messages.
    """

    def __init__(self) -> None:
        self._rates = Rates()
        self._open: Counter[tuple[int, str]] = Counter()
        self._of_source: Counter[tuple[int, str, str]] = Counter()

    def enter(self, port: int, connector: config.Connector, client: str) -> PutOff | None:
        """Count a session; the refusal where it is one too many."""
        here, source = (port, connector.name), (port, connector.name, client)
        self._open[here] += 1
        self._of_source[source] += 1
        is_in_time = self._rates.count("sessions", port, connector, client)
        if self._open[here] > connector.connections:
            return Limit.CONNECTIONS, replies.TOO_MANY_CONNECTIONS
        most = connector.per_source
        if most is not None and self._of_source[source] > most:
            return Limit.PER_SOURCE, replies.TOO_MANY_FROM_SOURCE
        return None if is_in_time else (Limit.SESSIONS, replies.TOO_MANY_SESSIONS)

    def begin_message(self, port: int, connector: config.Connector, client: str) -> PutOff | None:
        """Count a message that is begun; the refusal where it is one too many."""
        if self._rates.count("messages", port, connector, client):
            return None
        return Limit.MESSAGES, replies.TOO_MANY_MESSAGES

    def has_room_for_message(self, port: int, connector: config.Connector, client: str) -> bool:
        """Whether `begin_message` would not refuse."""
        return self._rates.has_room("messages", port, connector, client)

    def has_room(self, port: int, connector: config.Connector, client: str) -> bool:
        """Whether `enter` would not refuse."""
        most = connector.per_source
        if not self._rates.has_room("sessions", port, connector, client):
            return False
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

"""Which connectors let the whole world relay, or most of it. Pure.

Of several ranges that hold a client the smallest serves it (Exchange documentation, "Receive
connectors"), so what counts of a connector is what no smaller range takes away from it; and several
that relay may share out the world among them.
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from relaydrill.address_span import AddressSpan
from relaydrill.scalars import is_name
from relaydrill.topology.design import Topology
from relaydrill.topology.traffic import Connector

_OPEN_SHARE: Final = 0.5
"""Of all addresses. Whose range has more of them serves whomever: no organisation has so many."""

_NO_TRIFLE: Final = 1 / 256
_WORLDS: Final = (
    AddressSpan.parse("0.0.0.0/0"),
    AddressSpan.parse("2000::/3"),  # all global unicast addresses (RFC 4291 §2.4)
)


def open_relays(topology: Topology) -> Mapping[str, float]:
    """Connectors by which most addresses may relay without a login.

    Each with the part that it serves itself, at the node where that is most.
    """
    found = dict[str, float]()
    for node in (*topology.hubs, *topology.edges):
        by_port: dict[int, dict[str, Connector]] = defaultdict(dict)
        for name, each in topology.connectors_of(node).items():
            by_port[each.port][name] = each
        for connectors in by_port.values():
            for world in _WORLDS:
                served = _served(connectors, world)
                if sum(served.values()) > _OPEN_SHARE:
                    for name, share in served.items():
                        if share >= _NO_TRIFLE:
                            found[name] = max(share, found.get(name, 0.0))
    return found


def _served(connectors: Mapping[str, Connector], world: AddressSpan) -> dict[str, float]:
    """The part of a world that each relaying connector serves, of all that share a port."""
    spans = [
        (name, AddressSpan.parse(each))
        for name, connector in connectors.items()
        for each in connector.remote
        if not is_name(each)
    ]
    spans = [(name, span) for name, span in spans if span.overlaps(world)]
    begins = {int(world.first)} | {int(span.first) for _, span in spans}
    begins |= {int(span.last) + 1 for _, span in spans}
    bounds = sorted(each for each in begins if int(world.first) <= each <= int(world.last))
    served: dict[str, int] = defaultdict(int)
    for first, after in zip(bounds, [*bounds[1:], int(world.last) + 1], strict=True):
        address = _address(first, world)
        holding = [(span.size, name) for name, span in spans if address in span]
        name = min(holding)[1] if holding else ""
        if holding and connectors[name].relay and connectors[name].auth == "none":
            served[name] += after - first
    return {name: count / world.size for name, count in served.items()}


def _address(number: int, world: AddressSpan) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return type(world.first)(number)

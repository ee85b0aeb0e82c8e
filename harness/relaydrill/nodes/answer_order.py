"""In which order the records of a DNS answer stand. Pure.

RFC 1794 describes rotation; Windows DNS does it, and before it puts the addresses of the client's
own network first ("netmask ordering").
"""

from __future__ import annotations

import ipaddress
import random
from typing import Literal, TypeVar

Order = Literal["rotate", "random", "fixed"]
Record = TypeVar("Record")

_OWN_NETWORK_BITS = 24


def arranged(
    records: tuple[Record, ...], order: Order, *, turn: int, chance: random.Random
) -> tuple[Record, ...]:
    """The records in the order of one answer.

    Args:
        records: The records of the answer.
        order: How a server orders its answers.
        turn: How many answers there were before, from 0.
        chance: Decides a random order.
    """
    match order:
        case "rotate":
            first = turn % len(records) if records else 0
            return (*records[first:], *records[:first])
        case "random":
            return tuple(chance.sample(records, len(records)))
        case "fixed":
            return records


def near_first(addresses: tuple[str, ...], client: str) -> tuple[str, ...]:
    """The addresses in an IPv4 client's own /24 first, otherwise in the order given."""
    if ":" in client:
        return addresses
    own = ipaddress.ip_network(f"{client}/{_OWN_NETWORK_BITS}", strict=False)
    return tuple(sorted(addresses, key=lambda each: ipaddress.ip_address(each) not in own))

"""Where everything sits that an inventory names. Pure."""

from __future__ import annotations

from relaydrill.placement import Seat
from relaydrill.topology.attach import Attach


def standing_seats(attach: Attach) -> dict[str, Seat]:
    """The seats of nodes and VIPs that are there already, by name.

    Args:
        attach: The inventory.
    """
    return {
        name: Seat(each.address, each.ports, each.ipv6 or "")
        for named in (attach.nodes, attach.vips)
        for name, each in named.items()
    }

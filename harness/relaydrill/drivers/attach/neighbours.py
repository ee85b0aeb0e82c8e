"""Whether what a server passed on went to one whose own evidence is at hand. Pure."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator
from typing import Final

from relaydrill.placement import Placement
from relaydrill.topology import Topology

_RELAY: Final = re.compile(
    r"(?P<name>[^\s\[\]:]+)?(?:\[(?P<address>[^\]]+)\])?(?::(?P<port>\d+))?$"
)
"""As Postfix has it: ``mbx.contoso.com[10.1.0.20]:25``; Exim's lacks the port."""

_MAIL_PORTS: Final = frozenset({24, 25, 465, 587})
"""Ports on which a mail server takes mail (24: LMTP). What listens on others is another program."""


class Neighbours:
    """The servers of a lab, by their names and addresses.

    Args:
        topology: The design.
        placement: Where its nodes are.
        ours: Those that run here.
        watched: Those whose logs or mailboxes are read.
    """

    def __init__(
        self,
        topology: Topology,
        placement: Placement,
        ours: Iterable[str],
        watched: Container[str],
    ) -> None:
        assert topology.attach
        nodes = topology.attach.nodes
        servers = {*topology.queueing, *topology.mailboxes, *topology.sinks}
        self._by_name: dict[str, set[str]] = {}
        self._by_address: dict[str, set[str]] = {}
        self._ports: dict[str, frozenset[int]] = {}
        for name in servers:
            node = nodes.get(name)
            for alias in (node.known_as if node else ()) or (name,):
                self._by_name.setdefault(alias.lower(), set()).add(name)
            seat = placement.seats.get(name)
            if seat is not None:
                for each in seat.addresses:
                    self._by_address.setdefault(each, set()).add(name)
                self._ports[name] = _MAIL_PORTS | {*seat.ports.values()}
        self._at_hand = {
            name for name in servers if name in ours or name in watched or bool(nodes[name].queue)
        }

    def are_at_hand(self, node: str, relay: str) -> bool:
        """Whether all that a relay's name and address may mean can be seen.

        Args:
            node: Who passed it on.
            relay: To whom, as its log has it.
        """
        meant = {*self._meant(relay)}
        return bool(meant) and meant <= self._at_hand and meant != {node}

    def _meant(self, relay: str) -> Iterator[str]:
        found = _RELAY.match(relay.strip().lower())
        if not found:
            return
        name, address, port = found["name"] or "", found["address"] or "", found["port"]
        named = self._by_name.get(name) or self._by_name.get(name.partition(".")[0], set())
        for each in named or self._by_address.get(address or name, set()):
            if not port or int(port) in self._ports.get(each, _MAIL_PORTS):
                yield each

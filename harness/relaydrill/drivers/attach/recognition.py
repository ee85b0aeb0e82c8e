"""Which server of a lab a name, an address or a host is. Pure."""

from __future__ import annotations

from collections.abc import Container

from relaydrill.placement import Placement
from relaydrill.topology import Topology
from relaydrill.topology.banners import first_label, named_in


class Recognition:
    """Knows the names and addresses of the servers of a lab that runs already.

    Args:
        topology: The design.
        placement: Where its nodes are.
        ours: The nodes that run here, and speak for themselves.

    Attributes:
        by_banner: Says which node names itself so in its banner; empty where none does.
    """

    def __init__(self, topology: Topology, placement: Placement, ours: Container[str]) -> None:
        assert topology.attach
        theirs = {name: node for name, node in topology.attach.nodes.items() if name not in ours}
        self.by_banner = named_in(topology, but=ours)
        self._hosts = {
            first_label(each): name
            for name, node in theirs.items()
            for each in (*node.known_as, name)
        }
        self._vips = {
            str(where): owner
            for vip, (owner, rule) in topology.vips.items()
            for port in rule.ports
            for where in placement.seats[vip].endpoints(port)
            if owner not in topology.pairs  # who of the two answered cannot be seen from here
        }
        self._takers = {
            str(where): name
            for name in topology.attach.nodes
            if name in topology.hubs or name in topology.edges
            for flow in topology.flows.values()
            for where in placement.seats[name].endpoints(flow.port)
        }

    def by_host(self, host: str) -> str:
        """The node that a log's line names as its host, with or without its domain."""
        return self.by_banner(host) or self._hosts.get(first_label(host), "")

    def balancer_at(self, address: str) -> str:
        """The balancer that holds an address and port, as a VIP's of its own."""
        return self._vips.get(address, "")

    def taker_at(self, address: str) -> str:
        """The hub or Edge server whose address and port that is."""
        return self._takers.get(address, "")

"""What a lab that runs already may be asked: every address, port and recipient is allowed. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from relaydrill.topology import Topology
    from relaydrill.topology.attach import Allow
    from relaydrill.topology.references import Dangling


def outside_the_fence(topology: Topology) -> Iterator[Dangling]:
    """Whatever the design would have this machine do that its inventory does not allow."""
    if topology.attach is None:
        return
    allow = topology.attach.allow
    yield from _addresses(topology, allow)
    yield from _ports(topology, allow)
    for name, flow in topology.flows.items():
        domain = topology.recipient(name).rpartition("@")[2].lower()
        if domain not in allow.domains:
            where = ("flows", name, "recipient" if flow.recipient else "to")
            yield where, f"mail to {domain} is not allowed", f"attach.allow.domains: {domain}"
    rate = sum(flow.rate for flow in topology.flows.values())
    if rate > allow.rate:
        text = f"the flows send {rate:g}/s together, and {allow.rate:g}/s are allowed"
        yield ("attach", "allow", "rate"), text, f"{rate:g}/s, or slower flows"


def is_inside(address: str, allow: Allow) -> bool:
    """Whether an address may be connected to."""
    found = ipaddress.ip_address(address)
    return any(found in ipaddress.ip_network(each) for each in allow.hosts)


def _addresses(topology: Topology, allow: Allow) -> Iterator[Dangling]:
    assert topology.attach
    for name, node in topology.attach.nodes.items():
        if name not in topology.senders and not is_inside(node.address, allow):
            where = ("attach", "nodes", name, "address")
            yield where, f"{node.address} is outside of attach.allow.hosts", ", ".join(allow.hosts)
    for name, vip in topology.attach.vips.items():
        if not is_inside(vip.address, allow):
            where = ("attach", "vips", name, "address")
            yield where, f"{vip.address} is outside of attach.allow.hosts", ", ".join(allow.hosts)


def _ports(topology: Topology, allow: Allow) -> Iterator[Dangling]:
    """The real port of each flow's door."""
    for name, flow in topology.flows.items():
        for port in sorted({maps.get(flow.port, flow.port) for maps in _maps(topology, flow.to)}):
            if port not in allow.ports:
                allowed = ", ".join(str(each) for each in allow.ports)
                yield ("flows", name, "port"), f"port {port} is not allowed", allowed


def _maps(topology: Topology, target: str) -> Iterator[Mapping[int, int]]:
    """The port maps of whatever a flow's target leads to."""
    assert topology.attach
    doors = {name: node.ports for name, node in topology.attach.nodes.items()}
    doors |= {name: vip.ports for name, vip in topology.attach.vips.items()}
    zone = topology.zones.get(target)
    named = zone.addresses if zone else topology.names.get(target, (target,))
    for name in named:
        if name in doors:
            yield doors[name]

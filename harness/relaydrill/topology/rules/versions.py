"""Rules of IP versions: who may have IPv6, and that all to which a name leads have the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from relaydrill.kinds import FAKE
from relaydrill.marks import Mistake
from relaydrill.topology.attach import Attach
from relaydrill.topology.hosts import Dns, Node, Sender, Standby
from relaydrill.topology.naming import servers_of
from relaydrill.topology.rules.draft import Draft, Rule, of_each
from relaydrill.topology.zone import NOWHERE

_ALLOWED: Final = "ip: ipv4"


def may_have_ipv6(draft: Draft, name: str, node: Node) -> Iterator[Mistake]:
    """Relaydrill's own servers and senders, each a machine of its own, in labs that it starts."""
    if node.ip == "ipv4":
        return
    why, topology = "", draft.topology
    if topology.attach is not None:
        yield from _attached(draft, topology.attach, name, node)
        return
    if node.kind != FAKE:
        why = f"a real {node.kind} is given IPv4 alone here"
    elif isinstance(node, Dns):
        why = "name servers are asked by IPv4 alone here; they answer for AAAA all the same"
    elif isinstance(node, Sender) and node.ip == "ipv6-dead":
        why = "nobody connects to a sender"
    elif isinstance(node, Standby) or name in {*topology.clusters, *topology.pairs}:
        why = "a VIP that several machines hold has IPv4 alone here"
    elif topology.cluster_of(name):
        why = "a host of a WNLB cluster has IPv4 alone here"
    if why:
        allowed = "ip: dual" if why.startswith("nobody") else _ALLOWED
        yield draft.mistake(("nodes", name, "ip"), why, allowed)


def _attached(draft: Draft, attach: Attach, name: str, node: Node) -> Iterator[Mistake]:
    """Of a lab that runs already, its inventory has both addresses."""
    keys = ("nodes", name, "ip")
    if node.ip != "dual":
        why = "a path that is dead on purpose is for labs that Relaydrill starts"
        yield draft.mistake(keys, why, "ip: dual")
    elif isinstance(node, Dns):
        yield draft.mistake(keys, "name servers are asked by one address here", _ALLOWED)
    elif name not in attach.nodes:
        if not any(":" in each for each in attach.allow.hosts):
            why = f"{name} runs here, and attach.allow.hosts has no IPv6 range that it may reach"
            yield draft.mistake(keys, why, _ALLOWED)
    elif not attach.nodes[name].ipv6:
        why = f"names lead to two addresses of {name}, for it has ip: dual; here is one"
        yield draft.mistake(("attach", "nodes", name), why, "ipv6: 2001:db8::11, for example")


def both_addresses_are_meant(draft: Draft) -> Iterator[Mistake]:
    """A VIP has those that its balancer has; and an IPv6 address is used, or is not there."""
    topology = draft.topology
    if topology.attach is None:
        return
    for section, seats in (("nodes", topology.attach.nodes), ("vips", topology.attach.vips)):
        for name, seat in seats.items():
            owner = topology.vips[name][0] if name in topology.vips else name
            if owner not in topology.nodes:
                continue
            is_dual = topology.nodes[owner].ip == "dual"
            if seat.ipv6 and not is_dual:
                text = f"names lead to one address of {name}, for {owner} has no ip: dual"
                yield draft.mistake(
                    ("attach", section, name, "ipv6"), text, f"nodes.{owner}.ip: dual"
                )
            elif seat.ipv6 and ":" in seat.address:
                text = f"{name} has two IPv6 addresses"
                yield draft.mistake(
                    ("attach", section, name, "address"), text, "its IPv4 address here"
                )
            elif section == "vips" and is_dual and not seat.ipv6:
                text = (
                    f"names lead to two addresses of {name}, for {owner} has ip: dual; here is one"
                )
                yield draft.mistake(
                    ("attach", section, name), text, "ipv6: 2001:db8::10, for example"
                )


def alike_behind_a_name(draft: Draft) -> Iterator[Mistake]:
    """All that a name or a domain leads to have an AAAA record, or none has.

    How mail is shared among them is known for these cases only.
    """
    named = {("names", host): targets for host, targets in draft.topology.names.items()}
    named |= {
        ("zones", domain): servers_of(draft.topology, domain) for domain in draft.topology.zones
    }
    for keys, targets in named.items():
        kinds: dict[bool, str] = {}
        for target in targets:
            if target != NOWHERE:
                kinds.setdefault(draft.topology.ip_of(target) == "ipv4", target)
        if len(kinds) > 1:
            text = f"{kinds[False]} has IPv6, and {kinds[True]} has not"
            yield draft.mistake(keys, text, "ip: dual (or ipv6-dead) for all of them, or for none")


RULES: Final[tuple[Rule, ...]] = (
    of_each(lambda topology: topology.nodes, may_have_ipv6),
    both_addresses_are_meant,
    alike_behind_a_name,
)

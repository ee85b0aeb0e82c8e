"""The fence of a lab that runs already: all addresses, ports and recipients are allowed ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from relaydrill.address_span import in_networks
from relaydrill.kinds import FAKE, KINDS
from relaydrill.marks import Mistake
from relaydrill.topology.attach import Attach, AttachedNode, AttachedSeat
from relaydrill.topology.contacts import Contact, contacts
from relaydrill.topology.design import Topology
from relaydrill.topology.hosts import Sender
from relaydrill.topology.naming import domain_of, led_to, servers_of
from relaydrill.topology.rules.draft import Draft, Rule

_SMTP_PORT: Final = 25


def addresses(draft: Draft, attach: Attach) -> Iterator[Mistake]:
    """Where nodes and VIPs stand; senders connect, and nobody connects to them."""
    nodes = {
        name: node for name, node in attach.nodes.items() if name not in draft.topology.senders
    }
    seats: tuple[tuple[str, Mapping[str, AttachedSeat]], ...]
    seats = (("nodes", nodes), ("vips", attach.vips))
    for section, named in seats:
        for name, seat in named.items():
            yield from _allowed_addresses(draft, attach, ("attach", section, name), seat)


def _allowed_addresses(
    draft: Draft, attach: Attach, keys: tuple[str, ...], seat: AttachedSeat
) -> Iterator[Mistake]:
    hosts = attach.allow.hosts
    for key, address in (("address", seat.address), ("ipv6", seat.ipv6)):
        if address and not in_networks(address, hosts):
            text = f"{address} is outside of attach.allow.hosts"
            yield draft.mistake((*keys, key), text, ", ".join(hosts))


def ports(draft: Draft, attach: Attach) -> Iterator[Mistake]:
    """The real ports that each flow's senders connect to."""
    for name, flow in draft.topology.flows.items():
        maps = _maps(draft.topology, attach, flow.to)
        for port in sorted({each.get(flow.port, flow.port) for each in maps}):
            if port not in attach.allow.ports:
                text = f"port {port} is not allowed"
                yield draft.mistake(("flows", name, "port"), text, _listed(attach.allow.ports))


def others_contacted(draft: Draft, attach: Attach) -> Iterator[Mistake]:
    """Whoever else is connected to. Where a name leads is looked at when it is resolved."""
    told: set[Contact] = set()
    for each in contacts(attach):
        same = replace(each, keys=())
        if same in told:  # many hooks may name one socket
            continue
        told.add(same)
        if each.address and not in_networks(each.address, attach.allow.hosts):
            text = f"{each.what} at {each} is outside of attach.allow.hosts"
            yield draft.mistake(each.keys, text, ", ".join(attach.allow.hosts))
        if each.port is not None and each.port not in attach.allow.ports:
            text = f"port {each.port} of {each.what} is not in attach.allow.ports"
            yield draft.mistake(each.keys, text, _listed(attach.allow.ports))


def recipients(draft: Draft, attach: Attach) -> Iterator[Mistake]:
    """Mail goes to domains that may be written to."""
    for name, flow in draft.topology.flows.items():
        domain = draft.topology.recipient(name).rpartition("@")[2].lower()
        if domain not in attach.allow.domains:
            keys = ("flows", name, "recipient" if flow.recipient else "to")
            text = f"mail to {domain} is not allowed"
            yield draft.mistake(keys, text, f"attach.allow.domains: {domain}")


def rate_of_all(draft: Draft, attach: Attach) -> Iterator[Mistake]:
    """All flows together are no faster than is allowed."""
    rate = sum(flow.rate for flow in draft.topology.flows.values())
    if rate > attach.allow.rate:
        text = f"the flows send {rate:g}/s together, and {attach.allow.rate:g}/s are allowed"
        yield draft.mistake(("attach", "allow", "rate"), text, f"{rate:g}/s, or slower flows")


def mail_servers_that_send(draft: Draft, attach: Attach) -> Iterator[Mistake]:
    """A sender that is a mail server, and runs already: mail is handed in to it."""
    for name, sender in draft.topology.senders.items():
        node = attach.nodes.get(name)
        if node and sender.kind != FAKE:
            yield from _known_by_its_log(draft, name, sender, node)
            yield from _allowed_addresses(draft, attach, ("attach", "nodes", name), node)
            port = node.ports.get(_SMTP_PORT, _SMTP_PORT)
            if port not in attach.allow.ports:
                text = f"port {port}, where {name} takes mail, is not in attach.allow.ports"
                keys = ("attach", "nodes", name, "ports")
                yield draft.mistake(keys, text, _listed(attach.allow.ports))


def _known_by_its_log(
    draft: Draft, name: str, sender: Sender, node: AttachedNode
) -> Iterator[Mistake]:
    keys, program = ("attach", "nodes", name), f"{name} is a real {sender.kind}"
    if not KINDS[sender.kind].attaches:
        text = f"{program}, whose log is not read as a sender's"
        yield draft.mistake(("nodes", name, "kind"), text, "kind: postfix, or fake")
    if node.log is None or node.log.file is None:
        text = f"{program}: what it tried is known by its log alone"
        yield draft.mistake(keys, text, "log: the file of its log on this machine")
    if node.queue is None or node.queue.run is None:
        text = f"{program}: what waits in it is known by its queue alone"
        yield draft.mistake(keys, text, "queue: {run: [postqueue, -j]}")


def addresses_of_their_own(draft: Draft, attach: Attach) -> Iterator[Mistake]:
    """Two that share an address, and would be taken for each other.

    Mail goes to an address and a logical port, and what it met is known by its address.
    """
    topology = draft.topology
    seats: list[tuple[str, str, AttachedSeat]] = [
        *(("vips", name, vip) for name, vip in attach.vips.items()),
        *(
            ("nodes", name, node)
            for name, node in attach.nodes.items()
            if name in topology.hubs or name in topology.edges
        ),
    ]
    for at, (section, name, seat) in enumerate(seats):
        for _, other, earlier in seats[:at]:
            shared = {*seat.addresses} & {*earlier.addresses}
            if shared and not _differ_by_port(topology, name, other):
                text = (
                    f"{name} and {other} share the address {min(shared)}, and mail to one could"
                    " not be told from mail to the other"
                )
                keys = ("attach", section, name, "ipv6" if seat.ipv6 in shared else "address")
                yield draft.mistake(keys, text, "an address of its own for each")
                break


def _differ_by_port(topology: Topology, name: str, other: str) -> bool:
    """Whether both are VIPs, each with ports of its own: one for 25, say, and one for 587."""
    if name not in topology.vips or other not in topology.vips:
        return False
    ports = [set(topology.vips[each][1].ports) for each in (name, other)]
    return not ports[0] & ports[1]


def banners_of_their_own(draft: Draft, attach: Attach) -> Iterator[Mistake]:
    """Two servers with one banner: which of them took a message is known by nothing else."""
    seen: dict[str, str] = {}
    takers = {**draft.topology.hubs, **draft.topology.edges}
    for name, node in attach.nodes.items():
        for at, known_as in enumerate(node.known_as):
            other = seen.setdefault(known_as.lower(), name) if name in takers else name
            if other != name:
                text = f"{other} is known as {known_as}, too, and could not be told from {name}"
                keys = ("attach", "nodes", name, "known_as", at)
                allowed = "a banner of its own for each (Postfix: myhostname)"
                yield draft.mistake(keys, text, allowed)


def blocked_mail_from_elsewhere(draft: Draft, attach: Attach) -> Iterator[Mistake]:
    """Wanted and blocked mail that comes from one address: no server tells them apart by it."""
    for key, flow in draft.topology.flows.items():
        other = flow.blocked_from
        if other and _address_of(attach, other) == _address_of(attach, flow.sender):
            text = f"{other} would send from the same address as {flow.sender}"
            allowed = f"an address of this machine for it: attach.nodes.{other}.address"
            yield draft.mistake(("flows", key, "blocked_from"), text, allowed)


def _address_of(attach: Attach, sender: str) -> str:
    """From where a sender sends; empty for the address of this machine that leads there."""
    node = attach.nodes.get(sender)
    return node.address if node else attach.here or ""


def _maps(topology: Topology, attach: Attach, target: str) -> Iterator[Mapping[int, int]]:
    """The port maps of whatever a flow's target leads to."""
    maps = {name: node.ports for name, node in attach.nodes.items()}
    maps |= {name: vip.ports for name, vip in attach.vips.items()}
    domain = domain_of(topology, target)
    for name in servers_of(topology, domain) if domain else led_to(topology, target):
        if name in maps:
            yield maps[name]


def _listed(ports: tuple[int, ...]) -> str:
    return ", ".join(str(each) for each in ports)


def _of_a_real_lab(check: Callable[[Draft, Attach], Iterator[Mistake]]) -> Rule:
    def judged(draft: Draft) -> Iterator[Mistake]:
        if draft.topology.attach is not None:
            yield from check(draft, draft.topology.attach)

    return judged


RULES: Final[tuple[Rule, ...]] = tuple(
    _of_a_real_lab(each)
    for each in (
        addresses,
        ports,
        others_contacted,
        recipients,
        rate_of_all,
        mail_servers_that_send,
        addresses_of_their_own,
        banners_of_their_own,
        blocked_mail_from_elsewhere,
    )
)

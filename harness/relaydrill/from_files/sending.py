"""Postfix and Exim → senders with the way of their mail, or the ranges that servers let relay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from relaydrill.farms.parts import RELAYING, SUBMISSION, Hop, Relay, is_address
from relaydrill.from_files.draft import ASSUMED, Draft, FlowPart, ZoneLine, ZonePart
from relaydrill.from_files.inbound import host_of, label
from relaydrill.from_files.relays import ranges
from relaydrill.marks import Mark, show
from relaydrill.scalars import DOMAIN

_RATE: Final = 20
_NOBODY_ELSE: Final = ("127.0.0.1/32", "::1/128")
_LAST_PREFERENCE: Final = 65_535


def put_relays(draft: Draft, relays: Sequence[Relay]) -> dict[str, Mark]:
    """Add a sender for each mail server that hands all on; returns who may relay by the others.

    Args:
        draft: They are added here; the balancers and zones are there already.
        relays: The mail servers.
    """
    relaying: dict[str, Mark] = {}
    for relay in relays:
        found = ranges(relay, draft.remarks)
        if _sends(draft, relay, found):
            _put_sender(draft, relay)
            for text, at in found.items():
                if text not in _NOBODY_ELSE:
                    what = f"{text} may relay by what is a sender in the topology"
                    draft.remarks.leave_out(at, f"{what}, and takes mail from nobody there")
            continue
        for hop in relay.hops[:1]:
            what = f"what goes to {hop.host} ends at the mailbox server in the topology"
            draft.remarks.leave_out(relay.at, what)
        for text, at in found.items():
            relaying.setdefault(text, at)
    return relaying


def _sends(draft: Draft, relay: Relay, found: dict[str, Mark]) -> bool:
    """Whether a mail server is a client of the tier: it hands all mail to it, or takes none."""
    if not relay.hops:
        return False
    known = {*draft.hosts, *draft.zones, *draft.aliases, *draft.hubs}
    hosts = {hop.host for hop in relay.hops}
    leads_there = any(host in known or draft.led(host) for host in hosts)
    takes_none = not {*found} - {*_NOBODY_ELSE}
    return leads_there or takes_none or not draft.balancers


def _put_sender(draft: Draft, relay: Relay) -> None:
    hops = [hop for hop in relay.hops if is_address(hop.host) or DOMAIN.match(hop.host)]
    for hop in relay.hops:
        if hop not in hops:
            draft.remarks.leave_out(relay.at, f"{show(hop.host)} is no name of a host")
    if not hops:
        return
    wanted = label(relay.hostname) if relay.hostname else "app"
    sender = draft.names.take(wanted, "app")
    program = "an Exim" if relay.program == "exim" else "a Postfix"
    draft.senders[sender] = f"{relay.at}: {program}"
    to, persona = _way(draft, relay, hops, sender)
    port = _port(draft, to, hops[0].port)
    if any(hop.port != hops[0].port for hop in hops):
        draft.remarks.leave_out(relay.at, f"a flow has one port: {port}, for all next servers")
    if port in SUBMISSION and to in draft.zones:
        draft.remarks.leave_out(
            relay.at, f"port {port} of MX hosts: mail goes to 25 in the topology"
        )
        port = RELAYING
    elif port in SUBMISSION:
        persona = "mail_client"
    draft.flows[draft.flow_name("relay" if "relay" not in draft.flows else sender)] = FlowPart(
        sender, persona, to, port, _RATE, f"{relay.at}; {ASSUMED}: the rate", promise="server"
    )


def _way(draft: Draft, relay: Relay, hops: list[Hop], sender: str) -> tuple[str, str]:
    """Where a sender's flow goes, and its persona."""
    first, by = hops[0], str(relay.at)
    if len(hops) > 1:
        return _list_of_servers(draft, relay, hops, sender), relay.program
    if is_address(first.host):
        node = draft.led(first.host) or draft.hub(first.host, first.host, f"{by}: {first.host}")
        return node, "single_host"
    if first.by_mx and first.host in draft.zones:
        return first.host, relay.program
    targets = _targets(draft, first, by)
    return first.host, relay.program if len(targets) > 1 else "single_host"


def _targets(draft: Draft, hop: Hop, by: str) -> tuple[str, ...]:
    """What a next server's name leads to: a VIP without a name, where no file says otherwise."""
    host, unnamed = hop.host, _unnamed(draft, hop.port)
    is_alias = host in draft.directory.aliases
    known = draft.directory.addresses_of(host) or draft.identity(host) in draft.hubs
    if unnamed and not known and not is_alias and host not in draft.hosts:
        remark = f"{ASSUMED}: {by} names it, and no file says its address"
        draft.hosts[host] = ((unnamed,), remark)
    found = host_of(draft, host, by)
    if is_alias:
        _put_chain(draft, host)
    elif not found:
        found = (draft.hub(host, label(host), f"{by}: {host}"),)
        draft.hosts[host] = (found, f"{ASSUMED}: its zone says no address of it")
    return found


def _put_chain(draft: Draft, alias: str) -> None:
    """Add an alias, and those that it leads to."""
    while alias in draft.directory.aliases and alias not in draft.aliases:
        target, at = draft.directory.aliases[alias]
        draft.aliases[alias] = (target, str(at))
        alias = target


def _unnamed(draft: Draft, port: int) -> str:
    """A VIP that has a port and that no name leads to; empty if there is none."""
    named = {target for targets, _ in draft.hosts.values() for target in targets}
    vips = (vip for vip in draft.vips if port in {*vip.real, *vip.ports})
    return next((vip.name for vip in vips if vip.name not in named), "")


def _list_of_servers(draft: Draft, relay: Relay, hops: list[Hop], sender: str) -> str:
    """A domain whose MX records are a list of next servers: senders take both in the same way."""
    domain = f"next-hops.{sender}.internal"
    zone = ZonePart(remark=f"{relay.at}: the list of next servers, as MX records of a name")
    told: set[str] = set()
    for number, hop in enumerate(hops, 1):
        preference = min(hop.preference, _LAST_PREFERENCE)
        if hop.by_mx and hop.host in draft.zones:
            records = [each for each in draft.zones[hop.host].records if each.host != "."]
            hosts = [each.host for each in sorted(records, key=lambda each: each.preference)]
        elif is_address(hop.host):
            hosts = [f"hop{number}.{domain}"]
            node = draft.led(hop.host) or draft.hub(hop.host, hop.host, f"{relay.at}: {hop.host}")
            draft.hosts[hosts[0]] = ((node,), f"{relay.at}: {hop.host}")
        else:
            _targets(draft, hop, str(relay.at))
            hosts = [hop.host]
        for host in hosts:
            if host not in told:
                told.add(host)
                empty = host not in draft.hosts and host not in draft.aliases and host[:1] != "["
                zone.records.append(ZoneLine(host, preference, empty, f"{relay.at}: {hop.host}"))
    draft.zones[domain] = zone
    return domain


def _port(draft: Draft, to: str, real: int) -> int:
    """The logical port of a real one, where a VIP is led to."""
    for target in draft.hosts.get(to, ((to,), ""))[0]:
        vip = draft.vip_called(target)
        if vip:
            return vip.real.get(real, real if real in vip.ports or not vip.ports else vip.ports[0])
    return real

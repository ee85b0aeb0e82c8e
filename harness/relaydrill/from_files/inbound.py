"""What DNS says → zones, names, aliases and name servers, and the mail that comes from anywhere."""

from __future__ import annotations

from typing import Final

from relaydrill.farms.parts import RELAYING
from relaydrill.from_files.directory import Exchange
from relaydrill.from_files.draft import ASSUMED, Draft, FlowPart, ZoneLine, ZonePart
from relaydrill.marks import Mark
from relaydrill.scalars import LONGEST_S, innermost
from relaydrill.topology.zone import USUAL_TTL_S

_WORLD: Final = "world"
_SENDERS: Final = 200
_RATE: Final = 20
_MOST_DOMAINS: Final = 50
_MOST_NAMES: Final = 200


def put_zones(draft: Draft) -> None:
    """Add what DNS says of mail, and a flow to each domain that takes any.

    Args:
        draft: They are added here; the VIPs and servers are there already.
    """
    _behind_a_router(draft)
    for number, (domain, exchanges) in enumerate(draft.directory.domains.items()):
        if number >= _MOST_DOMAINS:
            what = f"{domain} is left out: the first {_MOST_DOMAINS} domains stand in the topology"
            draft.remarks.leave_out(exchanges[0].at, what)
            continue
        _put_domain(draft, domain, exchanges)
    _put_names(draft)
    _put_aliases(draft)
    _put_ttls(draft)
    if draft.zones or draft.hosts:
        for host, at in draft.directory.name_servers.items():
            name = draft.names.take(host.partition(".")[0], "ns")
            draft.name_servers[name] = f"{at}: {host}"
    led: dict[object, str] = {}
    for domain, zone in draft.zones.items():
        records = frozenset((each.host, each.preference) for each in zone.records)
        first = led.setdefault(records, domain)
        if first == domain:
            _put_flow(draft, domain)
        else:
            zone.remark += f"; no flow of its own: mail goes where that for {first} does"


def label(host: str) -> str:
    """What a host is called within its domain."""
    return host.partition(".")[0]


def _behind_a_router(draft: Draft) -> None:
    """Let the one VIP have the one address of all MX hosts, where no file gives it to anybody.

    A balancer that listens at every address, or behind a router that translates addresses.
    """
    directory = draft.directory
    found = {
        address: mark
        for exchanges in directory.domains.values()
        for each in exchanges
        for address, mark in directory.addresses_of(each.host).items()
    }
    vips = [vip for vip in draft.vips if RELAYING in vip.ports]
    if len(found) != 1 or len(vips) != 1 or any(draft.led(address) for address in found):
        return
    [(address, at)] = found.items()
    vip = vips[0]
    vip.remark += f"; {ASSUMED}: {address} ({at}) leads here"
    vip.address = address


def _put_domain(draft: Draft, domain: str, exchanges: list[Exchange]) -> None:
    zone = ZonePart(remark=f"{exchanges[0].at}" if exchanges else "")
    ttls = [each.ttl for each in exchanges if each.ttl is not None]
    if ttls:
        zone.ttl = min(float(min(ttls)), LONGEST_S)
    around = innermost(domain, draft.directory.negative_ttls)
    if around:
        zone.negative_ttl = min(float(draft.directory.negative_ttls[around]), LONGEST_S)
    for each in exchanges:
        zone.records.append(_record(draft, each))
    draft.zones[domain] = zone
    if any(each.host != "." for each in exchanges):
        draft.domains.append(domain)


def _record(draft: Draft, exchange: Exchange) -> ZoneLine:
    host, at = exchange.host, exchange.at
    if exchange.literal:
        known = draft.led(exchange.literal)
        node = known or draft.hub(exchange.literal, exchange.literal, f"{at}: {exchange.literal}")
        return ZoneLine(f"[{node}]", exchange.preference, False, f"{at}: an address for a name")
    if host == ".":
        return ZoneLine(host, exchange.preference, False, f"{at}: a null MX")
    targets = host_of(draft, host, str(at))
    is_alias = host in draft.directory.aliases
    return ZoneLine(host, exchange.preference, not targets and not is_alias, str(at))


def host_of(draft: Draft, host: str, by: str) -> tuple[str, ...]:
    """What a host leads to, which is added to the names; none where it has no address.

    Args:
        draft: It is added here.
        host: A name; of an alias, the name at its end is added.
        by: The line that names it.
    """
    directory = draft.directory
    end = directory.end_of(host)
    if end in draft.hosts:
        return draft.hosts[end][0]
    if end in directory.aliases:
        return ()
    found = directory.addresses.get(end, {})
    if found:
        targets = []
        for number, (address, at) in enumerate(found.items(), 1):
            wanted = label(end) if number == 1 else f"{label(end)}-{number}"
            targets.append(draft.led(address) or _new_hub(draft, address, wanted, at))
        remark = ", ".join(dict.fromkeys(str(at) for at in found.values()))
        for address, at in directory.ipv6.get(end, {}).items():
            what = f"{address}: a topology says ip: dual at the node, where all of a name have it"
            draft.remarks.leave_out(at, what)
    elif directory.says(end):
        return ()
    else:
        targets = [draft.hub(end, label(end), f"{by}: {end}")]
        remark = f"{ASSUMED}: no file says the address of {end}, a server of its own ({by})"
    draft.hosts[end] = (tuple(dict.fromkeys(targets)), remark)
    return draft.hosts[end][0]


def _new_hub(draft: Draft, address: str, wanted: str, at: Mark) -> str:
    """A server at an address that no other file has."""
    remark = f"{at}: {address}"
    if draft.balancers:
        remark += (
            f"; {ASSUMED}: a server of its own, for no balancer that is given has this address"
        )
    return draft.hub(address, wanted, remark)


def _put_names(draft: Draft) -> None:
    """Every other name that leads to servers and VIPs of the topology alone."""
    for name, found in draft.directory.addresses.items():
        targets = tuple(dict.fromkeys(draft.led(address) for address in found))
        if len(draft.hosts) >= _MOST_NAMES:
            break
        if name not in draft.hosts and all(targets):
            draft.hosts[name] = (targets, ", ".join(dict.fromkeys(map(str, found.values()))))


def _put_aliases(draft: Draft) -> None:
    for alias, (target, at) in draft.directory.aliases.items():
        end = draft.directory.end_of(alias)
        of_mx = any(alias == each.host for zone in draft.zones.values() for each in zone.records)
        if of_mx or end in {*draft.hosts, *draft.zones}:
            draft.aliases[alias] = (target, str(at))


def _put_ttls(draft: Draft) -> None:
    for name in draft.hosts:
        ttl = draft.directory.ttls.get(name)
        zone = innermost(name, draft.zones)
        usual = draft.zones[zone].ttl if zone else None
        if ttl is not None and ttl != (USUAL_TTL_S if usual is None else usual):
            draft.ttls[name] = min(float(ttl), LONGEST_S)


def _put_flow(draft: Draft, domain: str) -> None:
    hosts = [draft.directory.end_of(each.host) for each in draft.zones[domain].records]
    targets = [target for host in hosts for target in draft.hosts.get(host, ((), ""))[0]]
    if not targets:
        return
    vips = [vip for vip in map(draft.vip_called, targets) if vip]
    ports = [port for vip in vips for port in vip.relaying]
    is_25 = RELAYING in ports or len(vips) < len(targets) or not ports
    port = RELAYING if is_25 else ports[0]
    draft.senders.setdefault(_WORLD, "the mail servers of others")
    remark = f"{ASSUMED}: the rate; {draft.zones[domain].remark} leads the mail"
    name = draft.flow_name("inbound" if not draft.flows else f"inbound-{label(domain)}")
    draft.flows[name] = FlowPart(
        _WORLD, "rfc5321", domain, port, _RATE, remark, population=_SENDERS, promise="world"
    )

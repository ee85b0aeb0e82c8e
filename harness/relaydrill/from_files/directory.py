"""Zone files → what DNS says of mail: exchangers, addresses, aliases, TTLs, name servers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import dns.name

from relaydrill.farms.parts import Remarks, is_address, plain_host
from relaydrill.marks import Mark
from relaydrill.own_configuration.zones import Record, Zone
from relaydrill.scalars import DOMAIN

_DEEPEST: Final = 16
_MOST_NAME_SERVERS: Final = 8


@dataclass(frozen=True, slots=True)
class Exchange:
    """An MX record.

    Attributes:
        at: Its line.
        host: The name that it gives; ``.`` for a null MX.
        preference: Lower is preferred.
        literal: The address that stands in it in place of a name; empty where none does.
        ttl: How long it may be kept; None where nothing says it.
    """

    at: Mark
    host: str
    preference: int
    literal: str = ""
    ttl: int | None = None


@dataclass
class Directory:
    """What all zones say together.

    Attributes:
        domains: The MX records of each domain.
        addresses: The IPv4 addresses of each name, with their lines.
        ipv6: The IPv6 addresses.
        aliases: The other name of each alias, with the line.
        ttls: How long the addresses of a name may be kept.
        negative_ttls: How long a denial may be kept, by zone.
        name_servers: Hosts that answer for the zones, with their lines.
        inside: The zones that are given: what is not in any of them, somebody else says.
    """

    domains: dict[str, list[Exchange]] = field(default_factory=dict)
    addresses: dict[str, dict[str, Mark]] = field(default_factory=dict)
    ipv6: dict[str, dict[str, Mark]] = field(default_factory=dict)
    aliases: dict[str, tuple[str, Mark]] = field(default_factory=dict)
    ttls: dict[str, int] = field(default_factory=dict)
    negative_ttls: dict[str, int] = field(default_factory=dict)
    name_servers: dict[str, Mark] = field(default_factory=dict)
    inside: list[str] = field(default_factory=list)

    def end_of(self, name: str) -> str:
        """The name at the end of a chain of aliases."""
        for _ in range(_DEEPEST):
            if name not in self.aliases:
                break
            name = self.aliases[name][0]
        return name

    def addresses_of(self, name: str) -> dict[str, Mark]:
        """The IPv4 addresses that a name leads to."""
        return self.addresses.get(self.end_of(name), {})

    def says(self, name: str) -> bool:
        """Whether it is for these zones to say what a name is."""
        return any(f".{name}".endswith(f".{zone}") for zone in self.inside)


def directory_of(zones: Iterable[Zone], remarks: Remarks) -> Directory:
    """What DNS says of mail.

    Args:
        zones: The zone files.
        remarks: What has no place in a topology is added here.
    """
    found = Directory()
    for zone in zones:
        if zone.origin is not None and zone.origin != dns.name.root:
            found.inside.append(_plain(zone.origin))
        for record in zone.records:
            _take(found, zone, record, remarks)
    for alias in [each for each in found.aliases if each in {*found.addresses, *found.domains}]:
        _, at = found.aliases.pop(alias)
        remarks.leave_out(at, f"{alias} has records of its own, and is no alias in the topology")
    return found


def _take(found: Directory, zone: Zone, record: Record, remarks: Remarks) -> None:
    name = _plain(record.name)
    matters = record.kind in ("MX", "A", "AAAA", "CNAME")
    if matters and not DOMAIN.match(name):
        if record.kind == "MX" or name.startswith("*."):
            remarks.leave_out(record.at, "a topology has no such name; the record is left out")
        return
    match record.kind:
        case "MX":
            _exchange(found, zone, record, name, remarks)
        case "A" | "AAAA":
            table = found.addresses if record.kind == "A" else found.ipv6
            address = plain_host(record.data.to_text())
            table.setdefault(name, {}).setdefault(address, record.at)
            if record.ttl is not None and record.kind == "A":
                found.ttls.setdefault(name, record.ttl)
        case "CNAME":
            target = plain_host(record.data.to_text())
            if DOMAIN.match(target):
                found.aliases.setdefault(name, (target, record.at))
        case "NS" if record.name == zone.origin:
            host = plain_host(record.data.to_text())
            if DOMAIN.match(host) and len(found.name_servers) < _MOST_NAME_SERVERS:
                found.name_servers.setdefault(host, record.at)
        case "SOA" if DOMAIN.match(name):
            found.negative_ttls.setdefault(name, int(getattr(record.data, "minimum", 0)))


def _exchange(found: Directory, zone: Zone, record: Record, domain: str, remarks: Remarks) -> None:
    preference, host = record.data.to_text().split()
    literal = _literal(zone, host)
    if host != "." and not literal and not DOMAIN.match(plain_host(host)):
        remarks.leave_out(record.at, "a topology has no host of this name; the record is left out")
        return
    plain = "." if host == "." else plain_host(host)
    others = found.domains.setdefault(domain, [])
    if plain in [each.host for each in others]:
        remarks.leave_out(record.at, f"{plain} is an MX of {domain} already")
        return
    others.append(Exchange(record.at, plain, int(preference), literal, record.ttl))


def _literal(zone: Zone, host: str) -> str:
    """The address that stands for a name, with the zone's name behind it or without."""
    name = dns.name.from_text(host)
    relative = name.relativize(zone.origin) if zone.origin else name
    texts: Iterator[str] = (each.to_text(omit_final_dot=True) for each in (name, relative))
    return next((text for text in texts if is_address(text)), "")


def _plain(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=name != dns.name.root).lower()

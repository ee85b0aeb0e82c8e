"""Zone files: whether a domain's mail finds another server when one is gone."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Iterator

import dns.name

from relaydrill.lint.own_files.rule import FoundInFile, file_rule
from relaydrill.lint.rule import COLUMN, Severity
from relaydrill.own_configuration import OwnFiles
from relaydrill.own_configuration.zones import Record, Zone
from relaydrill.sentences import listed

_NULL = dns.name.root


def _mx(files: OwnFiles) -> Iterator[tuple[Zone, Record, dns.name.Name]]:
    """Every MX record with its host."""
    for zone in files.zones:
        for each in zone.records:
            if each.kind == "MX":
                yield zone, each, _host(each)


def _host(record: Record) -> dns.name.Name:
    host = record.data.to_text().split()[-1]
    return dns.name.from_text(host)


def _plain(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=name != _NULL)


def _inside(zone: Zone, name: dns.name.Name) -> bool:
    """Whether this zone must say what a name is: it is in it, and in none that it delegates."""
    if zone.origin is None or not name.is_subdomain(zone.origin):
        return False
    cuts = {each.name for each in zone.records if each.kind == "NS"} - {zone.origin}
    return not any(name.is_subdomain(cut) for cut in cuts)


def _domains(files: OwnFiles) -> Iterator[tuple[Zone, dns.name.Name, list[Record]]]:
    """Each domain with its MX records, those of a null MX left out."""
    for zone in files.zones:
        by_name: dict[dns.name.Name, list[Record]] = {}
        for each in zone.records:
            if each.kind == "MX" and _host(each) != _NULL:
                by_name.setdefault(each.name, []).append(each)
        for name, records in by_name.items():
            yield zone, name, records


@file_rule(
    "zone-mx-cname",
    Severity.ERROR,
    fact="The name in an MX record must have address records of its own and be no alias: senders"
    " may refuse it (RFC 5321 §5.1, RFC 2181 §10.3).",
    remedy="Write the name that the CNAME leads to into the MX record, or give the name A and AAAA"
    " records in place of the CNAME.",
)
def mx_cname(files: OwnFiles) -> Iterator[FoundInFile]:
    """MX records that lead to an alias."""
    for zone, each, host in _mx(files):
        for alias in zone.of(host, "CNAME"):
            text = f"{_plain(each.name)} has the MX host {_plain(host)}, which is a CNAME"
            yield each.at, (_plain(each.name), "MX", _plain(host)), f"{text} ({alias.at})"


@file_rule(
    "zone-mx-literal",
    Severity.ERROR,
    fact="An MX record has the name of a host, never an address: an address there is looked up as a"
    " name that nobody has (RFC 1035 §3.3.9, RFC 5321 §5.1).",
    remedy="Write the name of the host: @ MX 10 mail.example.com., and mail A 192.0.2.1.",
)
def mx_literal(files: OwnFiles) -> Iterator[FoundInFile]:
    """MX records that have an address for a name."""
    for zone, each, host in _mx(files):
        if address := _literal(zone, host):
            says = f"{_plain(each.name)} has the MX host {address}, which is an address"
            yield each.at, (_plain(each.name), "MX", address), says


def _literal(zone: Zone, host: dns.name.Name) -> str:
    """The address that stands for a name, with the zone's behind it or without; or empty."""
    relative = host.relativize(zone.origin) if zone.origin else host
    for text in (_plain(host), relative.to_text(omit_final_dot=True)):
        with contextlib.suppress(ValueError):
            ipaddress.ip_address(text)
            return text
    return ""


@file_rule(
    "zone-mx-no-address",
    Severity.ERROR,
    fact="An MX host without an address takes no mail: its share is tried there first, or lost with"
    " a sender that tries no other (RFC 5321 §5.1).",
    remedy="Write an A or AAAA record for the host, or take the MX record out.",
)
def mx_no_address(files: OwnFiles) -> Iterator[FoundInFile]:
    """MX records that lead nowhere."""
    for zone, each, host in _mx(files):
        if host == _NULL or not _inside(zone, host) or _literal(zone, host):
            continue
        if not zone.of(host, "A", "AAAA", "CNAME"):
            text = f"{_plain(each.name)} has the MX host {_plain(host)}, which has no address"
            yield each.at, (_plain(each.name), "MX", _plain(host)), text


@file_rule(
    "zone-null-mx-beside",
    Severity.ERROR,
    fact="A null MX (MX 0 .) says that a domain takes no mail, and must be its only MX record: what"
    " senders do with it beside others is not settled (RFC 7505 §3).",
    remedy="Take out either the null MX or all others.",
)
def null_mx_beside(files: OwnFiles) -> Iterator[FoundInFile]:
    """A domain that says it takes no mail, and where."""
    for zone, each, host in _mx(files):
        others = [one for one in zone.of(each.name, "MX") if _host(one) != _NULL]
        if host == _NULL and others:
            names = listed(_plain(_host(one)) for one in others)
            text = f"{_plain(each.name)} has a null MX beside {names}"
            yield each.at, (_plain(each.name), "MX", "."), text


@file_rule(
    "zone-one-mx",
    Severity.WARNING,
    fact="Inbound mail wants several MX records of equal preference, and two addresses behind each,"
    f" for some senders always pick the same MX ({COLUMN}).",
    remedy="Write a second MX record with a host of its own.",
)
def one_mx(files: OwnFiles) -> Iterator[FoundInFile]:
    """Domains with one server and no other to try."""
    for zone, name, records in _domains(files):
        hosts = {_host(each) for each in records}
        [host, *more] = hosts
        if more or len(zone.of(host, "A", "AAAA")) > 1 or not _inside(zone, host):
            continue
        text = f"{_plain(name)} has one MX host, {_plain(host)}, with one address"
        if zone.of(host, "A", "AAAA"):
            yield records[0].at, (_plain(name), "MX"), text


@file_rule(
    "zone-mx-shared-address",
    Severity.WARNING,
    fact="Two MX names with the same address are one server: what looks like two ways in is one"
    " (RFC 5321 §5.1: each exchanger's addresses are tried).",
    remedy="Give each MX host a server of its own.",
)
def mx_shared_address(files: OwnFiles) -> Iterator[FoundInFile]:
    """MX hosts that are one machine."""
    for zone, name, records in _domains(files):
        first: dict[str, dns.name.Name] = {}
        for each in records:
            host = _host(each)
            found = {one.data.to_text() for one in zone.of(host, "A", "AAAA")}
            shared = sorted(one for one in found if first.get(one, host) != host)
            if shared:
                text = f"{_plain(host)} has {listed(shared)}, and so has {_plain(first[shared[0]])}"
                yield each.at, (_plain(name), "MX", _plain(host)), text
            for one in found:
                first.setdefault(one, host)


@file_rule(
    "zone-long-ttl",
    Severity.WARNING,
    fact="A record is kept by resolvers for its TTL: when a name is led to another server, senders"
    " go to the dead one for that long (RFC 1035 §3.2.1).",
    remedy="Write a TTL no longer than the failover that is promised ($TTL 60, or a TTL at the"
    " record), or let the name have the addresses of all servers at once.",
)
def long_ttl(files: OwnFiles) -> Iterator[FoundInFile]:
    """Names that lead to one server for longer than mail may be gone."""
    for zone in files.zones if files.failover_s is not None else ():
        hosts = {_host(one) for one in zone.records if one.kind == "MX"}
        for name in dict.fromkeys(each.name for each in zone.records):
            found = zone.of(name, "A", "AAAA")
            lone = len({each.data.to_text() for each in found if each.kind == "A"}) == 1
            if files.failover_s is None or not lone or not _leads_mail(name, hosts):
                continue
            each = found[0]
            if each.ttl is not None and each.ttl > files.failover_s:
                text = f"{_plain(name)} leads to one address for {each.ttl} s"
                told = f"{text}, and {files.failover_s:g} s are promised"
                yield each.at, (_plain(name), each.kind), told


def _leads_mail(name: dns.name.Name, mx_hosts: set[dns.name.Name]) -> bool:
    """Whether clients of mail are given a name as such, and no MX record beside others."""
    first = name.labels[0].decode("ascii", "replace").lower() if name.labels else ""
    named = first in ("mail", "smtp", "relay", "submission", "smarthost", "mailhost", "outbound")
    return named or mx_hosts == {name}


RULES = (
    *(mx_cname, mx_literal, mx_no_address, null_mx_beside, one_mx, mx_shared_address, long_ttl),
)

"""BIND's configuration and zone files for a name server: text from settings, and nothing else.

One zone for each domain of the topology, and the root for names outside of all of them. A fault is
another configuration: a root zone that is empty (every name is NXDOMAIN), or that cannot be loaded
(every question is SERVFAIL).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from relaydrill.nodes import config
from relaydrill.nodes.zone_data import ROOT, RecordSet, ZoneData, whole_seconds
from relaydrill.scalars import lies_in

CONFIGURATION: Final = "named.conf"
"""The main file's name."""

_ROOT_ZONE: Final = "root.zone"
_NO_FILE: Final = "not-there.zone"
_SHORTEST_QUERY_MS: Final = 301  # smaller numbers are seconds (BIND manual, resolver-query-timeout)
_ORDERS: Final = {"rotate": "cyclic", "random": "random", "fixed": "none"}
"""BIND's words. Its own ``fixed`` is compiled into few of them; ``none`` is always the same order,
which is that of the addresses and not that of the file."""


def files(settings: config.Dns, *, rcode: str = "", stale: bool = False) -> dict[str, str]:
    """Every file by its name, to lie in one folder.

    Args:
        settings: The node's configuration.
        rcode: ``NXDOMAIN`` or ``SERVFAIL`` as the answer to everything; empty: as the settings say.
        stale: Whether every host has the address that nobody has.
    """
    hosts = dict.fromkeys(settings.hosts, (settings.stale,)) if stale else settings.hosts
    data = ZoneData(settings, hosts)
    if rcode:
        zones: dict[str, str] = {ROOT: _ROOT_ZONE if rcode == "NXDOMAIN" else _NO_FILE}
        made = {_ROOT_ZONE: _head(settings, data, ROOT)}
    elif settings.upstream:
        zones, made = {}, {}
    else:
        zones = {each: _ROOT_ZONE if each == ROOT else f"{each}.zone" for each in data.origins}
        made = {file: _zone(settings, data, origin) for origin, file in zones.items()}
    return {CONFIGURATION: "".join(f"{line}\n" for line in _main(settings, zones)), **made}


def _main(settings: config.Dns, zones: Mapping[str, str]) -> Iterator[str]:
    yield "options {"
    yield f"    listen-on port {settings.bind.port} {{ {settings.bind.address}; }};"
    yield "    listen-on-v6 { none; };"
    yield f"    query-source address {settings.address};"
    yield f"    rrset-order {{ order {_ORDERS[settings.order]}; }};"
    yield "    allow-query { any; };"
    yield "    querylog yes;"
    yield "    max-cache-size 32m;"
    yield "    pid-file none;"
    yield "    lock-file none;"
    yield "    session-keyfile none;"
    # Nothing may be asked of the Internet's servers.
    yield "    dnssec-validation no;"
    yield "    trust-anchor-telemetry no;"
    yield "    empty-zones-enable no;"
    if settings.upstream and not zones:
        yield from (f"    {line}" for line in _forwarding(settings))
    else:
        yield "    recursion no;"
    yield "};"
    yield "controls { };"
    for origin, file in zones.items():
        # What a topology says of DNS may be wrong, and is to be served all the same.
        yield f'zone "{origin}" {{ type primary; file "{file}"; check-integrity no; }};'


def _forwarding(settings: config.Dns) -> Iterator[str]:
    servers = " ".join(f"{each.address} port {each.port};" for each in settings.upstream)
    patience_ms = round(settings.upstream_s * 1000) * len(settings.upstream)
    yield "recursion yes;"
    yield "allow-recursion { any; };"
    yield "forward only;"
    yield f"forwarders {{ {servers} }};"
    yield f"resolver-query-timeout {max(_SHORTEST_QUERY_MS, patience_ms)};"
    yield "servfail-ttl 0;"


def _zone(settings: config.Dns, data: ZoneData, origin: str) -> str:
    """A zone file: what lies in a zone of all that is known."""
    usual = whole_seconds(data.soa(origin).ttl_s)
    lines = [
        f"{record_set.owner}. {_unless(usual, record_set)}{record_set.kind} {record}"
        for name in data.names
        if data.zone_of(name) == origin
        for record_set in data.sets_of(name)
        for record in record_set.records
    ]
    return _head(settings, data, origin) + "".join(f"{line}\n" for line in lines)


def _unless(usual: int, record_set: RecordSet) -> str:
    """A record's TTL with a blank, where it is not that of its zone."""
    ttl = whole_seconds(record_set.ttl_s)
    return "" if ttl == usual else f"{ttl} "


def _head(settings: config.Dns, data: ZoneData, origin: str) -> str:
    """What every zone begins with, and all that there is in an empty one."""
    soa, owner, server = data.soa(origin), f"{origin.rstrip('.')}.", data.server_of(origin)
    lines = [f"$TTL {whole_seconds(soa.ttl_s)}"]
    lines += [f"{owner} SOA {soa.records[0]}", f"{owner} NS {server}"]
    # A zone whose server's name lies in it, and has no address there, is not loaded.
    if origin == ROOT or lies_in(settings.fqdn, origin):
        lines.append(f"{server} A {settings.address}")
    return "".join(f"{line}\n" for line in lines)

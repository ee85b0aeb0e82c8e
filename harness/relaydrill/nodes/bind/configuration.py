"""BIND's configuration and zone files for a name server: text from settings, and nothing else.

One zone for each domain of the topology, and one for each name outside of all of them. A fault is
another configuration: a root zone that is empty (every name is NXDOMAIN), or that cannot be loaded
(every question is SERVFAIL).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from relaydrill.nodes import config

CONFIGURATION: Final = "named.conf"
"""The main file's name."""

_ROOT_ZONE: Final = "root.zone"
_NO_FILE: Final = "not-there.zone"
_SERIAL: Final = 1
_EMPTY_ROOT: Final = f"""\
$TTL 1
. SOA ns.invalid. hostmaster.invalid. {_SERIAL} 3600 600 86400 0
. NS ns.invalid.
ns.invalid. A 127.0.0.1
"""
_SHORTEST_QUERY_MS: Final = 301  # smaller numbers are seconds (BIND manual, resolver-query-timeout)
_ORDERS: Final = {"rotate": "cyclic", "random": "random", "fixed": "none"}
"""BIND's words. Its own ``fixed`` is compiled into few of them; ``none`` is always the same order,
which is that of the addresses and not that of the file."""


def files(settings: config.Dns, *, rcode: str = "", stale: bool = False) -> dict[str, str]:
    """Every file by its name, to lie in one folder.

    Args:
        rcode: ``NXDOMAIN`` or ``SERVFAIL`` as the answer to everything; empty: as the settings say.
        stale: Whether every host has the address that nobody has.
    """
    if rcode:
        zones: dict[str, str] = {".": _ROOT_ZONE if rcode == "NXDOMAIN" else _NO_FILE}
        made = {_ROOT_ZONE: _EMPTY_ROOT}
    elif settings.upstream:
        zones, made = {}, {}
    else:
        hosts = dict.fromkeys(settings.hosts, (settings.stale,)) if stale else settings.hosts
        zones = {origin: f"{origin}.zone" for origin in _origins(settings)}
        made = {name: _zone(settings, origin, settings.mx, hosts) for origin, name in zones.items()}
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
    # What was not found is not kept, as in the fake.
    yield "max-ncache-ttl 0;"
    yield "servfail-ttl 0;"


def _origins(settings: config.Dns) -> list[str]:
    """The domains, and every name that lies in none of them."""
    origins = [*settings.mx]
    for host in settings.hosts:
        if not any(f".{host}".endswith(f".{origin}") for origin in origins):
            origins.append(host)
    return origins


def _zone(
    settings: config.Dns,
    origin: str,
    mx: Mapping[str, tuple[config.MxRecord, ...]],
    hosts: Mapping[str, tuple[str, ...]],
) -> str:
    """A zone file: what lies in a zone of all that is known."""
    server, ttl = f"{settings.fqdn}.", max(1, round(settings.ttl_s))
    lines = [
        f"$TTL {ttl}",
        f"{origin}. SOA {server} hostmaster.{server} {_SERIAL} 3600 600 86400 0",
        f"{origin}. NS {server}",
    ]
    own = {settings.fqdn: (settings.address,)}
    for host, addresses in {**own, **hosts}.items():
        if f".{host}".endswith(f".{origin}"):
            lines += [f"{host}. A {address}" for address in addresses]
    lines += [f"{origin}. MX {each.preference} {each.host}." for each in mx.get(origin, ())]
    return "".join(f"{line}\n" for line in lines)

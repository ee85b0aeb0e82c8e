"""main.cf, master.cf and exim4.conf → where a mail server sends, and whom it lets relay."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from relaydrill.farms.parts import Hop, Relay, Remarks, is_address, plain_host
from relaydrill.marks import Mark, show
from relaydrill.own_configuration.exim import Driver, Exim, hosts_of
from relaydrill.own_configuration.exim import listed_in as exim_list
from relaydrill.own_configuration.networks import trusted
from relaydrill.own_configuration.postfix import Postfix, listed_in

_PORTS: Final = {"smtp": 25, "submission": 587, "submissions": 465, "smtps": 465}
_NEXT: Final = re.compile(r"(?P<host>\[[^\]]*\]|[^:\[\]]+)(?::(?P<port>[\w-]+))?")
_EXIM_HOST: Final = re.compile(r"(?P<host>\[[^\]]*\]|[\w.-]+)(?::(?P<port>\d{1,5}))?", re.ASCII)
_FURTHER: Final = 10
_MOST_HOPS: Final = 20


def of_postfix(postfix: Postfix, remarks: Remarks) -> Relay:
    """What a Postfix is.

    Args:
        postfix: One Postfix.
        remarks: What has no place in a topology is added here.
    """
    at = postfix.at("relayhost")
    hops: list[Hop] = []
    for text in listed_in(postfix.value("relayhost"))[:1]:
        hops += _next(text, at, 10, remarks)
    fallbacks = "smtp_fallback_relay"
    fallback_at = postfix.at(fallbacks if fallbacks in postfix.settings else "fallback_relay")
    for text in listed_in(postfix.value(fallbacks))[:_MOST_HOPS]:
        hops += _next(text, fallback_at, 10 + _FURTHER * len(hops), remarks)
    if "transport_maps" in postfix.settings and hops:
        remarks.leave_out(postfix.at("transport_maps"), "what a map says is not read")
    for name in ("smtp_connect_timeout", "maximal_backoff_time", "minimal_backoff_time"):
        if name in postfix.settings:
            what = "in a topology senders have the timers of their persona"
            remarks.leave_out(postfix.at(name), what)
    networks = tuple(
        (text, postfix.at("mynetworks"))
        for text in listed_in(postfix.value("mynetworks") if _says(postfix, "mynetworks") else "")
    )
    hostname = postfix.value("myhostname") if _says(postfix, "myhostname") else ""
    return Relay(at, "postfix", plain_host(hostname), _each_once(hops), networks)


def _says(postfix: Postfix, name: str) -> bool:
    return name in postfix.settings


def _next(text: str, at: Mark, preference: int, remarks: Remarks) -> Iterator[Hop]:
    """The next server that ``[host]:port`` names."""
    plain = text.removeprefix("smtp:").removeprefix("inet:")
    found = _NEXT.fullmatch(plain)
    port = _port(found["port"] or "smtp") if found else None
    if not found or port is None or "$" in plain or "/" in plain:
        remarks.leave_out(at, f"{show(text)} is no next server that is understood")
        return
    host = plain_host(found["host"])
    by_mx = not found["host"].startswith("[") and not is_address(host)
    yield Hop(host, port, by_mx, preference)


def _port(text: str) -> int | None:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    return _PORTS.get(text) or (number if 0 < number < 65536 else None)


def _each_once(hops: Sequence[Hop]) -> tuple[Hop, ...]:
    first: dict[tuple[str, bool], Hop] = {}
    for hop in hops:
        first.setdefault((hop.host, hop.by_mx), hop)
    return tuple(first.values())


def of_exim(exim: Exim, remarks: Remarks) -> Relay:
    """What an Exim is.

    Args:
        exim: One Exim.
        remarks: What has no place in a topology is added here.
    """
    at, hops = Mark(exim.texts[0].path, 1), tuple[Hop, ...]()
    for driver, option, hosts, shuffled in _lists(exim):
        here = driver.options[option].at
        found = _hops(hosts, here, shuffled, remarks)
        found += _fallbacks(exim, driver, len(found), remarks)
        if hops and found:
            what = f"{driver.name} is a second way out, and is left out"
            remarks.leave_out(here, what)
        elif found:
            at, hops = here, _each_once(found)
    networks = tuple(
        ("0.0.0.0/0" if text == "*" else text, exim.main[name].at)
        for name in ("relay_from_hosts", "host_accept_relay")
        if name in exim.main
        for text in exim_list(exim.main[name].value)
    )
    name = exim.main.get("primary_hostname")
    return Relay(at, "exim", plain_host(name.value) if name else "", hops, networks)


def _lists(exim: Exim) -> Iterator[tuple[Driver, str, list[str], bool]]:
    """Each list of hosts: whose it is, the option, the hosts, and whether any may come first."""
    for router in exim.routers:
        if router.value("driver") == "manualroute" and "route_list" in router.options:
            for route in router.value("route_list").strip('"').split(";"):
                hosts, after = hosts_of(route)
                words = after.split()
                shuffled = router.is_set("hosts_randomize") or "randomize" in words
                if hosts:
                    yield router, "route_list", hosts, shuffled and "no_randomize" not in words
    for transport in exim.transports:
        if transport.value("driver") == "smtp" and "hosts" in transport.options:
            hosts = exim_list(transport.value("hosts"))
            yield transport, "hosts", hosts, transport.is_set("hosts_randomize")


def _hops(hosts: list[str], at: Mark, shuffled: bool, remarks: Remarks) -> list[Hop]:
    hops: list[Hop] = []
    for text in hosts[:_MOST_HOPS]:
        by_mx = text.lower().endswith("/mx")
        found = _EXIM_HOST.fullmatch(text[:-3] if by_mx else text)
        port = _port(found["port"] or "smtp") if found else None
        if not found or port is None:
            remarks.leave_out(at, f"{show(text)} is no next server that is understood")
            continue
        preference = 10 if shuffled else 10 + _FURTHER * len(hops)
        hops.append(Hop(plain_host(found["host"]), port, by_mx, preference))
    return hops


def _fallbacks(exim: Exim, driver: Driver, before: int, remarks: Remarks) -> list[Hop]:
    """The fallback hosts of a router, or of the transport that it uses: after all the others."""
    used = [driver, *(each for each in exim.transports if each.name == driver.value("transport"))]
    for each in used:
        if each.value("fallback_hosts"):
            option = each.options["fallback_hosts"]
            hops = _hops(exim_list(option.value), option.at, False, remarks)
            return [
                Hop(hop.host, hop.port, hop.by_mx, hop.preference + _FURTHER * before)
                for hop in hops
            ]
    return []


def ranges(relay: Relay, remarks: Remarks) -> dict[str, Mark]:
    """The address ranges that may relay, each with its line; those of this machine are one.

    Every host of a lab of local processes has an address in 127.0.0.0/8, so that only its first
    address stands for the machine itself.
    """
    found: dict[str, Mark] = {}
    for text, at in relay.networks:
        entry = trusted(text)
        if entry is None:
            remarks.leave_out(at, f"{show(text)} is no range of addresses, and is left out")
        elif entry.network.is_loopback and entry.network.version == 4:
            found.setdefault("127.0.0.1/32", at)
        else:
            found.setdefault(str(entry.network), at)
    return found

"""Postfix: where mail goes when the next server dies, whom it trusts, and how it is balanced."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from typing import Final

from relaydrill.lint.own_files.haproxy import hides, place_of, servers_of
from relaydrill.lint.own_files.rule import SMTP_TIMEOUTS, FoundInFile, file_rule
from relaydrill.lint.rule import Severity
from relaydrill.own_configuration import OwnFiles
from relaydrill.own_configuration.haproxy import Haproxy, Proxy, Server
from relaydrill.own_configuration.networks import Address, Trusted, trusted
from relaydrill.own_configuration.postfix import Postfix, Service, listed_in, seconds
from relaydrill.sentences import listed

_PAGE: Final = "postconf(5)"
_PROXY: Final = {
    "smtpd": "smtpd_upstream_proxy_protocol",
    "postscreen": "postscreen_upstream_proxy_protocol",
}
_WAITS: Final = {
    "smtp_helo_timeout": 300,
    "smtp_mail_timeout": 300,
    "smtp_rcpt_timeout": 300,
    "smtp_data_init_timeout": 120,
    "smtp_data_xfer_timeout": 180,
    "smtp_data_done_timeout": 600,
}
_LEAST_QUEUE_S: Final = 4 * 86400
_RESTRICTIONS: Final = tuple(
    f"smtpd_{each}_restrictions" for each in ("client", "helo", "sender", "relay", "recipient")
)
_CLOSES: Final = frozenset(
    {"reject", "defer", "reject_unauth_destination", "defer_unauth_destination"}
)
"""What lets nobody relay whom nothing before it permitted."""


def networks(postfix: Postfix, service: Service | None = None) -> Iterator[Trusted]:
    """The networks of mynetworks that are written as such.

    Args:
        postfix: Whose they are.
        service: A service that may override them.
    """
    for text in listed_in(postfix.value("mynetworks", service)):
        if not text.startswith("!") and (found := trusted(text)):
            yield found


@file_rule(
    "postfix-open-relay",
    Severity.CRITICAL,
    fact="Whoever is in mynetworks may send to any recipient (permit_mynetworks): with a large part"
    f' of the Internet in it Postfix is an open relay ({_PAGE}, "mynetworks").',
    remedy="Write the networks of your own clients: mynetworks = 127.0.0.0/8 10.1.2.0/24.",
)
def open_relay(files: OwnFiles) -> Iterator[FoundInFile]:
    """Strangers who may relay."""
    for each, service in _setters(files, "mynetworks"):
        if strangers := [entry.text for entry in networks(each, service) if entry.is_open]:
            text = f"mynetworks holds {listed(strangers)}: strangers may relay"
            yield each.at("mynetworks", service), ("mynetworks",), text


def _setters(files: OwnFiles, name: str) -> Iterator[tuple[Postfix, Service | None]]:
    """Each Postfix with what may set a parameter."""
    for each in files.postfix:
        for service in each.setters(name):
            yield each, service


@file_rule(
    "postfix-wide-networks",
    Severity.WARNING,
    fact="Whoever is in mynetworks may send to any recipient (permit_mynetworks), so it holds the"
    f' clients that need it and no more ({_PAGE}, "mynetworks").',
    remedy="Write the addresses of the servers that relay: mynetworks = 127.0.0.0/8 10.1.2.10"
    " 10.1.2.11; mynetworks_style = host trusts this machine alone.",
)
def wide_networks(files: OwnFiles) -> Iterator[FoundInFile]:
    """More hosts than those that send mail."""
    for each, service in _setters(files, "mynetworks"):
        if wide := [entry.text for entry in networks(each, service) if entry.is_wide]:
            text = f"mynetworks holds all of {listed(wide)}"
            yield each.at("mynetworks", service), ("mynetworks",), text
        elif (
            not service
            and "mynetworks" not in each.settings
            and each.value("mynetworks_style") == "class"
        ):
            text = "mynetworks_style = class trusts the whole class A, B or C network"
            yield each.at("mynetworks_style"), ("mynetworks_style",), text


@file_rule(
    "postfix-lone-relay",
    Severity.WARNING,
    fact="A relayhost in brackets is looked up as a host, and no MX record is asked for: what is"
    " behind that one name or address is a single point, unless smtp_fallback_relay names another"
    f' ({_PAGE}, "relayhost").',
    remedy="Write relayhost = example.com, a domain with two MX records; or smtp_fallback_relay ="
    " [other.example.com]; or, from Postfix 3.5 on, relayhost = [a.example.com], [b.example.com].",
)
def lone_relay(files: OwnFiles) -> Iterator[FoundInFile]:
    """One next server, and no other to try."""
    for each in files.postfix:
        hosts = listed_in(each.value("relayhost"))
        if len(hosts) == 1 and hosts[0].startswith("[") and not each.value("smtp_fallback_relay"):
            text = f"relayhost = {hosts[0]} asks for no MX record, and there is no fallback"
            yield each.at("relayhost"), ("relayhost",), text


@file_rule(
    "postfix-bare-address",
    Severity.ERROR,
    fact="A relayhost without brackets is a domain whose MX records are asked for; an address has"
    f' none, and is written in brackets ({_PAGE}, "relayhost").',
    remedy="Write relayhost = [10.1.2.3], with a second one or smtp_fallback_relay beside it.",
)
def bare_address(files: OwnFiles) -> Iterator[FoundInFile]:
    """An address that is looked up as if it were a domain."""
    for each in files.postfix:
        for name in ("relayhost", "smtp_fallback_relay", "fallback_relay"):
            for host in listed_in(each.value(name)) if name in each.settings else ():
                if re.fullmatch(r"\d{1,3}(\.\d{1,3}){3}(:\w+)?", host):
                    yield each.at(name), (name,), f"{name} = {host} has no brackets"


@file_rule(
    "postfix-short-timeout",
    Severity.WARNING,
    fact="A client waits five minutes for most replies and ten for the one to the end of a message"
    f" ({SMTP_TIMEOUTS}); one that gives up before sends again what the server may have taken.",
    remedy="Leave the line out: Postfix's defaults are those of the standard.",
)
def short_timeout(files: OwnFiles) -> Iterator[FoundInFile]:
    """Replies that are not waited for."""
    for name, least in _WAITS.items():
        for each, service in _setters(files, name):
            waits = seconds(each.value(name, service))
            if waits is not None and waits < least:
                text = f"{name} gives up after {waits:g} s, and a server may take {least} s"
                yield each.at(name, service), (name,), text


@file_rule(
    "postfix-short-queue",
    Severity.WARNING,
    fact="Mail that cannot be delivered is kept for four to five days at least"
    " (RFC 5321 §4.5.4.1): shorter than an outage, it is returned though the next server comes"
    " back.",
    remedy="Write maximal_queue_lifetime = 5d, or leave the line out.",
)
def short_queue(files: OwnFiles) -> Iterator[FoundInFile]:
    """Mail that is given up during an outage."""
    for each in files.postfix:
        kept = seconds(each.value("maximal_queue_lifetime"), unit="d")
        if kept is not None and kept < _LEAST_QUEUE_S:
            text = f"maximal_queue_lifetime gives mail up after {kept / 3600:g} h"
            yield each.at("maximal_queue_lifetime"), ("maximal_queue_lifetime",), text


def _met(files: OwnFiles) -> Iterator[tuple[Haproxy, Proxy, Server, int]]:
    """Each server of a balancer with each of its ports."""
    for each, backend, server in servers_of(files):
        for port in sorted(each.ports(backend, server)):
            yield each, backend, server, port


def _speaks_proxy(postfix: Postfix, server: Server, port: int) -> tuple[bool, str] | None:
    """Whether Postfix wants the PROXY protocol at a server's port, and where that is said.

    None where it does not listen there, as far as its files tell.
    """
    services = postfix.services_at(port, server.place.host)
    if (not services and postfix.services) or _hears_itself_alone(postfix):
        return None
    service = services[0] if services else None
    name = _PROXY[service.program if service else "smtpd"]
    return postfix.value(name, service) == "haproxy", f"{name} ({postfix.at(name, service)})"


def _hears_itself_alone(postfix: Postfix) -> bool:
    """Whether it takes mail from its own machine alone (postconf(5), "inet_interfaces")."""
    if "inet_interfaces" not in postfix.settings:
        return False
    where = {each.strip("[]") for each in listed_in(postfix.value("inet_interfaces"))}
    return bool(where) and where <= {"loopback-only", "localhost", "127.0.0.1", "::1"}


@file_rule(
    "postfix-proxy-missing",
    Severity.ERROR,
    fact="A server that does not expect the PROXY protocol takes its header for a command, and"
    " answers with an error: Postfix expects it with smtpd_upstream_proxy_protocol"
    f" ({_PAGE}).",
    remedy="Write smtpd_upstream_proxy_protocol = haproxy (postscreen: postscreen_upstream_proxy"
    "_protocol), best with -o in master.cf for the balancer's port alone; or take send-proxy from"
    " the server line.",
)
def proxy_missing(files: OwnFiles) -> Iterator[FoundInFile]:
    """A header that nobody expects."""
    for _, backend, server, port in _met(files):
        for postfix in files.postfix if server.proxy_protocol else ():
            found = _speaks_proxy(postfix, server, port)
            if found is not None and not found[0]:
                text = f"{server.name} gets {server.proxy_protocol} at port {port}"
                told = f"{text}, and Postfix does not expect it: {found[1]}"
                where = place_of(backend, "server", server.name)
                yield server.lines.get(server.proxy_protocol, server.at), where, told


@file_rule(
    "postfix-proxy-unsent",
    Severity.ERROR,
    fact="With smtpd_upstream_proxy_protocol Postfix waits for the PROXY protocol's header, and"
    f" closes a session that begins without one ({_PAGE}, smtpd_upstream_proxy_timeout).",
    remedy="Write send-proxy-v2 at the server line of haproxy.cfg.",
)
def proxy_unsent(files: OwnFiles) -> Iterator[FoundInFile]:
    """A header that is waited for in vain."""
    for _, backend, server, port in _met(files):
        for postfix in () if server.proxy_protocol else files.postfix:
            found = _speaks_proxy(postfix, server, port)
            if found is not None and found[0]:
                told = f"{server.name} gets no PROXY header at port {port}, and Postfix waits for"
                where = place_of(backend, "server", server.name)
                yield server.at, where, f"{told} one: {found[1]}"


def _seen_as(each: Haproxy, backend: Proxy, server: Server) -> Iterator[Address]:
    """The addresses that a server may see in place of its clients'."""
    source = backend.source_of(server)
    if source and source[0]:
        text = source[0][0].rpartition(":")[0] or source[0][0]
        try:
            yield ipaddress.ip_address(text)
        except ValueError:
            return
    elif server.place.address and server.place.address.is_loopback:
        yield server.place.address
    else:
        for proxy in each.proxies:
            for bind in proxy.binds:
                if bind.place.address and not bind.place.address.is_unspecified:
                    yield bind.place.address


@file_rule(
    "postfix-trusts-balancer",
    Severity.CRITICAL,
    fact="Behind a proxy every client has the balancer's address; if that is in mynetworks,"
    " everybody may relay who reaches the balancer"
    f' ({_PAGE}, "mynetworks": it is the address that connects that counts).',
    remedy="Write send-proxy-v2 in haproxy.cfg and smtpd_upstream_proxy_protocol = haproxy, or take"
    " the balancer out of mynetworks.",
)
def trusts_balancer(files: OwnFiles) -> Iterator[FoundInFile]:
    """Everybody who reaches the balancer may relay."""
    for each, backend, server in servers_of(files):
        for postfix in files.postfix if hides(backend, server) else ():
            ports = each.ports(backend, server)
            host = server.place.host
            services = [one for port in ports for one in postfix.services_at(port, host)]
            for service in services or (None,):
                trusts = _trusted(postfix, service, _seen_as(each, backend, server))
                if trusts and _permits_networks(postfix, service):
                    text = f"mynetworks holds {trusts}, which all clients of {backend.title} have"
                    line = postfix.at("mynetworks", service)
                    yield line, ("mynetworks",), f"{text}: {server.at}"


def _trusted(postfix: Postfix, service: Service | None, addresses: Iterable[Address]) -> str:
    """The first of some addresses that a service trusts, with the network; empty if it is none."""
    for address in addresses:
        for entry in networks(postfix, service):
            if entry.holds(address):
                return f"{address} ({entry.text})"
    return ""


def _permits_networks(postfix: Postfix, service: Service | None) -> bool:
    """Whether a service may let somebody relay for an address in mynetworks."""
    if "smtpd_restriction_classes" in postfix.settings:
        return True
    lists = [listed_in(postfix.value(name, service)) for name in _RESTRICTIONS]
    return not any(_CLOSES & {*each} and "permit_mynetworks" not in each for each in lists)


RULES = (
    *(open_relay, wide_networks, trusts_balancer, lone_relay, bare_address, short_timeout),
    *(short_queue, proxy_missing, proxy_unsent),
)

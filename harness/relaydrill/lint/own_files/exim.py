"""Exim: where it hands mail when the next server dies, and whom it lets relay."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from relaydrill.lint.own_files.rule import FoundInFile, file_rule
from relaydrill.lint.rule import Severity
from relaydrill.own_configuration import OwnFiles
from relaydrill.own_configuration.exim import Driver, Exim, hosts_of, listed_in
from relaydrill.own_configuration.networks import Trusted, trusted
from relaydrill.sentences import listed

_SPECIFICATION: Final = "Exim specification"
_RELAYING: Final = ("relay_from_hosts", "host_accept_relay")


def _networks(exim: Exim) -> Iterator[tuple[str, Trusted]]:
    for name in _RELAYING:
        for text in listed_in(exim.main[name].value) if name in exim.main else ():
            found = trusted("0.0.0.0/0" if text == "*" else text)
            if found is not None:
                yield name, Trusted(text, found.network)


@file_rule(
    "exim-open-relay",
    Severity.CRITICAL,
    fact="Whoever is in relay_from_hosts may send to any recipient: with a large part of the"
    f' Internet in it Exim is an open relay ({_SPECIFICATION}, "The default runtime configuration'
    ' file").',
    remedy="Write the networks of your own clients: hostlist relay_from_hosts = <; 127.0.0.1 ; ::1"
    " ; 10.1.2.0/24.",
)
def open_relay(files: OwnFiles) -> Iterator[FoundInFile]:
    """Strangers who may relay."""
    for each in files.exim:
        for name, entry in _networks(each):
            if entry.is_open:
                text = f"{name} holds {entry.text}: strangers may relay"
                yield each.main[name].at, (name,), text


@file_rule(
    "exim-wide-networks",
    Severity.WARNING,
    fact="Whoever is in relay_from_hosts may send to any recipient, so it holds the clients that"
    f' need it and no more ({_SPECIFICATION}, "The default runtime configuration file").',
    remedy="Write the addresses of the servers that relay: hostlist relay_from_hosts = 10.1.2.10 :"
    " 10.1.2.11.",
)
def wide_networks(files: OwnFiles) -> Iterator[FoundInFile]:
    """More hosts than those that send mail."""
    for each in files.exim:
        for name, entry in _networks(each):
            if entry.is_wide:
                yield each.main[name].at, (name,), f"{name} holds all of {entry.text}"


def _lists(exim: Exim) -> Iterator[tuple[Driver, str, list[str], str]]:
    """Each list of hosts: whose it is, the option, the hosts, and the options after them."""
    for router in exim.routers:
        if router.value("driver") == "manualroute" and "route_list" in router.options:
            routes = router.value("route_list").strip('"').split(";")
            for route in routes:
                hosts, options = hosts_of(route)
                if hosts:
                    yield router, "route_list", hosts, options
    for transport in exim.transports:
        if transport.value("driver") == "smtp" and "hosts" in transport.options:
            yield transport, "hosts", listed_in(transport.value("hosts")), ""


def _is_plain(hosts: list[str]) -> bool:
    """Whether each is a host by itself, and no expansion and no domain whose MX is looked up."""
    return not any("$" in each or each.endswith("/mx") for each in hosts)


@file_rule(
    "exim-lone-host",
    Severity.WARNING,
    fact="A manualroute router hands mail to the hosts of its route_list, and to none besides"
    " unless the list names the MX records of a domain, or fallback_hosts others"
    f' ({_SPECIFICATION}, "The manualroute router").',
    remedy="Write a second host: route_list = * hub1.example.com:hub2.example.com; or a domain with"
    " two MX records: route_list = * example.com/MX.",
)
def lone_host(files: OwnFiles) -> Iterator[FoundInFile]:
    """One next server, and no other to try."""
    for each in files.exim:
        for driver, option, hosts, after in _lists(each):
            named = [one.lower() for one in hosts]
            falls_back = _falls_back(each, driver, after)
            if len(hosts) == 1 and _is_plain(named) and not falls_back and "bydns" not in after:
                text = f"{driver.name} hands mail to {hosts[0]} alone"
                yield driver.options[option].at, (driver.name, option), text


def _falls_back(exim: Exim, driver: Driver, after: str) -> bool:
    """Whether there may be fallback_hosts: its own, or those of a transport that it may use.

    Args:
        exim: Where the transports are.
        driver: A router, or a transport.
        after: The options after the hosts, which may name a transport, too.
    """
    used = {driver.name, driver.value("transport"), *after.split()}
    computed = "$" in driver.value("transport")
    return bool(driver.value("fallback_hosts")) or any(
        each.value("fallback_hosts") and (computed or each.name in used) for each in exim.transports
    )


@file_rule(
    "exim-first-host",
    Severity.INFO,
    fact="The hosts of a list are tried in the order in which they stand, unless hosts_randomize is"
    f' set: while the first lives, it has all the mail ({_SPECIFICATION}, "The manualroute'
    ' router").',
    remedy="Write hosts_randomize at the router (at the transport, for its hosts), or randomize"
    " after the hosts of the route_list.",
)
def first_host(files: OwnFiles) -> Iterator[FoundInFile]:
    """Servers that stand by where all were to share."""
    for each in files.exim:
        for driver, option, hosts, after in _lists(each):
            shuffled = driver.is_set("hosts_randomize") or (
                "randomize" in after.split() and "no_randomize" not in after
            )
            if len(hosts) > 1 and _is_plain([one.lower() for one in hosts]) and not shuffled:
                text = f"{driver.name} tries {hosts[0]} first, before {listed(hosts[1:])}"
                yield driver.options[option].at, (driver.name, option), f"{text}, every time"


RULES = (open_relay, wide_networks, lone_host, first_host)

"""Parts of a mail tier as configuration files have them, before any is a node. Pure data."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from relaydrill.marks import Mark
from relaydrill.own_configuration.text import Note

EVERYWHERE: Final = frozenset({"", "*", "0.0.0.0", "::"})
"""Hosts of a bind that stand for every address of the machine."""

RELAYING: Final = 25
SUBMISSION: Final = frozenset({465, 587})
_KNOWN_PORTS: Final = frozenset({RELAYING, *SUBMISSION})

CheckKind = Literal["none", "tcp", "smtp", "mail"]
CHECKS: Final[tuple[CheckKind, ...]] = ("none", "tcp", "smtp", "mail")
"""From the weakest to the strongest."""


@dataclass(frozen=True, slots=True)
class Bound:
    """Where clients come in.

    Attributes:
        at: The line.
        host: An address, or one of `EVERYWHERE`.
        real: The port that is bound.
        port: The port that it is in a topology, which has one for both sides of a balancer.
        front: What the file calls the place.
    """

    at: Mark
    host: str
    real: int
    port: int
    front: str

    @property
    def is_ipv6(self) -> bool:
        """Whether the host is an IPv6 address of its own."""
        return ":" in self.host and self.host not in EVERYWHERE


@dataclass(frozen=True, slots=True)
class Backing:
    """A server behind a balancer.

    Attributes:
        at: The line.
        name: As the file calls it.
        host: Its address or name; the same for the same machine.
        shown: Host and port as they are written.
        backup: Whether it is used only when the others are gone.
    """

    at: Mark
    name: str
    host: str
    shown: str
    backup: bool = False


@dataclass(frozen=True, slots=True)
class Checking:
    """How servers are checked; see `relaydrill.node_settings.HealthCheck`."""

    kind: CheckKind = "none"
    interval: float = 2.0
    timeout: float | None = None
    fall: int = 3
    rise: int = 2


@dataclass(frozen=True, slots=True)
class Balancing:
    """What a topology can say of a balancer; see `relaydrill.node_settings.BalancerSettings`."""

    check: Checking = Checking()
    source: Literal["proxy", "snat"] = "snat"
    method: Literal["roundrobin", "leastconn"] = "roundrobin"
    redispatch: bool = False
    on_marked_down: Literal["keep", "shutdown"] = "keep"


@dataclass(frozen=True, slots=True)
class Farm:
    """Servers that share what comes in at some places.

    Attributes:
        machine: The file that it stands in, as it was named.
        at: The line that begins it.
        title: As messages call it: ``backend hubs``.
        bound: Where clients come in; by choice, where a condition leads there (``chosen``).
        servers: Those in use.
        balancing: How they share.
        chosen: The line of a condition that picks its clients; None where all come by default.
        said: The lines that say how they share, by the settings of a topology.
    """

    machine: str
    at: Mark
    title: str
    bound: tuple[Bound, ...]
    servers: tuple[Backing, ...]
    balancing: Balancing
    chosen: Mark | None = None
    said: Mapping[str, tuple[Mark, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hop:
    """A next server of a mail server that sends.

    Attributes:
        host: A name or an address.
        port: The port; 25 where none is written.
        by_mx: Whether the MX records of the name are asked for.
        preference: Lower ones are tried first.
    """

    host: str
    port: int = RELAYING
    by_mx: bool = False
    preference: int = 10


@dataclass(frozen=True, slots=True)
class Relay:
    """A Postfix or an Exim: where it sends, and who may send by it.

    Attributes:
        at: The line that says where it sends; the file, where none does.
        program: ``postfix`` or ``exim``.
        hostname: Its name; empty where the file does not say it.
        hops: Where it hands mail to.
        networks: Ranges of clients that may relay, with their line.
    """

    at: Mark
    program: Literal["postfix", "exim"]
    hostname: str
    hops: tuple[Hop, ...] = ()
    networks: tuple[tuple[str, Mark], ...] = ()


@dataclass
class Remarks:
    """What is said beside a topology: of lines that have no place in it."""

    left_out: dict[Note, None] = field(default_factory=dict)

    def leave_out(self, at: Mark, why: str) -> None:
        """Tell of a line that the topology does not hold, or not as it stands."""
        self.left_out[Note(at, why)] = None


def logical_port(bound: int, at_server: int | None) -> int:
    """The one port for both sides of a balancer: the one that is known, else the clients'.

    Args:
        bound: Where clients come in.
        at_server: Where the servers listen, if that is written.
    """
    known = [port for port in (bound, at_server) if port in _KNOWN_PORTS]
    return known[0] if known and known[0] is not None else bound


def plain_host(text: str) -> str:
    """A host as it is usually written, so that two ways to write one are the same."""
    text = text.strip().strip("[]").lower().rstrip(".")
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text


def is_address(host: str) -> bool:
    """Whether a host is an address, and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def with_ports_where_shared(servers: list[tuple[Backing, int | None]]) -> tuple[Backing, ...]:
    """Servers of one farm, each a machine of its own: of one address, they differ by the port.

    Args:
        servers: Each with its port; what is the same twice is left once.
    """
    found: dict[str, Backing] = {}
    hosts = [server.host for server, _ in servers]
    for server, port in servers:
        shared = hosts.count(server.host) > 1
        host = f"{server.host}:{port}" if shared else server.host
        found.setdefault(host, Backing(server.at, server.name, host, server.shown, server.backup))
    return tuple(found.values())


def in_use(servers: tuple[Backing, ...], remarks: Remarks) -> tuple[Backing, ...]:
    """The servers that a topology's balancer has, which knows no backups.

    A backup beside one server alone shares with it there, for that is what happens when the one
    dies; beside several it is left out, for they stand in for each other first.
    """
    active = tuple(each for each in servers if not each.backup)
    backups = tuple(each for each in servers if each.backup)
    if len(active) > 1:
        for each in backups:
            why = "a backup gets mail when all the others are gone, and no topology can say that"
            remarks.leave_out(each.at, f"{why}: {each.name} is left out")
        return active
    kept = backups[:1]
    for each in kept:
        why = "a backup takes over, which no topology can say"
        remarks.leave_out(each.at, f"{why}: {each.name} is a server like the other, and shares")
    for each in backups[1:]:
        remarks.leave_out(each.at, f"a second backup: {each.name} is left out")
    return (*active, *kept)

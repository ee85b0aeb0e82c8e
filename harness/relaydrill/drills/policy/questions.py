"""What a topology's connectors promise and forbid, as questions to every entry point. Pure."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from relaydrill.sentences import listed
from relaydrill.topology import Connector, Role, Topology
from relaydrill.topology.naming import led_to
from relaydrill.topology.relaying import open_relays

_SMTP_PORT: Final = 25


class Rule(enum.StrEnum):
    """What a question is about."""

    MAY_RELAY = "may relay"
    MUST_NOT_RELAY = "must not relay"
    NOT_WITHOUT_LOGIN = "must not relay without a login"
    MAY_WITH_LOGIN = "may relay with a login"
    WANTS_TLS = "wants TLS"
    WANTS_LOGIN = "wants a login"
    BEARS_NAME = "bears the name"


@dataclass(frozen=True, slots=True)
class Question:
    """One thing to ask at one entry point.

    Attributes:
        rule: What it is about.
        client: The sender that asks.
        entry_point: A VIP, a hub or an Edge server.
        port: Logical port.
        name: For `Rule.BEARS_NAME`, what the certificate must bear.
    """

    rule: Rule
    client: str
    entry_point: str
    port: int
    name: str = ""

    def __str__(self) -> str:
        match self.rule:
            case Rule.BEARS_NAME:
                return f"{self.entry_point} port {self.port} bears the name {self.name}"
            case Rule.WANTS_TLS | Rule.WANTS_LOGIN:
                return f"{self.entry_point} port {self.port} {self.rule}"
        return f"{self.client} {self.rule} through {self.entry_point} port {self.port}"


def questions(topology: Topology) -> tuple[Question, ...]:
    """Everything that a topology's connectors promise, and forbid, at every entry point."""
    clients = [name for name, node in topology.senders.items() if node.kind == "fake"]
    return tuple(dict.fromkeys(_questions(topology, clients))) if clients else ()


def _questions(topology: Topology, clients: list[str]) -> Iterator[Question]:
    for entry_point, port in _entry_points(topology):
        connectors = connectors_behind(topology, entry_point, port)
        login = bool(connectors) and all(each.auth == "required" for each in connectors)
        stranger = Rule.NOT_WITHOUT_LOGIN if login else Rule.MUST_NOT_RELAY
        for client in clients:
            rule = Rule.MAY_RELAY if relaying_for(connectors, client) else stranger
            yield Question(rule, client, entry_point, port)
        first = clients[0]
        if connectors and all(each.tls == "required" for each in connectors):
            yield Question(Rule.WANTS_TLS, first, entry_point, port)
        if login:
            yield Question(Rule.WANTS_LOGIN, first, entry_point, port)
            yield Question(Rule.MAY_WITH_LOGIN, first, entry_point, port)
            for name in _advertised(topology, port):
                yield Question(Rule.BEARS_NAME, first, entry_point, port, name)


def _entry_points(topology: Topology) -> Iterator[tuple[str, int]]:
    """Every entry point with a port."""
    for vip, (_, rule) in topology.vips.items():
        for port in rule.ports:
            yield vip, port
    for node in (*topology.hubs, *topology.edges):
        ports = {each.port for each in topology.connectors_of(node).values()} or {_SMTP_PORT}
        for port in sorted(ports):
            yield node, port


def servers_behind(topology: Topology, entry_point: str) -> tuple[str, ...]:
    """The hubs, or the hub or Edge server, that answer at an entry point."""
    if entry_point in topology.vips:
        return topology.balancers[topology.vips[entry_point][0]].backends
    return (entry_point,)


def connectors_behind(topology: Topology, entry_point: str, port: int) -> list[Connector]:
    """The connectors of all that answer at an entry point."""
    found = {
        name: each
        for server in servers_behind(topology, entry_point)
        for name, each in topology.connectors_of(server).items()
        if each.port == port
    }
    return list(found.values())


def relaying_for(connectors: list[Connector], client: str) -> list[Connector]:
    """The connectors that relay without a login, and name a client itself."""
    return [
        each for each in connectors if each.relay and each.auth == "none" and client in each.remote
    ]


def _advertised(topology: Topology, port: int) -> Iterator[str]:
    """The names that lead to a VIP with this port: clients compare them with the certificate."""
    for name in (*topology.names, *topology.aliases):
        for target in led_to(topology, name):
            if target in topology.vips and port in topology.vips[target][1].ports:
                yield name


def lacking(topology: Topology) -> str:
    """Why a topology's policy cannot be judged whole; empty if it can."""
    if not any(node.kind == "fake" for node in topology.senders.values()):
        return "no sender of kind fake can ask"
    relaying = [each for each in topology.connectors.values() if each.relay]
    named = {remote for each in relaying for remote in each.remote}
    senders = topology.of_role(Role.SENDER)
    if relaying and not any(name not in named for name in senders):
        return "every sender may relay: a sender that no connector names would show who else may"
    if is_open := open_relays(topology):
        return (
            f"by {listed(is_open)} so many addresses may relay that it is an open relay, whatever"
            " the senders here are told; see relaydrill lint"
        )
    return ""

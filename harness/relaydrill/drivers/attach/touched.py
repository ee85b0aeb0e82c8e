"""All that an attached lab has this machine connect to, run and read, for people to look at."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

from pydantic import BaseModel

from relaydrill.drivers.attach.actions import fill
from relaydrill.drivers.attach.seats import standing_seats
from relaydrill.topology import Topology
from relaydrill.topology.attach import SYSTEM_CA, Attach, Imap, Login, NamedServer, RuntimeApi
from relaydrill.topology.contacts import Keys, command_of, contacts, parts
from relaydrill.topology.naming import domain_of, led_to, servers_of

_DNS_PORT, _SMTP_PORT = 53, 25
_AT = ("attach",)

Line = tuple[str, str]
"""What is touched, and what for."""


def connections(topology: Topology, flows: Iterable[str]) -> Iterator[Line]:
    """Every host and port that is connected to, for these flows and to look at the lab."""
    attach = topology.attach
    assert attach
    seats = standing_seats(attach)
    for flow in flows:
        settings = topology.flows[flow]
        for entry_point in _entry_points(topology, settings.to):
            if entry_point in seats:
                for where in seats[entry_point].endpoints(settings.port):
                    yield str(where), f"{entry_point}, for the flow {flow}"
        for server in topology.name_servers_of(settings.sender):
            if server in seats:
                yield f"{seats[server].endpoint(_DNS_PORT)} (UDP)", f"{server}, which is asked"
    for name, sender in topology.senders.items():
        if sender.kind != "fake" and name in seats:
            yield str(seats[name].endpoint(_SMTP_PORT)), f"{name}, which takes mail to send it on"
    for each in contacts(attach):
        yield str(each), f"{each.what} ({_dotted(each.keys)})"


def _entry_points(topology: Topology, target: str) -> Iterable[str]:
    """The nodes and VIPs to which a flow's target leads, as far as the design says."""
    domain = domain_of(topology, target)
    return servers_of(topology, domain) if domain else led_to(topology, target)


def commands(attach: Attach) -> Iterator[Line]:
    """Every command that is run whatever is broken: of queues and logs."""
    for keys, part in parts(attach, _AT):
        if "hooks" not in keys and (command := command_of(part)):
            yield shlex.join(fill(word, _words(attach, keys)) for word in command), _dotted(keys)


def _words(attach: Attach, keys: Keys) -> dict[str, str]:
    node = str(keys[2]) if keys[1:2] == ("nodes",) else ""
    address = attach.nodes[node].address if node in attach.nodes else ""
    return {"node": node, "address": address, "fault": ""}


def files(attach: Attach) -> Iterator[Line]:
    """Every file, folder, socket and other source of this machine that is read."""
    if attach.ca != SYSTEM_CA:
        yield attach.ca, "attach.ca"
    for keys, part in parts(attach, _AT):
        match part:
            case Login():
                for secret in (part.user, part.password):
                    yield secret, _dotted(keys)
            case RuntimeApi() if part.path:
                yield f"unix:{part.path}", f"HAProxy's runtime API ({_dotted(keys)})"
            case Imap() | NamedServer() | RuntimeApi():
                pass
            case _ if "arrivals" in keys or "log" in keys:
                yield from _sources(keys, part)


def _sources(keys: Keys, part: BaseModel) -> Iterator[Line]:
    """Where arrivals and logs are read: whatever is named there as a text."""
    for name in type(part).model_fields:
        value = getattr(part, name)
        if isinstance(value, str) and value:
            yield value, _dotted((*keys, name))


def _dotted(keys: Keys) -> str:
    return ".".join(str(key) for key in keys)

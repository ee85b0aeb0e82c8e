"""The envelopes that questions are asked with: forms of senders times forms of recipients. Pure.

What relays need not relay every envelope. Some servers mind only senders that pretend to be of
their own domain; some take an address of their own domain apart, and send on what it hides: a
source route, a percent sign, a bang path, a quoted address (RFC 5321 §4.1.1.3, §F.2).
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from relaydrill.message import ELSEWHERE
from relaydrill.topology import Topology

FOREIGN: Final = f"probe@{ELSEWHERE}"
"""A recipient of no accepted domain."""

_NOBODY: Final = "nobody-by-this-name"


class Form(enum.Enum):
    """What it means that a recipient is taken."""

    ELSEWHERE = "the server relays"
    HIDDEN = "an address of the server's own domain, or what it hides"
    NOBODY = "the server takes mail for whomever, if only in its own domain"
    OWN = "the server takes mail for its own domain"


@dataclass(frozen=True, slots=True)
class Envelope:
    """Whom a message is said to be from, and for.

    Attributes:
        sender: Empty: the null sender (RFC 5321 §4.5.5).
        form: What the recipient is.
    """

    sender: str
    recipient: str
    form: Form

    def __str__(self) -> str:
        return f"from <{self.sender}> to <{self.recipient}>"


def own_domain(topology: Topology) -> str:
    """The first accepted domain; where there is none, one that nobody has."""
    return topology.domains[0] if topology.domains else "own.invalid"


def foreign_domains(topology: Topology) -> tuple[str, ...]:
    """Domains that are none of the organisation's: first those that there are in the lab."""
    there = (each for sink in topology.sinks.values() for each in sink.domains)
    found = (*there, *topology.zones, ELSEWHERE)
    return tuple(dict.fromkeys(each for each in found if each not in topology.domains))


def to_relay(topology: Topology, client: str) -> tuple[Envelope, ...]:
    """What whoever may relay may send: from an address of its own, to other domains."""
    return tuple(
        Envelope(f"{client}@{own_domain(topology)}", each, Form.ELSEWHERE)
        for each in _elsewhere(topology)
    )


def to_try(topology: Topology, client: str) -> tuple[Envelope, ...]:
    """All that a stranger may try, in order to have a server relay."""
    recipients = dict.fromkeys(_elsewhere(topology), Form.ELSEWHERE) | _hiding(topology)
    tried = tuple(
        Envelope(sender, recipient, form)
        for sender in _senders(topology, client)
        for recipient, form in recipients.items()
    )
    return (*tried, Envelope("", f"{_NOBODY}@{own_domain(topology)}", Form.NOBODY))


def to_enter(topology: Topology, client: str) -> tuple[Envelope, ...]:
    """What any server takes that lets a client send at all, and what only a relay takes."""
    recipients = {f"user@{own_domain(topology)}": Form.OWN, FOREIGN: Form.ELSEWHERE}
    return tuple(
        Envelope(sender, recipient, form)
        for sender in _senders(topology, client)
        for recipient, form in recipients.items()
    )


def _senders(topology: Topology, client: str) -> tuple[str, ...]:
    foreign = foreign_domains(topology)[0]
    return f"{client}@{own_domain(topology)}", f"{client}@{foreign}", ""


def _elsewhere(topology: Topology) -> Iterator[str]:
    """A recipient of no domain that there is, and one of a domain of the lab, if it has any."""
    yield FOREIGN
    there = foreign_domains(topology)[0]
    if there != ELSEWHERE:
        yield f"probe@{there}"


def _hiding(topology: Topology) -> dict[str, Form]:
    own, foreign = own_domain(topology), foreign_domains(topology)[0]
    return {
        # "@own:" is to be ignored, so this is for the other domain (RFC 5321 §4.1.1.3).
        f"@{own}:probe@{foreign}": Form.ELSEWHERE,
        f"probe%{foreign}@{own}": Form.HIDDEN,
        f'"probe@{foreign}"@{own}': Form.HIDDEN,
        f"{foreign}!probe@{own}": Form.HIDDEN,
        f"{foreign}!probe": Form.HIDDEN,
    }

"""Which parts of a mail tier a fault can be done to. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from relaydrill.errors import UsageError
from relaydrill.faults import make
from relaydrill.faults.base import Proof, ServiceFault
from relaydrill.nodes.disturbance import OF_A_MAIL_SERVER, OF_A_NAME_SERVER, Action
from relaydrill.sentences import listed
from relaydrill.smtp import Phase
from relaydrill.topology import Role


@dataclass(frozen=True, slots=True)
class Part:
    """Servers that can be made to do the same.

    Attributes:
        name: What several are called. roles: Of which roles of a topology they are.
        actions: What their program can be made to do. What real programs cannot is told when the
            fault is to begin.
    """

    name: str
    roles: tuple[Role, ...]
    actions: frozenset[Action]

    def __str__(self) -> str:
        return f"{self.name} ({', '.join(self.roles)})"


PARTS: Final = (
    Part("mail servers", (Role.HUB, Role.EDGE, Role.MAILBOX), OF_A_MAIL_SERVER),
    Part("name servers", (Role.DNS,), OF_A_NAME_SERVER),
    Part("balancers", (Role.BALANCER, Role.STANDBY), frozenset()),
)
"""All that a fault can be done to; senders are the load."""


def parts_for(kind: str) -> tuple[Part, ...]:
    """What a fault can be done to: a fault of the machine to all of it.

    Raises:
        UsageError: There is no such kind.
    """
    fault = make(kind)
    if not isinstance(fault, ServiceFault):
        return PARTS
    return tuple(part for part in PARTS if fault.action in part.actions)


def phases_of(kind: str) -> tuple[Phase, ...]:
    """The phases of SMTP that a fault can be told to act at; empty where it has none of choice.

    Raises:
        UsageError: There is no such kind.
    """
    make(kind)
    return tuple(phase for phase in Phase if _acts_at(kind, phase))


def _acts_at(kind: str, phase: Phase) -> bool:
    try:
        make(kind, phase)
    except UsageError:
        return False
    return True


def takes_away(kind: str) -> bool:
    """Whether a node under a fault does nothing that anybody hears of, nor empties its queue.

    What is done to its service alone leaves the machine there, and its deliveries go on.

    Raises:
        UsageError: There is no such kind.
    """
    fault = make(kind)
    return not isinstance(fault, ServiceFault) and fault.proof is Proof.SILENT


def done_by(kind: str) -> str:
    """``nxdomain is done by name servers (dns)``.

    Raises:
        UsageError: There is no such kind.
    """
    return f"{kind} is done by {listed(str(part) for part in parts_for(kind))}"


__all__ = ["PARTS", "Part", "done_by", "parts_for", "phases_of", "takes_away"]

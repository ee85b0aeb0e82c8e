"""Which parts of a mail tier a fault can be done to. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from relaydrill.disturbance import OF_A_MAIL_SERVER, OF_A_NAME_SERVER, OF_TLS, Action
from relaydrill.faults.fault import Fault, Proof, SenderFault, ServiceFault, WayFault
from relaydrill.faults.known import fault_called
from relaydrill.sentences import listed
from relaydrill.smtp import Phase
from relaydrill.topology import Role


@dataclass(frozen=True, slots=True)
class Part:
    """Servers that can be made to do the same.

    Attributes:
        name: What several are called.
        roles: Of which roles of a topology they are.
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
    Part("hubs", (Role.HUB,), OF_TLS),
    Part("name servers", (Role.DNS,), OF_A_NAME_SERVER),
    Part("balancers", (Role.BALANCER, Role.STANDBY), frozenset()),
)
"""All that a fault can be done to; senders cannot be broken."""


def parts_for(kind: str) -> tuple[Part, ...]:
    """What a fault can be done to: a fault of the machine to all of it.

    Raises:
        UsageError: There is no such kind.
    """
    fault = fault_called(kind)
    if isinstance(fault, SenderFault):
        return tuple(part for part in PARTS if _can_be_hindered(part, fault))
    if not isinstance(fault, ServiceFault):
        return PARTS
    return tuple(part for part in PARTS if fault.action in part.actions)


def phases_of(kind: str) -> tuple[Phase, ...]:
    """The phases of SMTP that a fault can be told to act at; empty where it has none of choice.

    Raises:
        UsageError: There is no such kind.
    """
    fault = fault_called(kind)
    return fault.phases if isinstance(fault, ServiceFault) else ()


def takes_share(kind: str) -> bool:
    """Whether a fault can be told to act on a share of the sessions: most of the service's can.

    Raises:
        UsageError: There is no such kind.
    """
    fault = fault_called(kind)
    return isinstance(fault, WayFault) or (isinstance(fault, ServiceFault) and fault.takes_share)


def form_of(kind: str) -> str:
    """How the amount of a fault is written, as ``SIZE/TIME``; empty where it takes none.

    Raises:
        UsageError: There is no such kind.
    """
    fault = fault_called(kind)
    return str(fault.form) if isinstance(fault, WayFault) else ""


def is_of_a_way(kind: str) -> bool:
    """Whether a fault is of the network on the way to a node, and may say from where.

    Raises:
        UsageError: There is no such kind.
    """
    return isinstance(fault_called(kind), WayFault)


def is_from_here(kind: str) -> bool:
    """Whether a fault is of the sender's own side, and touches nothing of the tier.

    Raises:
        UsageError: There is no such kind.
    """
    return isinstance(fault_called(kind), SenderFault)


def _can_be_hindered(part: Part, fault: SenderFault) -> bool:
    """Whether a sender can be kept so from some servers: name servers have no connections."""
    if part.actions == OF_TLS:  # hubs, which are mail servers already
        return False
    if Role.DNS in part.roles:
        return fault.effect != "reset"
    return not fault.is_of_names


def takes_away(fault: Fault) -> bool:
    """Whether a node under a fault does nothing that anybody hears of, nor empties its queue.

    What is done to its service alone leaves the machine there, and its deliveries go on.
    """
    return not isinstance(fault, ServiceFault) and fault.proof is Proof.SILENT


def done_by(kind: str) -> str:
    """``nxdomain is done by name servers (dns)``.

    Raises:
        UsageError: There is no such kind.
    """
    return f"{kind} is done by {listed(str(part) for part in parts_for(kind))}"


__all__ = [
    "PARTS",
    "Part",
    "done_by",
    "form_of",
    "is_from_here",
    "is_of_a_way",
    "parts_for",
    "phases_of",
    "takes_away",
    "takes_share",
]

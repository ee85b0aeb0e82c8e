"""What a fault is, and the two ways to break a service."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final, Protocol

from relaydrill.drivers.base import Lab
from relaydrill.errors import UsageError
from relaydrill.nodes.disturbance import Action, Disturbance
from relaydrill.smtp import Phase, Reply


class Proof(enum.StrEnum):
    """How one sees in the journals that a fault has bitten."""

    NONE = "none"
    """There is nothing to see: the fault does nothing."""
    SILENT = "silent"
    """The node took traffic before, and none while the fault was in force."""
    FELT = "felt"
    """The node took traffic before, and journalled that the fault acted on a session."""


class Fault(Protocol):
    """One way to break a node, with its own undo."""

    @property
    def kind(self) -> str:
        """Its name, as a person writes it."""

    @property
    def summary(self) -> str:
        """What happens to the node, as the end of a sentence that begins with its name."""

    @property
    def proof(self) -> Proof:
        """How one sees that it has bitten."""

    def inject(self, lab: Lab, node: str) -> None:
        """Break the node; return when the fault is in force.

        Raises:
            CapabilityMissing: This lab cannot do that to this node.
            HarnessError: It should have worked, and did not.
        """

    def heal(self, lab: Lab, node: str) -> None:
        """Put the node right again; return when it is.

        Raises:
            HarnessError: It did not work.
        """


@dataclass(frozen=True, slots=True)
class ServiceFault:
    """A fault of the service, done through the node's control channel.

    Attributes:
        kind, summary, proof: As in `Fault`.
        action, phase, reply: As in `relaydrill.nodes.disturbance.Disturbance`.
        delay_s: Field seconds.
        rcode: As in `relaydrill.nodes.disturbance.Disturbance`.
    """

    kind: str
    summary: str
    action: Action
    phase: Phase | None = None
    reply: Reply | None = None
    delay_s: float = 0.0
    proof: Proof = Proof.FELT
    rcode: str = ""

    def inject(self, lab: Lab, node: str) -> None:
        """Switch the disturbance on."""
        delay_s = self.delay_s / lab.topology.clock
        disturbance = Disturbance(
            self.kind, self.action, self.phase, self.reply, delay_s, self.rcode
        )
        lab.control(node)("disturb", **disturbance.to_json())

    def heal(self, lab: Lab, node: str) -> None:
        """Switch it off; sessions that hang on it go on."""
        lab.control(node)("relieve", label=self.kind)


def no_phase(kind: str, phase: Phase | None) -> None:
    """Refuse a phase for a fault that has none of choice.

    Raises:
        UsageError: A phase was given.
    """
    if phase is not None:
        raise UsageError(f"{kind} takes no phase; write {kind}, not {kind}.{phase}")


ACTING: Final = (
    Phase.BANNER,
    Phase.EHLO,
    Phase.STARTTLS,
    Phase.AUTH,
    Phase.MAIL,
    Phase.RCPT,
    Phase.DATA,
    Phase.DOT,
    Phase.REPLY,
)
"""Phases at which a server can be made to answer otherwise, or late."""


def acting_phase(kind: str, phase: Phase | None, default: Phase) -> Phase:
    """The phase at which a fault acts.

    Raises:
        UsageError: No server speaks at that phase.
    """
    if phase is None:
        return default
    if phase not in ACTING:
        raise UsageError(f"{kind} cannot act at {phase}; it can at: {', '.join(ACTING)}")
    return phase

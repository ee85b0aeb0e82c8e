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
    """The node took traffic before, and none while it was broken, though it should have."""
    FELT = "felt"
    """The node took traffic before, and sessions met the fault; see `ServiceFault.sign`."""


class How(enum.StrEnum):
    """What a session that meets a fault of the service is in for."""

    ANSWERED = "answered"
    """It gets another answer than usual."""
    LATE = "late"
    """It gets its answer late."""
    CUT = "cut"
    """Its connection is cut."""
    KEPT = "kept"
    """It gets no answer until the fault is lifted."""
    MISLED = "misled"
    """It asked a name server, and goes somewhere else than usual, or nowhere."""


@dataclass(frozen=True, slots=True)
class Sign:
    """By what a sender knows that its session has met a fault of the service.

    Attributes:
        how: What it is in for. code: Of the answer that it gets instead; 0: there is none.
        delay_s: By how much its answer is late at least, field seconds.
    """

    how: How
    code: int = 0
    delay_s: float = 0.0


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

    @property
    def sign(self) -> Sign | None:
        """By what a sender knows it; None where it is not felt in a session."""
        if self.proof is not Proof.FELT:
            return None
        match self.action:
            case "reply":
                return Sign(How.ANSWERED, code=self.reply.code if self.reply else 421)
            case "delay":
                return Sign(How.LATE, delay_s=self.delay_s)
            case "drop":
                return Sign(How.CUT)
            case "hang":
                return Sign(How.KEPT)
            case "rcode" | "stale":
                return Sign(How.MISLED)
        return None

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

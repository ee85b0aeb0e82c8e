"""What a fault is: data about one way to break a node. `relaydrill.injection` does it."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import Final, Protocol, Self, runtime_checkable

from relaydrill.disturbance import (
    LIES,
    OF_A_MAIL_SERVER,
    OF_TLS,
    Action,
    Disturbance,
    Flaw,
)
from relaydrill.errors import UsageError
from relaydrill.faults.amount import Amount, Form, parse_amount
from relaydrill.hindrance import OF_NAMES, Hindrance, HindranceEffect
from relaydrill.impairment import Effect, Impairment
from relaydrill.smtp import Phase, Reply

_NO_AMOUNT: Final = Amount()
WHOLE: Final = 100.0
"""The percentage of a fault that acts on every session."""


class Proof(enum.StrEnum):
    """How one sees in the journals that a fault has bitten."""

    NONE = "none"
    """There is nothing to see."""
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
    DECEIVED = "deceived"
    """It is told that its message was taken, and something else becomes of that."""
    MISLED = "misled"
    """It asked a name server, and goes somewhere else than usual, or nowhere."""


@dataclass(frozen=True, slots=True)
class Sign:
    """By what a sender knows that its session has met a fault of the service.

    Attributes:
        how: What it is in for.
        code: Of the answer that it gets instead; 0: there is none.
        delay_s: By how much its answer is late at least, field seconds.
    """

    how: How
    code: int = 0
    delay_s: float = 0.0


class Power(enum.StrEnum):
    """What a lab must be able to do to a machine, or to its program; and to undo."""

    NOTHING = "nothing"
    """Nothing is done, which every lab can."""
    KILL = "kill"
    """End the program between two instructions, and start it again."""
    STOP = "stop"
    """End the program in good order, and start it again."""
    LOSE_DISK = "lose-disk"
    """End the program as by `KILL`, take what it had queued, and start it again."""
    PAUSE = "pause"
    """Freeze the program: its kernel still opens connections, and then nobody speaks."""
    BLACKHOLE = "blackhole"
    """Let packets to the host vanish: nothing is refused, and nothing answers."""
    ISOLATE = "isolate"
    """Cut the host off the network while its program runs on."""


ENDING: Final = frozenset({Power.KILL, Power.STOP, Power.LOSE_DISK})
"""After these the program starts anew."""


@runtime_checkable
class Fault(Protocol):
    """One way to break a node.

    Most are a `ServiceFault` or a `MachineFault`, which are data alone. One that does something
    else has ``inject`` and ``heal`` of its own (`relaydrill.injection.deeds.Deed`). All may have a
    ``state``: what the node is meanwhile, in one or two words (``killed``). Findings use it;
    without it they say ``under KIND``.
    """

    @property
    def kind(self) -> str:
        """Its name, as a person writes it."""

    @property
    def summary(self) -> str:
        """What happens to the node, as the end of a sentence that begins with its name."""

    @property
    def proof(self) -> Proof:
        """How one sees that it has bitten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFault:
    """A fault of a host, or of its whole program.

    Attributes:
        kind: As in `Fault`.
        summary: As in `Fault`.
        power: What a lab must be able to do.
        proof: As in `Fault`.
        state: As in `Fault`.
    """

    kind: str
    summary: str
    power: Power
    proof: Proof = Proof.SILENT
    state: str = ""


def breaks_nothing(fault: Fault) -> bool:
    """Whether a fault is the control; what only cannot be seen breaks something all the same."""
    return isinstance(fault, MachineFault) and fault.power is Power.NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceFault:
    """A fault of the service: at one point of a session, the node's program does something else.

    Attributes:
        kind: As in `Fault`.
        does: The summary; ``{phase}`` in it stands for the phase.
        action: As in `relaydrill.disturbance.Disturbance`.
        phase: Where it acts, unless a person says another; None: at none, or everywhere.
        phases: Those that a person may choose from.
        reply: As in `relaydrill.disturbance.Disturbance`.
        delay_s: By how much an answer is late, field seconds.
        rcode: As in `relaydrill.disturbance.Disturbance`.
        proof: As in `Fault`.
        state: As in `Fault`.
        percent: Of a hundred sessions that come as far as that, on how many it acts.
        flaw: Of a ``certificate``: what is wrong with it. The lab makes it when it is needed.
    """

    kind: str
    does: str
    action: Action
    phase: Phase | None = None
    phases: tuple[Phase, ...] = ()
    reply: Reply | None = None
    delay_s: float = 0.0
    rcode: str = ""
    proof: Proof = Proof.FELT
    state: str = ""
    percent: float = WHOLE
    flaw: Flaw | None = None

    @property
    def summary(self) -> str:
        """What happens to the node, as the end of a sentence that begins with its name."""
        return ", ".join(filter(None, (self.does.format(phase=self.phase), self.extent)))

    @property
    def extent(self) -> str:
        """``in 30% of its sessions``, of a name server's ``answers``; empty where it is all."""
        of = "sessions" if self.action in OF_A_MAIL_SERVER | OF_TLS else "answers"
        return "" if self.percent == WHOLE else f"in {self.percent:g}% of its {of}"

    @property
    def strength(self) -> float:
        """The part of the sessions that it acts on, above 0 and at most 1."""
        return self.percent / WHOLE

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
            case "hang" | "stall":
                return Sign(How.KEPT)
            case "certificate" | "strip" | "alert" | "outdated":
                return Sign(How.CUT)
            case "rcode" | "stale":
                return Sign(How.MISLED)
            case _ if self.action in LIES:
                return Sign(How.DECEIVED)
        return None

    @property
    def met_at(self) -> Phase | None:
        """Where a client meets it: what EHLO does not offer is missed at STARTTLS."""
        return Phase.STARTTLS if self.action == "strip" else self.phase

    @property
    def spares_sessions(self) -> bool:
        """Whether sessions that were open before go on as if nothing were."""
        return self.action == "close"

    def at(self, phase: Phase) -> ServiceFault:
        """The same fault at a phase of choice.

        Raises:
            UsageError: It cannot act there.
        """
        if phase not in self.phases:
            raise UsageError(f"{self.kind} cannot act at {phase}; it can at: {_listed(self)}")
        return replace(self, phase=phase)

    @property
    def takes_share(self) -> bool:
        """Whether it can act on some sessions and not on others: a port is open to all or none."""
        return self.action != "close"

    def of(self, percent: float) -> ServiceFault:
        """The same fault of a share of the sessions.

        Args:
            percent: Of a hundred, above 0.

        Raises:
            UsageError: It is of all or none.
        """
        if percent != WHOLE and not self.takes_share:
            raise UsageError(
                f"{self.kind} takes no share: a port is open to all or to none; reset%{percent:g}"
                " cuts a share of the connections"
            )
        return replace(self, percent=percent)

    def disturbance(self, clock: float, seed: str = "") -> Disturbance:
        """What the node's program is told.

        Args:
            clock: Field seconds in a second of the wall clock.
            seed: From which it is drawn on which sessions it acts.
        """
        return Disturbance(
            label=self.kind,
            action=self.action,
            phase=self.phase,
            reply=self.reply,
            delay_s=self.delay_s / clock,
            rcode=self.rcode,
            strength=self.strength,
            seed=seed,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WayFault:
    """A fault of the way to a node, and of no node: what all of that sort have.

    Attributes:
        kind: As in `Fault`.
        does: The summary; ``{amount}`` in it stands for the amount.
        state: As in `Fault`.
        form: How a person writes its amount.
        amount: How much of it, unless a person says another.
        proof: As in `Fault`: whoever does it journals on which session it acted.
        percent: Of a hundred connections, or questions, on how many it acts.
    """

    kind: str
    does: str
    state: str
    form: Form = Form.NONE
    amount: Amount = _NO_AMOUNT
    proof: Proof = Proof.FELT
    percent: float = WHOLE

    @property
    def summary(self) -> str:
        """What happens to the node, as the end of a sentence that begins with its name."""
        return ", ".join(filter(None, (self.does.format(amount=self.amount.text), self.extent)))

    @property
    def extent(self) -> str:
        """``on 30% of its connections``; empty where it is all."""
        return "" if self.percent == WHOLE else f"on {self.percent:g}% of its connections"

    @property
    def strength(self) -> float:
        """The part of the sessions that it acts on at least, above 0 and at most 1.

        Of one that loses packets that is the part of the packets: a session has some.
        """
        return self.percent / WHOLE * (self.amount.part or 1.0)

    def with_amount(self, text: str) -> Self:
        """The same fault of another amount.

        Raises:
            UsageError: It is no such amount, or there is none to choose.
        """
        return replace(self, amount=parse_amount(self.kind, self.form, text))

    def of(self, percent: float) -> Self:
        """The same fault of a share of the connections.

        Args:
            percent: Of a hundred, above 0.
        """
        return replace(self, percent=percent)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkFault(WayFault):
    """A fault of the network on the way to a node: both machines, and their programs, are well.

    Attributes:
        effect: As in `relaydrill.impairment.Impairment`.
    """

    effect: Effect

    def impairment(self, label: str, clock: float, seed: str) -> Impairment:
        """What the network is told.

        Args:
            label: By which it is lifted.
            clock: Field seconds in a second of the wall clock.
            seed: From which every choice is drawn.
        """
        return Impairment(
            label=label,
            effect=self.effect,
            time_s=self.amount.time_s / clock,
            jitter_s=self.amount.jitter_s / clock,
            size=self.amount.size,
            part=self.amount.part,
            strength=self.percent / WHOLE,
            seed=seed,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderFault(WayFault):
    """A fault of the sender's own side: to everybody else, the node is as it was.

    Attributes:
        effect: As in `relaydrill.hindrance.Hindrance`.
    """

    effect: HindranceEffect

    @property
    def extent(self) -> str:
        """``on 30% of its connections``, of a name server's ``answers``; empty where it is all."""
        of = "answers" if self.is_of_names else "connections"
        return "" if self.percent == WHOLE else f"on {self.percent:g}% of its {of}"

    @property
    def is_of_names(self) -> bool:
        """Whether it is done to the answers of a name server."""
        return self.effect in OF_NAMES

    def hindrance(
        self, label: str, node: str, addresses: tuple[str, ...], clock: float, seed: str
    ) -> Hindrance:
        """What a sender is told.

        Args:
            label: By which it is lifted.
            node: To which node connections, or questions, meet it.
            addresses: That node's.
            clock: Field seconds in a second of the wall clock.
            seed: From which it is drawn which of them do.
        """
        return Hindrance(
            label=label,
            node=node,
            effect=self.effect,
            addresses=addresses,
            delay_s=self.amount.time_s / clock,
            strength=self.percent / WHOLE,
            seed=seed,
        )


def strength_of(fault: Fault) -> float:
    """The part of the sessions that a fault acts on: all, but of one that says less."""
    return fault.strength if isinstance(fault, ServiceFault | WayFault) else 1.0


def _listed(fault: ServiceFault) -> str:
    return ", ".join(fault.phases)


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

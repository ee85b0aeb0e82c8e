"""Who may send what, what is sent, and what is promised of it. Pure data."""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

from pydantic import (
    ConfigDict,
    Field,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import PydanticKnownError

from relaydrill import extensions
from relaydrill.address_span import EVERYBODY
from relaydrill.errors import UsageError
from relaydrill.message import Change
from relaydrill.model import Model
from relaydrill.node_settings import ConnectorSettings
from relaydrill.scalars import Domain, Duration, Host, Name, Port, Rate, Remote


class Connector(ConnectorSettings):
    """A receive connector: who may speak to which port, and what for.

    Several may share a port; the one with the smallest range around a client serves it.

    Attributes:
        port: Where it listens.
        nodes: The hubs and Edge servers that have it; none named: every hub.
        remote: Nodes and address ranges that it serves; the default is everybody.
    """

    port: Port
    nodes: tuple[Name, ...] = ()
    remote: tuple[Remote, ...] = EVERYBODY


class Expect(Model):
    """What a flow promises while one thing is broken.

    Attributes:
        lost: Accepted messages that may vanish.
        phantom: Refused ones that may arrive.
        altered: Ones that may arrive changed.
        duplicated: Ones that may arrive twice; ``null`` only reports them.
        stranded: Ones that a server which is gone for good may hold; ``null`` only reports them.
        stuck: Ones that a server which is up may still hold after the time to settle; ``null`` only
            reports them.
        gap: Longest time in which the flow may attempt and nothing is accepted.
        degraded: Longest time after a fault, or its heal, in which attempts may fail; the default
            is that of ``gap``.
        late: From how long on an attempt counts as failed though it is accepted; the default is
            that of ``degraded``, and then whatever a slow server makes wait counts, however soon
            it is accepted.
        deferral: Whether a 4xx is no failure while something is broken: the senders are mail
            servers, which keep the message and try again. It never covers a gap.
        rejected: Messages that may be refused for good (5xx) though they should be taken. The
            default is 0 where the senders are mail servers (``deferral``), which give such a
            message up; of others it is only reported, for a 5xx fails as any other attempt.
        spread: Nodes each of which gets its equal share of the choices while nothing is broken.
        refusal: Whether all mail of the flow is to be refused for good (5xx), as what goes to a
            domain with a null MX is (RFC 7505): then that is judged, and no gap.
    """

    lost: int = Field(default=0, ge=0)
    phantom: int = Field(default=0, ge=0)
    altered: int = Field(default=0, ge=0)
    duplicated: int | None = Field(default=None, ge=0)
    stranded: int | None = Field(default=0, ge=0)
    stuck: int | None = Field(default=0, ge=0)
    gap: Duration = 10.0
    degraded: Duration | None = None
    late: Duration | None = None
    deferral: bool = False
    rejected: int | None = Field(default=None, ge=0)
    spread: tuple[Name, ...] = ()
    refusal: bool = False

    @property
    def degraded_s(self) -> float:
        """The bound on failing attempts, field seconds."""
        return self.gap if self.degraded is None else self.degraded

    @property
    def most_rejected(self) -> int | None:
        """How many may be refused for good; None: nobody has promised anything."""
        return 0 if self.rejected is None and self.deferral else self.rejected

    @property
    def late_s(self) -> float:
        """From how long on an attempt is late, field seconds."""
        return self.degraded_s if self.late is None else self.late


class Mix(Model):
    """The shares of a flow's mail that are to be refused; the rest is wanted.

    Attributes:
        blocked: From an address on the Edge servers' block list.
        unknown: To nobody they know.
        spam: What their content filter knows.
    """

    blocked: float = Field(default=0.0, ge=0.0, le=1.0)
    unknown: float = Field(default=0.0, ge=0.0, le=1.0)
    spam: float = Field(default=0.0, ge=0.0, le=1.0)

    @property
    def wanted(self) -> float:
        """The share that is not to be refused."""
        return 1.0 - self.blocked - self.unknown - self.spam


_OwnPersona = Literal[
    "single_host",
    "mail_client",
    "happy_eyeballs",
    "pinned_mx",
    "lowest_mx",
    "first_address",
    "caching_client",
    "rfc5321",
    "postfix",
    "exim",
    "rotated_list",
]

OWN_PERSONAS: Final[tuple[str, ...]] = get_args(_OwnPersona)
"""Those that come with Relaydrill."""


def _own_or_added(value: object, own: ValidatorFunctionWrapHandler) -> object:
    """One of Relaydrill's, or else one that a package adds; of any other, which there are."""
    added = extensions.added(extensions.PERSONAS, OWN_PERSONAS)
    if isinstance(value, str) and value in added:
        return value
    if value in OWN_PERSONAS or not added:
        return own(value)
    known = ", ".join(repr(name) for name in (*OWN_PERSONAS, *added))
    raise PydanticKnownError("literal_error", {"expected": known})


PersonaName = Annotated[
    _OwnPersona, WrapValidator(_own_or_added, json_schema_input_type=_OwnPersona | str)
]

BY_MX: Final = frozenset({"pinned_mx", "lowest_mx", "rfc5321", "postfix", "exim", "rotated_list"})
"""Personas that look up MX records, of a domain, or of a name that has none; the others resolve a
name's addresses alone."""


TAKES_ADDRESSES: Final = frozenset({"postfix"})
"""Personas that connect where an MX record holds an address in place of a name, as Postfix 3.7 does
(measured). Exim 4.96 does not, unless ``allow_mx_to_ip`` says so, nor does RFC 5321 §5.1."""

NULL_MX_PREVAILS: Final = frozenset({"postfix"})
"""Personas that send a domain nothing which has a null MX beside others, as Postfix 3.7 does
(measured); Exim 4.96 tries the others. RFC 7505 §3 forbids it and does not say what follows."""


def looks_up_mx(persona: str) -> bool:
    """Whether a persona looks up MX records; see `BY_MX`.

    Raises:
        UsageError: What a package adds under this name cannot be loaded, or does not say.
    """
    entry = extensions.added(extensions.PERSONAS, OWN_PERSONAS).get(persona)
    if entry is None:
        return persona in BY_MX
    said = getattr(extensions.made(entry), "looks_up_mx", None)
    if not isinstance(said, bool):
        raise UsageError(
            f"{extensions.told(entry)}: the persona does not say whether it looks up MX records"
            " (looks_up_mx: True or False)"
        )
    return said


class Flow(Model):
    """A path that mail takes, with its sender.

    Attributes:
        sender: The node that sends (``from`` in a file).
        persona: How it picks a host and retries.
        to: A name of the topology, a VIP or a node; or a domain with MX records.
        port: Where it connects.
        population: Senders that share the rate, each with a memory of its own.
        pin: The MX host that all ``pinned_mx`` senders have picked; without it each picks one for
            itself.
        mix: What part of it is to be refused.
        blocked_from: The node that sends the blocked part.
        rate: Attempts a second of the wall clock; they follow the schedule whatever the replies.
        peak: Attempts a second at the busiest; `relaydrill plan` and `relaydrill lint` look at it.
        recipient: Envelope recipient; the default is a mailbox in the first mailbox domain.
        size: Bytes of a message's body.
        retry: After how long its senders try again what was put off with a 4xx or found no server,
            again and again, as mail servers do, and applications with a queue; by default never:
            most applications give up. Real mail servers have times of their own.
        expect: Replaces the topology's own ``expect`` for this flow.
        changes: Replaces the topology's own ``changes`` for this flow.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True)

    sender: Name = Field(alias="from")
    persona: PersonaName = "single_host"
    to: Host
    port: Port = 25
    population: int = Field(default=1, ge=1, le=1_000_000)
    pin: Domain | None = None
    mix: Mix = Mix()
    blocked_from: Name | None = None
    rate: Rate = 10.0
    peak: Rate | None = None
    recipient: str = ""
    retry: Annotated[Duration, Field(ge=1.0)] | None = None
    size: int = Field(default=2000, ge=100, le=30_000_000)
    expect: Expect | None = None
    changes: tuple[Change, ...] | None = None

    @property
    def wanted_rate(self) -> float:
        """Attempts a second of mail that is not to be refused."""
        return self.rate * self.mix.wanted


class Acceptance(Model):
    """A weakness that the topology's author knows and accepts, with the reason.

    It covers the time for which mail does not flow while ``node`` is broken: a node, or all of what
    stands behind an MX host or in a site; or while all of ``nodes`` are broken at once. It never
    covers lost, phantom, altered or duplicated mail.

    Attributes:
        node: A node, an MX host or a site.
        nodes: Two or more of them, lost together: each alone is not accepted by it. Either these or
            ``node``.
        flows: Of these flows; by default of all.
        reason: Why it is accepted; reports show it.
    """

    node: Host | None = None
    nodes: tuple[Host, ...] = ()
    flows: tuple[Name, ...] = ()
    reason: str = Field(min_length=10)

    @property
    def lost(self) -> tuple[str, ...]:
        """All that is broken while it counts, by name."""
        return self.nodes if self.node is None else (self.node,)

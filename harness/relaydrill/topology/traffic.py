"""Who may send what, what is sent, and what is promised of it. Pure data."""

from __future__ import annotations

from typing import Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from relaydrill.scalars import Domain, Duration, Host, Name, Port, Rate, Remote, wrong
from relaydrill.topology.model import Model


class Connector(Model):
    """A receive connector: who may speak to which port, and what for.

    Several may share a port; the one with the smallest range around a client serves it.

    Attributes:
        port: Where it listens.
        nodes: The hubs and Edge servers that have it; none named: every hub.
        remote: Nodes and address ranges that it serves; the default is everybody.
        relay: Whether it takes mail for any domain, or only for the mailbox servers' own.
        tls: ``required`` refuses MAIL before STARTTLS. auth: ``required`` refuses MAIL before AUTH.
        connections: Most sessions at once. per_source: Most from one address; Exchange's default is
            20, but here one address may stand for a whole office or the Internet.
        recipients: Most of one message. size: Bytes of one message.
    """

    port: Port
    nodes: tuple[Name, ...] = ()
    remote: tuple[Remote, ...] = ("0.0.0.0/0",)
    relay: bool = False
    tls: Literal["none", "offered", "required"] = "none"
    auth: Literal["none", "required"] = "none"
    connections: int = Field(default=5000, ge=1)
    per_source: int | None = Field(default=None, ge=1)
    recipients: int = Field(default=200, ge=1)
    size: int = Field(default=37_748_736, ge=1000)

    @model_validator(mode="after")
    def _auth_wants_tls(self) -> Self:
        if self.auth == "required" and self.tls == "none":
            raise wrong(
                "auth_without_tls",
                "auth without tls would show passwords; allowed: tls: required",
                fields=("auth", "tls"),
            )
        return self


class Expect(Model):
    """What a flow promises while one thing is broken.

    Attributes:
        lost: Accepted messages that may vanish. phantom: Refused ones that may arrive.
        altered: Ones that may arrive changed.
        duplicated: Ones that may arrive twice; ``null`` only reports them.
        stranded: Ones that a server which is gone for good may hold; ``null`` only reports them.
        stuck: Ones that a server which is up may still hold after the time to settle; ``null`` only
            reports them.
        gap: Longest time in which the flow may attempt and nothing is accepted.
        degraded: Longest time after a fault, or its heal, in which attempts may fail; the default
            is that of ``gap``.
        deferral: Whether a 4xx is no failure while something is broken: the senders are mail
            servers, which keep the message and try again. It never covers a gap.
        spread: Nodes each of which gets its equal share of the choices while nothing is broken.
    """

    lost: int = Field(default=0, ge=0)
    phantom: int = Field(default=0, ge=0)
    altered: int = Field(default=0, ge=0)
    duplicated: int | None = Field(default=None, ge=0)
    stranded: int | None = Field(default=0, ge=0)
    stuck: int | None = Field(default=0, ge=0)
    gap: Duration = 10.0
    degraded: Duration | None = None
    deferral: bool = False
    spread: tuple[Name, ...] = ()

    @property
    def degraded_s(self) -> float:
        """The bound on failing attempts, field seconds."""
        return self.gap if self.degraded is None else self.degraded


class Mix(Model):
    """The shares of a flow's mail that are to be refused; the rest is wanted.

    Attributes:
        blocked: From an address on the Edge servers' block list. unknown: To nobody they know.
        spam: What their content filter knows.
    """

    blocked: float = Field(default=0.0, ge=0.0, le=1.0)
    unknown: float = Field(default=0.0, ge=0.0, le=1.0)
    spam: float = Field(default=0.0, ge=0.0, le=1.0)

    @property
    def wanted(self) -> float:
        """The share that is not to be refused."""
        return 1.0 - self.blocked - self.unknown - self.spam

    @model_validator(mode="after")
    def _leaves_some(self) -> Self:
        if self.blocked + self.unknown + self.spam >= 1.0:
            raise wrong("mix", "nothing wanted is left; allowed: shares that add up to less than 1")
        return self


PersonaName = Literal[
    "single_host",
    "mail_client",
    "pinned_mx",
    "lowest_mx",
    "first_address",
    "caching_client",
    "rfc5321",
    "postfix",
    "exim",
    "rotated_list",
]

BY_MX: Final = frozenset({"pinned_mx", "lowest_mx", "rfc5321", "postfix", "exim", "rotated_list"})
"""Personas that look up MX records, of a domain, or of a name that has none; the others resolve a
name's addresses alone."""


class Flow(Model):
    """A path that mail takes, with its sender.

    Attributes:
        sender: The node that sends (``from`` in a file). persona: How it picks a host and retries.
        to: A name of the topology, a VIP or a node; or a domain with MX records. port: Where it
            connects.
        population: Senders that share the rate, each with a memory of its own. pin: The MX host
            that all ``pinned_mx`` senders have picked; without it each picks one for itself.
        mix: What part of it is to be refused. blocked_from: The node that sends the blocked part.
        rate: Attempts a second of the wall clock; they follow the schedule whatever the replies.
        peak: Attempts a second at the busiest; `relaydrill plan` and `relaydrill lint` look at it.
        recipient: Envelope recipient; the default is a mailbox in the first mailbox domain.
        size: Bytes of a message's body.
        expect: Replaces the topology's own ``expect`` for this flow.
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
    size: int = Field(default=2000, ge=100, le=30_000_000)
    expect: Expect | None = None

    @property
    def wanted_rate(self) -> float:
        """Attempts a second of mail that is not to be refused."""
        return self.rate * self.mix.wanted


class Acceptance(Model):
    """A weakness that the topology's author knows and accepts, with the reason.

    It covers the time for which mail does not flow while ``node`` is broken: a node, or all of what
    stands behind an MX host or in a site. It never covers lost, phantom, altered or duplicated
    mail.
    """

    node: Host
    flows: tuple[Name, ...] = ()
    reason: str = Field(min_length=10)

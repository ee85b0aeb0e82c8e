"""What a design says of a node, and that node is told: each setting stands here once, for both.

In a design, durations are field time. A node is told them by the clock of its lab, `at_clock`.
"""

from __future__ import annotations

import enum
import functools
from typing import Any, Final, Literal, Self, get_args, get_type_hints

from pydantic import Field

from relaydrill.message import Change
from relaydrill.model import Model
from relaydrill.scalars import LONGEST_S, Duration, Remote

BALANCER_CONNECT_S: Final = 5.0
"""Field seconds for which a balancer tries to connect to a backend (HAProxy's own default: none;
its manual shows 5 s)."""


class Settings(Model):
    """Base of all sections."""

    def at_clock(self, clock: float) -> Self:
        """The same by a clock that runs so many times faster than in the field."""
        return self.model_copy(update=section_at_clock(type(self), self, clock))


def section_at_clock(section: type[Settings], said: Settings, clock: float) -> dict[str, Any]:
    """The settings of a section, by name, with every duration by the clock of a lab.

    Args:
        section: A base of whatever said it.
        said: What the design says; it may say more than the section has.
        clock: So many times faster than in the field.
    """
    found = {name: getattr(said, name) for name in section.model_fields}
    for name, value in found.items():
        if isinstance(value, Settings):
            found[name] = value.at_clock(clock)
        elif name in _durations(section) and value is not None:
            found[name] = min(value / clock, LONGEST_S)
    return found


@functools.cache
def _durations(section: type[Settings]) -> frozenset[str]:
    """The settings of a section that are durations, or may be one."""
    hints = get_type_hints(section, include_extras=True)
    return frozenset(
        name
        for name in section.model_fields
        if hints[name] == Duration or Duration in get_args(hints[name])
    )


class Limit(enum.StrEnum):
    """For which setting of a receive connector a healthy server puts a client off."""

    GREYLIST = "greylist"
    MESSAGES = "rate_limit.messages"
    SESSIONS = "rate_limit.sessions"
    PER_SOURCE = "per_source"
    CONNECTIONS = "connections"

    @property
    def counts_sources(self) -> bool:
        """Whether it is a matter of how much comes from one address."""
        return self in (Limit.MESSAGES, Limit.SESSIONS, Limit.PER_SOURCE)


class Greylist(Settings):
    """How a healthy server puts off mail of whom it does not know yet (RFC 6647).

    Each server keeps a list of its own, on its disk, as Postgrey does: what one of them knows, the
    others do not.

    Attributes:
        delay: For how long after it was first seen a new one gets 450 (Postgrey's ``--delay``).
        key: What is looked up. ``triplet``: the client's network, the sender and the recipient
            (Postgrey); ``source``: the client's network alone.
        network: Bits of an IPv4 address that make the client's network (``--ipv4cidr``); of an IPv6
            address 64, as Postgrey has it.
    """

    delay: Duration = 300.0
    key: Literal["triplet", "source"] = "triplet"
    network: int = Field(default=24, ge=8, le=32)


class RateLimit(Settings):
    """How much of one address a healthy server takes within a time.

    Counted as Postfix's anvil(8) does: from the first on for as long as ``per``, then anew; what is
    refused counts, and nothing is kept on the disk.

    Attributes:
        messages: Most messages begun (MAIL) from one address; beyond it 421 4.4.2 (Exchange:
            MessageRateLimit; Postfix: smtpd_client_message_rate_limit).
        sessions: Most sessions from one address; beyond it 421 4.7.0 (Postfix:
            smtpd_client_connection_rate_limit). Health checks are sessions, too.
        per: Within which time (Postfix: anvil_rate_time_unit).
    """

    messages: int | None = Field(default=None, ge=1)
    sessions: int | None = Field(default=None, ge=1)
    per: Duration = Field(default=60.0, gt=0)


class ConnectorSettings(Settings):
    """What a receive connector asks of those that it serves.

    Attributes:
        relay: Whether it takes mail for any domain, or only for the mailbox servers' own.
        tls: ``required`` refuses MAIL before STARTTLS.
        auth: ``required`` refuses MAIL before AUTH.
        connections: Most sessions at once.
        per_source: Most from one address; Exchange's default is 20, but here one address may stand
            for a whole office or the Internet.
        recipients: Most of one message.
        size: Bytes of one message.
        greylist: Whether it puts off mail of whom it does not know yet, and for how long.
        rate_limit: How much it takes from one address within a time.
    """

    relay: bool = False
    tls: Literal["none", "offered", "required"] = "none"
    auth: Literal["none", "required"] = "none"
    connections: int = Field(default=5000, ge=1)
    per_source: int | None = Field(default=None, ge=1)
    recipients: int = Field(default=200, ge=1)
    size: int = Field(default=37_748_736, ge=1000)
    greylist: Greylist | None = None
    rate_limit: RateLimit | None = None

    @property
    def limits_a_source(self) -> bool:
        """Whether one address can have too much of it."""
        return self.per_source is not None or self.rate_limit is not None


class Shadow(Settings):
    """How a hub deals with the shadow copies that it keeps for others (Exchange 2013 and later).

    Attributes:
        heartbeat: How often it asks a primary what has left it (ShadowHeartbeatFrequency).
        resubmit: How long a primary may be silent before its mail is delivered in its place
            (ShadowResubmitTimeSpan).
    """

    heartbeat: Duration = 120.0
    resubmit: Duration = 10_800.0


class HubSettings(Settings):
    """What a hub promises, and when.

    Attributes:
        ack: When it answers 250. ``stored``: the message is in its queue (Exchange 2007).
            ``delayed``: the next hop has it, or ``ack_delay`` is over (2010). ``shadow``: another
            hub has a copy (2013 and later). ``before_store`` promises first and stores ``ack_lag``
            later: the defect that a failover drill must find.
        ack_lag: Only with ``before_store``.
        ack_delay: Only with ``delayed`` (MaxAcknowledgementDelay).
        shadow: How it keeps copies for others.
        copies: How often an accepted message is queued; 2 is a defect that duplicates mail.
        rewrites: What the fake writes anew in what it passes on; see ``changes`` of a topology.
    """

    ack: Literal["stored", "before_store", "delayed", "shadow"] = "stored"
    ack_lag: Duration = 1.0
    ack_delay: Duration = 30.0
    shadow: Shadow = Shadow()
    copies: int = Field(default=1, ge=1, le=3)
    rewrites: tuple[Change, ...] = ()


class Filters(Settings):
    """What an Edge server turns away, in the order in which it looks.

    Attributes:
        blocked: Nodes and address ranges on its block list (connection filter), refused after RCPT.
        senders: Envelope senders, or ``@domain`` for all of one (sender filter), refused at MAIL.
        recipients: The only recipients that exist (recipient filter); none listed: every one does.
        content: Whether mail that bears GTUBE or Relaydrill's own mark is refused after the dot.
        tarpit: How long an unauthenticated client waits for a refusal of a recipient.
    """

    blocked: tuple[Remote, ...] = ()
    senders: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()
    content: bool = True
    tarpit: Duration = 5.0


class HealthCheck(Settings):
    """How a balancer learns that a backend is down (as HAProxy's inter, fall, rise).

    Attributes:
        kind: ``tcp`` connects; ``smtp`` wants a 2xx banner and a 2xx to EHLO (HAProxy's smtpchk);
            ``mail`` goes on to MAIL FROM and RSET, and so can see back pressure; ``none`` believes
            every backend to be up for ever.
        interval: From one check to the next.
        timeout: Of one check; default: the interval.
        fall: Failed checks in a row that mark a backend down.
        rise: Good ones that bring it back.
    """

    kind: Literal["none", "tcp", "smtp", "mail"] = "smtp"
    interval: Duration = 2.0
    timeout: Duration | None = None
    fall: int = Field(default=3, ge=1, le=100)
    rise: int = Field(default=2, ge=1, le=100)

    @property
    def patience(self) -> float:
        """How long a check waits for a reply."""
        return self.interval if self.timeout is None else self.timeout

    @property
    def longest_s(self) -> float:
        """Longest field time of one check: of its connecting, or of its wait for a reply.

        HAProxy lets a check connect for its ``timeout connect``, but no longer than an interval;
        ``timeout check`` counts once it is connected (HAProxy manual, "timeout check").
        """
        return max(self.patience, min(BALANCER_CONNECT_S, self.interval))

    @property
    def detection_s(self) -> float:
        """Longest field time from a death to the mark-down: every check times out.

        A check begins an interval after the end of the one before it, as HAProxy's do.
        """
        return self.fall * (self.interval + self.longest_s)

    @property
    def recovery_s(self) -> float:
        """Longest field time from a return to the mark-up."""
        return self.longest_s + self.interval * (self.rise + 1)


class BalancerSettings(Settings):
    """How a proxy balances.

    Attributes:
        source: What the hubs see: ``proxy`` sends the client's address ahead (PROXY protocol v2),
            ``snat`` shows them the balancer's own address.
        method: How a backend is picked for a connection.
        redispatch: Whether a connection that its backend refuses is tried at the next one.
        on_marked_down: What becomes of the sessions of a backend that is marked down.
    """

    source: Literal["proxy", "snat"] = "proxy"
    method: Literal["roundrobin", "leastconn"] = "roundrobin"
    redispatch: bool = False
    on_marked_down: Literal["keep", "shutdown"] = "keep"


class NameServerSettings(Settings):
    """In which order a name server answers.

    Attributes:
        order: Of the records of an answer: ``rotate`` moves the first to the end for each next
            answer, ``random`` shuffles them, ``fixed`` leaves them as declared (BIND: sorted by
            address).
        netmask_ordering: Whether addresses in the client's own /24 come first (Windows DNS).
    """

    order: Literal["rotate", "random", "fixed"] = "rotate"
    netmask_ordering: bool = False


class ClusterTiming(Settings):
    """The timers that all hosts of a WNLB cluster share.

    Attributes:
        heartbeat: From one to the next.
        missed: So many in a row, and a host counts as gone.
        convergence: From a change among the hosts until they share anew; until then the survivors
            go on as before, and the share of a host that is gone is lost.
    """

    heartbeat: Duration = Field(default=1.0, gt=0)
    missed: int = Field(default=5, ge=2, le=100)
    convergence: Duration = 2.5

    @property
    def patience(self) -> float:
        """Silence after which a host counts as gone."""
        return self.heartbeat * self.missed


class PortRuleSettings(Settings):
    """How the live hosts of a WNLB cluster share what a port rule is for.

    Attributes:
        filtering: ``multiple`` shares by load weight, ``single`` gives everything to the live host
            with the lowest handling priority, ``disabled`` has nobody answer.
        affinity: What a share is made of: a client's address and port, its address, or its class C.
    """

    filtering: Literal["multiple", "single", "disabled"] = "multiple"
    affinity: Literal["none", "single", "network"] = "single"

"""The nodes of a topology, each role with what it is told. Pure data."""

from __future__ import annotations

import enum
from typing import Annotated, Final, Literal

from pydantic import Field

from relaydrill.scalars import Domain, Duration, Name, Port, Rate, Remote
from relaydrill.topology.model import Model

BALANCER_CONNECT_S: Final = 5.0
"""Field seconds for which a balancer tries to connect to a backend (HAProxy's own default: none;
its manual shows 5 s)."""


class Role(enum.StrEnum):
    """What a node does in the mail tier."""

    HUB = "hub"
    MAILBOX = "mailbox"
    EDGE = "edge"
    BALANCER = "balancer"
    DNS = "dns"
    SENDER = "sender"


class Host(Model):
    """What every node may say of itself.

    Attributes:
        site: Where it stands; a fault may name a site, and then breaks all of its nodes at once.
    """

    site: Name | None = None


class Vip(Model):
    """A virtual address of a balancer, with the ports it forwards (the port rules)."""

    ports: tuple[Port, ...] = Field(min_length=1)


class HealthCheck(Model):
    """How a balancer learns that a backend is down (as HAProxy's inter, fall, rise).

    Attributes:
        kind: ``tcp`` connects; ``smtp`` wants a 2xx banner and a 2xx to EHLO (HAProxy's smtpchk);
            ``mail`` goes on to MAIL FROM and RSET, and so can see back pressure; ``none`` believes
            every backend to be up for ever.
        interval: From one check to the next. timeout: Of one check; default: the interval.
        fall: Failed checks in a row that mark a backend down. rise: Good ones that bring it back.
    """

    kind: Literal["none", "tcp", "smtp", "mail"] = "smtp"
    interval: Duration = 2.0
    timeout: Duration | None = None
    fall: int = Field(default=3, ge=1, le=100)
    rise: int = Field(default=2, ge=1, le=100)

    @property
    def longest_s(self) -> float:
        """Longest field time of one check: of its connecting, or of its wait for a reply.

        HAProxy lets a check connect for its ``timeout connect``, but no longer than an interval;
        ``timeout check`` counts once it is connected (HAProxy manual, "timeout check").
        """
        timeout = self.interval if self.timeout is None else self.timeout
        return max(timeout, min(BALANCER_CONNECT_S, self.interval))

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


class Hub(Host):
    """A Hub Transport server: accepts, queues, and delivers to the mailbox servers.

    Attributes:
        kind: ``fake`` is Relaydrill's own; ``postfix`` the real program, in a container.
        ack: ``stored`` answers 250 after the message is in the queue; ``before_store`` promises
            first and stores ``ack_lag`` later: the defect that a failover drill must find.
        ack_lag: Only with ``before_store``.
        copies: How often an accepted message is queued; 2 is a defect that duplicates mail.
    """

    role: Literal[Role.HUB]
    kind: Literal["fake", "postfix"] = "fake"
    ack: Literal["stored", "before_store"] = "stored"
    ack_lag: Duration = 1.0
    copies: int = Field(default=1, ge=1, le=3)


class Mailbox(Host):
    """A mailbox server: the end of the road for the domains it holds.

    Attributes:
        kind: ``fake``, or ``postfix``: the real program, in a container.
    """

    role: Literal[Role.MAILBOX]
    kind: Literal["fake", "postfix"] = "fake"
    domains: tuple[Domain, ...] = Field(min_length=1)


class Balancer(Host):
    """A load balancer before the hubs, a TCP proxy.

    Attributes:
        kind: ``fake``, or ``haproxy``: the real program, its configuration generated.
        source: What the hubs see: ``proxy`` sends the client's address ahead (PROXY protocol v2),
            ``snat`` shows them the balancer's own address.
        backends: Hubs, in the order of their turns.
        method: How a backend is picked for a connection.
        redispatch: Whether a connection that its backend refuses is tried at the next one.
        on_marked_down: What becomes of the sessions of a backend that is marked down.
    """

    role: Literal[Role.BALANCER]
    kind: Literal["fake", "haproxy"] = "fake"
    mode: Literal["proxy"] = "proxy"
    source: Literal["proxy", "snat"] = "proxy"
    backends: tuple[Name, ...] = Field(min_length=1)
    vips: dict[Name, Vip] = Field(min_length=1)
    check: HealthCheck = HealthCheck()
    method: Literal["roundrobin", "leastconn"] = "roundrobin"
    redispatch: bool = False
    on_marked_down: Literal["keep", "shutdown"] = "keep"


class Retries(Model):
    """When a sender tries again what it could not send, wherever that is held up.

    Attributes:
        first: Wait after a failure that may pass. longest: No wait is longer.
        queue_run: How often it looks through its queue for what is due.
    """

    first: Duration
    longest: Duration
    queue_run: Duration


EXIM_RETRIES: Final = Retries(first=900.0, longest=21600.0, queue_run=1800.0)
"""Specification, "The default configuration file"; Debian runs its queue each 30 min."""

_RETRIES: Final = {
    # A fake sender does not; but a hub that holds its mail does (its queue glitch retry).
    "fake": Retries(first=60.0, longest=60.0, queue_run=60.0),
    # postconf(5): minimal_backoff_time, maximal_backoff_time, queue_run_delay.
    "postfix": Retries(first=300.0, longest=4000.0, queue_run=300.0),
    "exim": EXIM_RETRIES,
}
"""The defaults of the real programs."""


class Sender(Host):
    """A host that sends: an application server, a mail client.

    Attributes:
        kind: ``fake`` sends as its flow's persona says; ``postfix`` and ``exim`` are the real
            programs, in a container, with a smart host: they pick its address and retry as they do
            in the field.
        dns: Name servers that it asks, in that order; by default the resolvers, or else all.
        sorts_near: Whether it stands in the servers' own subnet, and so puts that address of a host
            first which is nearest to its own (RFC 6724 rule 9, as ``getaddrinfo`` of glibc has it):
            whatever order the name server gives, one host then always picks the same.
    """

    role: Literal[Role.SENDER]
    kind: Literal["fake", "postfix", "exim"] = "fake"
    dns: tuple[Name, ...] = ()
    sorts_near: bool = False

    @property
    def retries(self) -> Retries:
        """When it tries again what it could not send."""
        return _RETRIES[self.kind]


class Filters(Model):
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


class Edge(Host):
    """An Edge Transport server: takes mail from the Internet, filters it, and relays to the hubs.

    Attributes:
        filters: What it turns away.
        capacity: Attempts a second that it bears; only `relaydrill plan` looks at it.
    """

    role: Literal[Role.EDGE]
    kind: Literal["fake"] = "fake"
    filters: Filters = Filters()
    capacity: Rate | None = None


class Dns(Host):
    """A name server for the topology's zones and names, or a caching resolver before others.

    Attributes:
        kind: ``fake``, or ``bind``: the real program, in a container.
        order: In which order the records of an answer stand: ``rotate`` moves the first to the end
            for each next answer, ``random`` shuffles them, ``fixed`` leaves them as declared (BIND:
            sorted by address).
        netmask_ordering: Whether addresses in the client's own /24 come first (Windows DNS).
        upstream: Name servers that it asks; without any it is authoritative.
    """

    role: Literal[Role.DNS]
    kind: Literal["fake", "bind"] = "fake"
    order: Literal["rotate", "random", "fixed"] = "rotate"
    netmask_ordering: bool = False
    upstream: tuple[Name, ...] = ()


Node = Annotated[Hub | Edge | Mailbox | Balancer | Dns | Sender, Field(discriminator="role")]

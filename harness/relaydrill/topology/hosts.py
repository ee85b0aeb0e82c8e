"""The nodes of a topology, each role with what it is told. Pure data."""

from __future__ import annotations

import enum
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from relaydrill.scalars import (
    Address,
    CertificateName,
    Domain,
    Duration,
    Name,
    Port,
    Rate,
    Remote,
    wrong,
)
from relaydrill.topology.cluster import Cluster
from relaydrill.topology.model import Model
from relaydrill.topology.organisation import ExchangeVersion

BALANCER_CONNECT_S: Final = 5.0
"""Field seconds for which a balancer tries to connect to a backend (HAProxy's own default: none;
its manual shows 5 s)."""


_MISSED_ADVERTS: Final = 3

MASTER_PRIORITY: Final = 150
STANDBY_PRIORITY: Final = 100
"""VRRP priorities of a balancer and of its standby; 100 is the usual one (RFC 5798 §5.2.4)."""


class Role(enum.StrEnum):
    """What a node does in the mail tier."""

    HUB = "hub"
    MAILBOX = "mailbox"
    EDGE = "edge"
    BALANCER = "balancer"
    STANDBY = "standby"
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


class Shadow(Model):
    """How a hub deals with the shadow copies that it keeps for others (Exchange 2013 and later).

    Attributes:
        heartbeat: How often it asks a primary what has left it (ShadowHeartbeatFrequency).
        resubmit: How long a primary may be silent before its mail is delivered in its place
            (ShadowResubmitTimeSpan).
    """

    heartbeat: Duration = 120.0
    resubmit: Duration = 10_800.0


class Hub(Host):
    """A Hub Transport server: accepts, queues, and delivers by `relaydrill.topology.routing`.

    Attributes:
        kind: ``fake`` is Relaydrill's own; ``postfix`` the real program, in a container.
        ack: When it answers 250. ``stored``: the message is in its queue (Exchange 2007).
            ``delayed``: the next hop has it, or ``ack_delay`` is over (2010). ``shadow``: another
            hub has a copy (2013 and later). ``before_store`` promises first and stores ``ack_lag``
            later: the defect that a failover drill must find.
        ack_lag: Only with ``before_store``. ack_delay: Only with ``delayed``
            (MaxAcknowledgementDelay).
        shadow: How it keeps copies for others.
        copies: How often an accepted message is queued; 2 is a defect that duplicates mail.
        logs: Whether the fake keeps SmtpReceive and message tracking logs, as Exchange does.
        certificate: Names that its certificate bears; by default its own and every name that
            clients are given.
        capacity: Messages a second that it bears; only `relaydrill lint` looks at it.
        version: Of Exchange. failover_cluster: The Windows failover cluster that its machine is a
            node of. Only `relaydrill lint` looks at these.
    """

    role: Literal[Role.HUB]
    kind: Literal["fake", "postfix"] = "fake"
    ack: Literal["stored", "before_store", "delayed", "shadow"] = "stored"
    ack_lag: Duration = 1.0
    ack_delay: Duration = 30.0
    shadow: Shadow = Shadow()
    copies: int = Field(default=1, ge=1, le=3)
    logs: bool = False
    certificate: tuple[CertificateName, ...] | None = Field(default=None, min_length=1)
    capacity: Rate | None = None
    version: ExchangeVersion | None = None
    failover_cluster: Name | None = None


class Mailbox(Host):
    """A mailbox server: the end of the road for the domains it holds.

    Attributes:
        kind: ``fake``, or ``postfix``: the real program, in a container.
        internet: Whether it stands for the mail servers of others: its domains are not the
            organisation's own, and mail for them goes out through the Edge servers.
        version: Of Exchange. failover_cluster: The Windows failover cluster that it is a node of.
        clustered: Whether it is a clustered mailbox server there, and no passive node.
        lcr: Whether local continuous replication is on for any of its storage groups. Only
            `relaydrill lint` looks at these four.
    """

    role: Literal[Role.MAILBOX]
    kind: Literal["fake", "postfix"] = "fake"
    domains: tuple[Domain, ...] = Field(min_length=1)
    internet: bool = False
    version: ExchangeVersion | None = None
    failover_cluster: Name | None = None
    clustered: bool = False
    lcr: bool = False

    @model_validator(mode="after")
    def _clustered_in_a_cluster(self) -> Self:
        if self.clustered and self.failover_cluster is None:
            raise wrong(
                "clustered",
                "clustered in no cluster; allowed: failover_cluster: its name, too",
                fields=("clustered",),
            )
        return self


def _usual_check(told: dict[str, Any]) -> HealthCheck:
    """WNLB has none: it does not look at services."""
    return HealthCheck(kind="none") if told.get("mode") == "wnlb" else HealthCheck()


class Vrrp(Model):
    """How two balancers settle who of them holds the VIPs (VRRP, RFC 5798).

    Attributes:
        advert: From one advertisement of the master to the next.
        preempt: Whether the balancer takes the VIPs back when it returns; otherwise its standby
            keeps them until that is lost itself.
    """

    advert: Duration = Field(default=1.0, ge=0.05)
    preempt: bool = True

    @property
    def takeover_s(self) -> float:
        """Longest field time from a master's death until the other holds the VIPs.

        Three advertisements, and the standby's skew (RFC 5798 §6.1, Master_Down_Interval).
        """
        return self.advert * (_MISSED_ADVERTS + (256 - STANDBY_PRIORITY) / 256)


class Balancer(Host):
    """A load balancer before the hubs: a TCP proxy, or a WNLB cluster of theirs.

    Attributes:
        mode: ``proxy``, or ``wnlb``: no machine, but what the hubs are as a cluster.
        kind: ``fake``, or ``haproxy``: the real program, its configuration generated.
        source: What the hubs see: ``proxy`` sends the client's address ahead (PROXY protocol v2),
            ``snat`` shows them the balancer's own address.
        backends: Hubs, in the order of their turns.
        method: How a backend is picked for a connection.
        redispatch: Whether a connection that its backend refuses is tried at the next one.
        on_marked_down: What becomes of the sessions of a backend that is marked down.
        cluster: Settings of a WNLB cluster.
        vrrp: How it and its standby settle who holds the VIPs, where it has one.
    """

    role: Literal[Role.BALANCER]
    kind: Literal["fake", "haproxy"] = "fake"
    mode: Literal["proxy", "wnlb"] = "proxy"
    source: Literal["proxy", "snat"] = "proxy"
    backends: tuple[Name, ...] = Field(min_length=1)
    vips: dict[Name, Vip] = Field(min_length=1)
    check: HealthCheck = Field(default_factory=_usual_check)
    method: Literal["roundrobin", "leastconn"] = "roundrobin"
    redispatch: bool = False
    on_marked_down: Literal["keep", "shutdown"] = "keep"
    cluster: Cluster = Cluster()
    vrrp: Vrrp = Vrrp()

    @property
    def recovery_s(self) -> float:
        """Longest field time from a backend's return until it is given connections again."""
        return self.cluster.recovery_s if self.mode == "wnlb" else self.check.recovery_s


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


class SharedLoad(Model):
    """A sender's load, shared among Locust workers; see docs/locust.md.

    Attributes:
        workers: How many; each is a machine of its own, and no fewer will do.
        address, port: Where their master listens. The default takes workers of this machine alone:
            what they speak is neither encrypted nor authenticated.
    """

    workers: int = Field(ge=1, le=500)
    address: Address = "127.0.0.1"
    port: Port = 5557


class Standby(Host):
    """A second machine for a balancer: it takes the VIPs over when that is lost (VRRP).

    It has the balancer's backends, checks and port rules, and checks the backends all the time.

    Attributes:
        standby_of: The balancer. kind: By default that of the balancer.
    """

    role: Literal[Role.STANDBY]
    kind: Literal["fake", "haproxy"] = "fake"
    standby_of: Name


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
        load: The Locust workers that make its attempts; without it, it makes them itself.
        stands_for: What its mail is: a client's, or what a mailbox server or another hub of the
            organisation hands on; only `relaydrill lint` looks at it.
    """

    role: Literal[Role.SENDER]
    kind: Literal["fake", "postfix", "exim"] = "fake"
    dns: tuple[Name, ...] = ()
    sorts_near: bool = False
    load: SharedLoad | None = None
    stands_for: Literal["client", "mailbox", "hub"] = "client"

    @property
    def retries(self) -> Retries:
        """When it tries again what it could not send."""
        return _RETRIES[self.kind]

    @model_validator(mode="after")
    def _personas_alone_are_shared(self) -> Self:
        if self.load is not None and self.kind != "fake":
            raise wrong(
                "shared_real",
                "a real program sends by itself, and shares its load with no worker;"
                " allowed: kind: fake",
                fields=("load", "kind"),
            )
        return self


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
        capacity: Attempts a second that it bears; `relaydrill plan` and `relaydrill lint` look at
            it.
        logs, version: As of a hub.
    """

    role: Literal[Role.EDGE]
    kind: Literal["fake"] = "fake"
    filters: Filters = Filters()
    capacity: Rate | None = None
    logs: bool = False
    version: ExchangeVersion | None = None


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


Node = Annotated[
    Hub | Edge | Mailbox | Balancer | Standby | Dns | Sender, Field(discriminator="role")
]

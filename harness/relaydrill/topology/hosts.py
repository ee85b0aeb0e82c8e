"""The nodes of a topology, each role with what it is told. Pure data."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeAlias

from pydantic import Field

from relaydrill.kinds import FAKE, KINDS, Retries, haproxy, kinds_of
from relaydrill.model import Model
from relaydrill.node_settings import (
    BalancerSettings,
    Filters,
    HealthCheck,
    HubSettings,
    NameServerSettings,
)
from relaydrill.scalars import (
    Address,
    CertificateName,
    Domain,
    Duration,
    IPv4,
    Name,
    Port,
    Rate,
)
from relaydrill.topology.cluster import Cluster
from relaydrill.topology.failures import Failure
from relaydrill.topology.organisation import ExchangeVersion
from relaydrill.topology.own_file import OwnFiles

_MISSED_ADVERTS: Final = 3

MASTER_PRIORITY: Final = 150
STANDBY_PRIORITY: Final = 100
"""VRRP priorities of a balancer and of its standby; 100 is the usual one (RFC 5798 §5.2.4)."""


if TYPE_CHECKING:
    HubKind: TypeAlias = str
    MailboxKind: TypeAlias = str
    EdgeKind: TypeAlias = str
    BalancerKind: TypeAlias = str
    StandbyKind: TypeAlias = str
    DnsKind: TypeAlias = str
    SenderKind: TypeAlias = str
else:
    HubKind = Literal[kinds_of("hub")]
    MailboxKind = Literal[kinds_of("mailbox")]
    EdgeKind = Literal[kinds_of("edge")]
    BalancerKind = Literal[kinds_of("balancer")]
    StandbyKind = Literal[kinds_of("standby")]
    DnsKind = Literal[kinds_of("dns")]
    SenderKind = Literal[kinds_of("sender")]


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
        ip: Which IP versions it has. ``dual``: names lead to an IPv6 address of it, too (AAAA), and
            it answers there; a sender then tries IPv6 first. ``ipv6-dead``: they do, and nothing
            answers there: connecting times out, while IPv4 lives. A balancer's is that of its VIPs.
        address: Its IPv4 address, where a balancer of the lab runs a file of your own (``config``)
            that speaks of it; other labs choose addresses that are free.
        failure: How often it fails, and how long until it is repaired; only what a year costs is
            reckoned from it. By default as of ``failures``.
        role: What it does in the tier.
        kind: Which program it is.
    """

    site: Name | None = None
    ip: Literal["ipv4", "dual", "ipv6-dead"] = "ipv4"
    address: IPv4 | None = None
    failure: Failure | None = None
    role: Role
    kind: str = FAKE


class Vip(Model):
    """A virtual address of a balancer, with the ports it forwards (the port rules).

    Attributes:
        ports: Logical ports that it answers on.
        address: As of a node; by default that of its ``bind`` in the file.
    """

    ports: tuple[Port, ...] = Field(min_length=1)
    address: IPv4 | None = None


class Hub(HubSettings, Host):
    """A Hub Transport server: accepts, queues, and delivers by `relaydrill.topology.routing`.

    Attributes:
        role: ``hub``: takes mail, queues it and passes it on.
        kind: ``fake`` is Relaydrill's own; ``postfix`` the real program, in a container.
        logs: Whether the fake keeps SmtpReceive and message tracking logs, as Exchange does.
        certificate: Names that its certificate bears; by default its own and every name that
            clients are given.
        capacity: Messages a second that it bears; only `relaydrill lint` looks at it.
        version: Of Exchange.
        failover_cluster: The Windows failover cluster that its machine is a node of. Only
            `relaydrill lint` looks at these.
    """

    role: Literal[Role.HUB]
    kind: HubKind = FAKE
    logs: bool = False
    certificate: tuple[CertificateName, ...] | None = Field(default=None, min_length=1)
    capacity: Rate | None = None
    version: ExchangeVersion | None = None
    failover_cluster: Name | None = None


class Mailbox(Host):
    """A mailbox server: the end of the road for the domains it holds.

    Attributes:
        role: ``mailbox``: where mail arrives.
        kind: ``fake``, or ``postfix``: the real program, in a container.
        domains: The domains whose mail it takes.
        internet: Whether it stands for the mail servers of others: its domains are not the
            organisation's own, and mail for them goes out through the Edge servers.
        version: Of Exchange.
        failover_cluster: The Windows failover cluster that it is a node of.
        clustered: Whether it is a clustered mailbox server there, and no passive node.
        lcr: Whether local continuous replication is on for any of its storage groups. Only
            `relaydrill lint` looks at these four.
    """

    role: Literal[Role.MAILBOX]
    kind: MailboxKind = FAKE
    domains: tuple[Domain, ...] = Field(min_length=1)
    internet: bool = False
    version: ExchangeVersion | None = None
    failover_cluster: Name | None = None
    clustered: bool = False
    lcr: bool = False


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


class Balancer(BalancerSettings, Host):
    """A load balancer before the hubs: a TCP proxy, or a WNLB cluster of theirs.

    Attributes:
        role: ``balancer``: shares connections among servers.
        kind: ``fake``, or ``haproxy``: the real program, its configuration generated.
        mode: ``proxy``, or ``wnlb``: no machine, but what the hubs are as a cluster.
        backends: Hubs, in the order of their turns.
        vips: The addresses that it answers on, by name.
        check: How it finds out whether a server is up.
        cluster: Settings of a WNLB cluster.
        vrrp: How it and its standby settle who holds the VIPs, where it has one.
        config: Your own haproxy.cfg; several files, or a folder of them, are those of one process.
            ``source``, ``method``, ``redispatch``, ``on_marked_down`` and ``check`` are what it
            says, findings name its lines, and of kind ``haproxy`` a container runs it as it is.
    """

    role: Literal[Role.BALANCER]
    kind: BalancerKind = FAKE
    mode: Literal["proxy", "wnlb"] = "proxy"
    backends: tuple[Name, ...] = Field(min_length=1)
    vips: dict[Name, Vip] = Field(min_length=1)
    check: HealthCheck = Field(default_factory=_usual_check)
    cluster: Cluster = Cluster()
    vrrp: Vrrp = Vrrp()
    config: OwnFiles | None = None

    @property
    def runs_own_file(self) -> bool:
        """Whether it is the real program, with the user's own configuration."""
        return bool(self.config) and self.kind == haproxy.KIND.name

    @property
    def recovery_s(self) -> float:
        """Longest field time from a backend's return until it is given connections again."""
        return self.cluster.recovery_s if self.mode == "wnlb" else self.check.recovery_s


class SharedLoad(Model):
    """A sender's load, shared among Locust workers; see docs/python/locust.md.

    Attributes:
        workers: How many; each is a machine of its own, and no fewer will do.
        address: Where their master listens. The default takes workers of this machine alone: what
            they speak is neither encrypted nor authenticated.
        port: The port that their master listens on.
    """

    workers: int = Field(ge=1, le=500)
    address: Address = "127.0.0.1"
    port: Port = 5557


class Standby(Host):
    """A second machine for a balancer: it takes the VIPs over when that is lost (VRRP).

    It has the balancer's backends, checks and port rules, and checks the backends all the time.

    Attributes:
        role: ``standby``: takes a balancer's addresses over.
        kind: By default that of the balancer.
        standby_of: The balancer.
    """

    role: Literal[Role.STANDBY]
    kind: StandbyKind = FAKE
    standby_of: Name


class Sender(Host):
    """A host that sends: an application server, a mail client.

    Attributes:
        role: ``sender``: sends the mail of its flows.
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
    kind: SenderKind = FAKE
    dns: tuple[Name, ...] = ()
    sorts_near: bool = False
    load: SharedLoad | None = None
    stands_for: Literal["client", "mailbox", "hub"] = "client"

    @property
    def retries(self) -> Retries:
        """When it tries again what it could not send."""
        return KINDS[self.kind].retries


class Edge(Host):
    """An Edge Transport server: takes mail from the Internet, filters it, and relays to the hubs.

    Attributes:
        logs: As of a hub.
        version: As of a hub.
        role: ``edge``: a hub at the border, with filters.
        kind: ``fake`` alone.
        filters: What it turns away.
        capacity: Attempts a second that it bears; `relaydrill plan` and `relaydrill lint` look at
            it.
    """

    role: Literal[Role.EDGE]
    kind: EdgeKind = FAKE
    filters: Filters = Filters()
    capacity: Rate | None = None
    logs: bool = False
    version: ExchangeVersion | None = None


class Dns(NameServerSettings, Host):
    """A name server for the topology's zones and names, or a caching resolver before others.

    Attributes:
        role: ``dns``: a name server.
        kind: ``fake``, or ``bind``: the real program, in a container.
        upstream: Name servers that it asks; without any it is authoritative.
    """

    role: Literal[Role.DNS]
    kind: DnsKind = FAKE
    upstream: tuple[Name, ...] = ()


Node = Annotated[
    Hub | Edge | Mailbox | Balancer | Standby | Dns | Sender, Field(discriminator="role")
]

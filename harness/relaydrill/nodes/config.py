"""What a node is told at its start: one JSON document for each role.

All durations here are wall seconds: the topology's clock has been applied already.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from relaydrill.address_span import EVERYBODY
from relaydrill.kinds import FAKE
from relaydrill.model import Model
from relaydrill.node_settings import (
    BalancerSettings,
    ClusterTiming,
    ConnectorSettings,
    Filters,
    HealthCheck,
    HubSettings,
    NameServerSettings,
    PortRuleSettings,
)


class Address(Model):
    """A real address and port to listen on or connect to."""

    address: str
    port: int


class Control(Model):
    """Where the control channel listens, and the token that each request must carry."""

    address: str
    port: int
    token: str = Field(repr=False)


class Tls(Model):
    """Certificate chain and key, PEM files."""

    certificate: str
    key: str


class Login(Model):
    """A user who may authenticate."""

    user: str
    password: str = Field(repr=False)


class Connector(ConnectorSettings):
    """One receive connector: whom it serves, and what they may do.

    Attributes:
        name: As in the topology.
        networks: Client address ranges that it serves.
        anonymous: Whether clients that have not logged in may send at all.
        internal: Whether it serves the organisation's own servers, whose mail is not filtered
            (Exchange: they log in to each other, and bypass the anti-spam agents).
    """

    name: str = "default"
    networks: tuple[str, ...] = EVERYBODY
    anonymous: bool = True
    internal: bool = False


class Listener(Model):
    """A port, and the receive connectors that share it.

    Attributes:
        port: Logical port, for journals.
        bind: The real one.
        connectors: The one with the smallest range around a client serves it.
    """

    port: int
    bind: Address
    connectors: tuple[Connector, ...] = (Connector(),)


class OwnNetwork(Model):
    """Addresses that a node has besides the one of its container, and where it finds others.

    Attributes:
        lab: Its container's own address, by which its interface is known.
        own: Further addresses of its own; its connections come from the first of them.
        others: Those of the rest of the lab, all of them neighbours.
    """

    lab: str
    own: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


class Common(Model):
    """What every node is told.

    Attributes:
        name: Node name, as in the topology.
        kind: Which program it is; see `relaydrill.kinds`.
        fqdn: The name it gives itself in SMTP.
        address: Its own address; its outgoing connections come from there.
        second_address: Its own of the other IP version; empty where it has none.
        dead_ends: Addresses and ports of its own at which connecting shall time out.
        journal: File to append events to.
        network: Addresses that it has to give itself; none: its machine has all of them.
    """

    name: str
    kind: str = FAKE
    fqdn: str
    address: str
    second_address: str = ""
    dead_ends: tuple[tuple[str, int], ...] = ()
    control: Control
    journal: str
    network: OwnNetwork | None = None

    @property
    def addresses(self) -> tuple[str, ...]:
        """Its own, of each IP version that it has."""
        return tuple(each for each in (self.address, self.second_address) if each)


class Receiver(Common):
    """What every node that accepts mail is told.

    Attributes:
        domains: Accepted domains.
        trusted_proxies: Addresses whose connections begin with a PROXY protocol header.
        idle_s: Silence after which a session is closed.
        backlog: Length of each listener's accept queue.
        logs: Folder for logs as Exchange keeps them; empty: none are kept.
    """

    listeners: tuple[Listener, ...]
    domains: tuple[str, ...]
    trusted_proxies: tuple[str, ...] = ()
    tls: Tls | None = None
    logins: tuple[Login, ...] = ()
    idle_s: float = 300.0
    backlog: int = 128
    logs: str = ""


class ClusterHost(Model):
    """One host of a WNLB cluster: where it hears heartbeats, and its host priority."""

    name: str
    beats: Address
    priority: int


class PortRule(PortRuleSettings):
    """One port rule for one VIP, as in `relaydrill.topology.PortRule`, with nothing left open.

    Attributes:
        vip: Its name.
        address: Its address.
        ports: Logical ones.
        weights: The weight of every host; 0 is also one.
        priorities: The priority of every host.
    """

    vip: str
    address: str
    ports: tuple[int, ...]
    weights: dict[str, int]
    priorities: dict[str, int]


class Cluster(ClusterTiming):
    """What the hosts of a WNLB cluster know of it, and its node.

    Attributes:
        name: The node's.
        observer: Where the node hears heartbeats.
        token: In every datagram.
        hosts: By priority, the lowest first.
        vips: Address by name.
        kernel: Whether the hosts' kernels are the cluster, or else a stand-in before them.
    """

    name: str
    token: str = Field(repr=False)
    observer: Address
    hosts: tuple[ClusterHost, ...]
    vips: dict[str, str]
    rules: tuple[PortRule, ...]
    kernel: bool = False


class Route(Model):
    """Where mail for some domains goes; it has a queue of its own.

    Attributes:
        name: Names the queue.
        towards: What the next hops are, for journals.
        domains: For which it is; none: for all that no other route names.
        next_hops: Tried in an order that is rotated for each connection.
    """

    name: str = "mailbox"
    towards: Literal["mailbox", "hub", "edge", "internet"] = "mailbox"
    domains: tuple[str, ...] = ()
    next_hops: tuple[Address, ...]


class Partner(Model):
    """Another hub: it keeps shadow copies for this one, or this one for it.

    Attributes:
        near: Whether it stands in the same site.
    """

    name: str
    address: Address
    near: bool = True


class Hub(Receiver, HubSettings):
    """A hub, or an Edge server.

    Attributes:
        queue: SQLite file.
        queue_pages: Most pages it may have; 0 is no limit.
        routes: Where its mail goes; see `relaydrill.topology.routing`.
        glitch_retry_s: Wait before the first retries of a destination that does not answer,
            seconds.
        glitch_retries: How many of these there are.
        retry_s: Wait before each of the retries after those, seconds.
        retries: How many of these there are.
        late_retry_s: Wait before all later retries, seconds.
        deferral_s: Wait after a 4xx for one message.
        connect_s: How long it waits for a connection, as a client, seconds.
        reply_s: How long it waits for a reply, as a client, seconds.
        partners: Hubs that keep shadow copies for it, and those that it keeps them for.
        workdir: Where a real program keeps its configuration; unused by the fake.
        filters: Of an Edge server.
        cluster: The WNLB cluster that it is a host of.
    """

    role: Literal["hub", "edge"] = "hub"
    queue: str
    queue_pages: int = 0
    routes: tuple[Route, ...]
    glitch_retry_s: float = 60.0
    glitch_retries: int = 4
    retry_s: float = 300.0
    retries: int = 6
    late_retry_s: float = 600.0
    deferral_s: float = 60.0
    connect_s: float = 30.0
    reply_s: float = 300.0
    partners: tuple[Partner, ...] = ()
    workdir: str = ""
    filters: Filters | None = None
    cluster: Cluster | None = None


class MxRecord(Model):
    """One MX record.

    Attributes:
        preference: Lower is preferred.
        host: A name, without its last dot; ``.`` for a null MX.
    """

    preference: int
    host: str


class Dns(Common, NameServerSettings):
    """A name server.

    Attributes:
        bind: Where it listens, by UDP and TCP.
        mx: MX records by domain.
        hosts: IPv4 addresses by name.
        hosts6: IPv6 addresses by name.
        aliases: The name that another stands for.
        ttl_s: How long an answer may be kept.
        ttls: The same for names of which it differs.
        negative_ttls: By domain, how long it may be kept that something is not there.
        upstream: Name servers to ask.
        upstream_s: How long each has for its answer.
        stale: The address that nobody has.
        workdir: Where a real program keeps its configuration; unused by the fake.
    """

    role: Literal["dns"] = "dns"
    bind: Address
    mx: dict[str, tuple[MxRecord, ...]] = Field(default_factory=dict)
    hosts: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    hosts6: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    aliases: dict[str, str] = Field(default_factory=dict)
    ttl_s: float
    ttls: dict[str, float] = Field(default_factory=dict)
    negative_ttls: dict[str, float] = Field(default_factory=dict)
    upstream: tuple[Address, ...] = ()
    upstream_s: float = 5.0
    stale: str = ""
    workdir: str = ""

    @property
    def longest_negative_s(self) -> float:
        """How long it may be kept that something outside of all domains is not there."""
        return max(self.negative_ttls.values(), default=0.0)


class Mailbox(Receiver):
    """A mailbox server.

    Attributes:
        workdir: Where a real program keeps its mail; unused by the fake.
    """

    role: Literal["mailbox"] = "mailbox"
    workdir: str = ""


class Front(Model):
    """One port rule: connections to ``bind`` go to one of the backends' ``port``."""

    vip: str
    port: int
    bind: Address


class Backend(Model):
    """One hub behind a balancer, with its real endpoint for each logical port."""

    name: str
    endpoints: dict[int, Address]


class Vrrp(Model):
    """How a machine of a pair speaks with the other.

    Attributes:
        later_s: How much longer it waits for the other at its start than later on.
        vips: The addresses that whoever is master holds.
        hears: Where this machine hears advertisements.
        other: Where the other one does.
        token: In each of them.
        keepalived: Whether keepalived holds the addresses, or else whoever is master listens.
    """

    priority: int
    advert_s: float
    preempt: bool
    later_s: float = 0.0
    vips: tuple[str, ...]
    hears: Address
    other: Address
    token: str = Field(repr=False)
    keepalived: bool = False


class OwnFile(Model):
    """A file of the user's own, as it is; ``path`` is what the user calls it."""

    path: str
    text: str


class OwnHaproxy(Model):
    """The user's own haproxy.cfg, and what of it is of the design.

    Attributes:
        files: In the order in which HAProxy reads them.
        farms: The logical ports of each section whose servers are told of.
        nodes: The nodes behind a balancer, by their addresses.
        hosts: What names in the files lead to.
        folders: Those that must be there.
        is_bounded: Whether they say how many sessions HAProxy takes at all.
    """

    files: tuple[OwnFile, ...]
    farms: dict[str, tuple[int, ...]]
    nodes: dict[str, str]
    hosts: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    folders: tuple[str, ...] = ()
    is_bounded: bool = False


class Balancer(Common, BalancerSettings):
    """A balancer, the fake or HAProxy's keeper.

    Attributes:
        vrrp: How it speaks with the other machine of its pair; none: it holds its VIPs alone.
        own: The user's own configuration; none: it is made from these settings.
    """

    role: Literal["balancer"] = "balancer"
    fronts: tuple[Front, ...]
    backends: tuple[Backend, ...]
    check: HealthCheck
    connect_s: float = 5.0
    backlog: int = 128
    program: str = ""
    workdir: str = ""
    vrrp: Vrrp | None = None
    own: OwnHaproxy | None = None


class ClusterNode(Common):
    """The node of a WNLB cluster.

    Attributes:
        fronts: Where the stand-in takes connections; none where the kernels are the cluster.
        backends: The hosts.
    """

    role: Literal["wnlb"] = "wnlb"
    cluster: Cluster
    fronts: tuple[Front, ...]
    backends: tuple[Backend, ...]
    backlog: int = 128


class Sender(Common):
    """A sending host.

    Attributes:
        hosts: What names resolve to, of IPv4.
        hosts6: What they resolve to of IPv6, as far as the host has that itself.
        ports: Real port of each logical one, by address.
        ca: The certificate authority to trust, PEM file.
        login: What it authenticates with.
        connect_s: How long it waits for a connection, seconds.
        reply_s: How long it waits for a reply, seconds.
        dns: Name servers, in the order in which they are asked; none: it knows ``hosts`` alone.
        dns_s: How long each has for its answer.
        nodes: Whose address is whose: node by address.
        cache_s: How long a client that keeps addresses does so.
        near: Whether clients of a name put its nearest address first.
        every_s: How long after one address the next is begun by a sender that tries several at
            once, seconds.
        shun_s: How long a sender that remembers failures leaves a host alone.
        most_at_once: Bound on attempts under way at once.
        fence: Address ranges beyond which it connects to nothing; none: it may go anywhere.
        fence_ports: Real ports that it may connect to; none: all.
        workers: Locust workers that make its attempts; 0: it makes them itself.
        master: Where their master listens.
    """

    role: Literal["sender"] = "sender"
    hosts: dict[str, tuple[str, ...]]
    hosts6: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    ports: dict[str, dict[int, int]]
    ca: str
    login: Login
    connect_s: float = 30.0
    reply_s: float = 60.0
    dns: tuple[Address, ...] = ()
    dns_s: float = 5.0
    nodes: dict[str, str] = Field(default_factory=dict)
    cache_s: float = 300.0
    near: bool = False
    every_s: float = 0.25
    shun_s: float = 900.0
    most_at_once: int = 4096
    fence: tuple[str, ...] = ()
    fence_ports: tuple[int, ...] = ()
    workers: int = 0
    master: Address | None = None


class Mta(Receiver):
    """A sending host that is a real mail server.

    Its one listener is where its own keeper hands mail in.

    Attributes:
        hosts: What names resolve to.
        smart_host: Where it sends everything; empty: it looks up MX records.
        port: The port there.
        dns: Name servers that it asks, at port 53.
        nodes: Whose address is whose: node by address.
        retry_s: First wait after a failure that may pass.
        late_retry_s: Longest wait.
        queue_run_s: How often the queue is looked through for what is to be tried again.
        dead_host_s: How long a host that did not answer is left alone.
        connect_s: Timeout of a connection.
        reply_s: Of a reply.
        most_at_once: Bound on messages handed in and not yet tried.
        workdir: Where it keeps its files.
        log: The file of its log, where it runs already, and its listener is its own.
        queue_command: What prints its queue then.
    """

    role: Literal["mta"] = "mta"
    hosts: dict[str, tuple[str, ...]]
    smart_host: str
    port: int = 25
    dns: tuple[str, ...] = ()
    nodes: dict[str, str] = Field(default_factory=dict)
    retry_s: float
    late_retry_s: float
    queue_run_s: float
    dead_host_s: float
    connect_s: float = 30.0
    reply_s: float = 300.0
    most_at_once: int = 512
    workdir: str = ""
    log: str = ""
    queue_command: tuple[str, ...] = ()


NodeConfig = Annotated[
    Hub | Mailbox | Balancer | ClusterNode | Dns | Sender | Mta, Field(discriminator="role")
]

_ADAPTER: TypeAdapter[NodeConfig] = TypeAdapter(NodeConfig)


def parse(text: str | bytes) -> NodeConfig:
    """Read a configuration document.

    Raises:
        pydantic.ValidationError: It is none.
    """
    return _ADAPTER.validate_json(text)

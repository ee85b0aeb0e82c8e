"""What a node is told at its start: one JSON document for each role.

All durations here are wall seconds: the topology's clock has been applied already.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter


class Model(BaseModel):
    """Base of all node configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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


class Connector(Model):
    """One receive connector: whom it serves, and what they may do.

    Attributes:
        name: As in the topology. networks: Client address ranges that it serves.
        anonymous: Whether clients that have not logged in may send at all.
        relay: Whether it takes mail for any domain.
        tls, auth: As in `relaydrill.topology.Connector`.
        most_connections: Open at once. most_per_source: Of them from one address; None: any number.
        most_recipients: Of one message. size_limit: Bytes of one message.
        internal: Whether it serves the organisation's own servers, whose mail is not filtered
            (Exchange: they log in to each other, and bypass the anti-spam agents).
    """

    name: str = "default"
    networks: tuple[str, ...] = ("0.0.0.0/0",)
    anonymous: bool = True
    relay: bool = False
    tls: Literal["none", "offered", "required"] = "none"
    auth: Literal["none", "required"] = "none"
    most_connections: int = 5000
    most_per_source: int | None = None
    most_recipients: int = 200
    size_limit: int = 37_748_736
    internal: bool = False


class Listener(Model):
    """A port, and the receive connectors that share it.

    Attributes:
        port: Logical port, for journals. bind: The real one.
        connectors: The one with the smallest range around a client serves it.
    """

    port: int
    bind: Address
    connectors: tuple[Connector, ...] = (Connector(),)


class Common(Model):
    """What every node is told.

    Attributes:
        name: Node name, as in the topology. fqdn: The name it gives itself in SMTP.
        address: Its own address; its outgoing connections come from there.
        journal: File to append events to.
    """

    name: str
    fqdn: str
    address: str
    control: Control
    journal: str


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


class PortRule(Model):
    """One port rule for one VIP, as in `relaydrill.topology.PortRule`, with nothing left open.

    Attributes:
        vip, address: Name and address. ports: Logical ones.
        weights, priorities: Of every host; 0 is also a weight.
    """

    vip: str
    address: str
    ports: tuple[int, ...]
    filtering: Literal["multiple", "single", "disabled"]
    affinity: Literal["none", "single", "network"]
    weights: dict[str, int]
    priorities: dict[str, int]


class Cluster(Model):
    """What the hosts of a WNLB cluster know of it, and its node.

    Attributes:
        name: The node's. observer: Where the node hears heartbeats. token: In every datagram.
        hosts: By priority, the lowest first. vips: Address by name.
        kernel: Whether the hosts' kernels are the cluster, or else a stand-in before them.
    """

    name: str
    token: str = Field(repr=False)
    observer: Address
    hosts: tuple[ClusterHost, ...]
    vips: dict[str, str]
    rules: tuple[PortRule, ...]
    heartbeat_s: float
    missed: int
    convergence_s: float
    kernel: bool = False


class Filters(Model):
    """What an Edge server turns away; see `relaydrill.topology.Filters`.

    Attributes:
        blocked: Address ranges. tarpit_s: Wait before a refusal.
    """

    blocked: tuple[str, ...] = ()
    senders: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()
    content: bool = True
    tarpit_s: float = 0.0


class Route(Model):
    """Where mail for some domains goes; it has a queue of its own.

    Attributes:
        name: Names the queue. towards: What the next hops are, for journals.
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


class Hub(Receiver):
    """A hub, or an Edge server.

    Attributes:
        queue: SQLite file. queue_pages: Most pages it may have; 0 is no limit.
        routes: Where its mail goes; see `relaydrill.topology.routing`.
        glitch_retry_s, glitch_retries: First retries of a destination that does not answer.
        retry_s, retries, late_retry_s: The retries after those, and all later ones.
        deferral_s: Wait after a 4xx for one message.
        connect_s, reply_s: Timeouts as a client.
        ack, ack_lag_s, ack_delay_s, copies: As in `relaydrill.topology.Hub`.
        partners: Hubs that keep shadow copies for it, and those that it keeps them for.
        shadow_heartbeat_s, shadow_resubmit_s: As in `relaydrill.topology.Shadow`.
        workdir: Where a real program keeps its configuration; unused by the fake.
        filters: Of an Edge server.
        cluster: The WNLB cluster that it is a host of.
    """

    role: Literal["hub", "edge", "postfix"] = "hub"
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
    ack: Literal["stored", "before_store", "delayed", "shadow"] = "stored"
    ack_lag_s: float = 1.0
    ack_delay_s: float = 30.0
    partners: tuple[Partner, ...] = ()
    shadow_heartbeat_s: float = 120.0
    shadow_resubmit_s: float = 10800.0
    copies: int = 1
    workdir: str = ""
    filters: Filters | None = None
    cluster: Cluster | None = None


class MxRecord(Model):
    """One MX record."""

    preference: int
    host: str


class Dns(Common):
    """A name server.

    Attributes:
        bind: Where it listens, by UDP and TCP.
        mx: MX records by domain. hosts: Addresses by name. ttl_s: How long an answer may be kept.
        order, netmask_ordering: As in `relaydrill.topology.Dns`.
        upstream: Name servers to ask. upstream_s: How long each has for its answer.
        stale: The address that nobody has.
        workdir: Where a real program keeps its configuration; unused by the fake.
    """

    role: Literal["dns", "bind"] = "dns"
    bind: Address
    mx: dict[str, tuple[MxRecord, ...]] = {}
    hosts: dict[str, tuple[str, ...]] = {}
    ttl_s: float
    order: Literal["rotate", "random", "fixed"] = "rotate"
    netmask_ordering: bool = False
    upstream: tuple[Address, ...] = ()
    upstream_s: float = 5.0
    stale: str = ""
    workdir: str = ""


class Mailbox(Receiver):
    """A mailbox server.

    Attributes:
        workdir: Where a real program keeps its mail; unused by the fake.
    """

    role: Literal["mailbox", "postfix-mailbox"] = "mailbox"
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


class Check(Model):
    """Health check; see `relaydrill.topology.HealthCheck`."""

    kind: Literal["none", "tcp", "smtp", "mail"]
    interval_s: float
    timeout_s: float
    fall: int
    rise: int


class Vrrp(Model):
    """How a machine of a pair speaks with the other.

    Attributes:
        later_s: How much longer it waits for the other at its start than later on.
        vips: The addresses that whoever is master holds.
        hears, other: Where this machine and the other hear advertisements. token: In each of them.
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


class Balancer(Common):
    """A balancer, the fake or HAProxy's keeper.

    Attributes:
        vrrp: How it speaks with the other machine of its pair; none: it holds its VIPs alone.
    """

    role: Literal["balancer", "haproxy"] = "balancer"
    fronts: tuple[Front, ...]
    backends: tuple[Backend, ...]
    check: Check
    source: Literal["proxy", "snat"] = "proxy"
    method: Literal["roundrobin", "leastconn"] = "roundrobin"
    redispatch: bool = False
    on_marked_down: Literal["keep", "shutdown"] = "keep"
    connect_s: float = 5.0
    backlog: int = 128
    program: str = ""
    workdir: str = ""
    vrrp: Vrrp | None = None


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
        hosts: What names resolve to. ports: Real port of each logical one, by address.
        ca: The certificate authority to trust, PEM file.
        login: What it authenticates with.
        connect_s, reply_s: Timeouts.
        dns: Name servers, in the order in which they are asked; none: it knows ``hosts`` alone.
        dns_s: How long each has for its answer.
        nodes: Whose address is whose: node by address.
        cache_s: How long a client that keeps addresses does so.
        near: Whether clients of a name put its nearest address first.
        shun_s: How long a sender that remembers failures leaves a host alone.
        most_at_once: Bound on attempts under way at once.
        fence: Address ranges beyond which it connects to nothing; none: it may go anywhere.
        fence_ports: Real ports that it may connect to; none: all.
        workers: Locust workers that make its attempts; 0: it makes them itself.
        master: Where their master listens.
    """

    role: Literal["sender"] = "sender"
    hosts: dict[str, tuple[str, ...]]
    ports: dict[str, dict[int, int]]
    ca: str
    login: Login
    connect_s: float = 30.0
    reply_s: float = 60.0
    dns: tuple[Address, ...] = ()
    dns_s: float = 5.0
    nodes: dict[str, str] = {}
    cache_s: float = 300.0
    near: bool = False
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
        smart_host, port: Where it sends everything; without a smart host it looks up MX records.
        dns: Name servers that it asks, at port 53. nodes: Whose address is whose: node by address.
        retry_s: First wait after a failure that may pass. late_retry_s: Longest wait.
        queue_run_s: How often the queue is looked through for what is to be tried again.
        dead_host_s: How long a host that did not answer is left alone.
        connect_s: Timeout of a connection. reply_s: Of a reply.
        most_at_once: Bound on messages handed in and not yet tried.
        workdir: Where it keeps its files.
    """

    role: Literal["sending-postfix", "sending-exim"]
    hosts: dict[str, tuple[str, ...]]
    smart_host: str
    port: int = 25
    dns: tuple[str, ...] = ()
    nodes: dict[str, str] = {}
    retry_s: float
    late_retry_s: float
    queue_run_s: float
    dead_host_s: float
    connect_s: float = 30.0
    reply_s: float = 300.0
    most_at_once: int = 512
    workdir: str = ""


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

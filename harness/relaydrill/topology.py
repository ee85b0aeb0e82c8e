"""The declared design of a mail tier: pure data, frozen, no I/O.

Every duration in a topology is *field time*: what the timer would be on the real system. A lab
divides it by ``clock``. Rates are not timers: 50/s is fifty attempts in each second of the wall
clock, whatever the clock.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from relaydrill.scalars import DOMAIN, Domain, Duration, Host, Name, Port, Rate, Remote, wrong

BALANCER_CONNECT_S: Final = 5.0
"""Field seconds for which a balancer tries to connect to a backend (HAProxy's own default: none;
its manual shows 5 s)."""


class Role(enum.StrEnum):
    """What a node does in the mail tier."""

    HUB = "hub"
    MAILBOX = "mailbox"
    BALANCER = "balancer"
    SENDER = "sender"


class Model(BaseModel):
    """Base of all topology models: frozen, and no key that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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


class Hub(Model):
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


class Mailbox(Model):
    """A mailbox server: the end of the road for the domains it holds.

    Attributes:
        kind: ``fake``, or ``postfix``: the real program, in a container.
    """

    role: Literal[Role.MAILBOX]
    kind: Literal["fake", "postfix"] = "fake"
    domains: tuple[Domain, ...] = Field(min_length=1)


class Balancer(Model):
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


class Sender(Model):
    """A host that sends: an application server, a mail client.

    Attributes:
        kind: ``fake`` sends as its flow's persona says; ``postfix`` and ``exim`` are the real
            programs, in a container, with a smart host: they pick its address and retry as they do
            in the field.
    """

    role: Literal[Role.SENDER]
    kind: Literal["fake", "postfix", "exim"] = "fake"


Node = Annotated[Hub | Mailbox | Balancer | Sender, Field(discriminator="role")]


class Connector(Model):
    """A receive connector of every hub: who may speak to which port, and what for.

    Attributes:
        port: Where it listens.
        remote: Nodes and address ranges that it serves; the default is everybody.
        relay: Whether it takes mail for any domain, or only for the mailbox servers' own.
        tls: ``required`` refuses MAIL before STARTTLS. auth: ``required`` refuses MAIL before AUTH.
    """

    port: Port
    remote: tuple[Remote, ...] = ("0.0.0.0/0",)
    relay: bool = False
    tls: Literal["none", "offered", "required"] = "none"
    auth: Literal["none", "required"] = "none"

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
        gap: Longest time in which the flow may attempt and nothing is accepted.
        degraded: Longest time after a fault, or its heal, in which attempts may fail; the default
            is that of ``gap``.
    """

    lost: int = Field(default=0, ge=0)
    phantom: int = Field(default=0, ge=0)
    altered: int = Field(default=0, ge=0)
    duplicated: int | None = Field(default=None, ge=0)
    gap: Duration = 10.0
    degraded: Duration | None = None

    @property
    def degraded_s(self) -> float:
        """The bound on failing attempts, field seconds."""
        return self.gap if self.degraded is None else self.degraded


class Flow(Model):
    """A path that mail takes, with its sender.

    Attributes:
        sender: The node that sends (``from`` in a file). persona: How it picks a host and retries.
        to: A name of the topology, a VIP or a node. port: Where it connects.
        rate: Attempts a second of the wall clock; they follow the schedule whatever the replies.
        recipient: Envelope recipient; the default is a mailbox in the first mailbox domain.
        size: Bytes of a message's body.
        expect: Replaces the topology's own ``expect`` for this flow.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True)

    sender: Name = Field(alias="from")
    persona: Literal["single_host", "mail_client"] = "single_host"
    to: Host
    port: Port = 25
    rate: Rate = 10.0
    recipient: str = ""
    size: int = Field(default=2000, ge=100, le=30_000_000)
    expect: Expect | None = None


class Acceptance(Model):
    """A weakness that the topology's author knows and accepts, with the reason.

    It covers the time for which mail does not flow while ``node`` is broken. It never covers lost,
    phantom, altered or duplicated mail.
    """

    node: Name
    flows: tuple[Name, ...] = ()
    reason: str = Field(min_length=10)


class Topology(Model):
    """The declared design. See the package's ``topologies`` folder for whole ones.

    Attributes:
        clock: Every timer runs this many times faster than in the field.
        names: What DNS says: host name to the VIP or node whose address it gives.
        connectors: Receive connectors that every hub has.
        accept: Weaknesses that do not fail an audit.
    """

    name: Name
    summary: str = ""
    clock: float = Field(default=1.0, ge=0.1, le=100.0)
    nodes: dict[Name, Node] = Field(min_length=1)
    names: dict[Domain, Name] = Field(default_factory=dict)
    connectors: dict[Name, Connector] = Field(default_factory=dict)
    flows: dict[Name, Flow] = Field(default_factory=dict)
    expect: Expect = Expect()
    accept: tuple[Acceptance, ...] = ()

    @model_validator(mode="after")
    def _references(self) -> Self:
        """Every name that is used must be declared; all such mistakes are told at once."""
        found = list(_dangling(self))
        if found:
            raise wrong("references", "{count} wrong", count=len(found), wrong=found)
        return self

    def of_role(self, role: Role) -> dict[str, Any]:
        """The nodes of one role, by name, in the order of the file."""
        return {name: node for name, node in self.nodes.items() if node.role == role}

    @property
    def hubs(self) -> dict[str, Hub]:
        """Hub nodes by name."""
        return self.of_role(Role.HUB)

    @property
    def balancers(self) -> dict[str, Balancer]:
        """Balancer nodes by name."""
        return self.of_role(Role.BALANCER)

    @property
    def mailboxes(self) -> dict[str, Mailbox]:
        """Mailbox nodes by name."""
        return self.of_role(Role.MAILBOX)

    @property
    def senders(self) -> dict[str, Sender]:
        """Sender nodes by name."""
        return self.of_role(Role.SENDER)

    @property
    def tier(self) -> tuple[str, ...]:
        """The nodes whose loss an audit tries: all but the senders."""
        return tuple(name for name, node in self.nodes.items() if node.role != Role.SENDER)

    @property
    def queueing(self) -> tuple[str, ...]:
        """The nodes that may hold mail back: hubs, and every real mail server."""
        return tuple(
            name
            for name, node in self.nodes.items()
            if node.role == Role.HUB or (node.role != Role.BALANCER and node.kind != "fake")
        )

    @property
    def vips(self) -> dict[str, tuple[str, Vip]]:
        """Every VIP by name, with the balancer that holds it."""
        return {
            vip: (name, rule)
            for name, balancer in self.balancers.items()
            for vip, rule in balancer.vips.items()
        }

    @property
    def domains(self) -> tuple[str, ...]:
        """The accepted domains: those of all mailbox servers."""
        return tuple(dict.fromkeys(d for box in self.mailboxes.values() for d in box.domains))

    def expectation(self, flow: str) -> Expect:
        """What ``flow`` promises: its own ``expect``, or else the topology's."""
        return self.flows[flow].expect or self.expect

    def recipient(self, flow: str) -> str:
        """The envelope recipient of ``flow``."""
        return self.flows[flow].recipient or f"user@{self.domains[0]}"

    def acceptance(self, node: str, flow: str) -> Acceptance | None:
        """The weakness accepted for ``flow`` while ``node`` is broken, if there is one."""
        for entry in self.accept:
            if entry.node == node and (not entry.flows or flow in entry.flows):
                return entry
        return None

    def backends_behind(self, node: str) -> tuple[str, ...]:
        """The hubs that share mail with ``node`` behind one balancer, itself included."""
        for balancer in self.balancers.values():
            if node in balancer.backends:
                return balancer.backends
        return ()


Dangling = tuple[tuple[str | int, ...], str, str]
"""Where (path of keys), what is wrong, what is allowed."""


def _wrong_for_a_real_sender(topology: Topology, key: str, flow: Flow) -> Iterator[Dangling]:
    """A real program has no persona but its own, and one smart host for all that it sends."""
    sender = topology.senders.get(flow.sender)
    if sender is None or sender.kind == "fake":
        return
    if flow.persona != Flow.model_fields["persona"].default:
        yield (
            ("flows", key, "persona"),
            f"{flow.sender!r} is a real {sender.kind} and sends as that does",
            "no persona, or a sender of kind fake",
        )
    first = next(each for each in topology.flows.values() if each.sender == flow.sender)
    if (flow.to, flow.port) != (first.to, first.port):
        yield (
            ("flows", key, "to"),
            f"{flow.sender!r} is a real {sender.kind} and has one smart host for all its flows",
            f"{first.to} with port {first.port}, or a sender of its own for this flow",
        )


def _one_of(names: Iterator[str] | tuple[str, ...] | dict[str, Any]) -> str:
    known = sorted(names)
    return "one of: " + ", ".join(known) if known else "none is declared"


def _dangling(topology: Topology) -> Iterator[Dangling]:
    yield from _dangling_balancers(topology)
    targets = {**topology.nodes, **topology.vips}
    for host, target in topology.names.items():
        if target not in targets:
            yield ("names", host), f"no node or VIP is called {target!r}", _one_of(targets)
    for key, connector in topology.connectors.items():
        for at, remote in enumerate(connector.remote):
            if "/" not in remote and remote not in topology.nodes:
                yield (
                    ("connectors", key, "remote", at),
                    f"no node is called {remote!r}",
                    _one_of(topology.nodes) + ", or an address range",
                )
    yield from _dangling_flows(topology)
    for at, entry in enumerate(topology.accept):
        if entry.node not in topology.nodes:
            yield (
                ("accept", at, "node"),
                f"no node is called {entry.node!r}",
                _one_of(topology.tier),
            )
        for flow_at, flow in enumerate(entry.flows):
            if flow not in topology.flows:
                yield (
                    ("accept", at, "flows", flow_at),
                    f"no flow is called {flow!r}",
                    _one_of(topology.flows),
                )


def _dangling_balancers(topology: Topology) -> Iterator[Dangling]:
    seen: dict[str, str] = {}
    for name, balancer in topology.balancers.items():
        for at, backend in enumerate(balancer.backends):
            if backend not in topology.hubs:
                yield (
                    ("nodes", name, "backends", at),
                    f"no hub is called {backend!r}",
                    _one_of(topology.hubs),
                )
            elif backend in balancer.backends[:at]:
                yield ("nodes", name, "backends", at), f"{backend!r} is listed twice", "once"
        for vip in balancer.vips:
            if vip in topology.nodes or vip in seen:
                yield (
                    ("nodes", name, "vips", vip),
                    f"{vip!r} is already the name of another VIP or node",
                    "a name of its own",
                )
            seen[vip] = name


def _dangling_flows(topology: Topology) -> Iterator[Dangling]:
    targets = {**topology.nodes, **topology.vips, **topology.names}
    for key, flow in topology.flows.items():
        if flow.sender not in topology.senders:
            yield (
                ("flows", key, "from"),
                f"no sender is called {flow.sender!r}",
                _one_of(topology.senders),
            )
        if flow.to not in targets:
            yield ("flows", key, "to"), f"nothing is called {flow.to!r}", _one_of(targets)
        yield from _wrong_for_a_real_sender(topology, key, flow)
        domain = flow.recipient.rpartition("@")[2]
        if flow.recipient and ("@" not in flow.recipient or not DOMAIN.match(domain.lower())):
            yield ("flows", key, "recipient"), f"{flow.recipient!r} is no address", "user@domain"
        if not topology.domains:
            yield ("flows", key), "no mailbox server receives this mail", "a node of role mailbox"

"""Where a design really stands: the inventory of a lab that runs already. Pure data.

Nothing of it is a secret: credentials are named here (``env:NAME`` or ``file:PATH``) and read when
a lab is attached to.
"""

from __future__ import annotations

import contextlib
from typing import Annotated, Final, Literal

from pydantic import (
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    TypeAdapter,
    ValidationError,
)

from relaydrill.endpoint import address_of
from relaydrill.model import Model
from relaydrill.scalars import (
    Address,
    AddressRange,
    Domain,
    Duration,
    IPv6,
    Name,
    Port,
    Rate,
    SecretName,
    ServerName,
    wrong,
)
from relaydrill.topology.log_source import Log, LogSource

Mailbox = Annotated[str, Field(pattern=r"^[^\s@,;<>]+(@[^\s@,;<>]+)?$")]
"""An address, or the name of an account as a server's log has it."""


class RuntimeApi(Model):
    """HAProxy's runtime API (its management guide, §9.3): the state of one server.

    Attributes:
        socket: ``unix:/run/haproxy.sock``, ``tcp:10.0.0.1:9999`` or ``tcp:[2001:db8::1]:9999``.
        server: ``backend/server``, as ``show stat`` names them; several where a hub has several.
        state: What they are set to.
        sessions: Whether those that are open are cut, too (``shutdown sessions server``).
    """

    socket: str = Field(pattern=r"^(unix:/.+|tcp:([^:\[\]]+|\[[0-9a-fA-F:.]+\]):\d{1,5})$")
    server: tuple[str, ...] = Field(min_length=1)
    state: Literal["ready", "drain", "maint"]
    sessions: Literal["keep", "shutdown"] = "keep"

    @property
    def endpoint(self) -> tuple[str, int] | None:
        """Host and port of the socket; None for one of this machine's files."""
        kind, _, place = self.socket.partition(":")
        host, port = address_of(place), place.rpartition(":")[2]
        return (host, int(port)) if kind == "tcp" else None

    @property
    def path(self) -> str:
        """The file of the socket; empty for one that is reached by TCP."""
        return "" if self.endpoint else self.socket.partition(":")[2]


class ContainerAction(Model):
    """What is done to a container of this machine's Docker engine, by name.

    Attributes:
        container: Its name.
        do: What is done to it.
    """

    container: str = Field(min_length=1)
    do: Literal["kill", "stop", "start", "pause", "unpause"]


class Action(Model):
    """One thing that is done to a real lab: ``run``, ``haproxy``, ``docker`` or ``ask``.

    Attributes:
        run: A command and its arguments, started without a shell.
        haproxy: A state to set by HAProxy's runtime API.
        docker: What to do with a container. In all of these, ``{node}``, ``{address}`` and
            ``{fault}`` are filled in.
        ask: What a person is asked to do, at the keyboard.
        timeout: How long it may take, seconds of the wall clock.
    """

    run: tuple[str, ...] | None = Field(default=None, min_length=1)
    haproxy: RuntimeApi | None = None
    docker: ContainerAction | None = None
    ask: str | None = Field(default=None, min_length=1)
    timeout: Duration = 30.0

    @property
    def ways(self) -> int:
        """How many things it is; one, in a design that breaks no rule."""
        return sum(bool(each) for each in (self.run, self.haproxy, self.docker, self.ask))


class Check(Model):
    """A command that tells whether a node is whole: it is if it ends with 0.

    Attributes:
        run: As in `Action`.
        timeout: How long a healed node may take to be whole, seconds of the wall clock.
    """

    run: tuple[str, ...] = Field(min_length=1)
    timeout: Duration = 30.0


class Hook(Model):
    """How one fault is done to a node of a real lab, and undone.

    ``heal`` must put the node right whatever state it is in: after a crash it is done again.

    Attributes:
        inject: See `Action`.
        heal: See `Action`.
        check: What tells whether the node is whole, where neither HAProxy nor Docker can be asked.
    """

    inject: Action
    heal: Action
    check: Check | None = None


class Login(Model):
    """What somebody logs in with: where the user and the password are found.

    Attributes:
        user: Where the user's name is found: ``env:NAME`` or ``file:PATH``.
        password: Where the password is found, likewise.
    """

    user: SecretName
    password: SecretName


class NamedServer(Model):
    """A server that is reached at an address, and whose certificate bears a name.

    Attributes:
        address: Where it is reached.
        name: What its certificate bears.
    """

    address: Address
    name: Domain


def _server(value: object) -> str | NamedServer:
    """One or the other; pydantic's own union would tell what is wrong twice over."""
    if isinstance(value, NamedServer):
        return value
    with contextlib.suppress(ValidationError):
        return NamedServer.model_validate(value)
    try:
        return TypeAdapter[str](ServerName).validate_python(value)
    except ValidationError:
        raise wrong(
            "server",
            "not a server; allowed: imap.contoso.com, 10.1.0.20,"
            " {address: 10.1.0.20, name: imap.contoso.com}",
        ) from None


def _as_written(server: str | NamedServer) -> str | dict[str, str]:
    return server if isinstance(server, str) else {"address": server.address, "name": server.name}


class Imap(Model):
    """A mailbox in which the test domain's mail arrives, looked into by IMAP.

    Attributes:
        server: A name, which its certificate must bear; an address, which it must bear likewise; or
            both, where the name leads elsewhere.
        port: Its port.
        tls: Whether from the first byte on, by STARTTLS, or not at all.
        login: Of the mailbox.
        folder: Where the mail is.
        whose: (``for`` in a file) To whom mail is sent that arrives in it, for nothing in a mailbox
            names them; by default the recipient of the flows that end at its server, where they
            have only one.
        compare: Whether bodies are compared with what was sent: not with a server that writes them
            anew, as Exchange does.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True)

    server: Annotated[
        str | NamedServer,
        PlainValidator(_server, json_schema_input_type=str | NamedServer),
        PlainSerializer(_as_written),
    ]
    port: Port = 993
    tls: Literal["implicit", "starttls", "none"] = "implicit"
    login: Login
    whose: tuple[Mailbox, ...] = Field(default=(), alias="for")
    folder: str = Field(default="INBOX", min_length=1)
    compare: bool = True

    @property
    def host(self) -> str:
        """What is connected to: an address, or a name that leads to one."""
        return self.server.address if isinstance(self.server, NamedServer) else self.server

    @property
    def name(self) -> str:
        """What its certificate must bear."""
        return self.server.name if isinstance(self.server, NamedServer) else self.server


class AnyOf(Model):
    """Mailboxes one of which is enough.

    Attributes:
        any: Their addresses.
    """

    any: tuple[Mailbox, ...] = Field(min_length=1)


def _mailboxes(value: object) -> tuple[str, ...] | AnyOf:
    """One, several, or any of several; pydantic's own union would tell what is wrong thrice."""
    if isinstance(value, AnyOf):
        return value
    try:
        if isinstance(value, dict):
            return AnyOf.model_validate(value)
        return _SEVERAL.validate_python([value] if isinstance(value, str) else value)
    except ValidationError:
        raise wrong(
            "mailboxes",
            "not mailboxes; allowed: anna@contoso.com, [anna@contoso.com, ben@contoso.com],"
            " {any: [anna@contoso.com, ben@contoso.com]}",
        ) from None


def _written(value: tuple[str, ...] | AnyOf) -> list[str] | dict[str, list[str]]:
    """As a file has it; what pydantic would derive warns of its own lists in JSON."""
    return {"any": [*value.any]} if isinstance(value, AnyOf) else [*value]


Mailboxes = Annotated[
    tuple[Mailbox, ...] | AnyOf,
    PlainSerializer(_written),
    PlainValidator(_mailboxes, json_schema_input_type=str | tuple[Mailbox, ...] | AnyOf),
]
"""One mailbox, several all of which are meant, or `AnyOf` several."""

_SEVERAL: Final = TypeAdapter(Annotated[tuple[Mailbox, ...], Field(min_length=1)])


class Arrivals(Model):
    """How one sees what arrives at a mailbox server of the lab: exactly one of these.

    Attributes:
        imap: A mailbox.
        tracking_logs: A folder with Exchange's message tracking logs.
        log: Where Postfix's or Exim's log is.
        postfix_log: The file of Postfix's log.
        exim_log: The file of Exim's log.
        journal: The journal of a mailbox server of another Relaydrill on this machine.
    """

    imap: Imap | None = None
    tracking_logs: str | None = None
    log: Log | None = None
    postfix_log: str | None = None
    exim_log: str | None = None
    journal: str | None = None

    @property
    def ways(self) -> int:
        """How many there are; one, in a design that breaks no rule."""
        seen = (self.imap, self.tracking_logs, self.mail_log, self.journal)
        logs = [each for each in (self.log, self.postfix_log, self.exim_log) if each is not None]
        return sum(each is not None for each in seen) + len(logs[1:])

    @property
    def mail_log(self) -> LogSource | None:
        """Where a log of Postfix's or Exim's is; None where arrivals are seen otherwise."""
        path = self.postfix_log or self.exim_log
        return self.log or (LogSource(file=path) if path else None)


class AttachedSeat(Model):
    """Where something is that is there already.

    Attributes:
        address: Its address in the lab.
        ipv6: Its IPv6 address, where names lead to both (``ip: dual``); ``address`` is the other.
        ports: Real port behind a logical one, where they differ.
    """

    address: Address
    ipv6: IPv6 | None = None
    ports: dict[Port, Port] = Field(default_factory=dict)

    @property
    def addresses(self) -> tuple[str, ...]:
        """All that it has."""
        return (self.address, self.ipv6) if self.ipv6 else (self.address,)


class AttachedNode(AttachedSeat):
    """A node that runs already.

    Attributes:
        known_as: The names that it gives itself in its banner; by default whatever begins with the
            node's own name.
        hooks: How each fault is done to it, by the fault's kind.
        queue: A command that prints its queue as ``postqueue -j`` does.
        arrivals: On a mailbox server: how one sees what arrives.
        log: On any server that is a Postfix or an Exim: where its log is, which tells what it
            holds, hands on or throws away.
    """

    known_as: tuple[Domain, ...] = ()
    hooks: dict[str, Hook] = Field(default_factory=dict)
    queue: Action | None = None
    arrivals: Arrivals | None = None
    log: Log | None = None


class AttachedVip(AttachedSeat):
    """A virtual address that stands already."""


class Allow(Model):
    """The fence: what this lab may be asked, at most. Checked before any connection.

    Attributes:
        hosts: Address ranges that may be connected to.
        ports: Real ports.
        domains: Of recipients.
        rate: Attempts a second, over all flows.
        messages: Of one drill.
    """

    hosts: tuple[AddressRange, ...] = Field(min_length=1)
    ports: tuple[Port, ...] = (25, 587)
    domains: tuple[Domain, ...] = Field(min_length=1)
    rate: Rate = 20.0
    messages: int = Field(default=5000, ge=1)


SYSTEM_CA: Final = "system"


class Attach(Model):
    """The inventory.

    Nodes that it names run already; senders, and mailbox servers that it does not name, run here:
    such a mailbox server is the sink that the lab routes a test domain to.

    Attributes:
        production: Whether faults are refused outright, whatever the command line says.
        here: This machine's address, as the lab sees it; by default the one that leads there.
        nodes: The nodes that run already. A sender may have an address of this machine's own.
        vips: The VIPs that are there already.
        ports: Real ports of what runs here, where they differ from the logical ones.
        ca: A file with the authority that signed the certificates; ``system``: those of the system.
        login: For AUTH on submission.
        settle: How long to wait for mail that was accepted and has not arrived, at most; by default
            two retries of a hub. What is queued for longer is not lost yet.
        recipients: By the address to which mail is sent, the mailboxes that it stands for. It has
            arrived when all of them have it; of ``{any: […]}``, when one has.
        copies: Addresses that get copies of others' mail: archives, journals.
        allow: The fence.
    """

    production: bool = False
    here: Address | None = None
    nodes: dict[Name, AttachedNode] = Field(min_length=1)
    vips: dict[Name, AttachedVip] = Field(default_factory=dict)
    ports: dict[Port, Port] = Field(default_factory=dict)
    ca: str = SYSTEM_CA
    login: Login | None = None
    settle: Duration | None = None
    recipients: dict[Mailbox, Mailboxes] = Field(default_factory=dict)
    copies: tuple[Mailbox, ...] = ()
    allow: Allow

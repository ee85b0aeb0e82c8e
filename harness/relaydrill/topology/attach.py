"""Where a design really stands: the inventory of a lab that runs already. Pure data.

Nothing of it is a secret: credentials are named here (``env:NAME`` or ``file:PATH``) and read when
a lab is attached to.
"""

from __future__ import annotations

from typing import Final, Literal, Self

from pydantic import Field, model_validator

from relaydrill.scalars import (
    Address,
    AddressRange,
    Domain,
    Duration,
    Name,
    Port,
    Rate,
    SecretName,
    wrong,
)
from relaydrill.topology.model import Model


class RuntimeApi(Model):
    """HAProxy's runtime API (its management guide, §9.3): the state of one server.

    Attributes:
        socket: ``unix:/run/haproxy.sock``, or ``tcp:10.0.0.1:9999``.
        server: ``backend/server``, as ``show stat`` names them; several where a hub has several.
        state: What they are set to.
        sessions: Whether those that are open are cut, too (``shutdown sessions server``).
    """

    socket: str = Field(pattern=r"^(unix:/.+|tcp:[^:]+:\d{1,5})$")
    server: tuple[str, ...] = Field(min_length=1)
    state: Literal["ready", "drain", "maint"]
    sessions: Literal["keep", "shutdown"] = "keep"


class ContainerDeed(Model):
    """What is done to a container of this machine's Docker engine, by name."""

    container: str = Field(min_length=1)
    do: Literal["kill", "stop", "start", "pause", "unpause"]


class Action(Model):
    """One thing that is done to a real lab: ``run``, ``haproxy``, ``docker`` or ``ask``.

    Attributes:
        run: A command and its arguments, started without a shell.
        haproxy, docker: See there. In all of these, ``{node}``, ``{address}`` and ``{fault}`` stand
            for what they say.
        ask: What a person is asked to do, at the keyboard.
        timeout: How long it may take, seconds of the wall clock.
    """

    run: tuple[str, ...] | None = Field(default=None, min_length=1)
    haproxy: RuntimeApi | None = None
    docker: ContainerDeed | None = None
    ask: str | None = Field(default=None, min_length=1)
    timeout: Duration = 30.0

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        chosen = [each for each in (self.run, self.haproxy, self.docker, self.ask) if each]
        if len(chosen) != 1:
            raise wrong(
                "action",
                "{count} ways to act; allowed: exactly one of run, haproxy, docker, ask",
                count=len(chosen) or "no",
            )
        return self


class Hook(Model):
    """How one fault is done to a node of a real lab, and undone.

    ``heal`` must put the node right whatever state it is in: after a crash it is done again.
    """

    inject: Action
    heal: Action


class Login(Model):
    """What somebody logs in with: where the user and the password are found."""

    user: SecretName
    password: SecretName


class Imap(Model):
    """A mailbox in which the test domain's mail arrives, looked into by IMAP.

    Attributes:
        server, port: Where. tls: Whether from the first byte on, by STARTTLS, or not at all.
        login: Of the mailbox. folder: Where the mail is.
        compare: Whether bodies are compared with what was sent: not with a server that writes them
            anew, as Exchange does.
    """

    server: Address
    port: Port = 993
    tls: Literal["implicit", "starttls", "none"] = "implicit"
    login: Login
    folder: str = Field(default="INBOX", min_length=1)
    compare: bool = True


class Arrivals(Model):
    """How one sees what arrives at a mailbox server of the lab: exactly one of these.

    Attributes:
        imap: A mailbox. tracking_logs: A folder with Exchange's message tracking logs.
        postfix_log: A file with Postfix's log.
        journal: The journal of a mailbox server of another Relaydrill on this machine.
    """

    imap: Imap | None = None
    tracking_logs: str | None = None
    postfix_log: str | None = None
    journal: str | None = None

    @model_validator(mode="after")
    def _is_one_way(self) -> Self:
        ways = (self.imap, self.tracking_logs, self.postfix_log, self.journal)
        chosen = sum(each is not None for each in ways)
        if chosen != 1:
            raise wrong(
                "arrivals",
                "{count} ways to see arrivals; allowed: exactly one of imap, tracking_logs,"
                " postfix_log, journal",
                count=chosen or "no",
            )
        return self


class AttachedNode(Model):
    """A node that runs already.

    Attributes:
        address: Its own. ports: Real port behind a logical one, where they differ.
        known_as: The names that it gives itself in its banner; by default whatever begins with the
            node's own name.
        hooks: How each fault is done to it, by the fault's kind.
        queue: A command that prints its queue as ``postqueue -j`` does.
        arrivals: On a mailbox server: how one sees what arrives.
    """

    address: Address
    ports: dict[Port, Port] = Field(default_factory=dict)
    known_as: tuple[Domain, ...] = ()
    hooks: dict[str, Hook] = Field(default_factory=dict)
    queue: Action | None = None
    arrivals: Arrivals | None = None


class AttachedVip(Model):
    """A virtual address that stands already."""

    address: Address
    ports: dict[Port, Port] = Field(default_factory=dict)


class Allow(Model):
    """The fence: what this lab may be asked, at most. Checked before any connection.

    Attributes:
        hosts: Address ranges that may be connected to. ports: Real ports.
        domains: Of recipients. rate: Attempts a second, over all flows. messages: Of one drill.
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
        nodes, vips: What stands already. A sender may have an address of this machine's own.
        ports: Real ports of what runs here, where they differ from the logical ones.
        ca: A file with the authority that signed the certificates; ``system``: those of the system.
        login: For AUTH on submission.
        settle: How long to wait for mail that was accepted and has not arrived, at most; by default
            two retries of a hub. What is queued for longer is not lost yet.
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
    allow: Allow

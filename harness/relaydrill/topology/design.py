"""The whole of a declared design, and what can be asked of it. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Self

from pydantic import Field, model_validator

from relaydrill.kinds import FAKE
from relaydrill.message import Change
from relaydrill.message.changes import covered_by
from relaydrill.model import Model
from relaydrill.scalars import Domain, Duration, Name, Names
from relaydrill.topology.attach import Attach
from relaydrill.topology.failures import Failures
from relaydrill.topology.hosts import (
    Balancer,
    Dns,
    Edge,
    Hub,
    Mailbox,
    Node,
    Role,
    Sender,
    Standby,
    Vip,
)
from relaydrill.topology.organisation import Directory, StorageGroup
from relaydrill.topology.suppression import Suppression
from relaydrill.topology.traffic import Acceptance, Connector, Expect, Flow
from relaydrill.topology.zone import Zone


class Topology(Model):
    """The declared design. See the package's ``topologies`` folder for whole ones.

    Attributes:
        name: What reports and run directories call it.
        summary: What it is, in one line.
        clock: Every timer runs this many times faster than in the field.
        nodes: Every machine, by name.
        names: What DNS says: host name to the VIPs or nodes whose addresses it gives, in order.
        aliases: What DNS says of names that stand for another (CNAME): the other one.
        zones: What DNS says of domains that receive mail from anywhere.
        ttls: How long answers about single names may be kept; about others as long as their zone
            says, or an hour.
        connectors: Receive connectors; every hub has those that name no nodes.
        flows: The mail that is sent, by name.
        expect: What every flow promises, but for those that have an ``expect`` of their own.
        accept: Weaknesses that do not fail an audit.
        failures: How often what says nothing of its own fails, and sites.
        changes: What servers write anew in mail on purpose, so that it is not altered by that; see
            `relaydrill.message.changes`.
        replication: Storage groups under SCR, by name.
        directory: The domain controllers.
        lint: Findings of `relaydrill lint` that are known. It alone looks at these three.
        attach: Where all this stands in a lab that runs already; only the driver ``attach`` looks
            at it.
    """

    name: Name
    summary: str = ""
    clock: float = Field(default=1.0, ge=0.1, le=100.0)
    nodes: dict[Name, Node] = Field(min_length=1)
    names: dict[Domain, Names] = Field(default_factory=dict)
    aliases: dict[Domain, Domain] = Field(default_factory=dict)
    zones: dict[Domain, Zone] = Field(default_factory=dict)
    ttls: dict[Domain, Duration] = Field(default_factory=dict)
    connectors: dict[Name, Connector] = Field(default_factory=dict)
    flows: dict[Name, Flow] = Field(default_factory=dict)
    expect: Expect = Expect()
    accept: tuple[Acceptance, ...] = ()
    failures: Failures = Failures()
    changes: tuple[Change, ...] = ()
    replication: dict[Name, StorageGroup] = Field(default_factory=dict)
    directory: Directory | None = None
    lint: tuple[Suppression, ...] = ()
    attach: Attach | None = None

    @model_validator(mode="after")
    def _fill_standbys(self) -> Self:
        """A standby is of its balancer's kind, where it says nothing of its own."""
        for name, standby in self.standbys.items():
            balancer = self.balancers.get(standby.standby_of)
            if balancer and "kind" not in standby.model_fields_set:
                self.nodes[name] = standby.model_copy(update={"kind": balancer.kind})
        self.__dict__.pop("by_role", None)
        return self

    def of_role(self, role: Role) -> dict[str, Any]:
        """The nodes of one role, by name, in the order of the file."""
        return self.by_role.get(role, {})

    @cached_property
    def by_role(self) -> dict[Role, dict[str, Any]]:
        """The nodes of every role that there is, in the order of the file."""
        found: dict[Role, dict[str, Any]] = {}
        for name, node in self.nodes.items():
            found.setdefault(node.role, {})[name] = node
        return found

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """As pydantic's; what was found out of the nodes of this one is not taken along."""
        copy = super().model_copy(update=update, deep=deep)
        copy.__dict__.pop("by_role", None)
        return copy

    @property
    def hubs(self) -> dict[str, Hub]:
        """Hub nodes by name."""
        return self.of_role(Role.HUB)

    def connectors_of(self, node: str) -> dict[str, Connector]:
        """The receive connectors of a hub or an Edge server; none: it takes mail from everybody."""
        is_hub = self.nodes[node].role == Role.HUB
        return {
            name: each
            for name, each in self.connectors.items()
            if node in each.nodes or (is_hub and not each.nodes)
        }

    @property
    def edges(self) -> dict[str, Edge]:
        """Edge nodes by name."""
        return self.of_role(Role.EDGE)

    @property
    def name_servers(self) -> dict[str, Dns]:
        """Name servers and resolvers by name."""
        return self.of_role(Role.DNS)

    def name_servers_of(self, sender: str) -> tuple[str, ...]:
        """The name servers that a sender asks, in order; none: it knows all names by itself."""
        servers = self.name_servers
        resolvers = tuple(name for name, server in servers.items() if server.upstream)
        return self.senders[sender].dns or resolvers or tuple(servers)

    @property
    def sites(self) -> dict[str, tuple[str, ...]]:
        """The nodes of every site."""
        found: dict[str, tuple[str, ...]] = {}
        for name, node in self.nodes.items():
            if node.site:
                found[node.site] = (*found.get(node.site, ()), name)
        return found

    @property
    def balancers(self) -> dict[str, Balancer]:
        """Balancer nodes by name."""
        return self.of_role(Role.BALANCER)

    @property
    def standbys(self) -> dict[str, Standby]:
        """Second machines of balancers, by name."""
        return self.of_role(Role.STANDBY)

    def machines_of(self, balancer: str) -> tuple[str, ...]:
        """A balancer, and its standby where it has one, in the order of their priority."""
        standbys = (name for name, each in self.standbys.items() if each.standby_of == balancer)
        return (balancer, *standbys)

    def balancer_of(self, node: str) -> Balancer | None:
        """The settings of a balancer, or of the one that a node stands by for; None if neither."""
        standby = self.standbys.get(node)
        return self.balancers.get(standby.standby_of if standby else node)

    @property
    def pairs(self) -> dict[str, tuple[str, str]]:
        """Balancers that have a standby, with both machines."""
        return {each.standby_of: (each.standby_of, name) for name, each in self.standbys.items()}

    @property
    def floating_vips(self) -> tuple[str, ...]:
        """The VIPs that are no single machine's: those of WNLB clusters and of pairs."""
        shared = {*self.clusters, *self.pairs}
        return tuple(vip for vip, (owner, _) in self.vips.items() if owner in shared)

    @property
    def clusters(self) -> dict[str, Balancer]:
        """Balancers of mode ``wnlb`` by name."""
        return {name: each for name, each in self.balancers.items() if each.mode == "wnlb"}

    def cluster_of(self, node: str) -> str:
        """The WNLB cluster that a hub is a host of; empty if of none."""
        return next((name for name, each in self.clusters.items() if node in each.backends), "")

    def no_machine(self, node: str) -> str:
        """Why a node cannot be broken; empty if it can."""
        if node not in self.clusters:
            return ""
        hosts = ", ".join(self.balancers[node].backends)
        return f"{node} is a WNLB cluster and no machine; break one of its hosts: {hosts}"

    def nothing_to_drill(self, node: str) -> str:
        """Why a drill cannot break a node; empty if it can.

        A sender is the load: without it there is no mail that could show anything.
        """
        if node not in self.senders:
            return self.no_machine(node)
        return f"{node} only sends mail; break what the mail passes: {', '.join(self.tier)}"

    @property
    def mailboxes(self) -> dict[str, Mailbox]:
        """The organisation's own mailbox servers by name."""
        return {name: box for name, box in self._boxes.items() if not box.internet}

    @property
    def sinks(self) -> dict[str, Mailbox]:
        """The mail servers of others, by name."""
        return {name: box for name, box in self._boxes.items() if box.internet}

    @property
    def _boxes(self) -> dict[str, Mailbox]:
        return self.of_role(Role.MAILBOX)

    @property
    def senders(self) -> dict[str, Sender]:
        """Sender nodes by name."""
        return self.of_role(Role.SENDER)

    @property
    def tier(self) -> tuple[str, ...]:
        """The nodes whose loss an audit tries: all but the senders, and what is no machine."""
        return tuple(
            name
            for name, node in self.nodes.items()
            if node.role != Role.SENDER and name not in self.clusters
        )

    @property
    def queueing(self) -> tuple[str, ...]:
        """The nodes that may hold mail back: hubs, Edge servers, and every real mail server.

        And senders that try again what was put off.
        """
        retrying = {flow.sender for flow in self.flows.values() if flow.retry is not None}
        return tuple(
            name
            for name, node in self.nodes.items()
            if node.role in (Role.HUB, Role.EDGE)
            or (node.role in (Role.MAILBOX, Role.SENDER) and node.kind != FAKE)
            or name in retrying
        )

    @property
    def vips(self) -> dict[str, tuple[str, Vip]]:
        """Every VIP by name, with the balancer that holds it."""
        return {
            vip: (name, rule)
            for name, balancer in self.balancers.items()
            for vip, rule in balancer.vips.items()
        }

    def ip_of(self, host: str) -> str:
        """Which IP versions a node or a VIP has; see `relaydrill.topology.hosts.Host`."""
        owner = self.vips[host][0] if host in self.vips else host
        return self.nodes[owner].ip if owner in self.nodes else "ipv4"

    @property
    def domains(self) -> tuple[str, ...]:
        """The accepted domains: those of all mailbox servers."""
        return tuple(dict.fromkeys(d for box in self.mailboxes.values() for d in box.domains))

    def expectation(self, flow: str) -> Expect:
        """What ``flow`` promises: its own ``expect``, or else the topology's."""
        return self.flows[flow].expect or self.expect

    def harmless_changes(self, flow: str) -> frozenset[str]:
        """The changes by which mail of ``flow`` is not altered: its own, or the topology's."""
        own = self.flows[flow].changes
        return covered_by(self.changes if own is None else own)

    def recipient(self, flow: str) -> str:
        """The envelope recipient of ``flow``."""
        return self.flows[flow].recipient or f"user@{self.domains[0]}"

    def behaviour(self, flow: str) -> str:
        """How the flow's sender picks a server: its persona's way, or a real program's own."""
        settings = self.flows[flow]
        kind = self.senders[settings.sender].kind
        return settings.persona if kind == FAKE else kind

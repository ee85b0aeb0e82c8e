"""A WNLB cluster, a mode of the balancer: its timers, its hosts and its port rules. Pure data.

Windows Network Load Balancing has no machine of its own. Every host sees every packet that is sent
to a VIP and keeps its share of them; who is there is settled by heartbeats among the hosts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Literal

from pydantic import Field

from relaydrill.scalars import Duration, Name, Port
from relaydrill.topology.model import Model

if TYPE_CHECKING:
    from relaydrill.topology import Topology
    from relaydrill.topology.hosts import Balancer

ALL: Final = "all"
"""What a port rule names in place of one VIP."""

MOST_HOSTS: Final = 32
"""Of one cluster, and the highest priority (Microsoft: "up to 32")."""

_WEIGHT: Final = 50

Wrong = tuple[tuple[str | int, ...], str, str]
"""Where (path of keys), what is wrong, what is allowed."""


class ClusterHost(Model):
    """What one host of a cluster is set to.

    Attributes:
        priority: Unique; the live host with the lowest takes what no port rule covers. By default
            the hosts have theirs in the order of the balancer's backends.
        weight: Its load weight in rules that name none.
    """

    priority: int | None = Field(default=None, ge=1, le=MOST_HOSTS)
    weight: int = Field(default=_WEIGHT, ge=0, le=100)


class PortRule(Model):
    """Who among the live hosts serves which connections.

    Attributes:
        vip: One VIP, or ``all``. ports: By default all ports of it.
        filtering: ``multiple`` shares by load weight, ``single`` gives everything to the live host
            with the lowest handling priority, ``disabled`` has nobody answer.
        affinity: What a share is made of: a client's address and port, its address, or its class C.
        weights: By host, for ``multiple``. priorities: By host, for ``single``.
    """

    vip: Name = ALL
    ports: tuple[Port, ...] | None = Field(default=None, min_length=1)
    filtering: Literal["multiple", "single", "disabled"] = "multiple"
    affinity: Literal["none", "single", "network"] = "single"
    weights: dict[Name, int] = Field(default_factory=dict)
    priorities: dict[Name, int] = Field(default_factory=dict)


class Cluster(Model):
    """The settings that all hosts of a cluster share.

    Attributes:
        heartbeat: From one to the next. missed: So many in a row, and a host counts as gone.
        convergence: From a change among the hosts until they share anew; until then the survivors
            go on as before, and the share of a host that is gone is lost.
        hosts: Settings of single ones. rules: Port rules; what none covers goes to one host.
    """

    heartbeat: Duration = Field(default=1.0, gt=0)
    missed: int = Field(default=5, ge=2, le=100)
    convergence: Duration = 2.5
    hosts: dict[Name, ClusterHost] = Field(default_factory=dict)
    rules: tuple[PortRule, ...] = (PortRule(),)

    @property
    def detection_s(self) -> float:
        """Longest field time from a host's death until the others share without it."""
        return self.heartbeat * self.missed + self.convergence

    @property
    def recovery_s(self) -> float:
        """Longest field time from a host's return until it has its share again."""
        return self.heartbeat + self.convergence

    def priorities(self, backends: tuple[str, ...]) -> dict[str, int]:
        """The host priorities: those that are set, and the lowest that are free."""
        told = {name: host.priority for name, host in self.hosts.items() if host.priority}
        free = iter(sorted(set(range(1, MOST_HOSTS + 1)) - set(told.values())))
        return {name: told.get(name) or next(free, MOST_HOSTS) for name in backends}

    def weights(self, rule: PortRule, backends: tuple[str, ...]) -> dict[str, int]:
        """The load weights under a rule."""
        usual = {name: self.hosts.get(name, ClusterHost()).weight for name in backends}
        return {name: rule.weights.get(name, usual[name]) for name in backends}

    def rule_for(self, vip: str, port: int) -> PortRule | None:
        """The rule that covers a port of a VIP."""
        for rule in self.rules:
            if rule.vip in (ALL, vip) and (rule.ports is None or port in rule.ports):
                return rule
        return None


def wrong_clusters(topology: Topology) -> Iterator[Wrong]:
    """What is wrong with the balancers of mode ``wnlb``, and with clusters of others."""
    member_of: dict[str, str] = {}
    for name, balancer in topology.balancers.items():
        here = ("nodes", name)
        if balancer.mode != "wnlb":
            if balancer.cluster != Cluster():
                yield (*here, "cluster"), "only a WNLB cluster has these settings", "mode: wnlb"
            continue
        for path, what, allowed in _not_for_wnlb(balancer):
            yield (*here, *path), what, allowed
        for path, what, allowed in (*_wrong_hosts(balancer), *_wrong_rules(balancer)):
            yield (*here, "cluster", *path), what, allowed
        for at, backend in enumerate(balancer.backends):
            first = member_of.setdefault(backend, name)
            if first != name:
                text = f"{backend!r} is a host of the cluster {first} already"
                yield (*here, "backends", at), text, "one cluster for each host"


def _not_for_wnlb(balancer: Balancer) -> Iterator[Wrong]:
    """Settings of a proxy that looks at services."""
    if balancer.check.kind != "none":
        yield ("check",), "WNLB watches hosts, not services", "check: {kind: none}"
    if balancer.source != "proxy":
        yield ("source",), "WNLB is no proxy: hubs always see the client's address", "no source"
    if balancer.redispatch:
        text = "WNLB never sees that a connection is refused"
        yield ("redispatch",), text, "redispatch: false, or mode: proxy"
    if balancer.on_marked_down != "keep":
        text = "with WNLB connections are lost with their host"
        yield ("on_marked_down",), text, "no on_marked_down, or mode: proxy"
    if balancer.method != "roundrobin":
        text = "WNLB shares by port rules"
        yield ("method",), text, "cluster: {rules: …}, or mode: proxy"
    if balancer.kind != "fake":
        text = f"{balancer.kind} is a proxy, and WNLB is none"
        yield ("kind",), text, "no kind, or mode: proxy"
    if len(balancer.backends) > MOST_HOSTS:
        text = f"{len(balancer.backends)} hosts are too many for a WNLB cluster"
        yield ("backends",), text, f"{MOST_HOSTS} or less"


def _wrong_hosts(balancer: Balancer) -> Iterator[Wrong]:
    seen: dict[int, str] = {}
    for name, host in balancer.cluster.hosts.items():
        if name not in balancer.backends:
            yield ("hosts", name), f"{name!r} is none of its backends", _backends(balancer)
        if host.priority is None:
            continue
        first = seen.setdefault(host.priority, name)
        if first != name:
            text = f"{first} has the priority {host.priority} already"
            yield ("hosts", name, "priority"), text, "a priority of its own"


def _wrong_rules(balancer: Balancer) -> Iterator[Wrong]:
    covered: dict[tuple[str, int], int] = {}
    for at, rule in enumerate(balancer.cluster.rules):
        here = ("rules", at)
        if rule.vip != ALL and rule.vip not in balancer.vips:
            yield (*here, "vip"), f"no VIP of it is called {rule.vip!r}", _vips(balancer)
            continue
        vips = balancer.vips if rule.vip == ALL else {rule.vip: balancer.vips[rule.vip]}
        served = {port for vip in vips.values() for port in vip.ports}
        for port_at, port in enumerate(rule.ports or ()):
            if port not in served:
                text = f"{rule.vip} has no port {port}"
                yield (*here, "ports", port_at), text, ", ".join(map(str, sorted(served)))
        for vip, ports in vips.items():
            for port in rule.ports or ports.ports:
                first = covered.setdefault((vip, port), at)
                if first != at:
                    text = f"rule {first + 1} covers port {port} of {vip} as well"
                    yield here, text, "one rule for each port of a VIP"
        for path, what, allowed in _wrong_values(balancer, rule):
            yield (*here, *path), what, allowed


def _wrong_values(balancer: Balancer, rule: PortRule) -> Iterator[Wrong]:
    for key, values, lowest, highest in (
        ("weights", rule.weights, 0, 100),
        ("priorities", rule.priorities, 1, MOST_HOSTS),
    ):
        for name, value in values.items():
            if name not in balancer.backends:
                yield (key, name), f"{name!r} is none of its backends", _backends(balancer)
            elif not lowest <= value <= highest:
                yield (key, name), f"{value} is out of range", f"{lowest} to {highest}"
    if rule.weights and rule.filtering != "multiple":
        yield ("weights",), f"filtering {rule.filtering} shares nothing", "filtering: multiple"
    if rule.priorities and rule.filtering != "single":
        text = f"filtering {rule.filtering} has no handling priorities"
        yield ("priorities",), text, "filtering: single"
    if len(set(rule.priorities.values())) < len(rule.priorities):
        yield ("priorities",), "two hosts have the same", "a priority of its own for each host"
    missing = [name for name in balancer.backends if name not in rule.priorities]
    if rule.priorities and missing:
        yield ("priorities",), f"{', '.join(missing)} has none", "one for each backend, or none"


def _backends(balancer: Balancer) -> str:
    return "one of: " + ", ".join(sorted(balancer.backends))


def _vips(balancer: Balancer) -> str:
    return "one of: " + ", ".join([*sorted(balancer.vips), ALL])

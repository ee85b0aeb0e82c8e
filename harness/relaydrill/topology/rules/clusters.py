"""Rules of WNLB clusters: what is no setting of theirs, their hosts, and their port rules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from relaydrill.kinds import FAKE
from relaydrill.marks import Mistake
from relaydrill.topology.cluster import ALL, MOST_HOSTS, Cluster, PortRule
from relaydrill.topology.design import Topology
from relaydrill.topology.hosts import Balancer
from relaydrill.topology.rules.draft import Draft, Rule, of_each, one_of


def settings_of_a_cluster(draft: Draft, name: str, balancer: Balancer) -> Iterator[Mistake]:
    """A proxy has none."""
    if balancer.mode != "wnlb" and balancer.cluster != Cluster():
        text = "only a WNLB cluster has these settings"
        yield draft.mistake(("nodes", name, "cluster"), text, "mode: wnlb")


def settings_of_a_proxy(draft: Draft, name: str, balancer: Balancer) -> Iterator[Mistake]:
    """WNLB has none of them: it does not look at services, and carries no connection."""
    if balancer.mode != "wnlb":
        return
    kind = balancer.kind
    for key, is_wrong, what, allowed in (
        (
            "check",
            balancer.check.kind != "none",
            "WNLB watches hosts, not services",
            "check: {kind: none}",
        ),
        (
            "source",
            balancer.source != "proxy",
            "WNLB is no proxy: hubs always see the client's address",
            "no source",
        ),
        (
            "redispatch",
            balancer.redispatch,
            "WNLB never sees that a connection is refused",
            "redispatch: false, or mode: proxy",
        ),
        (
            "on_marked_down",
            balancer.on_marked_down != "keep",
            "with WNLB connections are lost with their host",
            "no on_marked_down, or mode: proxy",
        ),
        (
            "method",
            balancer.method != "roundrobin",
            "WNLB shares by port rules",
            "cluster: {rules: …}, or mode: proxy",
        ),
        ("kind", kind != FAKE, f"{kind} is a proxy, and WNLB is none", "no kind, or mode: proxy"),
    ):
        if is_wrong:
            yield draft.mistake(("nodes", name, key), what, allowed)


def number_of_hosts(draft: Draft, name: str, balancer: Balancer) -> Iterator[Mistake]:
    """A cluster has 32 at most."""
    if balancer.mode == "wnlb" and len(balancer.backends) > MOST_HOSTS:
        text = f"{len(balancer.backends)} hosts are too many for a WNLB cluster"
        yield draft.mistake(("nodes", name, "backends"), text, f"{MOST_HOSTS} or less")


def host_of_one_cluster(draft: Draft, name: str, balancer: Balancer) -> Iterator[Mistake]:
    """A hub has one network driver."""
    for at, backend in enumerate(balancer.backends if balancer.mode == "wnlb" else ()):
        first = draft.topology.cluster_of(backend)
        if first != name:
            text = f"{backend!r} is a host of the cluster {first} already"
            yield draft.mistake(("nodes", name, "backends", at), text, "one cluster for each host")


def settings_of_hosts(draft: Draft, name: str, balancer: Balancer) -> Iterator[Mistake]:
    """They are of hosts that the cluster has, and no two have one priority."""
    if balancer.mode != "wnlb":
        return
    seen: dict[int, str] = {}
    for host, settings in balancer.cluster.hosts.items():
        here = ("nodes", name, "cluster", "hosts", host)
        yield from _a_backend(draft, balancer, here, host)
        if settings.priority is None:
            continue
        first = seen.setdefault(settings.priority, host)
        if first != host:
            text = f"{first} has the priority {settings.priority} already"
            yield draft.mistake((*here, "priority"), text, "a priority of its own")


def covered_ports(draft: Draft, at: RulePlace, rule: PortRule) -> Iterator[Mistake]:
    """A rule is of VIPs and ports that the balancer has."""
    vips = draft.topology.balancers[at[1]].vips
    if rule.vip != ALL and rule.vip not in vips:
        if rule.vip not in draft.lost:
            allowed = "one of: " + ", ".join([*sorted(vips), ALL])
            yield draft.mistake((*at, "vip"), f"no VIP of it is called {rule.vip!r}", allowed)
        return
    of = vips.values() if rule.vip == ALL else [vips[rule.vip]]
    served = {port for vip in of for port in vip.ports}
    for port_at, port in enumerate(rule.ports or ()):
        if port not in served:
            text, allowed = f"{rule.vip} has no port {port}", ", ".join(map(str, sorted(served)))
            yield draft.mistake((*at, "ports", port_at), text, allowed)


def covered_once(draft: Draft, name: str, balancer: Balancer) -> Iterator[Mistake]:
    """No two rules are of one port of a VIP."""
    if balancer.mode != "wnlb":
        return
    covered: dict[tuple[str, int], int] = {}
    for at, rule in enumerate(balancer.cluster.rules):
        for vip, settings in balancer.vips.items():
            for port in (rule.ports or settings.ports) if rule.vip in (ALL, vip) else ():
                first = covered.setdefault((vip, port), at)
                if first != at:
                    text = f"rule {first + 1} covers port {port} of {vip} as well"
                    here = ("nodes", name, "cluster", "rules", at)
                    yield draft.mistake(here, text, "one rule for each port of a VIP")


def values_of_a_rule(draft: Draft, at: RulePlace, rule: PortRule) -> Iterator[Mistake]:
    """Weights and priorities are of backends, and in range."""
    balancer = draft.topology.balancers[at[1]]
    for key, values, lowest, highest in (
        ("weights", rule.weights, 0, 100),
        ("priorities", rule.priorities, 1, MOST_HOSTS),
    ):
        for name, value in values.items():
            here = (*at, key, name)
            yield from _a_backend(draft, balancer, here, name)
            if name in balancer.backends and not lowest <= value <= highest:
                text = f"{value} is out of range"
                yield draft.mistake(here, text, f"{lowest} to {highest}")


def values_that_fit_the_filtering(draft: Draft, at: RulePlace, rule: PortRule) -> Iterator[Mistake]:
    """Weights are for ``multiple``, and priorities for ``single``."""
    if rule.weights and rule.filtering != "multiple":
        text = f"filtering {rule.filtering} shares nothing"
        yield draft.mistake((*at, "weights"), text, "filtering: multiple")
    if rule.priorities and rule.filtering != "single":
        text = f"filtering {rule.filtering} has no handling priorities"
        yield draft.mistake((*at, "priorities"), text, "filtering: single")


def order_of_priorities(draft: Draft, at: RulePlace, rule: PortRule) -> Iterator[Mistake]:
    """Each host has one, and one of its own."""
    here = (*at, "priorities")
    if len(set(rule.priorities.values())) < len(rule.priorities):
        text = "two hosts have the same"
        yield draft.mistake(here, text, "a priority of its own for each host")
    backends = draft.topology.balancers[at[1]].backends
    missing = [name for name in backends if name not in rule.priorities]
    if rule.priorities and missing:
        text = f"{', '.join(missing)} has none"
        yield draft.mistake(here, text, "one for each backend, or none")


RulePlace = tuple[str, str, str, str, int]
"""Where a port rule stands: nodes, the balancer, cluster, rules, its number."""


def _port_rules(topology: Topology) -> dict[RulePlace, PortRule]:
    """Those of all clusters."""
    return {
        ("nodes", name, "cluster", "rules", at): rule
        for name, balancer in topology.clusters.items()
        for at, rule in enumerate(balancer.cluster.rules)
    }


def _a_backend(
    draft: Draft, balancer: Balancer, here: tuple[str | int, ...], name: str
) -> Iterator[Mistake]:
    if name not in balancer.backends:
        text = f"{name!r} is none of its backends"
        yield draft.mistake(here, text, one_of(balancer.backends))


RULES: Final[tuple[Rule, ...]] = (
    of_each(
        lambda topology: topology.balancers,
        settings_of_a_cluster,
        settings_of_a_proxy,
        number_of_hosts,
        host_of_one_cluster,
        settings_of_hosts,
        covered_once,
    ),
    of_each(
        _port_rules,
        covered_ports,
        values_of_a_rule,
        values_that_fit_the_filtering,
        order_of_priorities,
    ),
)

"""Which part of a flow's mail each server takes: DNS and balancers together. Pure.

`relaydrill.planning` says which of its targets a sender comes to; a VIP's part is divided here
among the backends of its balancer. Balancers stand before hubs alone, so that is the whole way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain, combinations
from typing import Final

from relaydrill.planning import Shares, entered
from relaydrill.topology import Topology
from relaydrill.topology.cluster import PortRule
from relaydrill.topology.hosts import Balancer
from relaydrill.topology.paths import with_their_vips

_MOST_SUBSETS_OF: Final = 4


def taken(topology: Topology, flow: str, gone: frozenset[str] = frozenset()) -> Shares:
    """The part of a flow's accepted mail that each server takes; none where nothing is accepted.

    Args:
        topology: The design.
        flow: One of its flows.
        gone: Nodes that do not answer.
    """
    found: Shares = defaultdict(float)
    for target, share in entered(topology, flow, with_their_vips(topology, gone)).items():
        for node, part in given(topology, flow, target, gone).items():
            found[node] += share * part
    whole = sum(found.values())
    return {node: share / whole for node, share in found.items() if share} if whole else {}


def spans(
    topology: Topology, flow: str, node: str, gone: frozenset[str], unsure: frozenset[str]
) -> tuple[float, float]:
    """The least and the most that a node's part of the accepted mail may be.

    Args:
        topology: The design.
        flow: One of its flows.
        node: The one whose part it is.
        gone: Nodes that do not answer.
        unsure: Nodes of which nobody knows whether they do.
    """
    found = [taken(topology, flow, gone | some) for some in _subsets(unsure)]
    parts = [each.get(node, 0.0) for each in found if each]
    return min(parts, default=0.0), max(parts, default=0.0)


def parts_by_target(topology: Topology, flow: str, node: str) -> dict[str, float]:
    """What part of the mail that comes to each of a flow's targets a node takes of it."""
    return {
        target: given(topology, flow, target).get(node, 0.0)
        for target, share in entered(topology, flow, frozenset()).items()
        if share
    }


def keeps_clients(topology: Topology, target: str, port: int) -> bool:
    """Whether a VIP's connections are no choices of their own, for one host gets all of a client's.

    So do WNLB clusters but for port rules of filtering ``multiple`` and affinity ``none``.
    """
    if target not in topology.vips:
        return False
    balancer = topology.balancers[topology.vips[target][0]]
    rule = balancer.cluster.rule_for(target, port)
    shares = rule is not None and (rule.filtering, rule.affinity) == ("multiple", "none")
    return balancer.mode == "wnlb" and not shares


def given(topology: Topology, flow: str, target: str, gone: frozenset[str] = frozenset()) -> Shares:
    """Who takes which part of what comes to a target.

    Args:
        topology: The design.
        flow: One of its flows.
        target: A server, which takes all of it, or a VIP.
        gone: Nodes that do not answer.
    """
    if target not in topology.vips:
        return {target: 1.0}
    balancer = topology.balancers[topology.vips[target][0]]
    live = [each for each in balancer.backends if each not in gone]
    if balancer.mode != "wnlb":
        return dict.fromkeys(live, 1 / len(live)) if live else {}
    rule = balancer.cluster.rule_for(target, topology.flows[flow].port)
    return _of_cluster(balancer, rule, live)


def _of_cluster(balancer: Balancer, rule: PortRule | None, live: list[str]) -> Shares:
    """By load weight; where the rule does not share, or there is none, one host takes all."""
    cluster = balancer.cluster
    if not live or (rule is not None and rule.filtering == "disabled"):
        return {}
    if rule is None or rule.filtering == "single":
        own = cluster.priorities(balancer.backends)
        turns = own if rule is None else rule.priorities or own
        return {min(live, key=turns.__getitem__): 1.0}
    weights = cluster.weights(rule, balancer.backends)
    whole = sum(weights[host] for host in live)
    return {host: weights[host] / whole for host in live} if whole else {}


def _subsets(nodes: Iterable[str]) -> Iterator[frozenset[str]]:
    """All of them; of many nodes only none, each one, all but one, and all."""
    every = sorted(nodes)
    sizes = range(len(every) + 1)
    if len(every) > _MOST_SUBSETS_OF:
        sizes_of_many = {0, 1, len(every) - 1, len(every)}
        return map(frozenset, chain(*(combinations(every, size) for size in sizes_of_many)))
    return map(frozenset, chain(*(combinations(every, size) for size in sizes)))

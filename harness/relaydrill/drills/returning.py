"""What is wanted of a node after its heal: how soon, which share, and how one tells. Pure.

Durations are field seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from relaydrill.topology import EXIM_RETRIES, Topology
from relaydrill.topology.paths import is_direct
from relaydrill.verdict import Levels, ShareTest, share_test


@dataclass(frozen=True, slots=True)
class Comeback:
    """What a flow wants of a healed node.

    Attributes:
        allowance_s: How long it may take until it has its share again.
        peers: Those who share with it, itself included; none: it only has to take something.
        instead: Who goes on in its place: the other of a pair that does not preempt.
        test: Of its share among them. of_choices: Whether what the senders try counts, or else who
            took what a balancer gave out.
    """

    allowance_s: float = 0.0
    peers: tuple[str, ...] = ()
    test: ShareTest | None = None
    of_choices: bool = False
    instead: str = ""


ALONE: Final = Levels()
"""Of a test that is the only one of its drill."""


def comeback_of(topology: Topology, node: str, flow: str, levels: Levels = ALONE) -> Comeback:
    """What a flow wants of a node after its heal.

    A balancer with a standby takes its VIPs back, unless it does not preempt. Behind a balancer a
    quarter of the fair share must be noticed, and where senders pick by DNS a half of it, for they
    are more in number and choose more seldom. How often chance alone may look like that is said by
    the levels. With round robin the spread is far more even than chance, so that the real
    false-alarm rate lies well below. A node that the senders are led to past the balancer owes that
    flow no share of the balancer's.

    Args:
        levels: At which the drill's tests decide; the test is planned for them.
    """
    if node in topology.pairs:
        vrrp, (_, standby) = topology.balancers[node].vrrp, topology.pairs[node]
        return Comeback(vrrp.takeover_s) if vrrp.preempt else Comeback(instead=standby)
    backends = () if is_direct(topology, flow, node) else topology.backends_behind(node)
    if len(backends) >= 2:
        fair, back_s = _fair_share(topology, node, flow), _back_s(topology, node)
        if not fair:
            return Comeback(back_s)
        return Comeback(back_s, backends, _test(fair, fair / 4, levels))
    shunned_s = _shunned_s(topology, flow)
    servers = topology.expectation(flow).spread
    if node in servers and len(servers) >= 2:
        fair = 1 / len(servers)
        return Comeback(shunned_s, servers, _test(fair, fair / 2, levels), of_choices=True)
    return Comeback(shunned_s)


def _test(fair: float, worse: float, levels: Levels) -> ShareTest:
    return share_test(fair, worse, alarm=levels.doubt, miss=levels.miss)


def _fair_share(topology: Topology, node: str, flow: str) -> float:
    """A backend's part of what a balancer gives out; 0 where it need not show in every drill.

    Under WNLB it shows only where each connection is a choice of its own.
    """
    cluster = topology.cluster_of(node)
    if not cluster:
        return 1 / len(topology.backends_behind(node))
    balancer, settings = topology.balancers[cluster], topology.flows[flow]
    targets = topology.names.get(settings.to, (settings.to,))
    vip = next((each for each in targets if each in balancer.vips), "")
    rule = balancer.cluster.rule_for(vip, settings.port) if vip else None
    if rule is None or (rule.filtering, rule.affinity) != ("multiple", "none"):
        return 0.0
    weights = balancer.cluster.weights(rule, balancer.backends)
    return weights[node] / (sum(weights.values()) or 1)


def _back_s(topology: Topology, node: str) -> float:
    """How long a balancer needs to bring a backend back."""
    return next(
        (each.recovery_s for each in topology.balancers.values() if node in each.backends),
        0.0,
    )


def _shunned_s(topology: Topology, flow: str) -> float:
    """How long the flow's senders leave a host alone after its failure: Exim does."""
    by_mx = topology.flows[flow].to in topology.zones
    return EXIM_RETRIES.first if by_mx and topology.behaviour(flow) == "exim" else 0.0

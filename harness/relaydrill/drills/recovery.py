"""What is wanted of a node after its heal: how soon, which share, and how one tells. Pure.

Durations are field seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from relaydrill.kinds import exim
from relaydrill.personas import persona_called
from relaydrill.sharing import keeps_clients, parts_by_target, taken
from relaydrill.topology import Topology
from relaydrill.topology.naming import domain_of
from relaydrill.topology.paths import balancers_of, targets_of
from relaydrill.verdict import Levels, ShareTest, share_test

ALONE: Final = Levels()
"""Of a test that is the only one of its drill."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a flow wants of a healed node.

    Attributes:
        allowance_s: How long it may take until it has its share again.
        peers: Those who share with it, itself included; none: it only has to take something.
        instead: Who goes on in its place: the other of a pair that does not preempt.
        test: Of its share among them.
        of_choices: Whether what the senders try counts, if it was taken where they tried it, or
            else who took what a balancer gave out.
    """

    allowance_s: float = 0.0
    peers: tuple[str, ...] = ()
    test: ShareTest | None = None
    of_choices: bool = False
    instead: str = ""


def recovery_of(topology: Topology, node: str, flow: str, levels: Levels = ALONE) -> Recovery:
    """What a flow wants of a node after its heal.

    A balancer with a standby takes its VIPs back, unless it does not preempt. Behind balancers, by
    those that the flow passes, a quarter of the fair share must be noticed, and where senders pick
    by DNS a half of it, for they are more in number and choose more seldom. How often chance may
    look like that, the levels say. With round robin the spread is far more even than chance, so
    that the real false-alarm rate lies well below.

    Args:
        topology: What is drilled.
        node: What was broken, and healed.
        flow: Whose mail.
        levels: At which the drill's tests decide; the test is planned for them.
    """
    if node in topology.pairs:
        vrrp, (_, standby) = topology.balancers[node].vrrp, topology.pairs[node]
        return Recovery(vrrp.takeover_s) if vrrp.preempt else Recovery(instead=standby)
    back_s = [topology.balancers[name].recovery_s for name in balancers_of(topology, flow, node)]
    allowance_s = max([*back_s, _shunned_s(topology, flow)])
    fair = _fair_share(topology, flow, node)
    if not 0 < fair < 1:
        return Recovery(allowance_s)
    if servers := _promised(topology, flow, node):
        return Recovery(allowance_s, servers, _test(fair, fair / 2, levels), of_choices=True)
    everyone = taken(topology, flow)
    peers = tuple(name for name in topology.nodes if name in everyone)
    of_choices = not _by_vip(topology, flow)
    worse = fair / 2 if of_choices else fair / 4
    return Recovery(allowance_s, peers, _test(fair, worse, levels), of_choices=of_choices)


def _test(fair: float, worse: float, levels: Levels) -> ShareTest:
    return share_test(fair, worse, alarm=levels.doubt, miss=levels.miss)


def _fair_share(topology: Topology, flow: str, node: str) -> float:
    """A server's part of what a flow's servers take; 0 where it need not show in every drill.

    It need not where senders keep to a choice that they have made once, and its choices differ in
    what they lead to; nor under WNLB, where not each connection is a choice of its own.
    """
    if servers := _promised(topology, flow, node):
        return 1 / len(servers)
    settings, parts = topology.flows[flow], parts_by_target(topology, flow, node)
    if any(part and keeps_clients(topology, vip, settings.port) for vip, part in parts.items()):
        return 0.0
    persona = persona_called(topology.behaviour(flow))
    chooses_anew = persona.chooses == "message" or settings.pin is not None
    if chooses_anew or len({*parts.values()}) == 1:
        return taken(topology, flow).get(node, 0.0)
    return 0.0


def _promised(topology: Topology, flow: str, node: str) -> tuple[str, ...]:
    """The servers among which a flow promises a node an equal part of the senders' choices."""
    servers = topology.expectation(flow).spread
    is_one = node in servers and len(servers) >= 2
    return servers if is_one and not _by_vip(topology, flow) else ()


def _by_vip(topology: Topology, flow: str) -> bool:
    """Whether balancers have a part in who takes a flow's mail."""
    return any(target in topology.vips for target in targets_of(topology, flow))


def _shunned_s(topology: Topology, flow: str) -> float:
    """How long the flow's senders leave a host alone after its failure: Exim does."""
    by_mx = domain_of(topology, topology.flows[flow].to)
    return exim.KIND.retries.first if by_mx and topology.behaviour(flow) == "exim" else 0.0

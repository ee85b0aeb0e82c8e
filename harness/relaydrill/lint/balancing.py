"""Balancers: before whom they may stand, what they forward, what they see, and their own death."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from relaydrill.lint.entry_points import listens, vips_of
from relaydrill.lint.rule import COLUMN, Found, Severity, rule
from relaydrill.planning import entered
from relaydrill.sentences import listed
from relaydrill.topology import ALL, NOWHERE, Topology
from relaydrill.topology.naming import servers_of

_NOTHING: Final = 1e-9
"""Shares are sums of fractions."""


@rule(
    "balanced-2007-rtm",
    Severity.ERROR,
    fact="Load balancing of inbound SMTP to hubs is supported from Exchange 2007 SP1 on, and not"
    f" with 2007 as first released ({COLUMN}).",
    remedy="Bring the hub to Service Pack 1, or take it out of the balancer's backends.",
)
def balanced_2007_rtm(topology: Topology) -> Iterator[Found]:
    """Hubs of the first release behind a balancer."""
    for name, balancer in topology.balancers.items():
        for hub in balancer.backends:
            if topology.hubs[hub].version == "2007":
                text = f"{hub} is an Exchange 2007 without Service Pack 1, and stands behind {name}"
                yield ("nodes", hub, "version"), text


_NO_BALANCER_INSIDE: Final = (
    f"its servers try the next hub by themselves, and balancing that traffic is not supported"
    f" ({COLUMN})."
)
_A_NAME_OF_HUBS: Final = (
    "Lead it to a name with the addresses of all hubs (names: {hubs.contoso.com: [ht1, ht2]}),"
    " with persona: rotated_list."
)


def _through_a_balancer(topology: Topology, what: str) -> Iterator[Found]:
    for key, flow in topology.flows.items():
        if topology.senders[flow.sender].stands_for == what:
            for vip, name, _ in vips_of(topology, key):
                told = "mailbox server" if what == "mailbox" else "hub"
                text = f"the {told} {flow.sender} sends flow {key} through {vip}, a VIP of {name}"
                yield ("flows", key, "to"), text


@rule(
    "balanced-hub-to-hub",
    Severity.ERROR,
    fact=f"Between hubs there must be no balancer: {_NO_BALANCER_INSIDE}",
    remedy=_A_NAME_OF_HUBS,
)
def balanced_hub_to_hub(topology: Topology) -> Iterator[Found]:
    """What a hub hands on goes through a VIP."""
    yield from _through_a_balancer(topology, "hub")


@rule(
    "balanced-mailbox-to-hub",
    Severity.ERROR,
    fact=f"Between a mailbox server and hubs there must be no balancer: {_NO_BALANCER_INSIDE}",
    remedy=_A_NAME_OF_HUBS,
)
def balanced_mailbox_to_hub(topology: Topology) -> Iterator[Found]:
    """What a mailbox server hands on goes through a VIP."""
    yield from _through_a_balancer(topology, "mailbox")


@rule(
    "port-rule-all",
    Severity.WARNING,
    fact="A port rule is bound to the cluster's VIP and not to all addresses, lest it also takes"
    f" what is meant for another VIP of the hosts ({COLUMN}).",
    remedy="Write cluster: {rules: [{vip: NAME, …}]}, one rule for each VIP; without rules there is"
    " one for all.",
)
def port_rule_all(topology: Topology) -> Iterator[Found]:
    """Port rules of a WNLB cluster that are bound to all addresses."""
    for name, balancer in topology.clusters.items():
        for at, each in enumerate(balancer.cluster.rules):
            if each.vip == ALL:
                vips = listed([*balancer.vips])
                text = f"rule {at + 1} of {name} is bound to all addresses, and not to {vips}"
                yield ("nodes", name, "cluster", "rules", at), text


@rule(
    "vip-lacks-port",
    Severity.ERROR,
    fact="Servers send to port 25 and mail clients to 587 (RFC 6409 §3.1), and a VIP answers only"
    f" on the ports that it has a rule for, a hub only where it has a connector ({COLUMN}).",
    remedy="Add the port to the VIP's ports (with WNLB, to a rule that is not disabled) and a"
    " connector for it to every hub behind, or lead the flow elsewhere.",
)
def vip_lacks_port(topology: Topology) -> Iterator[Found]:
    """Flows to a port that the VIP, or a hub behind it, does not serve."""
    for key, flow in topology.flows.items():
        for vip, name, balancer in vips_of(topology, key):
            ports = balancer.vips[vip].ports
            by = balancer.cluster.rule_for(vip, flow.port) if balancer.mode == "wnlb" else None
            if flow.port not in ports:
                served = listed([str(port) for port in dict.fromkeys(ports)])
                text = f"flow {key} needs port {flow.port}, and {vip} of {name} serves {served}"
                yield ("nodes", name, "vips", vip, "ports"), text
            elif by is not None and by.filtering == "disabled":
                at = balancer.cluster.rules.index(by)
                text = f"flow {key} needs port {flow.port}, which a rule of {name} disables"
                yield ("nodes", name, "cluster", "rules", at, "filtering"), text
            elif deaf := [
                hub for hub in balancer.backends if not listens(topology, hub, flow.port)
            ]:
                text = f"flow {key} needs port {flow.port}, where {listed(deaf)} has no connector"
                yield ("nodes", name, "vips", vip, "ports"), text


@rule(
    "lone-balancer",
    Severity.WARNING,
    fact="A balancer that is itself alone is a single point of failure: it takes the hubs' place as"
    f" the one machine that may not die ({COLUMN}).",
    remedy="Give the VIP a second machine that takes it over (a node of role: standby, by VRRP);"
    " use mode: wnlb; put a second VIP behind the name where all senders try another address"
    " (single_host, first_address, caching_client and lowest_mx do not); or accept the loss"
    " (accept: [{node: …, reason: …}]).",
    single_point=True,
)
def lone_balancer(topology: Topology) -> Iterator[Found]:
    """Proxies without which a name leads nowhere, or without which some senders find no way."""
    domains = (servers_of(topology, domain) for domain in topology.zones)
    answers = [*topology.names.values(), *domains]
    for name, balancer in topology.balancers.items():
        if balancer.mode == "wnlb" or name in topology.pairs:
            continue
        own = {*balancer.vips, name, NOWHERE}
        leading = [each for each in answers if set(each) & own - {NOWHERE}]
        if not leading or any(set(each) <= own for each in leading):
            hubs, vips = listed(balancer.backends), listed([*balancer.vips])
            yield ("nodes", name), f"{name} stands alone before {hubs}; with it {vips} is gone"
        elif stuck := [*_stuck_without(topology, name)]:
            text = f"with {name} the way in of {listed(stuck)} is gone, though the name has others"
            yield ("nodes", name), text


def _stuck_without(topology: Topology, name: str) -> Iterator[str]:
    """The flows, or shares of them, that are lost with a balancer though other ways lead in."""
    gone = frozenset({name, *topology.balancers[name].vips})
    for key in topology.flows:
        ways = entered(topology, key, frozenset())
        share = sum(ways.values()) - sum(entered(topology, key, gone).values())
        if share > _NOTHING:
            part = "" if share > 1 - _NOTHING else f"{share:.0%} of "
            yield f"{part}flow {key} ({topology.behaviour(key)})"


@rule(
    "blind-check",
    Severity.INFO,
    fact="A server under back pressure, or one that drains, greets and answers EHLO as ever and"
    " refuses at MAIL: a check that ends before MAIL stays green (Exchange documentation,"
    ' "Understanding back pressure"). WNLB looks at no service at all.',
    remedy="Use check: {kind: mail} where the balancer can; with WNLB, stop the host (drainstop)"
    " when its service stops.",
)
def blind_check(topology: Topology) -> Iterator[Found]:
    """Balancers that go on sending mail to a hub that refuses it."""
    for name, balancer in topology.balancers.items():
        if balancer.mode == "wnlb":
            text = f"{name} watches hosts and not services: a hub that refuses keeps its share"
            yield ("nodes", name, "mode"), text
        elif balancer.check.kind in ("tcp", "smtp"):
            kind = balancer.check.kind
            text = f"{name} checks by {kind}, which cannot see a hub's back pressure"
            yield ("nodes", name, "check", "kind"), text


@rule(
    "no-check",
    Severity.WARNING,
    fact="A balancer that checks nothing holds every server to be up, and gives a dead one its"
    ' share (HAProxy configuration manual, "check").',
    remedy="Write check: {kind: smtp} or, better, check: {kind: mail}.",
)
def no_check(topology: Topology) -> Iterator[Found]:
    """Proxies that believe every hub to be up for ever."""
    for name, balancer in topology.balancers.items():
        if balancer.mode == "proxy" and balancer.check.kind == "none":
            hubs = listed(balancer.backends)
            yield ("nodes", name, "check"), f"{name} never checks whether {hubs} can take mail"


@rule(
    "slow-check",
    Severity.WARNING,
    fact="A balancer gives a dead server its share until checks have failed often enough in a row,"
    " each an interval after the one before it and as long as its timeout (HAProxy configuration"
    ' manual, "fall", "inter" and "timeout check"); a WNLB cluster until heartbeats were missed and'
    " it has converged.",
    remedy="Check more often, for a shorter time, or with a lower fall; or promise what the check"
    " can keep (expect: {gap: …}).",
)
def slow_check(topology: Topology) -> Iterator[Found]:
    """Balancers that need longer to notice a dead hub than mail through them may fail."""
    promised: dict[str, tuple[float, str]] = {}
    for key in topology.flows:
        for _, name, balancer in vips_of(topology, key):
            if not balancer.redispatch:
                allowed = (topology.expectation(key).degraded_s, key)
                promised[name] = min(allowed, promised.get(name, allowed))
    for name, (allowed_s, key) in promised.items():
        balancer = topology.balancers[name]
        if balancer.mode == "wnlb":
            takes_s, what = balancer.cluster.detection_s, "cluster"
        else:
            takes_s, what = balancer.check.detection_s, "check"
        if takes_s > allowed_s and (what == "cluster" or balancer.check.kind != "none"):
            text = (
                f"{name} may take {takes_s:g} s to notice a dead hub, and flow {key} may fail for"
                f" {allowed_s:g} s"
            )
            yield ("nodes", name, what), text


RULES = (
    *(balanced_2007_rtm, balanced_hub_to_hub, balanced_mailbox_to_hub),
    *(port_rule_all, vip_lacks_port, lone_balancer, blind_check, no_check, slow_check),
)

"""What-if arithmetic over a zone: who gets which share of the mail, with anything gone. Pure.

Every persona's choice has a closed form, so a million senders cost no more than one. What the
arithmetic says of a population is its mean; `Share.spread` is how far chance may move it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, permutations
from types import MappingProxyType
from typing import Final, Protocol, runtime_checkable

from relaydrill import extensions
from relaydrill.errors import UsageError
from relaydrill.topology import NOWHERE, Topology
from relaydrill.topology.naming import Exchanger, domain_of, exchangers, host_names
from relaydrill.topology.paths import targets_of, with_their_vips
from relaydrill.topology.traffic import OWN_PERSONAS, looks_up_mx

_MOST_TRIES: Final = 5

Shares = dict[str, float]
"""The part of all choices that ends at each node; what is missing to 1 finds no way in."""


@dataclass(frozen=True, slots=True)
class Situation:
    """A zone with something gone.

    Attributes:
        zone: MX hosts with their addresses, as its sender takes them.
        order: How the name servers order their answers.
        gone: Nodes that do not answer.
    """

    zone: tuple[Exchanger, ...]
    order: str
    gone: frozenset[str]

    def alive(self, node: str) -> bool:
        """Whether a node answers."""
        return node not in self.gone and node != NOWHERE

    @property
    def groups(self) -> list[list[Exchanger]]:
        """The hosts by preference."""
        ranked = sorted(self.zone, key=lambda mx: mx.preference)
        return [list(hosts) for _, hosts in groupby(ranked, lambda mx: mx.preference)]


def in_turn(addresses: tuple[str, ...], order: str, alive: Callable[[str], bool]) -> Shares:
    """Where one ends that tries a name's addresses in the order of the answer, all of them."""
    live = [each for each in addresses if alive(each)]
    if not live:
        return {}
    if order == "fixed":
        return {live[0]: 1.0}
    if order == "random":
        return dict.fromkeys(live, 1 / len(live))
    found: Shares = defaultdict(float)
    for first in range(len(addresses)):
        turned = (*addresses[first:], *addresses[:first])
        found[next(each for each in turned if alive(each))] += 1 / len(addresses)
    return dict(found)


def first_only(addresses: tuple[str, ...], order: str, alive: Callable[[str], bool]) -> Shares:
    """Where one ends that tries the first address of the answer and no other."""
    first = addresses[:1] if order == "fixed" else addresses
    found: Shares = defaultdict(float)
    for each in first:
        if alive(each):
            found[each] += 1 / len(first)
    return dict(found)


def _pinned(situation: Situation, pin: str) -> Shares:
    best = situation.groups[0]
    mine = [mx for mx in situation.zone if mx.host == pin] if pin else best
    return _mean(in_turn(mx.addresses, situation.order, situation.alive) for mx in mine)


def _lowest(situation: Situation, _pin: str) -> Shares:
    """The first of the best in the answer: rotation of all records favours one after a worse."""
    zone, best = situation.zone, situation.groups[0]
    match situation.order:
        case "fixed":
            turns = [zone]
        case "random":
            turns = [(mx,) for mx in best]
        case _:
            turns = [(*zone[first:], *zone[:first]) for first in range(len(zone))]
    firsts = [next(mx for mx in turn if mx in best) for turn in turns]
    return _mean(first_only(mx.addresses, situation.order, situation.alive) for mx in firsts)


def _rfc5321(situation: Situation, _pin: str) -> Shares:
    for hosts in situation.groups:
        ways = [in_turn(mx.addresses, situation.order, situation.alive) for mx in hosts]
        if live := [way for way in ways if way]:
            return _mean(live)  # the first live host of a shuffled list is any of them
    return {}


def _postfix(situation: Situation, _pin: str) -> Shares:
    """Addresses of a preference shuffled, five tries over all preferences."""
    found: Shares = defaultdict(float)
    left, tries = 1.0, _MOST_TRIES
    for hosts in situation.groups:
        group = [node for mx in hosts for node in mx.addresses]
        live = [node for node in group if situation.alive(node)]
        # All of the tries that are left fall on dead addresses.
        taken = min(tries, len(group))
        missed = math.comb(len(group) - len(live), taken) / math.comb(len(group), taken)
        for node in live:
            found[node] += left * (1 - missed) / len(live)
        left, tries = left * missed, tries - taken
    return dict(found)


def _exim(situation: Situation, _pin: str) -> Shares:
    """Hosts shuffled, then each host's addresses, five tries: every order is looked at."""
    orders: list[list[Exchanger]] = [[]]
    for hosts in situation.groups:
        # Each host takes a try at least: of a longer order only its beginning matters.
        hosts = [mx for mx in hosts if mx.addresses]
        begun = min(len(hosts), _MOST_TRIES)
        orders = [[*order, *more] for order in orders for more in permutations(hosts, begun)]
    return _mean(_exim_in_order(order, situation) for order in orders)


def _exim_in_order(hosts: list[Exchanger], situation: Situation) -> Shares:
    found: Shares = defaultdict(float)
    left, tries = 1.0, _MOST_TRIES
    for mx in hosts:
        live = [node for node in mx.addresses if situation.alive(node)]
        taken = min(tries, len(mx.addresses))
        dead = len(mx.addresses) - len(live)
        missed = math.comb(dead, taken) / math.comb(len(mx.addresses), taken)
        for node in live:
            found[node] += left * (1 - missed) / len(live)
        left, tries = left * missed, tries - taken
    return dict(found)


def _rotated(situation: Situation, _pin: str) -> Shares:
    """Each sender has a list of its own, so over many a dead server's turns fall on all others."""
    for hosts in situation.groups:
        live = {node for mx in hosts for node in mx.addresses if situation.alive(node)}
        if live:
            return dict.fromkeys(live, 1 / len(live))
    return {}


_BY_PERSONA: Final[Mapping[str, Callable[[Situation, str], Shares]]] = MappingProxyType(
    {
        "pinned_mx": _pinned,
        "lowest_mx": _lowest,
        "rfc5321": _rfc5321,
        "postfix": _postfix,
        "exim": _exim,
        "rotated_list": _rotated,
    }
)


_IN_TURN: Final = frozenset({"mail_client", "happy_eyeballs"})
"""Who resolves a name, and goes on to its next address where one does not open."""


@runtime_checkable
class Planned(Protocol):
    """A persona of another package, as planning sees it."""

    def shares(self, situation: Situation, pin: str, /) -> Shares:
        """Whom it chooses, as a closed form.

        Args:
            situation: The MX records of a domain, or a name as its only exchanger.
            pin: The MX host that its senders have picked; empty: each picks one for itself.
        """


def _formula(persona: str) -> Callable[[Situation, str], Shares] | None:
    """Whom a persona chooses by MX records; None where it only resolves a name.

    Raises:
        UsageError: A persona of another package does not say.
    """
    entry = extensions.added(extensions.PERSONAS, OWN_PERSONAS).get(persona)
    if entry is None:
        return _BY_PERSONA.get(persona)
    found = extensions.made(entry)
    if not isinstance(found, Planned):
        raise UsageError(f"{extensions.told(entry)}: the persona has no shares(situation, pin)")
    return found.shares


def _mean(ways: Iterator[Shares] | list[Shares]) -> Shares:
    every = [*ways]
    found: Shares = defaultdict(float)
    for way in every:
        for node, share in way.items():
            found[node] += share / len(every)
    return dict(found)


def shares(topology: Topology, flow: str, gone: frozenset[str]) -> Shares:
    """Where the mail of one inbound flow ends with some nodes gone.

    Raises:
        UsageError: The flow goes to no domain with MX records and to no name of several addresses.
    """
    settings = topology.flows[flow]
    order, persona = _order(topology, flow), topology.behaviour(flow)
    formula = _formula(persona)
    if domain := domain_of(topology, settings.to):
        situation = Situation(exchangers(topology, domain, persona), order, gone)
        assert formula  # the topology is refused where a persona looks up no MX records
        # A domain with a null MX takes no mail (RFC 7505 §3).
        return formula(situation, settings.pin or "") if situation.zone else {}
    addresses = _hosts(topology).get(settings.to)
    if addresses is None:
        raise UsageError(
            f"flow {flow} goes to {settings.to}, which is no domain with MX records and no name of"
            " several addresses"
        )
    if formula:
        # Without MX records a name is its own exchanger (RFC 5321 §5.1).
        alone = Situation((Exchanger(settings.to, addresses=addresses),), order, gone)
        return formula(alone, "")
    way = in_turn if persona in _IN_TURN else first_only
    return way(addresses, order, Situation((), order, gone).alive)


def entered(topology: Topology, key: str, dead: frozenset[str]) -> Shares:
    """The part of a flow's mail that its sender, as it chooses, brings to each of its targets.

    Args:
        topology: The design.
        key: The flow.
        dead: Nodes and VIPs that do not answer.
    """
    flow = topology.flows[key]
    targets = targets_of(topology, key)
    if domain_of(topology, flow.to) or flow.to in _hosts(topology):
        return shares(topology, key, dead)
    return {target: 1.0 for target in targets if target not in dead and target != NOWHERE}


def _hosts(topology: Topology) -> dict[str, tuple[str, ...]]:
    """What each host name leads to, of those between whose addresses a sender can choose."""
    of_mx = {mx.host for domain in topology.zones for mx in exchangers(topology, domain)}
    named = host_names(topology).items()
    return {host: to for host, to in named if len(to) > 1 or host in of_mx}


def _order(topology: Topology, key: str) -> str:
    flow = topology.flows[key]
    sorts = topology.senders[flow.sender].sorts_near
    if sorts and not looks_up_mx(topology.behaviour(key)) and not domain_of(topology, flow.to):
        return "fixed"  # by the sender's own address: all of a host's mail goes to one of them
    servers = topology.name_servers_of(flow.sender)
    return topology.name_servers[servers[0]].order if servers else "fixed"


@dataclass(frozen=True, slots=True)
class Share:
    """One node's part of the load.

    Attributes:
        rate: Attempts a second at the flows' peak.
        share: Part of all of them.
        spread: Standard deviation of ``share`` over populations of this size.
        capacity: Attempts a second that the node declares to bear; None: it says nothing.
    """

    rate: float
    share: float
    spread: float
    capacity: float | None

    @property
    def overloaded(self) -> bool:
        """Whether more comes than the node bears."""
        return self.capacity is not None and self.rate > self.capacity * (1 + 1e-9)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What happens with something gone.

    Attributes:
        gone: What, in a person's words.
        nodes: By node that receives.
        lost: The rate that finds no way in, attempts a second.
    """

    gone: str
    nodes: dict[str, Share]
    lost: float

    @property
    def holds(self) -> bool:
        """Whether all mail finds a way in, and no node gets more than it bears."""
        return self.lost < 1e-9 and not any(node.overloaded for node in self.nodes.values())


def has_inbound(topology: Topology) -> bool:
    """Whether any flow is one that `outlooks` looks at."""
    return bool(_inbound(topology))


def _inbound(topology: Topology) -> list[str]:
    """The flows between whose servers senders choose, but for those that are all refused."""
    aims = {key: domain_of(topology, flow.to) or flow.to for key, flow in topology.flows.items()}
    known = {*topology.zones, *_hosts(topology)}
    return [
        key for key, aim in aims.items() if aim in known and not topology.expectation(key).refusal
    ]


def outlooks(topology: Topology) -> tuple[Outlook, ...]:
    """With nothing gone, with each receiving node gone, and with each site gone.

    Raises:
        UsageError: There is no inbound flow.
    """
    flows = _inbound(topology)
    if not flows:
        raise UsageError(
            f"topology {topology.name} has no flow to a domain with MX records, or to a"
            " name of several addresses"
        )
    used = {node for flow in flows for node in targets_of(topology, flow)}
    every = dict.fromkeys(node for node in (*topology.nodes, *topology.vips) if node in used)
    machines = {
        machine
        for vip, (balancer, _) in topology.vips.items()
        if vip in every
        for machine in topology.machines_of(balancer)
    }
    cases: list[tuple[str, frozenset[str]]] = [("nothing", frozenset())]
    cases += [(node, frozenset({node})) for node in every]
    cases += [
        (f"site {site}", frozenset(nodes))
        for site, nodes in topology.sites.items()
        if set(nodes) & {*every, *machines}
    ]
    return tuple(_outlook(topology, flows, every, what, gone) for what, gone in cases)


def _outlook(
    topology: Topology,
    flows: list[str],
    nodes: Mapping[str, None],
    what: str,
    gone: frozenset[str],
) -> Outlook:
    rates: Shares = defaultdict(float)
    variances: Shares = defaultdict(float)
    total = lost = 0.0
    for flow in flows:
        settings = topology.flows[flow]
        peak = settings.peak or settings.rate
        found = shares(topology, flow, with_their_vips(topology, gone))
        total += peak
        lost += peak * max(0.0, 1 - sum(found.values()))
        for node, share in found.items():
            rates[node] += peak * share
            variances[node] += peak**2 * share * (1 - share) / settings.population
    return Outlook(
        what,
        {
            node: Share(
                rates[node],
                rates[node] / total,
                math.sqrt(variances[node]) / total,
                getattr(topology.nodes.get(node), "capacity", None),
            )
            for node in nodes
        },
        lost,
    )

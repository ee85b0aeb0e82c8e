"""Which parts of a design may stand for others: what it says of them is the same. Pure.

A *swap* gives names of a design to one another: of nodes, MX hosts and sites. Where the design that
comes of it is the same design, whatever is lost in the one is lost in the other, and one drill
shows both: it is an automorphism, as for a graph. Swaps may follow one another.

The same design means: the same role, kind, settings and site, and the same place in every list that
names them. In a list that is turned from one connection to the next (the servers of a balancer, the
addresses of a name, the next hops of a hub) it matters who follows whom, and not who is first: the
one after a dead server takes its turns. Such lists are the same where one is the other turned. MX
records of one preference have no order where all senders shuffle them. Everything else is compared
as it is written, so that in doubt nothing is alike.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

from relaydrill.topology import Topology
from relaydrill.topology.naming import domain_of, exchangers
from relaydrill.topology.paths import path_of
from relaydrill.topology.routing import routes_for, shadow_partners

Swap = Mapping[str, str]
"""The names that change, each with what it becomes; every name comes once on either side."""

_BY_TURN: Final = frozenset(
    {"single_host", "first_address", "mail_client", "happy_eyeballs"}
    | {"pinned_mx", "rfc5321", "postfix", "exim"}
)
"""Personas that take a name's addresses as they come, and keep none of them for later."""

_SHUFFLES: Final = frozenset({"rfc5321", "postfix", "exim"})
"""Personas to whom MX hosts of one preference are the same."""

_NAMES_OTHERS: Final = frozenset({"site", "backends", "standby_of", "dns", "upstream"})
"""What of a node's settings names other parts of the design."""

_NO_PART: Final = frozenset({"summary", "lint", "attach", "failures"})
"""What of a design no lab of it looks at."""


@dataclass(frozen=True, slots=True)
class _Turned:
    """A list of which only the order around the circle counts."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Unordered:
    """A list whose order means nothing."""

    parts: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class _Plain:
    """A word or a value that names no part of the design, whatever it looks like."""

    value: object


def swaps_of(topology: Topology) -> tuple[Swap, ...]:
    """The swaps that leave a design as it is; others follow from doing several of them.

    Args:
        topology: The design. What a balancer's own file says of servers is not looked into: with
            one, nothing is alike.
    """
    if any(balancer.config for balancer in topology.balancers.values()):
        return ()
    shape = _shape(topology)
    same = _told(shape, {})
    return tuple(swap for swap in _candidates(topology) if _told(shape, swap) == same)


def _candidates(topology: Topology) -> Iterator[Swap]:
    """Swaps to try: of two nodes, of two MX hosts or two sites with all of theirs, and turns."""
    by_settings: dict[str, list[str]] = {}
    for name in topology.tier:
        by_settings.setdefault(repr(_settings(topology, name)), []).append(name)
    for names in by_settings.values():
        yield from ({one: other, other: one} for one, other in combinations(names, 2))
    for circle in dict.fromkeys(each.names for each in _lists(_shape(topology))):
        if len(circle) > 2:
            yield dict(zip(circle, (*circle[1:], circle[0]), strict=True))
    groups = [(site, members) for site, members in topology.sites.items()]
    yield from _of_groups(groups)
    for domain in topology.zones:
        yield from _of_groups([(mx.host, mx.addresses) for mx in exchangers(topology, domain)])


def _of_groups(groups: list[tuple[str, tuple[str, ...]]]) -> Iterator[Swap]:
    """Two names become one another, with their members, place by place."""
    for (one, mine), (other, theirs) in combinations(groups, 2):
        if len(mine) == len(theirs) and not {*mine} & {*theirs}:
            there = dict(zip((one, *mine), (other, *theirs), strict=True))
            yield there | {new: old for old, new in there.items()}


def _settings(topology: Topology, name: str) -> dict[str, object]:
    """What a node says that names nobody."""
    # How often it fails is no setting of it: no lab looks at that.
    told = topology.nodes[name].model_dump(mode="json", exclude={"failure"})
    return {key: value for key, value in told.items() if key not in _NAMES_OTHERS}


def _shape(topology: Topology) -> dict[str, Any]:
    """All that a lab of the design depends on, with the lists whose order is not as written."""
    told = topology.model_dump(mode="json", exclude={*_NO_PART})
    turns = _are_turned(topology)
    told["nodes"] = {name: _node(topology, name) for name in topology.nodes}
    if turns:
        told["names"] = {name: _Turned(tuple(to)) for name, to in told["names"].items()}
    for name, zone in told["zones"].items():
        zone["mx"] = _records(topology, name, zone["mx"], turns=turns)
    for connector in told["connectors"].values():
        connector |= {key: _Unordered(tuple(connector[key])) for key in ("nodes", "remote")}
    topology_flows = told["flows"].values()
    # A flow has to stay what it is: another one may be called as a node is.
    told["flows"] = _Unordered(tuple((_Plain(each), flow) for each, flow in told["flows"].items()))
    told["accept"] = _Unordered(tuple(told["accept"]))
    for expect in (told["expect"], *(flow["expect"] for flow in topology_flows)):
        if expect and expect["spread"]:
            expect["spread"] = _Unordered(tuple(expect["spread"]))
    told["asked"] = {name: topology.name_servers_of(name) for name in topology.senders}
    told["hops"] = {
        (_Plain(flow), node): tuple(
            _Turned(route.hops)
            for route in routes_for(topology, node, topology.recipient(flow).rpartition("@")[2])
        )
        for flow in topology.flows
        for node in path_of(topology, flow)
    }
    told["copies"] = {
        name: shadow_partners(topology, name)
        for name, hub in topology.hubs.items()
        if hub.ack == "shadow"
    }
    return told


def _node(topology: Topology, name: str) -> dict[str, object]:
    node = topology.nodes[name]
    told: dict[str, object] = {key: _Plain(repr(x)) for key, x in _settings(topology, name).items()}
    for key in _NAMES_OTHERS & {*type(node).model_fields}:
        told[key] = getattr(node, key)
    balancer = topology.balancers.get(name)
    if balancer and balancer.mode == "proxy" and balancer.method == "roundrobin":
        told["backends"] = _Turned(balancer.backends)
    return told


def _records(
    topology: Topology, domain: str, records: list[dict[str, Any]], *, turns: bool
) -> object:
    """The MX records of a zone."""
    for record in records:
        if turns and record["addresses"] is not None:
            record["addresses"] = _Turned(tuple(record["addresses"]))
    are_shuffled = all(
        topology.behaviour(name) in _SHUFFLES or flow.pin
        for name, flow in topology.flows.items()
        if domain_of(topology, flow.to) == domain
    )
    return _Unordered(tuple(records)) if turns and are_shuffled else records


def _are_turned(topology: Topology) -> bool:
    """Whether DNS turns or shuffles its answers, and all senders take them as they come."""
    servers = topology.name_servers.values()
    return (
        bool(servers)
        and all(
            each.order != "fixed" and not each.netmask_ordering and not each.upstream
            for each in servers
        )
        and not any(sender.sorts_near for sender in topology.senders.values())
        and all(topology.behaviour(flow) in _BY_TURN for flow in topology.flows)
    )


def _lists(shape: object) -> Iterator[_Turned]:
    """All lists of a shape that are turned."""
    match shape:
        case _Turned():
            yield shape
        case Mapping():
            yield from _lists((*shape.values(),))
        case _Unordered(parts):
            yield from _lists(parts)
        case list() | tuple():
            for each in shape:
                yield from _lists(each)


def _told(shape: object, swap: Swap) -> Hashable:
    """A shape with other names, so that those that mean the same are equal."""
    match shape:
        case str():
            return swap.get(shape, shape)
        case _Turned(names):
            return "turned", _turned(tuple(swap.get(each, each) for each in names))
        case _Unordered(parts):
            return frozenset(_told(each, swap) for each in parts)
        case Mapping():
            return frozenset((_told(key, swap), _told(each, swap)) for key, each in shape.items())
        case list() | tuple():
            return tuple(_told(each, swap) for each in shape)
    assert isinstance(shape, Hashable)
    return shape


def _turned(names: tuple[str, ...]) -> tuple[str, ...]:
    """The same circle of names, from where it reads first."""
    return min(((*names[at:], *names[:at]) for at in range(len(names))), default=())


def swapped(nodes: Iterable[str], swap: Swap) -> frozenset[str]:
    """Nodes under a swap."""
    return frozenset(swap.get(node, node) for node in nodes)

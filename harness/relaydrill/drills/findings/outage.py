"""Mail that did not flow: nothing else was there to carry it, or it was there and not used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from relaydrill import faults
from relaydrill.drills.finding import Said
from relaydrill.drills.findings.wording import broken, called, how
from relaydrill.drills.judgement import FlowVerdict, Judgement
from relaydrill.faults.base import ServiceFault
from relaydrill.sentences import failed_or_late, listed, number_of
from relaydrill.smtp import Phase
from relaydrill.topology import Balancer, Role, Topology
from relaydrill.topology.paths import doors_of, path_of, takers_of

ALONE: Final = "alone"
"""What was broken is all that carries the flow: a single point of failure."""

UNUSED: Final = "not taken over"
"""Another way was there, and the flow did not take it, or not in time."""

_GOES_ON_BY: Final = {
    "single_host": "takes one address of the name and tries no other",
    "first_address": "takes the first address of the name and tries no other",
    "caching_client": "keeps an address for as long as it has cached it",
    "lowest_mx": "tries the hosts of the lowest preference alone",
    "pinned_mx": "tries what stands behind one MX host, and nothing else",
}
"""Personas that do not try every server, in words."""


def kind_of(judgement: Judgement, flow: FlowVerdict) -> str:
    """Whether anything else was there to carry the flow."""
    lost = frozenset(broken(judgement))
    if not lost:
        return "steady"
    is_on_its_way = bool(path_of(judgement.topology, flow.flow) & lost)
    is_all = is_on_its_way and not takers_of(judgement.topology, flow.flow, lost)
    return ALONE if is_all else UNUSED


def alone(judgement: Judgement, flows: list[FlowVerdict]) -> Said:
    """``lb1 carries relay alone; killed, 412 attempts in 8.2 s found no other way``."""
    nodes = broken(judgement)
    names = listed(flow.flow for flow in flows)
    carries = f"carries {names} alone" if len(nodes) == 1 else f"are all that carries {names}"
    sentence = f"{called(judgement)} {carries}; {how(judgement)}, {_toll(flows)} found no other way"
    return Said(sentence, _second_of(judgement.topology, nodes))


def _toll(flows: list[FlowVerdict]) -> str:
    """``412 attempts in 8.2 s``; one that was cut before its answer and delivered found a way."""
    gaps = [_figures(flow, "gap") for flow in flows]
    attempts = sum(each.get("attempts", 0) - each.get("recovered", 0) for each in gaps)
    longest = max((each.get("gap_s", 0.0) for each in gaps), default=0.0)
    return f"{attempts} {number_of(attempts, 'attempt', 'attempts')} in {longest:.1f} s"


def _figures(flow: FlowVerdict, check: str) -> dict[str, Any]:
    found = flow.check(check)
    return found.figures if found else {}


def _second_of(topology: Topology, nodes: tuple[str, ...]) -> str:
    """What to put beside nodes that are alone."""
    roles = {topology.nodes[node].role for node in nodes}
    if roles == {Role.BALANCER}:
        return (
            "a second balancer that takes the virtual address over (VRRP, an HA pair; "
            "role: standby), or a second address of the name for senders that try another"
        )
    if roles == {Role.DNS}:
        return "a second name server, which the senders are told of"
    if roles == {Role.EDGE}:
        return (
            "addresses in other sites behind every MX host: a sender that keeps to one host needs "
            "another way there"
        )
    if roles == {Role.HUB}:
        return "another hub, and a balancer or a name with several addresses before all of them"
    if roles == {Role.MAILBOX}:
        return "a hub before the mailbox server, which keeps its mail until it is back"
    return "a second of what was lost that does not share its fate"


def unused(judgement: Judgement, flows: list[FlowVerdict]) -> Said:
    """Another way was there: which, how many attempts did not take it, and what kept them."""
    others = _others(judgement, flows)
    lost = broken(judgement)
    failed = sum(_figures(flow, "degraded").get("failed", 0) for flow in flows)
    late = sum(_figures(flow, "degraded").get("late", 0) for flow in flows)
    of = sum(_figures(flow, "degraded").get("attempts", 0) for flow in flows)
    names = listed(flow.flow for flow in flows)
    if failed:
        toll = f"{failed} of {of} attempts of {names} {failed_or_late(failed, late)}"
    else:
        toll = f"{_toll(flows)} of {names} found nobody who accepted"
    was, were = (number_of(len(nodes), "was", "were") for nodes in (lost, others))
    sentence = (
        f"{called(judgement)} {was} {how(judgement)} while {listed(others)} {were} there, "
        f"and yet {toll}"
    )
    causes = [*dict.fromkeys(_causes(judgement, flows))]
    if not causes:
        return Said(sentence, "look at what the attempts were told, and what the senders try next")
    return Said(
        f"{sentence}: {'; '.join(cause.sentence for cause in causes)}",
        "; ".join(dict.fromkeys(cause.remedy for cause in causes)),
    )


def _others(judgement: Judgement, flows: list[FlowVerdict]) -> list[str]:
    """What else was there: other doors, where a door was lost, else the servers that were left."""
    topology, lost = judgement.topology, frozenset(broken(judgement))
    doors = frozenset(door for flow in flows for door in doors_of(topology, flow.flow))
    left = doors - lost if doors & lost else frozenset[str]()
    left = left or frozenset[str]().union(*(takers_of(topology, f.flow, lost) for f in flows))
    return sorted(left, key=[*topology.nodes].index)


def _causes(judgement: Judgement, flows: list[FlowVerdict]) -> Iterator[Said]:
    """What kept flows from what was left, as far as it can be told."""
    topology, lost = judgement.topology, frozenset(broken(judgement))
    paths = frozenset[str]().union(*(path_of(topology, flow.flow) for flow in flows))
    behind = {
        name: balancer
        for name, balancer in topology.balancers.items()
        if (name in paths or name in topology.clusters) and lost & {*balancer.backends}
    }
    for name, balancer in behind.items():
        yield from _of_a_balancer(judgement, name, balancer, flows)
    taken_over = [name for name, (_, standby) in topology.pairs.items() if name in lost - {standby}]
    for name in taken_over:
        yield from _of_a_pair(topology, name, flows)
    if behind or taken_over:
        return
    for flow in flows:
        behaviour, sender = topology.behaviour(flow.flow), topology.flows[flow.flow].sender
        if behaviour in _GOES_ON_BY:
            lost_balancer = lost & {*topology.balancers}
            yield Said(
                f"{sender} ({behaviour}) {_GOES_ON_BY[behaviour]}",
                _MOVES if lost_balancer else _WATCHED,
            )
    if lost <= {*topology.name_servers}:
        yield Said(
            "senders ask their name servers in order, and wait for each that is silent",
            "a shorter time to wait for a name server, or one that stands before the others",
        )


_MOVES: Final = (
    "an address that moves to the other balancer (VRRP, an HA pair; role: standby), for senders of "
    "this kind try no second one"
)
_WATCHED: Final = "a balancer that watches the servers, or senders that go on to the next one"


def _seen_by_checks(judgement: Judgement) -> bool:
    """Whether a health check that goes as far as MAIL FROM could see what was done."""
    phases = [
        fault.phase
        for spec in judgement.drill.faults
        if isinstance(fault := faults.make(spec.kind, spec.phase), ServiceFault)
    ]
    early = (Phase.BANNER, Phase.EHLO, Phase.MAIL)
    return all(phase in early for phase in phases)


def _of_a_pair(topology: Topology, name: str, flows: list[FlowVerdict]) -> Iterator[Said]:
    vrrp, (_, standby) = topology.balancers[name].vrrp, topology.pairs[name]
    allowed = min((_figures(flow, "gap").get("allowed_s", 0.0) for flow in flows), default=0.0)
    yield Said(
        f"{standby} waits up to {vrrp.takeover_s:.1f} s for a sign of {name} (an advertisement each"
        f" {vrrp.advert:g} s)",
        f"advertisements more often than each {vrrp.advert:g} s"
        if vrrp.takeover_s > allowed
        else f"a look at why {standby} did not hold the address in time, or did not get its mail "
        "through",
    )


def _of_a_balancer(
    judgement: Judgement, name: str, balancer: Balancer, flows: list[FlowVerdict]
) -> Iterator[Said]:
    degraded = [_figures(flow, "degraded") for flow in flows]
    green = [each["false_green"] for each in degraded if "false_green" in each]
    noticed = max((each["detection_s"] for each in degraded if "detection_s" in each), default=None)
    allowed = min((each.get("allowed_s", 0.0) for each in degraded), default=0.0)
    if balancer.mode == "wnlb":
        if green:
            yield Said(
                f"{name} is a WNLB cluster, which watches hosts and not services",
                "something on every host that stops WNLB there when the service is not well, or a "
                "balancer that checks the service",
            )
        return
    check = balancer.check
    if check.kind == "none":
        yield Said(
            f"{name} does not check its backends", f"a health check of the service on {name}"
        )
    elif green:
        refused, who = sum(each["refused"] for each in green), green[0]["node"]
        yield Said(
            f"{name} believed {who} to be up while it refused {refused} of them "
            f"(check: {check.kind})",
            f"a check on {name} that goes as far as MAIL FROM (kind: mail)"
            if check.kind != "mail" and _seen_by_checks(judgement)
            else "senders that try again later: no health check goes so far into a session",
        )
    elif noticed is not None and noticed > allowed:
        yield Said(
            f"{name} took {noticed:.1f} s to notice, {allowed:g} s are allowed",
            f"shorter intervals or fewer failures in a row (now {check.fall} of {check.interval:g} "
            f"s: up to {check.detection_s:g} s), or redispatch: true",
        )
    elif check.detection_s > allowed:
        yield Said(
            f"{name} may take {check.detection_s:g} s to notice, {allowed:g} s are allowed",
            "shorter intervals, shorter timeouts, or fewer failures in a row",
        )

"""Mail that did not flow: nothing else was there to carry it, or it was there and not used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Final

from relaydrill.drills.checks.conduct import by_whom, named
from relaydrill.drills.finding import Said
from relaydrill.drills.findings import balancing
from relaydrill.drills.findings.causes import ALONE, NOT_BACK, Cause, stopped
from relaydrill.drills.findings.wording import called, done_to, is_one, states
from relaydrill.ledger import FaultWindow
from relaydrill.sentences import failed_or_late, listed, number_of
from relaydrill.topology import Role, Topology
from relaydrill.topology.paths import doors_of, path_of, takers_of

_GOES_ON_BY: Final = {
    "single_host": "takes one address of the name and tries no other",
    "first_address": "takes the first address of the name and tries no other",
    "caching_client": "keeps an address for as long as it has cached it",
    "lowest_mx": "tries the hosts of the lowest preference alone",
    "pinned_mx": "tries what stands behind one MX host, and nothing else",
}
"""Personas that do not try every server, in words."""


def said(causes: Sequence[Cause]) -> Said:
    """What failed flows that share a cause, and what would help."""
    match causes[0].kind:
        case kind if kind == ALONE:
            return _alone(causes)
        case kind if kind == NOT_BACK:
            return _not_back(causes)
        case _:
            return _unused(causes)


def _windows(causes: Sequence[Cause]) -> tuple[FaultWindow, ...]:
    """The faults of all of them, each once, in order of time."""
    every = {id(window): window for cause in causes for window in cause.windows}
    return tuple(sorted(every.values(), key=lambda window: window.inject))


def _nodes(causes: Sequence[Cause]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(window.node for window in _windows(causes)))


def _names(causes: Sequence[Cause]) -> str:
    return listed(cause.flow.flow for cause in causes)


def _alone(causes: Sequence[Cause]) -> Said:
    """``lb1 carries relay alone; killed, 412 attempts in 8.2 s found no other way``."""
    topology, windows, nodes = causes[0].case.topology, _windows(causes), _nodes(causes)
    names = _names(causes)
    alone, together = f"carries {names} alone", f"are all that carries {names}"
    carries = is_one(topology, nodes, alone, together)
    sentence = (
        f"{called(topology, nodes)} {carries}; {states(windows)}, "
        f"{_no_other_way(causes)} found no other way"
    )
    return Said(sentence, _second_of(topology, nodes))


def _no_other_way(causes: Sequence[Cause]) -> str:
    """``412 attempts in 8.2 s``: in the longest time for which nothing was accepted."""
    attempts = sum(len(stopped(cause)) for cause in causes)
    longest = max(float(cause.figures("gap").get("gap_s", 0.0)) for cause in causes)
    return f"{attempts} {number_of(attempts, 'attempt', 'attempts')} in {longest:.1f} s"


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


def _toll(causes: Sequence[Cause]) -> str:
    """``41 of 244 attempts of relay failed (21 by ht1 and 20 by ht2)``."""
    attempts = [each for cause in causes for each in cause.attempts]
    of = sum(len(cause.case.attempts) for cause in causes)
    late = sum(each.accepted for each in attempts)
    told = f"{len(attempts)} of {of} attempts of {_names(causes)} "
    told += failed_or_late(len(attempts), late)
    counts: Counter[str] = Counter()
    for cause in causes:
        counts += by_whom(cause.case, cause.attempts)
    # Where it is the one server that was broken, the sentence names it already.
    who = (
        "" if {*counts} == {*_nodes(causes)} and len(counts) == 1 else named(counts, len(attempts))
    )
    return f"{told} ({who})" if who else told


def _not_back(causes: Sequence[Cause]) -> Said:
    """What was healed, and yet the flow went on failing."""
    topology, windows = causes[0].case.topology, _windows(causes)
    clock = topology.clock
    longest_s = max(
        (attempt.started - window.healed) * clock
        for cause in causes
        for attempt in cause.attempts
        for window in cause.windows
        if window.healed is not None
    )
    return Said(
        f"{done_to(topology, windows)} and healed, and yet {_toll(causes)} after that, the last "
        f"{longest_s:.1f} s after the heal",
        "look at why it does not serve as before, and at what keeps balancers and senders from it",
    )


def _unused(causes: Sequence[Cause]) -> Said:
    """Another way was there: which, how many attempts did not take it, and what kept them."""
    sentence = f"{_while_others_were_there(causes)}, and yet {_toll(causes)}"
    found = [*dict.fromkeys(_reasons(causes))]
    if not found:
        return Said(sentence, "look at what the attempts were told, and what the senders try next")
    return Said(
        f"{sentence}: {'; '.join(each.sentence for each in found)}",
        "; ".join(dict.fromkeys(each.remedy for each in found)),
    )


def _while_others_were_there(causes: Sequence[Cause]) -> str:
    """``ht1 was killed while ht2 and ht3 were there``; of a row of faults, how they followed."""
    topology, windows = causes[0].case.topology, _windows(causes)
    done = done_to(topology, windows)
    if len(_nodes(causes)) > 1 and not any(
        one.overlaps(other) for one, other in combinations(windows, 2)
    ):
        return f"{done} one after another, the others there each time"
    gone = max((each for cause in causes for each in cause.gone), key=len)
    if not gone >= {*_nodes(causes)}:
        return f"{done}, with others there each time"
    others = _others(causes, gone)
    return f"{done} while {listed(others)} {number_of(len(others), 'was', 'were')} there"


def _others(causes: Sequence[Cause], lost: frozenset[str]) -> list[str]:
    """What else was there: other doors, where a door was lost, else the servers that were left."""
    topology, flows = causes[0].case.topology, [cause.flow.flow for cause in causes]
    doors = frozenset(door for flow in flows for door in doors_of(topology, flow))
    left = doors - lost if doors & lost else frozenset[str]()
    left = left or frozenset[str]().union(*(takers_of(topology, flow, lost) for flow in flows))
    return sorted(left, key=[*topology.nodes].index)


def _reasons(causes: Sequence[Cause]) -> Iterator[Said]:
    """What kept flows from what was left, as far as it can be told."""
    topology, lost = causes[0].case.topology, frozenset(_nodes(causes))
    paths = frozenset[str]().union(*(path_of(topology, cause.flow.flow) for cause in causes))
    behind = [
        name
        for name, balancer in topology.balancers.items()
        if (name in paths or name in topology.clusters) and lost & {*balancer.backends}
    ]
    for name in behind:
        yield from balancing.reasons(name, causes)
    taken_over = [name for name, (_, standby) in topology.pairs.items() if name in lost - {standby}]
    for name in taken_over:
        yield from _of_a_pair(topology, name, causes)
    if behind or taken_over:
        return
    for cause in causes:
        flow = cause.flow.flow
        behaviour, sender = topology.behaviour(flow), topology.flows[flow].sender
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


def _of_a_pair(topology: Topology, name: str, causes: Sequence[Cause]) -> Iterator[Said]:
    vrrp, (_, standby) = topology.balancers[name].vrrp, topology.pairs[name]
    allowed = min(cause.case.expect.gap for cause in causes)
    yield Said(
        f"{standby} waits up to {vrrp.takeover_s:.1f} s for a sign of {name} (an advertisement each"
        f" {vrrp.advert:g} s)",
        f"advertisements more often than each {vrrp.advert:g} s"
        if vrrp.takeover_s > allowed
        else f"a look at why {standby} did not hold the address in time, or did not get its mail "
        "through",
    )

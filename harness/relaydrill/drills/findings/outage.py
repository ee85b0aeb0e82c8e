"""Mail that did not flow: nothing else was there to carry it, or it was there and not used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Final

from relaydrill.drills.checks.blame import delay_of, fault_of
from relaydrill.drills.checks.encounters import by_whom, named
from relaydrill.drills.findings import balancing
from relaydrill.drills.findings.causes import ALONE, NOT_BACK, Cause, stopped
from relaydrill.drills.findings.names import kept_too_long
from relaydrill.drills.findings.wording import Wording, called, done_to, is_one, states
from relaydrill.faults import How, ServiceFault, strength_of
from relaydrill.ledger import FaultWindow
from relaydrill.sentences import failed_or_late, listed, number_of
from relaydrill.topology import Role, Topology
from relaydrill.topology.paths import entry_points_of, path_of, takers_of

_GOES_ON_BY: Final = {
    "single_host": "takes one address of the name and tries no other",
    "first_address": "takes the first address of the name and tries no other",
    "caching_client": "keeps an address for as long as it has cached it",
    "lowest_mx": "tries the hosts of the lowest preference alone",
    "pinned_mx": "tries what stands behind one MX host, and nothing else",
}
"""Personas that do not try every server, in words."""


def describe(causes: Sequence[Cause]) -> Wording:
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


def _alone(causes: Sequence[Cause]) -> Wording:
    """``lb1 carries relay alone; killed, 412 attempts in 8.2 s found no other way``."""
    topology, windows, nodes = causes[0].case.topology, _windows(causes), _nodes(causes)
    names = _names(causes)
    alone, together = f"carries {names} alone", f"are all that carries {names}"
    carries = is_one(topology, nodes, alone, together)
    return Wording(
        f"{called(topology, nodes)} {carries}; {states(windows)}, {_no_other_way(causes)}",
        _for_those_alone(topology, windows, nodes),
    )


def _no_other_way(causes: Sequence[Cause]) -> str:
    """``412 attempts in 8.2 s found no other way``: in the longest time without any acceptance.

    Where others were accepted in between, as they are where a fault is of some of the sessions, or
    only makes mail late, that time says nothing: then how many of all, and for how long.
    """
    every = [(cause, attempt) for cause in causes for attempt in stopped(cause)]
    in_gap = sum(cause.is_in_gap(attempt) for cause, attempt in every)
    if 2 * in_gap < len(every):
        last_s = max(float(cause.figures("degraded").get("last_s", 0.0)) for cause in causes)
        return f"{_toll(causes)}, the last of them {last_s:.1f} s after a change"
    longest = max(float(cause.figures("gap").get("gap_s", 0.0)) for cause in causes)
    attempts = f"{len(every)} {number_of(len(every), 'attempt', 'attempts')}"
    return f"{attempts} in {longest:.1f} s found no other way"


def _for_those_alone(
    topology: Topology, windows: Sequence[FaultWindow], nodes: tuple[str, ...]
) -> str:
    """What helps where nothing else is there: another one, or whatever ends the fault's kind."""
    if all(map(delay_of, windows)):
        return f"find out what makes {listed(nodes)} slow; {balancing.MAY_BE_LATE}"
    second = _second_of(topology, nodes)
    if all(strength_of(fault_of(window)) < 1.0 for window in windows):
        return f"senders that try again, for other sessions are served; or {second}"
    return second


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
    return "a second one of what was lost, which is not lost together with it"


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


def _not_back(causes: Sequence[Cause]) -> Wording:
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
    sentence = (
        f"{done_to(topology, windows)} and healed, and yet {_toll(causes)} after that, the last "
        f"{longest_s:.1f} s after the heal"
    )
    if kept := _kept(causes):
        told = "; ".join(each.sentence for each in kept)
        return Wording(f"{sentence}: {told}", "; ".join(each.remedy for each in kept))
    return Wording(
        sentence,
        "find out why it does not serve as before, or what keeps balancers and senders from "
        "using it",
    )


def _kept(causes: Sequence[Cause]) -> list[Wording]:
    """What resolvers keep for too long, where it was a name server that was broken."""
    topology = causes[0].case.topology
    if not {*_nodes(causes)} <= {*topology.name_servers}:
        return []
    found = (each for cause in causes for each in kept_too_long(topology, cause.flow.flow))
    return [*dict.fromkeys(found)]


def _unused(causes: Sequence[Cause]) -> Wording:
    """Another way was there: which, how many attempts did not take it, and what kept them."""
    sentence = f"{_while_others_were_there(causes)}, and yet {_toll(causes)}"
    found = [*dict.fromkeys(_reasons(causes))]
    if not found and all(map(delay_of, _windows(causes))):
        why = f"find out what makes {listed(_nodes(causes))} slow"
        return Wording(sentence, f"{why}; {balancing.MAY_BE_LATE}")
    if not found:
        return Wording(
            sentence, "look at the replies to the attempts, and at what the senders try next"
        )
    return Wording(
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
    """What else was there: other entry points if one was lost, else the servers that were left."""
    topology, flows = causes[0].case.topology, [cause.flow.flow for cause in causes]
    entry_points = frozenset(
        entry_point for flow in flows for entry_point in entry_points_of(topology, flow)
    )
    left = entry_points - lost if entry_points & lost else frozenset[str]()
    left = left or frozenset[str]().union(*(takers_of(topology, flow, lost) for flow in flows))
    return sorted(left, key=[*topology.nodes].index)


def _reasons(causes: Sequence[Cause]) -> Iterator[Wording]:
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
            yield Wording(
                f"{sender} ({behaviour}) {_GOES_ON_BY[behaviour]}",
                _MOVES if lost_balancer else _WATCHED,
            )
        elif all(attempt.code >= 500 for attempt in cause.attempts):
            yield Wording(
                f"{sender} ({behaviour}) tries no other server after a 5xx, which is final",
                "servers that answer 4xx, and not 5xx, while something is wrong with themselves",
            )
    if lost <= {*topology.name_servers}:
        yield from _kept(causes)
        if any(map(_is_a_lie, _windows(causes))):
            yield Wording(
                "senders believe the first name server that answers, and ask no other",
                f"find out what {listed(_nodes(causes))} answers, and take it out of service"
                " while that is wrong",
            )
            return
        yield Wording(
            "senders ask their name servers in order, and wait for each that is silent",
            "a shorter time to wait for a name server, or one that stands before the others",
        )


def _is_a_lie(window: FaultWindow) -> bool:
    """Whether a name server answered, and what it answered was not true."""
    fault = fault_of(window)
    sign = fault.sign if isinstance(fault, ServiceFault) else None
    is_refusal = isinstance(fault, ServiceFault) and fault.rcode == "SERVFAIL"
    return sign is not None and sign.how is How.MISLED and not is_refusal


_MOVES: Final = (
    "an address that moves to the other balancer (VRRP, an HA pair; role: standby), for senders of "
    "this kind try no second one"
)
_WATCHED: Final = "a balancer that watches the servers, or senders that go on to the next one"


def _of_a_pair(topology: Topology, name: str, causes: Sequence[Cause]) -> Iterator[Wording]:
    vrrp, (_, standby) = topology.balancers[name].vrrp, topology.pairs[name]
    allowed = min(cause.case.expect.gap for cause in causes)
    yield Wording(
        f"{standby} waits up to {vrrp.takeover_s:.1f} s for a sign of {name} (an advertisement"
        f" every {vrrp.advert:g} s)",
        f"advertisements more often than every {vrrp.advert:g} s"
        if vrrp.takeover_s > allowed
        else f"find out why {standby} did not hold the address in time, or did not get its mail"
        " through",
    )

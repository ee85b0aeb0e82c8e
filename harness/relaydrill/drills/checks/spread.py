"""Every server gets its equal share of the senders' choices.

A choice is the server that a sender tries first, where that accepts what it is given: for a message
where senders choose anew for each, and else once for each sender, for a thousand messages of one
pinned sender are one choice. What was tried first at a server that did not take it is no mail of
its, and told beside. The test is exact and two-sided for each server, its false-alarm rate divided
by their number (Bonferroni).

Where senders connect to a VIP, the balancer chooses, for each connection: then it is who took the
message. Round robin is more even than chance, so that the false-alarm rate only gets smaller.
"""

from __future__ import annotations

from collections import Counter

from relaydrill.documents.checks import SpreadFigures
from relaydrill.drills.checks.case import Case
from relaydrill.drills.checks.choosing import says_nothing, took_it
from relaydrill.drills.family import by_chance
from relaydrill.sharing import keeps_clients
from relaydrill.verdict import SpreadTest, Verdict, interval, passed, spread_test, unknown


def check_spread(case: Case) -> Verdict | None:
    """While nothing is broken, each server of the promise gets its equal share of the choices."""
    servers = case.expect.spread
    if not servers or case.drill.faults:
        return None
    levels = case.drill.levels
    test = spread_test(len(servers), alarm=levels.doubt, miss=levels.miss)
    tried, counts = _chosen(case)
    choices = tried.total()
    figures: SpreadFigures = {
        "counts": {server: counts[server] for server in servers},
        "tried": {server: tried[server] for server in servers},
        "elsewhere": choices - sum(counts[server] for server in servers),
        "choices": choices,
        "needed": test.choices,
        "false_alarm": levels.alarm,
        "miss": test.miss,
        "alarm": levels.alarm,
        "p": min((test.p(counts[server], choices) for server in servers), default=1.0),
    }
    told = ", ".join(f"{server} {counts[server]}" for server in servers)
    uneven = [_named(server, counts[server], choices, test) for server in servers]
    uneven = [each for each in uneven if each]
    refused = [_refused(each, tried[each], counts[each]) for each in servers]
    beside = "".join(f"; {each}" for each in refused if each)
    if uneven:
        text = f"{'; '.join(uneven)} (of {choices}: {told}){beside}"
        return by_chance("spread", text, levels, **figures)
    if choices < test.choices:
        text = f"only {choices} independent choices, {test.choices} are needed to tell{beside}"
        return unknown("spread", text, **figures)
    return passed("spread", f"even over {choices} choices: {told}{beside}", **figures)


def _chosen(case: Case) -> tuple[Counter[str], Counter[str]]:
    """The servers that were tried first, once for each independent choice, and that took it.

    Choices of senders that found no server to try are none.
    """
    tries = case.ledger.tries(case.flow, case.named)
    vips = {each.choice for each in tries} & case.topology.vips.keys()
    if vips:
        port = case.topology.flows[case.flow].port
        if any(keeps_clients(case.topology, vip, port) for vip in vips):
            return Counter(), Counter()  # the messages of one sender are no independent choices
        takers = Counter[str]()
        for each, count in tries.items():
            takers[each.by] += count * each.is_accepted
        return takers, takers
    tried, counts = Counter[str](), Counter[str]()
    took: set[tuple[int, str]] = set()
    members: set[tuple[int, str]] = set()
    for each, count in tries.items():
        if not each.choice or says_nothing(case, each):
            continue
        is_taken = took_it(case, each, each.choice)
        if each.member is None:
            tried[each.choice] += count
            counts[each.choice] += count * is_taken
        else:
            members.add((each.member, each.choice))
            if is_taken:
                took.add((each.member, each.choice))
    first = _first_choices(case) if members else {}
    for choice in (each for each in first.items() if each in members):
        tried[choice[1]] += 1
        counts[choice[1]] += choice in took
    return tried, counts


def _first_choices(case: Case) -> dict[int, str]:
    """What each sender that keeps to its choice has chosen first."""
    first: dict[int, str] = {}
    for choice, member in case.attempts.choices():
        if member is not None:
            first.setdefault(member, choice)
    return first


def _refused(server: str, tried: int, took: int) -> str:
    """Who was tried first, and did not take all of it; empty if all was taken."""
    return "" if took == tried else f"{server} was tried first by {tried}, and accepted {took}"


def _named(server: str, count: int, choices: int, test: SpreadTest) -> str:
    """What is wrong with a server's share; empty if nothing is."""
    side = test.rejects(count, choices)
    if not side:
        return ""
    low, high = interval(count, choices, test.each)
    return f"{server} gets {side} its share of {test.fair:.0%}: {low:.0%} to {high:.0%}"

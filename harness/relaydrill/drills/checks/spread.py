"""Every server gets its equal share of the senders' choices.

A choice is the server that a sender tries first: for a message where senders choose anew for each,
and else once for each sender, for a thousand messages of one pinned sender are one choice. The test
is exact and two-sided for each server, its false-alarm rate divided by their number (Bonferroni).

Where senders connect to a VIP, the balancer chooses, for each connection: then it is who took the
message. Round robin is more even than chance, so that the false-alarm rate only gets smaller.
"""

from __future__ import annotations

from collections import Counter

from relaydrill.drills.checks.case import Case
from relaydrill.drills.family import by_chance
from relaydrill.topology import Topology
from relaydrill.verdict import SpreadTest, Verdict, interval, spread_test, unknown


def check_spread(case: Case) -> Verdict | None:
    """While nothing is broken, each server of the promise gets its equal share of the choices."""
    servers = case.expect.spread
    if not servers or case.drill.faults:
        return None
    levels = case.drill.levels
    test = spread_test(len(servers), alarm=levels.doubt, miss=levels.miss)
    counts = _chosen(case)
    choices = counts.total()
    figures = {
        "counts": {server: counts[server] for server in servers},
        "elsewhere": choices - sum(counts[server] for server in servers),
        "choices": choices,
        "needed": test.choices,
        "false_alarm": levels.alarm,
        "miss": test.miss,
    }
    told = ", ".join(f"{server} {counts[server]}" for server in servers)
    uneven = [_named(server, counts[server], choices, test) for server in servers]
    uneven = [each for each in uneven if each]
    if uneven:
        p = min(test.p(counts[server], choices) for server in servers)
        text = f"{'; '.join(uneven)} (of {choices}: {told})"
        return by_chance("spread", text, p, levels, **figures)
    if choices < test.choices:
        text = f"only {choices} independent choices, {test.choices} are needed to tell"
        return unknown("spread", text, **figures)
    p = min(test.p(counts[server], choices) for server in servers)
    return by_chance("spread", f"even over {choices} choices: {told}", p, levels, **figures)


def _chosen(case: Case) -> Counter[str]:
    """The servers that were chosen, once for each independent choice."""
    made = _choices(case)
    vips = made.keys() & case.topology.vips.keys()
    if not vips:
        return made
    port = case.topology.flows[case.flow].port
    if any(_keeps_to_a_host(case.topology, vip, port) for vip in vips):
        return Counter()  # the messages of one sender are no independent choices
    return case.ledger.first_takers(case.flow)


def _keeps_to_a_host(topology: Topology, vip: str, port: int) -> bool:
    """Whether a WNLB cluster gives all connections of one client to one host."""
    balancer = topology.balancers[topology.vips[vip][0]]
    rule = balancer.cluster.rule_for(vip, port)
    shares = rule is not None and (rule.filtering, rule.affinity) == ("multiple", "none")
    return balancer.mode == "wnlb" and not shares


def _choices(case: Case) -> Counter[str]:
    """The independent ones; those of senders that found no server to try are none."""
    made = Counter[str]()
    first: dict[int, str] = {}
    for choice, member in case.attempts.choices():
        if member is None:
            made[choice] += 1
        else:
            first.setdefault(member, choice)
    return made + Counter(first.values())


def _named(server: str, count: int, choices: int, test: SpreadTest) -> str:
    """What is wrong with a server's share; empty if nothing is."""
    side = test.rejects(count, choices)
    if not side:
        return ""
    low, high = interval(count, choices, test.each)
    return f"{server} gets {side} its share of {test.fair:.0%}: {low:.0%} to {high:.0%}"

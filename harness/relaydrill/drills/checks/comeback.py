"""A healed node carries mail again."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from relaydrill.drills.checks.bite import is_idle
from relaydrill.drills.checks.case import Case, stood_still
from relaydrill.drills.family import by_chance
from relaydrill.drills.model import FaultSpec
from relaydrill.drills.returning import Comeback, comeback_of
from relaydrill.verdict import Levels, Status, Verdict, interval, merge, passed, unknown


def check_return(case: Case) -> Verdict | None:
    """A healed node carries mail again: where it has peers, its share of it."""
    specs = case.drill.faults
    # Of several nodes at once, those that the flow does not use need not come back to it.
    used = [spec for spec in specs if not is_idle(case, spec)] or [*specs]
    verdicts = [_return(case, spec) for spec in used]
    told = [verdict for verdict in verdicts if verdict is not None]
    worst = merge(verdict.status for verdict in told)
    doubtful = [verdict for verdict in told if verdict.status is worst]
    # Of several, the one that chance explains worst: an audit looks at the smallest p first.
    return min(doubtful, key=lambda verdict: verdict.figures.get("p", 1.0), default=None)


def _return(case: Case, spec: FaultSpec) -> Verdict | None:
    window = case.window(spec)
    if window is None or window.healed is None or spec.kind == "none" or spec.for_good:
        return None
    levels = case.drill.levels
    comeback = comeback_of(case.topology, spec.node, case.flow, levels)
    if comeback.instead:
        return _stays(case, spec.node, comeback.instead, window.healed)
    after = window.healed + comeback.allowance_s / case.clock
    choices = _choices(case, comeback, after)
    if comeback.test is None or choices is None:
        port = case.topology.flows[case.flow].port
        took = case.ledger.took(spec.node, case.flow, port, after=window.healed)
        text = f"{spec.node} took {took} messages after its return"
        return (passed if took else unknown)("return", text, took=took)
    verdict = _share(spec.node, choices, comeback, levels)
    settled = case.settled(window.healed)
    if verdict.figures.get("p", 1.0) > levels.doubt or settled <= after:
        return verdict
    # A machine that starves has checks fail, and a balancer give out what it has otherwise: what
    # counts is what came after that.
    later = _choices(case, comeback, settled) or Counter()
    stalled_s = case.stalled_s(window.healed, settled) * case.clock
    again = _share(spec.node, later, comeback, levels)
    return replace(again, summary=again.summary + stood_still(stalled_s))


def _stays(case: Case, node: str, instead: str, since: float) -> Verdict:
    """Of a pair that does not preempt: the other keeps the VIPs."""
    took = case.ledger.took(instead, case.flow, case.topology.flows[case.flow].port, after=since)
    text = f"{instead} took {took} messages after {node}'s return, which does not preempt"
    return (passed if took else unknown)("return", text, took=took)


def _choices(case: Case, comeback: Comeback, after: float) -> Counter[str] | None:
    """Who was chosen how often since a moment; None where senders keep to a choice of theirs."""
    if not comeback.of_choices:
        return case.ledger.takers(case.flow, after=after)
    made = case.attempts.choices(after)
    if any(member is not None for _, member in made):
        return None
    return Counter(choice for choice, _ in made)


def _share(node: str, choices: Counter[str], comeback: Comeback, levels: Levels) -> Verdict:
    """Whether a node got its share of the choices among its peers."""
    test = comeback.test
    assert test
    everyone = sum(choices[peer] for peer in {*comeback.peers})
    mine = choices[node]
    figures = {"took": mine, "of": everyone, "fair": round(test.fair, 4), "needed": test.choices}
    if everyone < test.choices:
        text = f"only {everyone} messages after {node}'s return, {test.choices} are needed to tell"
        return unknown("return", text, **figures)
    p = test.p(mine, everyone)
    status = levels.status(p)
    low, high = interval(
        mine, everyone, 2 * (levels.alarm if status is Status.FAIL else levels.doubt)
    )
    text = (
        f"{node} took {mine} of {everyone} after its return: {low:.0%} to {high:.0%}, "
        f"fair share {test.fair:.0%}"
    )
    return by_chance("return", text, p, levels, **figures)

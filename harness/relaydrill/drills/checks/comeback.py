"""A healed node carries mail again."""

from __future__ import annotations

from relaydrill.drills.checks.bite import is_idle
from relaydrill.drills.checks.case import Case
from relaydrill.drills.model import FaultSpec
from relaydrill.drills.returning import Comeback, comeback_of
from relaydrill.verdict import ShareTest, Verdict, failed, interval, merge, passed, unknown


def check_return(case: Case) -> Verdict | None:
    """A healed node carries mail again: where it has peers, its share of it."""
    specs = case.drill.faults
    # Of several nodes at once, those that the flow does not use need not come back to it.
    used = [spec for spec in specs if not is_idle(case, spec)] or [*specs]
    verdicts = [_return(case, spec) for spec in used]
    told = [verdict for verdict in verdicts if verdict is not None]
    worst = merge(verdict.status for verdict in told)
    return next((verdict for verdict in told if verdict.status is worst), None)


def _return(case: Case, spec: FaultSpec) -> Verdict | None:
    window = case.window(spec)
    if window is None or window.healed is None or spec.kind == "none" or spec.for_good:
        return None
    comeback = comeback_of(case.topology, spec.node, case.flow)
    after = window.healed + comeback.allowance_s / case.clock
    choices = _choices(case, comeback, after)
    if comeback.test is None or choices is None:
        port = case.topology.flows[case.flow].port
        traffic = case.ledger.traffic_of(spec.node, case.flow, port)
        took = sum(each.mono > window.healed for each in traffic)
        text = f"{spec.node} took {took} messages after its return"
        return (passed if took else unknown)("return", text, took=took)
    return _share(spec.node, choices, comeback.peers, comeback.test)


def _choices(case: Case, comeback: Comeback, after: float) -> list[str] | None:
    """Who was chosen from a moment on; None where senders keep to a choice of theirs."""
    if not comeback.of_choices:
        return [
            node
            for entry in case.ledger.of_flow(case.flow)
            for moment, node in entry.accepted
            if moment > after
        ]
    made = [each for each in case.attempts if each.choice and each.started > after]
    return None if any(each.member is not None for each in made) else [e.choice for e in made]


def _share(node: str, choices: list[str], peers: tuple[str, ...], test: ShareTest) -> Verdict:
    """Whether a node got its share of the choices among its peers."""
    everyone = sum(choice in peers for choice in choices)
    mine = choices.count(node)
    figures = {"took": mine, "of": everyone, "fair": round(test.fair, 4), "needed": test.choices}
    if everyone < test.choices:
        text = f"only {everyone} messages after {node}'s return, {test.choices} are needed to tell"
        return unknown("return", text, **figures)
    low, high = interval(mine, everyone, 2 * test.alarm)
    text = (
        f"{node} took {mine} of {everyone} after its return: {low:.0%} to {high:.0%}, "
        f"fair share {test.fair:.0%}"
    )
    return (failed if test.rejects(mine, everyone) else passed)("return", text, **figures)

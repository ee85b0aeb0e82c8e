"""A healed node carries mail again: by what the servers accepted, until its next fault."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Final, NamedTuple

from relaydrill.drills.checks.bite import is_idle
from relaydrill.drills.checks.case import Case, said, stood_still
from relaydrill.drills.checks.choosing import says_nothing, took_it
from relaydrill.drills.checks.stretches import (
    Stretch,
    is_broken,
    next_fault,
    quiet,
    sharing,
    without,
)
from relaydrill.drills.family import by_chance
from relaydrill.drills.model import FaultSpec
from relaydrill.drills.returning import Comeback, comeback_of
from relaydrill.ledger import Attempt
from relaydrill.sentences import listed, number_of
from relaydrill.sharing import spans, taken
from relaydrill.smtp import Result
from relaydrill.topology.paths import path_of, takers_of
from relaydrill.verdict import (
    ShareTest,
    Status,
    Verdict,
    binomial_below,
    interval,
    merge,
    passed,
    unknown,
)

_FLUKES: Final = 0.01
"""So many of the messages that come to a server may fail without its being called broken."""
_SURE: Final = 0.01
_RARE: Final = 0.05
"""Chance, at most, of calling failures flukes that are as many as that, or more."""
_NEARLY_ALL: Final = 0.999


def check_return(case: Case) -> Verdict | None:
    """A healed node carries mail again: where it has peers, its share of it."""
    specs = case.drill.faults
    # Of several nodes at once, those that the flow does not use need not come back to it.
    used = [spec for spec in specs if not is_idle(case, spec)] or [*specs]
    verdicts = [_return(case, spec) for spec in used]
    told = [verdict for verdict in verdicts if verdict is not None]
    worst = merge(verdict.status for verdict in told)
    doubtful = [verdict for verdict in told if verdict.status is worst]
    # Of several, the one that chance explains worst.
    found = min(doubtful, key=lambda verdict: verdict.figures.get("p", 1.0), default=None)
    tests = sum("p" in verdict.figures for verdict in told)
    if found is not None and "p" in found.figures:
        return replace(found, figures={**found.figures, "tests": tests})
    return found


def _return(case: Case, spec: FaultSpec) -> Verdict | None:
    window = case.window(spec)
    if window is None or window.healed is None or spec.kind == "none" or spec.for_good:
        return None
    node, healed = spec.node, window.healed
    if node not in path_of(case.topology, case.flow):
        return None  # what it takes is others' mail
    if is_broken(case, node, healed):
        return None  # it returns with the heal of what else is wrong with it
    until = next_fault(case, node, healed)
    comeback = comeback_of(case.topology, node, case.flow, case.drill.levels)
    if comeback.instead:
        return _stays(case, node, comeback.instead, healed, until)
    # What was never there cannot be there again: that it took nothing before is told by `bite`.
    has_share = comeback.test is not None and _took(case, node, float("-inf"), window.inject) > 0
    found = _share(case, node, comeback, healed, until) if has_share else None
    if found is None:
        found = _anything(case, node, healed, until)
    after_s = max(comeback.allowance_s, case.expect.degraded_s)
    parts = quiet(case, node, healed + after_s / case.clock, until)
    return _with_refusals(case, node, parts, until, found)


def _stays(case: Case, node: str, instead: str, since: float, until: float) -> Verdict:
    """Of a pair that does not preempt: the other keeps the VIPs."""
    took = _took(case, instead, since, until)
    text = f"{instead} took {took} messages after {node}'s return, which does not preempt"
    return (passed if took else unknown)("return", text, took=took)


def _anything(case: Case, node: str, since: float, until: float) -> Verdict:
    """Of a node that has no share of its own: it takes something."""
    took = _took(case, node, since, until)
    text = f"{node} took {took} messages after its return"
    return (passed if took else unknown)("return", text, took=took)


def _took(case: Case, node: str, since: float, until: float) -> int:
    """How much of the flow's mail a node has taken between two moments.

    What takes mail by the word of its senders; a balancer or a name server, which sees no messages,
    no more than the flow had accepted in that time.
    """
    topology, flow = case.topology, case.flow
    tries = case.ledger.tries(flow, topology.nodes, since=since, until=until, over_by=until)
    if node in takers_of(topology, flow):
        return sum(count for each, count in tries.items() if took_it(case, each, node))
    port = topology.flows[flow].port
    took = case.ledger.took(node, flow, port, after=since, before=until)
    if topology.balancer_of(node) or node in topology.name_servers:
        return min(took, sum(count for each, count in tries.items() if each.is_accepted))
    return took


class _Sample(NamedTuple):
    """What was counted of a node among its peers.

    Attributes:
        mine: What it accepted. everyone: Of so many. unnamed: Accepted by nobody knows whom.
        tried: How many tried it first. least, most: Its fair share, by who else was there.
        out: Who may not have been.
    """

    mine: int
    everyone: int
    unnamed: int
    tried: int
    least: float
    most: float
    out: tuple[str, ...]


def _share(
    case: Case, node: str, comeback: Comeback, healed: float, until: float
) -> Verdict | None:
    """Whether a node got its share; None where its senders keep to a choice of theirs."""
    assert comeback.test is not None
    after = healed + comeback.allowance_s / case.clock
    parts = sharing(case, node, after, until)
    if comeback.of_choices and _keeps(case, parts):
        return None
    found = _judged(case, node, comeback, parts, until)
    if found.figures.get("p", 1.0) > case.drill.levels.doubt:
        return found
    # A machine that starves has checks fail, and a balancer give out what it has otherwise; and
    # for a while after the heal attempts may fail, by the flow's own promise.
    spoilt = case.doubt.spoilt
    calm = without(parts, spoilt)
    if comeback.of_choices:
        calm = without(calm, [(healed, healed + case.expect.degraded_s / case.clock)])
    if calm == parts:
        return found
    again = _judged(case, node, comeback, calm, until)
    last = min(until, case.attempts.starts[-1])
    stalled_s = case.stalled_s(healed, last) * case.clock
    if not stalled_s:
        return again
    return replace(again, summary=again.summary + stood_still(stalled_s))


def _keeps(case: Case, parts: list[Stretch]) -> bool:
    """Whether senders keep to a choice that they once made."""
    return any(
        member is not None
        for part in parts
        for _, member in case.attempts.between(part.begin, part.end).choices()
    )


def _judged(
    case: Case, node: str, comeback: Comeback, parts: list[Stretch], until: float
) -> Verdict:
    """By the time in which all others were there, if there was enough of it; else by all of it."""
    test = comeback.test
    assert test is not None
    whole = _sample(case, node, comeback, [each for each in parts if not each.out], until)
    if whole.everyone < test.choices and any(each.out for each in parts):
        whole = _sample(case, node, comeback, parts, until)
    figures = {
        "took": whole.mine,
        "of": whole.everyone,
        "fair": round(test.fair, 4),
        "needed": test.choices,
    }
    if not whole.everyone:
        return unknown("return", _nothing_to_see(case, node, comeback, until), **figures)
    # All that nobody knows of may be the node's, or none of it.
    n = whole.everyone + whole.unnamed
    p = binomial_below(
        whole.mine + whole.unnamed, n, min(whole.least, _before(case, node, comeback))
    )
    worse = whole.most * test.worse / test.fair
    is_proven = 1 - binomial_below(whole.mine - 1, n, worse) <= test.miss
    levels = case.drill.levels
    status = levels.status(p)
    text = _told(node, whole, levels.alarm if status is Status.FAIL else levels.doubt)
    figures |= {"p": p, "alarm": levels.alarm}
    if whole.tried != whole.mine and comeback.of_choices:
        text += f"; it was tried first by {whole.tried}, and accepted {whole.mine} of them"
        figures["tried"] = whole.tried
    if status is not Status.PASS:
        return by_chance("return", text, levels, **figures)
    if is_proven:
        return passed("return", text, **figures)
    if n < test.choices:
        text = f"only {n} messages after {node}'s return, {test.choices} are needed to tell"
        again = "; it was broken again then, so that takes a later fault" * (until < float("inf"))
        return unknown("return", text + again, **figures)
    return unknown("return", f"{text}: too close to tell apart", **figures)


def _before(case: Case, node: str, comeback: Comeback) -> float:
    """The most that a node's share can have been before anything was broken.

    Where nobody promises that senders choose evenly, they may know of more than the topology says.
    """
    test, until = comeback.test, case.broken_from
    if not comeback.of_choices or node in case.expect.spread or until is None or test is None:
        return 1.0
    counts = _counted(case, node, comeback, Stretch(float("-inf"), until), until)
    if not counts["everyone"]:
        return 1.0
    return interval(counts["mine"], counts["everyone"], 2 * test.alarm)[1]


def _told(node: str, whole: _Sample, error: float) -> str:
    low, high = interval(whole.mine, whole.everyone, 2 * error)
    fair = f"{whole.least:.0%}"
    if f"{whole.most:.0%}" != fair:
        verb = number_of(len(whole.out), "was", "were")
        fair += f" to {whole.most:.0%}, for {listed(whole.out)} {verb} out for a part of the time"
    return (
        f"{node} took {whole.mine} of {whole.everyone} after its return: {low:.0%} to {high:.0%}, "
        f"fair share {fair}"
    )


def _nothing_to_see(case: Case, node: str, comeback: Comeback, until: float) -> str:
    """Why nothing can be said of a return, and what would do."""
    text = f"nothing was accepted of {case.flow} after {node} had its time to return"
    if comeback.allowance_s:
        text += f", {comeback.allowance_s:g} s"
    longer = "a later fault of it" if until < float("inf") else "a longer drill"
    return f"{text}: it takes {longer}"


def _sample(
    case: Case, node: str, comeback: Comeback, parts: list[Stretch], until: float
) -> _Sample:
    """Count a node's part, and what would have been fair over all of that time.

    Of choices whose chances differ, but have this mean, no more differ from it than of as many that
    are alike (Hoeffding 1956): the binomial test stays exact, or on the safe side.
    """
    assert comeback.test is not None
    mine = everyone = unnamed = tried = 0
    least = most = 0.0
    out: set[str] = set()
    for part in parts:
        low, high = _fair(case, node, comeback.test, part)
        if not low:
            continue
        counts = _counted(case, node, comeback, part, until)
        of_part = counts["everyone"] + counts["unnamed"]
        if not of_part:
            continue
        mine, everyone = mine + counts["mine"], everyone + counts["everyone"]
        unnamed, tried = unnamed + counts["unnamed"], tried + counts["tried"]
        least, most = least + low * of_part, most + high * of_part
        out |= part.out
    whole = everyone + unnamed or 1
    names = tuple(name for name in case.topology.nodes if name in out)
    return _Sample(mine, everyone, unnamed, tried, least / whole, most / whole, names)


def _fair(case: Case, node: str, test: ShareTest, part: Stretch) -> tuple[float, float]:
    """The least and the most that is fair in a stretch; 0 where nothing need come to the node."""
    if not part.out:
        return test.fair, test.fair
    topology, flow = case.topology, case.flow
    usual = taken(topology, flow).get(node, 0.0)
    low, high = spans(topology, flow, node, frozenset(), part.out)
    scale = test.fair / usual if usual else 0.0
    return low * scale, min(_NEARLY_ALL, high * scale)


def _counted(
    case: Case, node: str, comeback: Comeback, part: Stretch, until: float
) -> Counter[str]:
    """Of one stretch: what the node accepted, of how much, and what is not known."""
    topology, flow = case.topology, case.flow
    peers = comeback.peers if comeback.of_choices else takers_of(topology, flow)
    found = Counter[str]()
    tries = case.ledger.tries(flow, topology.nodes, since=part.begin, until=part.end, over_by=until)
    for each, count in tries.items():
        if not comeback.of_choices:
            if each.is_accepted:
                found["mine"] += count * (each.by == node)
                found["everyone"] += count * (each.by in peers)
                found["unnamed"] += count * (each.by not in topology.nodes)
        elif each.choice in peers and not says_nothing(case, each):
            found["everyone"] += count
            found["tried"] += count * (each.choice == node)
            found["mine"] += count * (each.choice == node and took_it(case, each, node))
    return found


def _with_refusals(
    case: Case, node: str, parts: list[Stretch], until: float, found: Verdict
) -> Verdict:
    """The verdict; a failure where a healed node turns down what comes to it.

    Only of what came when nothing else was wrong, after the time that the flow has for a change.
    """
    met, refused = 0, []
    for part in parts:
        tries = case.ledger.tries(
            case.flow, case.topology.nodes, since=part.begin, until=part.end, over_by=until
        )
        met += sum(count for each, count in tries.items() if node in (each.choice, each.by))
        some = case.attempts.between(part.begin, part.end)
        refused += some.told(lambda attempt: _turned_down(case, node, attempt))
    refused = [
        each
        for each in refused
        if each.ended is not None and each.ended <= until and not case.doubt.covers(each)
    ]
    if not refused:
        return found
    text = f"; of {met} messages that came to it then, it did not accept {len(refused)}"
    kept = [each for each in refused if not each.accepted]
    text += f" ({said(kept)})" if kept else ", which others took"
    figures = {**found.figures, "met": met, "not_accepted": len(refused)}
    figures.pop("doubt", None)  # what chance had no part in takes no second look
    chance = 1 - binomial_below(len(refused) - 1, met, _FLUKES)
    if len(refused) >= 2 and chance <= _SURE:
        # No healthy server does that by chance, so this is no test whose errors add up.
        sure = {name: value for name, value in figures.items() if name not in ("p", "alarm")}
        summary = found.summary + text
        return replace(found, status=Status.FAIL, summary=summary, figures=sure)
    is_rare = binomial_below(len(refused), met, _FLUKES) <= _RARE
    status = found.status
    if status is Status.PASS and not is_rare:
        status = Status.UNKNOWN
    return replace(found, status=status, summary=found.summary + text, figures=figures)


def _turned_down(case: Case, node: str, attempt: Attempt) -> bool:
    """Whether an attempt fell on a node that did not accept it."""
    name = case.answered_by(attempt)
    if attempt.accepted:
        # What made it go on, nobody has noted: it may have been a 4xx.
        return attempt.choice == node and name not in ("", node) and not case.expect.deferral
    if attempt.result in (None, Result.UNSENT) or (attempt.deferred and case.expect.deferral):
        return False
    return node in (attempt.choice, name)

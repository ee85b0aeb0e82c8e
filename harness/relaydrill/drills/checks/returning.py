"""A healed node carries mail again: by what the servers accepted, until its next fault."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from relaydrill.documents.checks import ReturnFigures
from relaydrill.drills.checks.bite import is_idle
from relaydrill.drills.checks.case import Case, replies_of, stood_still
from relaydrill.drills.checks.choosing import (
    may_be_another_s,
    says_nothing,
    took_it,
    what_to_declare,
)
from relaydrill.drills.checks.stretches import (
    Stretch,
    is_broken,
    next_fault,
    quiet,
    sharing,
    without,
)
from relaydrill.drills.family import by_chance, is_in_doubt
from relaydrill.drills.recovery import Recovery, recovery_of
from relaydrill.faults import FaultSpec
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
    found_of = {spec: _return(case, spec) for spec in sorted(used, key=lambda each: each.start_s)}
    verdicts = {spec: verdict for spec, verdict in found_of.items() if verdict is not None}
    cut = [spec for spec in verdicts if _is_told_later(case, spec, verdicts)]
    told = [verdict for spec, verdict in verdicts.items() if spec not in cut]
    worst = merge(verdict.status for verdict in told)
    doubtful = [verdict for verdict in told if verdict.status is worst]
    # Of several, the one that chance explains worst.
    found = min(doubtful, key=lambda verdict: verdict.figures.get("p", 1.0), default=None)
    if found is not None and cut:
        text = f"{found.summary}; {len(cut)} more {number_of(len(cut), 'return', 'returns')}"
        text += f" of {listed(dict.fromkeys(spec.node for spec in cut))} told nothing:"
        found = replace(found, summary=f"{text} broken again too soon")
    tests = sum("p" in verdict.figures for verdict in told)
    if found is not None and "p" in found.figures:
        return replace(found, figures={**found.figures, "tests": tests})
    return found


def _is_told_later(case: Case, spec: FaultSpec, verdicts: Mapping[FaultSpec, Verdict]) -> bool:
    """Whether a node was broken again before its return could tell anything, and returned later.

    Of one that flaps, or is drained and then stopped, the last return shows whether it is back.
    """
    if verdicts[spec].status is not Status.UNKNOWN or is_in_doubt(verdicts[spec]):
        return False
    window = case.window(spec)
    assert window is not None
    assert window.healed is not None
    is_cut = next_fault(case, spec.node, window.healed) < float("inf")
    return is_cut and any(
        other.node == spec.node and other.start_s >= spec.end_s for other in verdicts
    )


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
    recovery = recovery_of(case.topology, node, case.flow, case.drill.levels)
    if recovery.instead:
        return _stays(case, node, recovery.instead, healed, until)
    # What was never there cannot be there again: that it took nothing before is told by `bite`.
    has_share = recovery.test is not None and _took(case, node, float("-inf"), window.inject) > 0
    found = _share(case, node, recovery, healed, until) if has_share else None
    if found is None:
        found = _anything(case, node, healed, until)
    after_s = max(recovery.allowance_s, case.expect.degraded_s)
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
    if took and not _took(case, node, since, until, is_shown=True):
        text += f", or others did: no banner tells who{what_to_declare(case)}"
        return unknown("return", text, took=took)
    if not took and (unnamed := _unnamed(case, node, since, until)):
        text += f"; of {unnamed} that were accepted no banner tells by whom{what_to_declare(case)}"
    return (passed if took else unknown)("return", text, took=took)


def _unnamed(case: Case, node: str, since: float, until: float) -> int:
    """How much mail was accepted between two moments by nobody knows whom, perhaps by a node."""
    if node not in takers_of(case.topology, case.flow):
        return 0
    tries = case.ledger.tries(case.flow, case.named, since=since, until=until, over_by=until)
    nodes = case.topology.nodes
    return sum(n for each, n in tries.items() if each.is_accepted and each.by not in nodes)


def _took(case: Case, node: str, since: float, until: float, *, is_shown: bool = False) -> int:
    """How much of the flow's mail a node has taken between two moments.

    Without a name in a banner that is what tried it first; or nothing, if it has to be shown.
    What takes mail by the word of its senders; a balancer or a name server, which sees no messages,
    no more than the flow had accepted in that time.
    """
    topology, flow = case.topology, case.flow
    tries = case.ledger.tries(flow, case.named, since=since, until=until, over_by=until)
    if node in takers_of(topology, flow):
        return sum(
            count
            for each, count in tries.items()
            if took_it(case, each, node) and not (is_shown and may_be_another_s(case, each))
        )
    port = topology.flows[flow].port
    took = case.ledger.took(node, flow, port, after=since, before=until)
    if topology.balancer_of(node) or node in topology.name_servers:
        return min(took, sum(count for each, count in tries.items() if each.is_accepted))
    return took


class _Sample(NamedTuple):
    """What was counted of a node among its peers.

    Attributes:
        mine: What it accepted.
        everyone: Of so many.
        unnamed: Accepted by nobody knows whom.
        tried: How many tried it first.
        least: The least that its fair share may be, by who else was there.
        most: The most.
        worse: The most that it had if it got as much less than its share as must be noticed.
        out: Who may not have been.
    """

    mine: int
    everyone: int
    unnamed: int
    tried: int
    least: float
    most: float
    worse: float
    out: tuple[str, ...]


def _share(
    case: Case, node: str, recovery: Recovery, healed: float, until: float
) -> Verdict | None:
    """Whether a node got its share; None where its senders keep to a choice of theirs."""
    assert recovery.test is not None
    after = healed + recovery.allowance_s / case.clock
    parts = sharing(case, node, after, until)
    if recovery.of_choices and _keeps(case, parts):
        return None
    found = _judged(case, node, recovery, parts, until)
    if found.figures.get("p", 1.0) > case.drill.levels.doubt:
        return found
    # A machine that starves has checks fail, and a balancer give out what it has otherwise; and
    # for a while after the heal attempts may fail, by the flow's own promise.
    spoilt = case.doubt.spoilt
    calm = without(parts, spoilt)
    if recovery.of_choices:
        calm = without(calm, [(healed, healed + case.expect.degraded_s / case.clock)])
    if calm == parts:
        return found
    again = _judged(case, node, recovery, calm, until)
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
    case: Case, node: str, recovery: Recovery, parts: list[Stretch], until: float
) -> Verdict:
    """By the time in which all others were there, if there was enough of it; else by all of it."""
    test = recovery.test
    assert test is not None
    whole = _sample(case, node, recovery, [each for each in parts if not each.out], until)
    if whole.everyone < test.choices and any(each.out for each in parts):
        whole = _sample(case, node, recovery, parts, until)
    figures: ReturnFigures = {
        "took": whole.mine,
        "of": whole.everyone,
        "fair": round(test.fair, 4),
        "needed": test.choices,
    }
    if not whole.everyone:
        text = _nothing_to_see(case, node, recovery, until)
        if whole.unnamed:
            text = f"{whole.unnamed} messages were accepted after {node}'s return, and no banner"
            text += f" tells by whom{what_to_declare(case)}"
        return unknown("return", text, **figures)
    # All that nobody knows of may be the node's, or none of it.
    n = whole.everyone + whole.unnamed
    p = binomial_below(
        whole.mine + whole.unnamed, n, min(whole.least, _before(case, node, recovery))
    )
    is_proven = 1 - binomial_below(whole.mine - 1, n, whole.worse) <= test.miss
    levels = case.drill.levels
    status = levels.status(p)
    text = _summary(node, whole, levels.alarm if status is Status.FAIL else levels.doubt)
    figures |= {"p": p, "alarm": levels.alarm}
    if whole.unnamed:
        text += f"; of {whole.unnamed} more no banner tells who accepted them"
        text += what_to_declare(case)
    elif whole.tried != whole.mine and recovery.of_choices:
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


def _before(case: Case, node: str, recovery: Recovery) -> float:
    """The most that a node's share can have been before anything was broken.

    Where nobody promises that senders choose evenly, they may know of more than the topology says.
    """
    test, until = recovery.test, case.broken_from
    if not recovery.of_choices or node in case.expect.spread or until is None or test is None:
        return 1.0
    counts = _counted(case, node, recovery, Stretch(float("-inf"), until), until)
    most, of = (counts[each] + counts["unnamed"] for each in ("mine", "everyone"))
    return interval(most, of, 2 * test.alarm)[1] if of else 1.0


def _summary(node: str, whole: _Sample, error: float) -> str:
    low, high = interval(whole.mine, whole.everyone, 2 * error)
    fair = f"{whole.least:.0%}"
    if f"{whole.most:.0%}" != fair:
        verb = number_of(len(whole.out), "was", "were")
        fair += f" to {whole.most:.0%}, for {listed(whole.out)} {verb} out for a part of the time"
    return (
        f"{node} took {whole.mine} of {whole.everyone} after its return: {low:.0%} to {high:.0%}, "
        f"fair share {fair}"
    )


def _nothing_to_see(case: Case, node: str, recovery: Recovery, until: float) -> str:
    """Why nothing can be said of a return, and what would do."""
    text = f"nothing was accepted of {case.flow} after {node} had its time to return"
    if recovery.allowance_s:
        text += f", {recovery.allowance_s:g} s"
    longer = "a later fault of it" if until < float("inf") else "a longer drill"
    return f"{text}: it takes {longer}"


def _sample(
    case: Case, node: str, recovery: Recovery, parts: list[Stretch], until: float
) -> _Sample:
    """Count a node's part, and what would have been fair over all of that time.

    Of choices whose chances differ, but have this mean, no more differ from it than of as many that
    are alike (Hoeffding 1956): the binomial test stays exact, or on the safe side.
    """
    assert recovery.test is not None
    mine = everyone = unnamed = tried = 0
    least = most = worse = 0.0
    out: set[str] = set()
    for part in parts:
        low, high = _fair(case, node, recovery.test, part)
        if not low:
            continue
        counts = _counted(case, node, recovery, part, until)
        of_part = counts["everyone"] + counts["unnamed"]
        if not of_part:
            continue
        mine, everyone = mine + counts["mine"], everyone + counts["everyone"]
        unnamed, tried = unnamed + counts["unnamed"], tried + counts["tried"]
        least, most = least + low * of_part, most + high * of_part
        worse += _if_worse(recovery.test, high) * of_part
        out |= part.out
    whole = everyone + unnamed or 1
    names = tuple(name for name in case.topology.nodes if name in out)
    shares = (least / whole, most / whole, worse / whole)
    return _Sample(mine, everyone, unnamed, tried, *shares, names)


def _if_worse(test: ShareTest, share: float) -> float:
    """What a node gets in place of a share, if it gets as much less as the test must notice.

    Its weight beside the others is that much less: where most of them are out, it gets nearly all
    the same, and that it does shows nothing.
    """
    odds = share / (1 - share) * (test.worse / (1 - test.worse)) / (test.fair / (1 - test.fair))
    return odds / (1 + odds)


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
    case: Case, node: str, recovery: Recovery, part: Stretch, until: float
) -> Counter[str]:
    """Of one stretch: what the node accepted, of how much, and what is not known."""
    topology, flow = case.topology, case.flow
    peers = recovery.peers if recovery.of_choices else takers_of(topology, flow)
    found = Counter[str]()
    tries = case.ledger.tries(flow, case.named, since=part.begin, until=part.end, over_by=until)
    for each, count in tries.items():
        if not recovery.of_choices:
            if each.is_accepted:
                found["mine"] += count * (each.by == node)
                found["everyone"] += count * (each.by in peers)
                found["unnamed"] += count * (each.by not in topology.nodes)
        elif each.choice in peers and not says_nothing(case, each):
            is_first = each.choice == node
            is_unnamed = is_first and may_be_another_s(case, each)
            found["unnamed" if is_unnamed else "everyone"] += count
            found["tried"] += count * is_first
            found["mine"] += count * (is_first and not is_unnamed and took_it(case, each, node))
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
            case.flow, case.named, since=part.begin, until=part.end, over_by=until
        )
        met += sum(count for each, count in tries.items() if node in (each.choice, each.by))
        some = case.attempts.between(part.begin, part.end)
        refused += some.matching(lambda attempt: _turned_down(case, node, attempt))
    refused = [
        each
        for each in refused
        if each.ended is not None and each.ended <= until and not case.doubt.covers(each)
    ]
    if not refused:
        return found
    text = f"; of {met} messages that came to it then, it did not accept {len(refused)}"
    kept = [each for each in refused if not each.accepted]
    text += f" ({replies_of(kept)})" if kept else ", which others took"
    figures = {**found.figures, "met": met, "not_accepted": len(refused)}
    figures.pop("doubt", None)  # what chance had no part in takes no second look
    flukes = _flukes(case, node)
    chance = 1 - binomial_below(len(refused) - 1, met, flukes)
    if len(refused) >= 2 and chance <= _SURE:
        # No healthy server does that by chance, so this is no test whose errors add up.
        sure = {name: value for name, value in figures.items() if name not in ("p", "alarm")}
        summary = found.summary + text
        return replace(found, status=Status.FAIL, summary=summary, figures=sure)
    is_rare = binomial_below(len(refused), met, flukes) <= _RARE
    status = found.status
    if status is Status.PASS and not is_rare:
        status = Status.UNKNOWN
    return replace(found, status=status, summary=found.summary + text, figures=figures)


def _flukes(case: Case, node: str) -> float:
    """So many of what comes to a node may go on elsewhere without its being called broken.

    As many as did before anything was: part of the way to it may be dead all the time.
    """
    before = case.attempts.between(float("-inf"), case.broken_from or float("-inf"))
    went_on = before.how_many(lambda each: each.accepted and _turned_down(case, node, each))
    met = before.how_many(lambda each: node in (each.choice, case.answered_by(each)))
    return max(_FLUKES, interval(went_on, met, 2 * _SURE)[1]) if went_on else _FLUKES


def _turned_down(case: Case, node: str, attempt: Attempt) -> bool:
    """Whether an attempt fell on a node that did not accept it."""
    name = case.answered_by(attempt)
    if attempt.accepted:
        # What made it go on, nobody has noted: it may have been a 4xx.
        return attempt.choice == node and name not in ("", node) and not case.expect.deferral
    if attempt.result in (None, Result.UNSENT) or (attempt.deferred and case.expect.deferral):
        return False
    return node in (attempt.choice, name)

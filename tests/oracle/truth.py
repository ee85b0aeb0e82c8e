"""What is true of a played story, flow by flow: which promises were kept, which were broken.

Every claim leaves a margin: what lies within it is *too close*, and nothing is claimed. A time is
seen through attempts that come up to two steps apart, so the margin of a time is a little more than
that; the chance of a share or of a silence has one of a factor.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from relaydrill.schedule import LONGEST_STEP

from .chances import at_most, choices_needed
from .story import Flow
from .tier import Fate, InForce, Played, Tried

_CLOSE_STEPS: Final = 1.15
_CLOSE_S: Final = 0.4
"""By how much a time must pass or keep its bound: so many longest steps, and so many field seconds
more (a heal takes its time, and a busy machine sends late)."""

_HELD_S: Final = 0.15
"""An attempt that was held for less, wall seconds, nobody can tell from one that was served."""

_SILENT: Final = 0.01
"""A node that would have been silent by chance as likely as this proves nothing by its silence."""
_SURELY: Final = 0.002
_SURELY_COPIES: Final = 3
"""An address that got so much mail besides its recipient only gets copies, as docs/ say."""
_LUCK: Final = 0.03
"""Of a share that chance gave: as rare as this, and it may fail."""


@dataclass
class Truth:
    """What is true of one flow.

    Attributes:
        broken: Promises that were clearly broken.
        unproven: What was not put to the test: a fault that did not bite. Of either, a pass is
            wrong.
        close: What cannot be told from what was seen. Then a fail may be right.
        failing: Of ``broken``, those that whoever sees all of the evidence must call a failure.
        undecided: Why an honest judge may not know.
    """

    flow: Flow
    broken: list[str] = field(default_factory=list)
    unproven: list[str] = field(default_factory=list)
    close: list[str] = field(default_factory=list)
    failing: list[str] = field(default_factory=list)
    undecided: list[str] = field(default_factory=list)
    facts: dict[str, object] = field(default_factory=dict)

    @property
    def kept(self) -> bool:
        """Whether all was clearly kept, so that a fail is wrong."""
        return not self.broken and not self.close

    @property
    def is_clear(self) -> bool:
        """Whether an honest judge with the whole evidence knows: pass, or fail."""
        if self.failing:
            return True
        return not (self.broken or self.unproven or self.close or self.undecided)

    @property
    def named(self) -> str:
        """``kept``, ``broken``, ``unproven`` or ``close``."""
        if self.broken:
            return "broken"
        return "unproven" if self.unproven else "close" if self.close else "kept"


def truths(played: Played) -> dict[str, Truth]:
    """What is true of each flow."""
    return {flow.name: _truth(played, flow) for flow in played.story.flows}


def _truth(played: Played, flow: Flow) -> Truth:
    truth = Truth(flow)
    tried = [each for each in played.tried if each.flow is flow]
    _account(played, tried, truth)
    _rejected(tried, truth)
    _steady(played, tried, truth)
    _gap(played, tried, truth)
    _degraded(played, tried, truth)
    _faults(played, tried, truth)
    if played.windows and any(each.endswith("before the fault") for each in truth.broken):
        _only_mail_is_told(truth)
    return truth


def margin_s(played: Played, flow: Flow) -> float:
    """How close to its bound a time may not be, field seconds."""
    return _CLOSE_STEPS * played.field(LONGEST_STEP / flow.rate) + _CLOSE_S


# Mail.


def _account(played: Played, tried: list[Tried], truth: Truth) -> None:
    """Nothing that was promised may be missing, and nothing that was refused may be there."""
    counts: Counter[str] = Counter()
    for each in tried:
        counts[_became(played, each)] += 1
    truth.facts["mail"] = dict(counts)
    allowed: dict[str, float] = {
        "duplicated": math.inf
        if truth.flow.promise.duplicated is None
        else truth.flow.promise.duplicated,
        **dict.fromkeys(("fine", "unsettled", "handed on", "elsewhere"), math.inf),
    }
    if played.story.unread:
        allowed["lost"] = math.inf
        _hidden(tried, counts, truth)
    for what, count in counts.items():
        if count > allowed.get(what, 0):
            truth.broken.append(f"{count} {what}")
            truth.failing.append(what)
    for what in ("handed on", "elsewhere"):
        truth.unproven += [f"{counts[what]} {what}"] * bool(counts[what])
    if not any(each.accepted for each in tried):
        truth.unproven.append("nothing was accepted")
    elif not any(played.fates[each.identity].arrived for each in tried if each.accepted):
        truth.unproven.append("nothing was delivered")


def _hidden(tried: list[Tried], counts: Counter[str], truth: Truth) -> None:
    """What may stand in a log that nobody could read whole."""
    if counts["lost"]:
        truth.unproven.append(f"{counts['lost']} not seen to arrive")
    if truth.flow.promise.duplicated is not None:
        truth.unproven.append("a second copy of anything might be there")
    if any(not each.accepted and each.result != "unanswered" for each in tried):
        truth.unproven.append("what was refused might be there")


def _became(played: Played, tried: Tried) -> str:
    fate = played.fates[tried.identity] if tried.identity in played.fates else Fate()
    gone = {window.fault.node for window in played.windows if window.fault.for_good}
    copies = len(fate.arrived) + len(fate.queued_on)
    if not tried.accepted and tried.result != "unanswered":
        return "phantom" if copies else "fine"
    if fate.altered:
        return "altered"
    if not copies and not tried.accepted:
        return "fine"
    if not copies:
        return _gone(played, fate)
    if not fate.arrived and tried.accepted:
        return "stranded" if set(fate.queued_on) <= gone else "stuck"
    if set(fate.queued_on) - gone and not fate.arrived:
        return "stuck"
    if copies > 1:
        return "duplicated"
    return "fine"


def _gone(played: Played, fate: Fate) -> str:
    """What a message is that was promised, and is neither in a mailbox nor in a queue."""
    if fate.exits:
        return "discarded" if fate.exits[-1] == "discarded" else "handed on"
    both = sum(bool(each.archived and each.arrived) for each in played.fates.values())
    if fate.archived and played.story.archive != "known" and both < _SURELY_COPIES:
        return "elsewhere"
    return "lost"


def _rejected(tried: list[Tried], truth: Truth) -> None:
    """A mail server gives up what a server has refused for good: none of it may be."""
    found = [t for t in tried if t.code >= 500 and t.phase in ("mail", "rcpt", "data", "reply")]
    if found and truth.flow.promise.deferral:
        truth.broken.append(f"{len(found)} refused for good")
        truth.failing.append("rejected")


# Time.


def _unserved(played: Played, tried: Tried) -> bool:
    """Whether an attempt was not accepted, or later than the flow promises, or held by a fault.

    What a slow server makes wait is late, however soon it comes, to a flow that cannot be put off.
    """
    if not tried.accepted:
        return True
    if any(each.fault.kind == "slow" for each in tried.met) and not tried.flow.promise.deferral:
        return True
    late = played.field(tried.ended - tried.started) > tried.flow.promise.degraded_s
    return late or bool(tried.held)


def _counts(tried: Tried) -> bool:
    """Whether its failure counts: to a flow that can be put off, a 4xx is none."""
    return not (tried.flow.promise.deferral and 400 <= tried.code <= 499)


def _steady(played: Played, tried: list[Tried], truth: Truth) -> None:
    """Before anything was broken, everything is accepted."""
    first = min((window.inject for window in _breaking(played)), default=math.inf)
    bad = [t for t in tried if t.ended < first and _unserved(played, t) and _counts(t)]
    if bad:
        truth.broken.append(f"{len(bad)} failed before the fault")
        if not played.windows:
            truth.failing.append("steady")
    if played.windows:
        return
    near = 2 * played.story.clock / truth.flow.rate
    close = [
        t
        for t in tried
        if abs(played.field(t.ended - t.started) - truth.flow.promise.degraded_s) < near
    ]
    truth.close += ["an attempt was nearly late"] * bool(close)


def _breaking(played: Played) -> list[InForce]:
    """The faults that were injected, and break something, for all that anybody can see."""
    return [w for w in played.windows if w.fault.kind != "none" and w.fault.possible]


def _gap(played: Played, tried: list[Tried], truth: Truth) -> None:
    """The longest time in which it was tried and nothing was accepted."""
    starts = sorted(each.started for each in tried)
    ends = sorted(each.ended for each in tried if each.accepted)
    last_seen = max((each.ended for each in tried), default=0.0)
    longest, after, number, is_open = 0.0, -math.inf, 0, False
    for end in [*ends, math.inf]:
        while number < len(starts) and starts[number] <= after:
            number += 1
        if number == len(starts):
            break
        until = min(end, last_seen)
        if until - starts[number] > longest:
            longest, is_open = until - starts[number], end == math.inf
        after = end
    gap, close = played.field(longest), margin_s(played, truth.flow)
    truth.facts["gap"] = round(gap, 2)
    if gap - close > truth.flow.promise.gap:
        truth.broken.append(f"nothing was accepted for {gap:.1f} s")
        if gap - close - _lost_s(played) > truth.flow.promise.gap:
            _must_fail(played, truth, "gap")
    elif gap + close > truth.flow.promise.gap or is_open:
        truth.close.append(f"gap of {gap:.1f} s")


def _degraded(played: Played, tried: list[Tried], truth: Truth) -> None:
    """Attempts fail for a while after a fault and its heal, and no longer."""
    if not played.windows:
        return
    bad = [each for each in tried if _unserved(played, each) and _counts(each)]
    truth.facts["unserved"] = len(bad)
    allowed, close = truth.flow.promise.degraded_s, margin_s(played, truth.flow)
    first = min((window.inject for window in _breaking(played)), default=math.inf)
    worst, surely = 0.0, 0.0
    for each in bad:
        if each.ended < first:
            continue
        causes = [*each.met, *each.held]
        if each.slip or not causes:
            # It failed by itself. A fault that was in force on its way, or just healed, explains
            # it as well: nobody can tell.
            found = [_since(played, window, each) for window in _breaking(played)]
            near = min([s for s in found if s is not None], default=math.inf)
            truth.facts["by itself"] = round(near, 1)
            worst = max(worst, near)
            surely = max(surely, near)
            truth.close.append("an attempt failed by itself")
            continue
        spans = [_since(played, window, each) or 0.0 for window in causes]
        worst = max(worst, *spans)
        if not each.accepted or each.ended - each.started > _HELD_S:
            surely = max(surely, min(spans))
    truth.facts["degraded"] = (round(surely, 1), round(worst, 1))
    if surely - close > allowed:
        truth.broken.append(f"attempts failed {surely:.1f} s after their fault, or its heal")
        if surely - close - _lost_s(played) > allowed:
            _must_fail(played, truth, "degraded")
    elif worst + close > allowed:
        truth.close.append(f"degraded for {worst:.1f} s")
    almost = [t for t in tried if abs(played.field(t.ended - t.started) - allowed) < 1.0]
    truth.close += ["an attempt was nearly late"] * bool(almost)


def _since(played: Played, window: InForce, tried: Tried) -> float | None:
    """From a fault's own begin, or its heal, to an attempt; None where it came before."""
    if tried.started < window.inject:
        return 0.0 if tried.ended > window.inject else None
    since = window.inject if tried.started < window.healed else window.healed
    return played.field(tried.started - since)


def _must_fail(played: Played, truth: Truth, check: str) -> None:
    """Of a time that was clearly too long: unless the author may accept it, that is a failure."""
    if not _may_be_accepted(played, truth.flow):
        truth.failing.append(check)


def _lost_s(played: Played) -> float:
    """What a busy machine may have taken, field seconds: with it, no time is known so well.

    A balancer that was held up has bad checks, and takes a while to believe in its backends again.
    """
    if not played.story.stalls:
        return 0.0
    back = max([balancer.check.back for balancer in played.story.balancers], default=0.0)
    every = (line for lines in played.lines.values() for line in lines)
    lost = sum(line.detail.get("lost_s", 0.0) for line in every)
    return played.field(lost) + back + 1.0


def _may_be_accepted(played: Played, flow: Flow) -> bool:
    """Whether the author's acceptance of a weakness may cover what was late."""
    broken = {window.fault.node for window in played.windows}
    return any(each.node in broken for each in played.story.accept)


# Faults.


def _faults(played: Played, tried: list[Tried], truth: Truth) -> None:
    """Each fault on the flow's way bit, and its node came back."""
    if not played.windows:
        return
    met = [_uses(played, window, tried) for window in played.windows]
    if not any(met):
        truth.unproven.append("no fault stood in the flow's way")
        _only_mail_is_told(truth)
        return
    for window, uses in zip(played.windows, met, strict=True):
        if uses and window.fault.kind != "none":
            _bite(played, window, tried, truth)
            _return(played, window, tried, truth)
    harmful = [
        w for w, uses in zip(played.windows, met, strict=True) if uses and w.fault.kind != "none"
    ]
    if not harmful:
        truth.unproven.append("nothing was broken in the flow's way")
        _only_mail_is_told(truth)


def _only_mail_is_told(truth: Truth) -> None:
    """What failed while nothing was broken is no failure of a failover; that mail is gone, is."""
    truth.failing = [each for each in truth.failing if each not in ("gap", "degraded", "return")]


def _mine(tried: list[Tried]) -> set[str]:
    return {each.identity for each in tried}


def _uses(played: Played, window: InForce, tried: list[Tried]) -> bool:
    """Whether the node had mail of the flow before its fault."""
    mine = _mine(tried)
    return any(
        moment < window.inject and identity in mine
        for moment, identity in played.visits[window.fault.node]
    )


def _bite(played: Played, window: InForce, tried: list[Tried], truth: Truth) -> None:
    fault, node, mine = window.fault, window.fault.node, _mine(tried)
    before = [i for m, i in played.visits[node] if m < window.inject and i in mine]
    earlier = [each for each in tried if each.ended < window.inject]
    during = [each for each in tried if window.injected <= each.started < window.heal]
    share = min(1.0, len(before) / max(1, len(earlier)))
    silence = (1 - share) ** len(during) if share < 1 else 0.0 if during else 1.0
    met = [each for each in tried if window in each.met]
    hops = [i for w, i in played.hops[node] if w is window and i in mine]
    if not fault.possible:
        truth.unproven.append(f"{fault.label} could not be done")
        return
    if not fault.works:
        took = [
            i
            for m, i in played.visits[node]
            if window.injected + 0.5 < m < window.heal and i in mine
        ]
        if took or silence > 1.5 * _SILENT:
            truth.unproven.append(f"{fault.label} did nothing")
        else:
            truth.undecided.append(f"{fault.label} did nothing, and by chance nobody came")
        return
    if fault.kind in ("kill", "stop", "pause", "refuse"):
        steered = any(window in each.away for each in tried)
        if silence > 3 * _SILENT and not met and not hops and not steered:
            truth.unproven.append(f"{fault.label}: nobody would have come in that time")
        elif silence > _SURELY:
            truth.undecided.append(f"{fault.label}: few came in that time")
    elif not met and not hops:
        away = [each for each in tried if window in each.away]
        if away:
            truth.undecided.append(f"{fault.label} was met by checks alone")
        else:
            truth.unproven.append(f"{fault.label} met no attempt of the flow")


def _return(played: Played, window: InForce, tried: list[Tried], truth: Truth) -> None:
    """The node has its share of the flow again, some time after its heal."""
    fault, story, flow = window.fault, played.story, truth.flow
    if fault.for_good:
        return
    later = [
        w.inject
        for w in _breaking(played)
        if w.fault.node == fault.node and w.inject > window.healed
    ]
    until = min(later, default=math.inf)
    mine = _mine(tried)
    took = [i for m, i in played.visits[fault.node] if window.healed < m < until and i in mine]
    balancer = story.balancer(flow.balancer) if flow.balancer else None
    if balancer is None or fault.node not in balancer.backends or len(balancer.backends) < 2:
        if fault.after == "refuses" and fault.works and not took:
            truth.broken.append(f"{fault.node} refuses, though it is healed")
        if not took:
            truth.undecided.append(f"{fault.node} was not asked again")
        _return_by_mx(played, window, tried, truth, until)
        return
    after = window.healed + balancer.check.back / story.clock
    # While another backend is out, a node has more than its own share.
    out = [
        (w.inject, w.healed + balancer.check.back / story.clock)
        for w in played.windows
        if w.fault.node in balancer.backends and w.fault.node != fault.node
    ]
    served = [each for each in tried if each.accepted and after < each.ended < until]
    takers = [
        each.taker for each in served if not any(begin <= each.ended <= end for begin, end in out)
    ]
    among, got = len(takers), takers.count(fault.node)
    fair = 1 / len(balancer.backends)
    # It has its own share at the least, whoever else is out.
    if at_most(sum(each.taker == fault.node for each in served), len(served), fair) < _LUCK:
        truth.close.append(f"{fault.node} got few while others were out")
    luck = at_most(got, among, fair)
    truth.facts[f"return of {fault.node}"] = f"{got} of {among}"
    if luck < 0.001 and got < among * fair / 4:
        truth.broken.append(f"{fault.node} got {got} of {among} after its heal")
        if among > 1.3 * choices_needed(fair, fair / 4) and not story.stalls:
            truth.failing.append("return")
    elif luck < _LUCK:
        truth.close.append(f"{fault.node} got {got} of {among} after its heal")
    if among < 1.1 * choices_needed(fair, fair / 4) or story.stalls:
        truth.undecided.append(f"{among} are few to see the return of {fault.node}")


def _return_by_mx(
    played: Played, window: InForce, tried: list[Tried], truth: Truth, until: float
) -> None:
    """Where senders choose for themselves, a node is back when it is chosen again."""
    node, servers = window.fault.node, played.story.servers
    if node not in servers or truth.flow.balancer:
        return
    taken = [(each.ended, each.taker) for each in tried if each.accepted]
    before = [taker for moment, taker in taken if moment < window.inject]
    takers = [taker for moment, taker in taken if window.healed < moment < until]
    among, got, fair = len(takers), takers.count(node), 1 / len(servers)
    usual = before.count(node) / max(1, len(before))
    truth.facts[f"return of {node}"] = f"{got} of {among}"
    if among < 1.1 * choices_needed(fair, fair / 2):
        truth.undecided.append(f"{among} are few to see the return of {node}")
    if window.fault.after != "whole":
        return
    best = min(mx.preference for mx in played.story.exchangers)
    wanted = 1 / sum(mx.preference == best for mx in played.story.exchangers)
    # It is chance who is chosen. Whoever looks until something else breaks sees another share.
    for end in [until, *(w.inject for w in played.windows if window.healed < w.inject < until)]:
        seen = [taker for moment, taker in taken if window.healed < moment < end]
        if at_most(seen.count(node), len(seen), max(usual, wanted)) < _LUCK:
            truth.close.append(f"{node} got {seen.count(node)} of {len(seen)} after its heal")

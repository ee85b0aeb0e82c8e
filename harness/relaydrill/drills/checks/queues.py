"""What still lies in queues when a drill stops looking: where, why, and whether for want of time.

All of a drill's mail can be delivered. What a server that is up still holds after the time to
settle is *stuck*; what lies on servers that are gone for good, and was promised, is *stranded*. A
queue that was still emptying, or whose next try was not due yet, proves neither: that is
*unsettled*.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from relaydrill.drills.checks.case import Case
from relaydrill.faults import FaultSpec
from relaydrill.faults.reach import takes_away
from relaydrill.ledger import Account, Entry
from relaydrill.scalars import show_duration
from relaydrill.sentences import listed, number_of
from relaydrill.smtp import Result
from relaydrill.topology.requeueing import GLITCH_RETRY_S, next_try_s
from relaydrill.topology.routing import routes_for

_WHOLE: Final = 0.9
"""The part of the time to settle that must have been looked at, and lived through."""
_LEAST_WALL_S: Final = 1.0
"""What leaves a queue a moment before the last look shows that the queue was still emptying."""
_TRIED: Final = 2
"""So many tries in vain, with everything healed, are no passing trouble, nor the machine's."""
_TIMED_OUT: Final = "timed out"


@dataclass(frozen=True)
class Remains:
    """What a flow has left in queues, of the mail that did not arrive.

    Attributes:
        stuck: On nodes that are up, after the time to settle.
        stranded: Promised, and only on nodes that are gone for good.
        unsettled: On nodes that are up, for want of time, or of a look; each with the reason.
        kept: Promised, and on nodes that are gone for good, but others keep copies that they would
            send in time; each with the reason.
    """

    stuck: list[Entry] = field(default_factory=list)
    stranded: list[Entry] = field(default_factory=list)
    unsettled: list[tuple[Entry, str]] = field(default_factory=list)
    kept: list[tuple[Entry, str]] = field(default_factory=list)


def gone_for_good(case: Case) -> frozenset[str]:
    """The nodes that were not to come back before all mail is accounted for."""
    return frozenset(spec.node for spec in _broken_for_good(case) if takes_away(spec.fault))


def remains_of(case: Case) -> Remains:
    """What the flow has left in queues."""
    undelivered = [
        entry
        for entry in case.ledger.unusual(case.flow)
        if entry.queued_on and not entry.has_arrived and entry.account is not Account.PHANTOM
    ]
    queues, found = _Queues(case, undelivered), Remains()
    for entry in undelivered:
        up = [node for node in entry.queued_on if node not in queues.gone]
        if not up:
            if entry.saw is not Result.ACCEPTED:
                continue
            if keeper := queues.keeper_of_copies(entry):
                reason = f"{keeper} keeps copies for {listed(entry.queued_on)}, not sent yet"
                found.kept.append((entry, reason))
            else:
                found.stranded.append(entry)
        elif reason := queues.why_unsettled(entry, up[0]):
            found.unsettled.append((entry, reason))
        else:
            found.stuck.append(entry)
    return found


def second_copies(case: Case) -> list[str]:
    """What could still have brought a second copy when the drill stopped looking, in words."""
    gone = gone_for_good(case)
    found = [*_not_looked_into(case, gone), *case.ledger.unread]
    for node in case.topology.queueing:
        look = case.ledger.look(node)
        if look is not None and node not in gone:
            kept = {primary: n for primary, n in look.shadows.items() if n and primary in gone}
            found += [f"{node} keeps {n} copies for {of}" for of, n in sorted(kept.items())]
    entries = [*case.ledger.unusual(case.flow)]
    if again := [each for each in entries if each.waits_on and (each.arrived or each.queued_on)]:
        waits = listed(dict.fromkeys(node for each in again for node in each.waits_on))
        found.append(f"{waits} would send {len(again)} of them again")
    moving = [each for each in entries if each.arrived and len(each.queued_on) > each.copies]
    if moving:
        found.append(f"{len(moving)} of them were just being handed on, and may come again")
    return found


def reasons_of(doubtful: Iterable[tuple[Entry, str]]) -> str:
    """Why it is not known what becomes of mail, the most frequent reason first."""
    counts = Counter(reason for _, reason in doubtful)
    return "; ".join(reason for reason, _ in counts.most_common(3))


def where(entries: Iterable[Entry]) -> str:
    """``ht1 and ht2``: where mail lies, by what was seen or journalled."""
    return listed(sorted({node for entry in entries for node in entry.queued_on}))


def why_stuck(case: Case, entries: list[Entry]) -> str:
    """What keeps mail where it lies: a next hop that is broken for good, or what was last said."""
    broken = {spec.node for spec in _broken_for_good(case)}
    for entry in entries:
        hops = [hop for node in entry.queued_on for hop in _hops(case, node, entry)]
        if hops and set(hops) <= broken:
            names = [*dict.fromkeys(hops)]
            are = number_of(len(names), "is", "are")
            return f"for {listed(names)}, which {are} broken for good"
    held = Counter(
        (node, entry.held[node])
        for entry in entries
        for node in entry.queued_on
        if node in entry.held
    )
    if held:
        ((node, reason), _), *_ = held.most_common(1)
        return f"held there until a person moves it on ({node}: {reason or 'no reason is told'})"
    told = max((last for entry in entries for last in entry.deferred), default=None)
    return f"last told by {told[1]}: {told[2]}" if told and told[2] else "and nobody says why"


def _broken_for_good(case: Case) -> Iterator[FaultSpec]:
    """The faults that stayed in force until the account was made."""
    for spec in case.drill.faults:
        window = case.window(spec)
        if spec.for_good and spec.kind != "none" and not (window and window.error):
            yield spec


def _hops(case: Case, node: str, entry: Entry) -> Iterator[str]:
    """Where a node of the tier sends one message next."""
    domain = entry.recipient.rpartition("@")[2]
    if node in case.topology.nodes:
        for route in routes_for(case.topology, node, domain):
            yield from route.hops


def _not_looked_into(case: Case, gone: frozenset[str]) -> Iterator[str]:
    begun = case.attempts.starts[-1] if case.attempts else float("-inf")
    for node in case.topology.queueing:
        look = case.ledger.look(node)
        if node not in gone and (look is None or look.mono < begun):
            yield f"the queue of {node} was not looked into at the end"


_Tried = list[tuple[float, str]]
"""When a message was tried in vain, and what was said."""


@dataclass
class _Tries:
    """How one destination of a node was tried in vain, by the messages that tell most of it.

    A message waits the longer the more often it was tried: the one that was tried last may be one
    whose turn has only come, and says nothing of how often the destination failed.

    Attributes:
        last: Of the message that was tried last: when it is due again tells how long to look.
        most: Of the one that was tried most since all was whole.
        refused: Of the one that was answered, and not taken, most often since then.
    """

    last: _Tried = field(default_factory=list)
    most: _Tried = field(default_factory=list)
    refused: _Tried = field(default_factory=list)

    def add(self, tried: _Tried, since: float) -> None:
        """Another message of that destination."""
        self.last = max(self.last, tried, key=lambda each: each[-1:])
        self.most = max(self.most, tried, key=lambda each: _since(each, since))
        self.refused = max(self.refused, tried, key=lambda each: _since(_answered(each), since))


def _since(tried: _Tried, moment: float) -> int:
    return sum(each > moment for each, _ in tried)


def _in_vain(tried: _Tried, since: float) -> bool:
    return _since(tried, since) >= _TRIED


def _answered(tried: _Tried) -> _Tried:
    """Those tries that were answered: time runs out on a machine that starves, too."""
    return [each for each in tried if _TIMED_OUT not in each[1]]


class _Queues:
    """The queues of one drill, to be asked why mail of one flow lies there.

    Args:
        undelivered: That mail.
    """

    def __init__(self, case: Case, undelivered: list[Entry]) -> None:
        self.gone = gone_for_good(case)
        self._case = case
        self._broken = {spec.node for spec in _broken_for_good(case)}
        self._whole_from = self._all_is_whole()
        # A destination that does not answer is tried with one message for all that wait for it.
        self._tries: dict[tuple[str, str], _Tries] = defaultdict(_Tries)
        for entry in undelivered:
            for node in entry.queued_on:
                mine = [(moment, said) for moment, by, said in entry.deferred if by == node]
                self._tries[node, _domain(entry)].add(mine, self._whole_from)

    def keeper_of_copies(self, entry: Entry) -> str:
        """The hub that would still send a message in place of those that are gone; or empty."""
        for node in self._case.topology.hubs:
            look = self._case.ledger.look(node)
            if look and node not in self.gone and any(map(look.shadows.get, entry.queued_on)):
                return node
        return ""

    def why_unsettled(self, entry: Entry, node: str) -> str:
        """Why it is not sure that a message is stuck on a node that is up; empty if it is."""
        case, look = self._case, self._case.ledger.look(node)
        if node in entry.held:
            return ""  # no time would do
        if look is None or look.mono < self._whole_from:
            return f"the queue of {node} was not looked into at the end"
        hops = [*_hops(case, node, entry)]
        if hops and set(hops) <= self._broken:
            return ""  # no time would do
        since = max([self._whole_from, *entry.stored.get(node, [])])
        waited_s, settle_s = (look.mono - since) * case.clock, case.drill.settle_s
        if waited_s < _WHOLE * settle_s:
            told = f"{waited_s:.0f} s of {settle_s:.0f} s to settle"
            return f"the queue of {node} was looked into after {told}"
        return self._why_it_may_come(entry, node, since, look.mono)

    def _why_it_may_come(self, entry: Entry, node: str, since: float, looked: float) -> str:
        case, settle_s = self._case, self._case.drill.settle_s
        left, retry_s = case.ledger.last_departure(node), GLITCH_RETRY_S / case.clock
        recent_s = min(max(retry_s, _LEAST_WALL_S), settle_s / case.clock / 2)
        if left is not None and left > looked - recent_s:
            twice = show_duration(round(2 * settle_s))
            return f"{node} was still delivering after {settle_s:.0f} s; settle {twice} might do"
        tries = self._tries[node, _domain(entry)]
        if _in_vain(_answered(tries.refused), since):
            return ""
        starved_s = case.doubt.lost_s(since, looked) * case.clock
        if (looked - since) * case.clock - starved_s < _WHOLE * settle_s:
            return f"the machine starved for {starved_s:.0f} s of the {settle_s:.0f} s to settle"
        if _in_vain(tries.most, since):  # of a machine that had its time, silence is an answer, too
            return ""
        wait_s = next_try_s(case.topology, node, len(tries.last))
        if tries.last and looked < tries.last[-1][0] + wait_s / case.clock:
            would = show_duration(round(wait_s + settle_s))
            return f"{node} was to try again only {wait_s:.0f} s after its last try; settle {would}"
        return ""

    def _all_is_whole(self) -> float:
        """From when on nothing was broken or sent that was not to stay so, monotonic seconds."""
        case = self._case
        timed = [case.window(spec) for spec in case.drill.faults if not spec.for_good]
        heals = [each.healed for each in timed if each and each.healed is not None]
        begun = case.attempts.starts[0] if case.attempts else 0.0
        return max([begun + case.drill.length_s / case.clock, *heals])


def _domain(entry: Entry) -> str:
    return entry.recipient.rpartition("@")[2]

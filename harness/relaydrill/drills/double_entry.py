"""What journals without marks at their ends lack, as far as others tell. Pure, but for told_twice.

Runs of format 1 do not say what each journal held when it was closed. Of those it is asked that
what one node says of another stands in that other's journal, too, at a time at which it can have
been; that no line stands twice; and that the harness broke and healed when it was to.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Final

from relaydrill.drills.record import JOURNALS, Recorded
from relaydrill.ledger import Attempt, Entry, FaultWindow, Ledger
from relaydrill.sentences import listed
from relaydrill.topology import Topology
from relaydrill.topology.banners import named_in
from relaydrill.topology.hosts import Edge, Hub, Mailbox
from relaydrill.topology.paths import targets_of

_LAG_S: Final = 0.25
"""Wall seconds: by so much at most what happened earlier is journalled later."""

_EXACT_S: Final = 0.01
"""Wall seconds: a balancer tells of a connection before anything comes through it."""

_LATE_S: Final = 0.5
"""Wall seconds: so late the harness acts at most, but for the time that the machine starves."""


def _called(node: str) -> str:
    return f"{JOURNALS}/{node}.jsonl"


def told_twice(journals: Iterable[Path]) -> Iterator[str]:
    """Lines that stand twice in a journal, to the microsecond: somebody has put them there.

    Args:
        journals: The files of all journals.
    """
    for path in journals:
        if not path.is_file():
            continue
        with path.open("rb") as file:
            lines = file.readlines()
            doubled = len(lines) - len({*lines})
        if doubled:
            yield f"{_called(path.stem)} has {doubled} lines twice"


def told_late(run: Recorded, ledger: Ledger) -> Iterator[str]:
    """What the harness did long after it was to, though nothing that it did before kept it.

    A clock or a plan that is not the run's own looks so, and so does a journal with other times.
    """
    if run.begun is None:
        return
    clock, free = run.topology.clock, run.begun
    lost_s = sum(each.lost_s for each in ledger.stalls)
    windows: dict[str, list[FaultWindow]] = defaultdict(list)
    for window in reversed(ledger.faults):
        windows[window.label].append(window)
    acts = []
    for spec in sorted(run.drill.faults, key=lambda each: each.start_s):
        if not windows[spec.label] or (window := windows[spec.label].pop()).error:
            continue
        acts.append((spec.start_s, window.inject, window.injected, f"{spec} was injected"))
        if not spec.for_good and window.heal is not None:
            acts.append((spec.end_s, window.heal, window.healed, f"{spec} was healed"))
    for planned_s, begun, done, told in sorted(acts, key=lambda act: act[1]):
        late_s = begun - max(run.begun + planned_s / clock, free)
        if late_s > _LATE_S + lost_s:
            yield f"{told} {late_s * clock:.1f} s later than planned"
        free = max(free, done or begun)


def untold_by_others(topology: Topology, ledger: Ledger, flow: str) -> Iterator[str]:
    """What one node says that another did, and that other does not, or at another time.

    Args:
        topology: As it was drilled.
        ledger: Of all journals.
        flow: The flow to look at.
    """
    if topology.attach is not None:
        return  # what is known of its servers comes from the senders alone
    yield from _connections(topology, ledger, flow)
    boxes = {**topology.mailboxes, **topology.sinks}
    takers: dict[str, Hub | Edge | Mailbox] = {**topology.hubs, **topology.edges, **boxes}
    fakes = [name for name, node in takers.items() if node.kind == "fake"]
    named = named_in(topology, but={*topology.nodes}.difference(fakes))
    for node, count in sorted(ledger.untold(flow, named).items()):
        yield f"{_called(node)} lacks {count} messages that it took, as their senders say"
    if len(fakes) < len(takers):
        return  # the log of a real program tells of a message later than of its reply
    entries = [*ledger.unusual(flow)]
    lacking = [entry for entry in entries if any(_never_taken(entry))]
    if lacking:
        by = sorted({node for entry in lacking for node in _never_taken(entry)})
        where = " or ".join(map(_called, boxes))
        yield f"{where} lacks {len(lacking)} messages that {listed(by)} passed on"
    yield from _passed_on(ledger, entries)
    yield from _in_order(entries)


def _never_taken(entry: Entry) -> Iterator[str]:
    """Who passed a message on, by its own word, that nobody else took by theirs."""
    for node, towards in entry.relayed:
        boxes = {box for _, box, _ in entry.arrived}
        others = {hub for _, hub in entry.accepted} - {node}
        if not (boxes if towards == "mailbox" else boxes | others):
            yield node


def _passed_on(ledger: Ledger, entries: Iterable[Entry]) -> Iterator[str]:
    """What arrived was passed on by whoever took it, as he says, if nobody was broken meanwhile."""
    broken = {each.node for each in ledger.faults}
    lacking: list[str] = []
    for entry in entries:
        takers = {node for _, node in entry.accepted}
        touched = takers | {box for _, box, _ in entry.arrived}
        is_plain = len(takers) == 1 and entry.arrived and not entry.deferred
        if is_plain and not touched & broken and not takers & {node for node, _ in entry.relayed}:
            lacking.append(*takers)
    for node in sorted({*lacking}):
        yield f"{_called(node)} does not say that it passed {lacking.count(node)} messages on"


def _in_order(entries: Iterable[Entry]) -> Iterator[str]:
    """Nobody takes a message before it was sent, or later than he has answered for it."""
    wrong = 0
    for entry in entries:
        if not entry.attempts:
            continue
        sent = min(each.started for each in entry.attempts)
        taken = [moment for moment, _ in entry.accepted]
        arrived = [moment for moment, _, _ in entry.arrived]
        [last, *more] = entry.attempts
        is_early = any(moment < sent - _LAG_S for moment in (*taken, *arrived))
        is_early |= bool(taken and arrived) and min(arrived) < min(taken) - _LAG_S
        is_answered = not more and last.accepted and last.ended is not None and len(taken) == 1
        is_late = is_answered and taken[0] > (last.ended or 0.0) + _LAG_S
        gone = [moment for moments in entry.left.values() for moment in moments]
        is_late |= len(arrived) == len(gone) == 1 and arrived[0] > gone[0] + _LAG_S
        wrong += is_early or is_late
    if wrong:
        yield f"{wrong} messages were taken before they were sent, or after they had been answered"


def _connections(topology: Topology, ledger: Ledger, flow: str) -> Iterator[str]:
    """Whoever was answered behind a balancer came by a connection that it tells of."""
    targets = targets_of(topology, flow)
    balancers = {topology.vips[name][0] for name in targets if name in topology.vips}
    machines = [each for name in balancers for each in topology.machines_of(name)]
    is_fake = all(
        topology.balancers[name].kind == "fake" and topology.balancers[name].mode == "proxy"
        for name in balancers
    )
    if not machines or len(balancers) < len({*targets}) or not is_fake:
        return
    port = topology.flows[flow].port
    told = sorted(
        each.mono for name in machines for each in ledger.traffic.get(name, ()) if each.port == port
    )
    lacking = sum(
        not _is_between(told, each)
        for each in chain(*(ledger.attempts(flow, wanted=wanted) for wanted in (True, False)))
        if (each.accepted or each.code) and each.server and not each.reused
    )
    if lacking:
        where = " or ".join(map(_called, machines))
        yield f"{where} lacks {lacking} connections whose senders were answered"


def _is_between(moments: list[float], attempt: Attempt) -> bool:
    at = bisect_left(moments, attempt.started - _EXACT_S)
    return at < len(moments) and moments[at] <= (attempt.ended or attempt.started) + _EXACT_S

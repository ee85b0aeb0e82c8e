"""From the events of all journals to the ledger: one function a kind of event. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from relaydrill.journal import Event
from relaydrill.ledger.book import Ledger
from relaydrill.ledger.elsewhere import find_elsewhere
from relaydrill.ledger.entries import FOREIGN, Account, Attempt, Copy, Entry, Exit
from relaydrill.ledger.looks import Look, lie_in
from relaydrill.ledger.observed import ANY_PORT, Belief, Bite, FaultWindow, PutOff, Stall, Traffic
from relaydrill.ledger.soundness import unsound
from relaydrill.message import WANTED
from relaydrill.message.changes import HARMLESS
from relaydrill.smtp import Result

if TYPE_CHECKING:
    from relaydrill.ledger.ordinary import Ordinary

NOTHING_DECLARED: Final[Mapping[str, frozenset[str]]] = MappingProxyType({})


def join(
    events: Iterable[Event],
    ordinary: Ordinary | None = None,
    *,
    harmless: Mapping[str, frozenset[str]] = NOTHING_DECLARED,
    are_sound: bool = False,
) -> Ledger:
    """Join the events of all journals, in whatever order they come, into a ledger.

    An event that does not say what its kind must is passed over.

    Args:
        events: All of them.
        ordinary: Mail that is in the ledger, too, and of which the events do not tell.
        harmless: Of each flow, the changes by which its mail is not altered, where any is declared.
        are_sound: Whether somebody has made sure of each event that it says what its kind must.
    """
    ledger = Ledger(ordinary)
    if ordinary is not None:
        ledger.queues.senders |= ordinary.senders
    # Attempts and outcomes of one (message, recipient) pair up in the order of their times, and a
    # message leaves a queue after it has entered it: hence one sort over everything. What came in
    # the same microsecond stands in the order in which one causes the other.
    for event in sorted(events, key=lambda event: (event.mono, RANK.get(event.kind, 0))):
        handler = _HANDLERS.get(event.kind)
        if handler and (are_sound or not unsound(event)):
            handler(ledger, event)
    for entry in ledger.whole.values():
        entry.unseen = ledger.unseen
        entry.harmless = harmless.get(entry.flow, HARMLESS)
        lie_in(ledger.queues, entry)
        if entry.attempts:
            for node, times in entry.left.items():
                last = ledger.queues.departed.get(node, times[-1])
                ledger.queues.departed[node] = max(last, times[-1])
    find_elsewhere(ledger)
    return ledger


def _entry(ledger: Ledger, event: Event) -> Entry:
    key = (event.message, event.recipient.lower())
    found = ledger.whole.get(key)
    if found is None:
        found = ledger.whole[key] = Entry(*key)
    return found


def _attempt(ledger: Ledger, event: Event) -> None:
    entry, detail = _entry(ledger, event), event.detail
    entry.flow = str(detail.get("flow", FOREIGN))
    entry.digest = str(detail.get("digest", ""))
    scheduled = float(detail.get("scheduled", event.mono))
    sort = str(detail.get("sort", WANTED))
    entry.attempts.append(Attempt(entry.flow, scheduled, event.mono, sort=sort))
    if event.node:  # out of columns it comes without, and they know the senders themselves
        ledger.queues.senders.add(event.node)


def _outcome(ledger: Ledger, event: Event) -> None:
    entry, detail = _entry(ledger, event), event.detail
    open_attempts = [attempt for attempt in entry.attempts if attempt.ended is None]
    if not open_attempts:
        return
    attempt = open_attempts[0]
    attempt.ended = event.mono
    attempt.result = Result(detail["result"])
    attempt.phase = str(detail.get("phase", ""))
    attempt.code = int(detail.get("code", 0))
    attempt.reason = str(detail.get("reason", ""))
    attempt.address = str(detail.get("address", ""))
    attempt.server = str(detail.get("server", ""))
    attempt.choice = str(detail.get("choice", ""))
    attempt.member = detail.get("member")
    attempt.slack_s = float(detail.get("slack_s", 0.0))
    attempt.reused = bool(detail.get("reused"))


def _accepted(ledger: Ledger, event: Event) -> None:
    entry = _entry(ledger, event)
    entry.accepted.append((event.mono, event.node))
    if event.detail.get("stored", True):
        _stored(ledger, event)
    _traffic(ledger, event)


def _stored(ledger: Ledger, event: Event) -> None:
    _note_once(_entry(ledger, event).stored, event)


def _resubmitted(ledger: Ledger, event: Event) -> None:
    _entry(ledger, event).is_resubmitted = True
    _stored(ledger, event)


def _beside(entry: Entry, event: Event) -> str:
    """For which mailbox an event is; note which others the same server had it for."""
    box = str(event.detail.get("mailbox", "")).lower()
    if queue_id := str(event.detail.get("queue_id", "")):
        entry.together.setdefault((event.node, queue_id), set()).add(box)
    return box


def _relayed(ledger: Ledger, event: Event) -> None:
    entry = _entry(ledger, event)
    _beside(entry, event)
    entry.relayed.append((event.node, str(event.detail.get("towards", ""))))
    entry.put_off.discard(event.node)
    entry.passed_on += _note_once(entry.left, event)


def _note_once(moments: dict[str, list[float]], event: Event) -> bool:
    """Note when a message came to a node, or left it; whether it was not noted already.

    No node writes two such lines about one message in one microsecond: that is one line twice.
    """
    known = moments.setdefault(event.node, [])
    if known and known[-1] == event.mono:
        return False
    known.append(event.mono)
    return True


def _bounced(ledger: Ledger, event: Event) -> None:
    entry = _entry(ledger, event)
    _beside(entry, event)
    entry.put_off.discard(event.node)
    _note_once(entry.left, event)
    entry.bounced.append((event.mono, event.node, str(event.detail.get("reason", ""))))


def _deferred(ledger: Ledger, event: Event) -> None:
    # Of ordinary mail, which has been delivered since, nobody will ask.
    entry = ledger.whole.get((event.message, event.recipient.lower()))
    if entry is not None:
        _beside(entry, event)
        reason = str(event.detail.get("reason", ""))
        entry.deferred.append((event.mono, event.node, reason))
        entry.held.pop(event.node, None)  # what is tried again is held no more
        if event.detail.get("queue_id"):
            entry.put_off.add(event.node)


def _arrived(ledger: Ledger, event: Event) -> None:
    entry, digest = _entry(ledger, event), str(event.detail.get("digest", ""))
    # A keeper that was killed between this line and the next step writes it a second time.
    if file := str(event.detail.get("file", "")):
        if (event.node, file) in entry._files:
            return
        entry._files.add((event.node, file))
    entry.arrived.append((event.mono, event.node, digest))
    entry.mailboxes.append(_beside(entry, event))
    entry.changed |= {str(each) for each in event.detail.get("changed", ())}
    entry.known_by = str(event.detail.get("known_by", "")) or entry.known_by
    entry.needs |= {str(each).lower() for each in event.detail.get("needs", ())}
    _traffic(ledger, event)


def _copied(ledger: Ledger, event: Event) -> None:
    is_declared = bool(event.detail.get("declared"))
    said = str(event.detail.get("said", ""))
    to = event.recipient.lower()
    marks = tuple(map(str, event.detail.get("marks", ())))
    ledger.copies.append(Copy(event.mono, event.node, event.message, to, is_declared, said, marks))


def _handed_on(ledger: Ledger, event: Event) -> None:
    _exit(ledger, event, Account.HANDED_ON, str(event.detail.get("to", "")))


def _discarded(ledger: Ledger, event: Event) -> None:
    _exit(ledger, event, Account.DISCARDED, str(event.detail.get("by", "")))


def _exit(ledger: Ledger, event: Event, account: Account, to: str) -> None:
    entry, said = _entry(ledger, event), str(event.detail.get("said", ""))
    _beside(entry, event)
    entry.put_off.discard(event.node)
    if _note_once(entry.left, event):
        entry.exits.append(Exit(event.mono, event.node, account, to, said))


def _held(ledger: Ledger, event: Event) -> None:
    entry = _entry(ledger, event)
    _beside(entry, event)
    _note_once(entry.stored, event)
    by, said = (str(event.detail.get(name, "")) for name in ("by", "said"))
    entry.held[event.node] = ": ".join(filter(None, (by, said)))


def _queue(ledger: Ledger, event: Event) -> None:
    items = Counter(
        (str(message), str(recipient).lower()) for message, recipient in event.detail["items"]
    )
    shadows = event.detail.get("shadows", {})
    ledger.queues.looks[event.node] = Look(event.mono, items, dict(shadows))


def _traffic(ledger: Ledger, event: Event) -> None:
    port = int(event.detail.get("port", 0))
    ledger.traffic[event.node].append(Traffic(event.mono, event.message, port))


def _sight(ledger: Ledger, event: Event) -> None:
    """What is to be said of accepted mail that was seen neither to arrive nor in a queue."""
    unread = map(str, event.detail.get("unread", ()))
    ledger.unread = tuple(dict.fromkeys((*ledger.unread, *unread)))
    if ledger.unread or not event.detail["arrivals"]:
        ledger.unseen = Account.UNOBSERVED
    elif ledger.unseen is not Account.UNOBSERVED:
        # What a server is done with its log shows in the end: so does the last look which of the
        # queues were empty that nothing can look into.
        ledger.unseen = Account.MISSING if event.detail["blind"] else Account.LOST


def _bitten(ledger: Ledger, event: Event) -> None:
    fault, detail = str(event.detail.get("fault", "")), event.detail
    port, probe = int(detail.get("port", ANY_PORT)), bool(detail.get("probe"))
    client = str(detail.get("client", ""))
    at = str(detail.get("at", event.node))  # a sender tells of what it met on its own side
    ledger.bites[at].append(Bite(event.mono, fault, port, client, probe))


def _put_off(ledger: Ledger, event: Event) -> None:
    detail = event.detail
    limit, connector, phase, client = (
        str(detail.get(name, "")) for name in ("layer", "connector", "phase", "client")
    )
    port, code = int(detail.get("port", 0)), int(detail.get("code", 0))
    ledger.put_offs[event.node].append(
        PutOff(event.mono, event.node, limit, connector, port, phase, code, client)
    )


def _backend(ledger: Ledger, event: Event) -> None:
    backend, state = str(event.detail["backend"]), str(event.detail["state"])
    port = int(event.detail.get("port", 0))
    ledger.beliefs.append(Belief(event.mono, event.node, backend, state, port))


def _stalled(ledger: Ledger, event: Event) -> None:
    ledger.stalls.append(_lost(event))


def _starved(ledger: Ledger, event: Event) -> None:
    ledger.starved[event.node].append(_lost(event))


def _lost(event: Event) -> Stall:
    return Stall(*(float(event.detail[key]) for key in ("begin", "end", "lost_s")))


def _fault(ledger: Ledger, event: Event) -> None:
    label = str(event.detail["fault"])
    if event.kind == "inject":
        kind, node = str(event.detail["kind"]), str(event.detail["node"])
        by_hook = bool(event.detail.get("by_hook"))
        ledger.faults.append(FaultWindow(label, kind, node, event.mono, by_hook=by_hook))
        return
    # A plan may break the same node in the same way twice: the last begun window is meant.
    window = next((each for each in reversed(ledger.faults) if each.label == label), None)
    if window is None:
        return
    if event.kind == "not-injected":
        window.error = str(event.detail["reason"])
    else:
        setattr(window, event.kind, event.mono)


def _worker(ledger: Ledger, event: Event) -> None:
    if event.detail["state"] == "gone":
        ledger.gone_workers.append(str(event.detail["worker"]))


_HANDLERS: Final[Mapping[str, Callable[[Ledger, Event], None]]] = {
    "attempt": _attempt,
    "outcome": _outcome,
    "stored": _stored,
    "accepted": _accepted,
    "resubmitted": _resubmitted,
    "relayed": _relayed,
    "bounced": _bounced,
    "deferred": _deferred,
    "arrived": _arrived,
    "copied": _copied,
    "unattributed": _copied,
    "handed-on": _handed_on,
    "discarded": _discarded,
    "held": _held,
    "queue": _queue,
    "connected": _traffic,
    "answered": _traffic,
    "sight": _sight,
    "bitten": _bitten,
    "put-off": _put_off,
    "backend": _backend,
    "inject": _fault,
    "not-injected": _fault,
    "injected": _fault,
    "heal": _fault,
    "healed": _fault,
    "stalled": _stalled,
    "starved": _starved,
    "worker": _worker,
}

RANK: Final = {kind: rank for rank, kind in enumerate(_HANDLERS)}
"""Where each kind stands among events of the same moment."""

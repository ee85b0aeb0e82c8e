"""All journals joined: the account of every (message, recipient). Pure.

The table of accounts, and what decides it:

====================== ============================================= ==========================
the sender saw         the mailbox saw                               account
====================== ============================================= ==========================
250 after the dot      it once / more than once                      delivered / duplicated
250 after the dot      it once, but the body's hash differs          altered
250 after the dot      nothing, and a node still queues it           queued
250 after the dot      nothing, and no node queues it                lost
nothing after the dot  it / nothing                                  recovered / unknown
4xx or 5xx             it / nothing                                  phantom / refused
no connection, or cut  it / nothing                                  phantom / not accepted
before the dot
====================== ============================================= ==========================

A message that no journalled sender sent (swaks, smtp-source, a real application) is *foreign*: the
first node that journalled its acceptance stands in for what the sender saw.
"""

from __future__ import annotations

import enum
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from relaydrill.journal import Event
from relaydrill.message import WANTED
from relaydrill.smtp import Result

ANY_PORT: Final = 0
"""The port of traffic that serves every flow: a name server's."""

FOREIGN: Final = ""
"""The flow of messages whose sender keeps no journal."""


class Account(enum.StrEnum):
    """What became of one message for one recipient; see the module's table."""

    DELIVERED = "delivered"
    DUPLICATED = "duplicated"
    RECOVERED = "recovered"
    QUEUED = "queued"
    LOST = "lost"
    ALTERED = "altered"
    PHANTOM = "phantom"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    NOT_ACCEPTED = "not accepted"


@dataclass(slots=True)
class Attempt:
    """One attempt of a sender, for one recipient. Times are monotonic seconds.

    Attributes:
        scheduled: When the schedule wanted it. started: When it began. ended: When it was over;
            None where the sender died first.
        result: What the sender learnt; None as for ``ended``.
        phase, code, reason, address, server: As in `relaydrill.smtp.Outcome`.
        sort: What sort of mail it was; see `relaydrill.message.WANTED`.
        choice: The node that was tried first. member: Which sender of a population it was, where a
            sender keeps to its choice; None where each message is a choice of its own.
    """

    flow: str
    scheduled: float
    started: float
    ended: float | None = None
    result: Result | None = None
    phase: str = ""
    code: int = 0
    reason: str = ""
    address: str = ""
    server: str = ""
    sort: str = WANTED
    choice: str = ""
    member: int | None = None

    @property
    def accepted(self) -> bool:
        """Whether it got its 250 after the dot."""
        return self.result is Result.ACCEPTED

    @property
    def deferred(self) -> bool:
        """Whether it got a 4xx: come back later."""
        return self.result is Result.REFUSED and 400 <= self.code <= 499

    @property
    def late_s(self) -> float:
        """How far behind its schedule it began, wall seconds."""
        return max(0.0, self.started - self.scheduled)

    @property
    def said(self) -> str:
        """What it was told, in a few words: ``452 at mail``."""
        if self.result is None:
            return "the sender ended first"
        if self.code:
            return f"{self.code} at {self.phase}"
        return f"{self.result} at {self.phase}" + (f": {self.reason}" if self.reason else "")


@dataclass(slots=True)
class Entry:
    """Everything that the journals say of one message for one recipient."""

    message: str
    recipient: str
    flow: str = FOREIGN
    digest: str = ""
    attempts: list[Attempt] = field(default_factory=list)
    accepted: list[tuple[float, str]] = field(default_factory=list)
    arrived: list[tuple[float, str, str]] = field(default_factory=list)
    bounced: list[tuple[float, str, str]] = field(default_factory=list)
    queued_on: tuple[str, ...] = ()
    _held: dict[str, float] = field(default_factory=dict)
    _left: set[str] = field(default_factory=set)
    _files: set[tuple[str, str]] = field(default_factory=set)

    @property
    def saw(self) -> Result:
        """The best that the sender saw over all its attempts."""
        if not self.attempts:  # foreign: the tier's own word
            return Result.ACCEPTED if self.accepted or self.arrived else Result.UNREACHABLE
        seen = {attempt.result or Result.UNANSWERED for attempt in self.attempts}
        return next(result for result in _BEST_FIRST if result in seen)

    @property
    def account(self) -> Account:
        """What became of it; see the module's table."""
        saw, copies = self.saw, len(self.arrived)
        if saw in (Result.ACCEPTED, Result.UNANSWERED) and copies:
            return self._arrived_account(saw, copies)
        if saw is Result.ACCEPTED:
            return Account.QUEUED if self.queued_on else Account.LOST
        if saw is Result.UNANSWERED:
            return Account.QUEUED if self.queued_on else Account.UNKNOWN
        if copies:
            return Account.PHANTOM
        return Account.REFUSED if saw is Result.REFUSED else Account.NOT_ACCEPTED

    def _arrived_account(self, saw: Result, copies: int) -> Account:
        if self.digest and any(digest != self.digest for _, _, digest in self.arrived):
            return Account.ALTERED
        if copies > 1:
            return Account.DUPLICATED
        return Account.DELIVERED if saw is Result.ACCEPTED else Account.RECOVERED


_BEST_FIRST: Final = (
    Result.ACCEPTED,
    Result.UNANSWERED,
    Result.REFUSED,
    Result.DROPPED,
    Result.UNREACHABLE,
    Result.UNSENT,
)


@dataclass(frozen=True, slots=True)
class Traffic:
    """A node took mail, or a connection: the proof that it was in the path.

    What a node passes on is no such proof: a hub that takes nothing may still empty its queue.
    """

    mono: float
    message: str
    port: int


@dataclass(slots=True)
class FaultWindow:
    """When one fault was injected and healed; monotonic seconds, None for what did not happen.

    Attributes:
        inject, injected: Begin and end of the injection. heal, healed: Of the healing.
        error: Why it could not be injected; empty if it was.
    """

    label: str
    kind: str
    node: str
    inject: float
    injected: float | None = None
    heal: float | None = None
    healed: float | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Belief:
    """What a balancer came to believe of a backend: ``up``, ``down``, ``drain`` or ``maint``.

    ``port`` is the logical port, for each is checked by itself.
    """

    mono: float
    balancer: str
    backend: str
    state: str
    port: int = 0


class Ledger:
    """The joined journals of one drill. Build it with `join`."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], Entry] = {}
        self.traffic: dict[str, list[Traffic]] = defaultdict(list)
        self.bites: dict[str, list[Event]] = defaultdict(list)
        self.faults: list[FaultWindow] = []
        self.beliefs: list[Belief] = []
        self._queues: dict[str, tuple[float, frozenset[tuple[str, str]]]] = {}

    def of_flow(self, flow: str) -> Iterator[Entry]:
        """The entries of one flow; `FOREIGN` for the messages of unjournalled senders."""
        return (entry for entry in self.entries.values() if entry.flow == flow)

    def attempts(self, flow: str, *, wanted: bool = True) -> list[Attempt]:
        """The attempts of one flow, by the time at which they began.

        Args:
            wanted: Those with mail that was to be taken, or else those with mail that was not.
        """
        found = [
            attempt
            for entry in self.of_flow(flow)
            for attempt in entry.attempts
            if (attempt.sort == WANTED) is wanted
        ]
        return sorted(found, key=lambda attempt: attempt.started)

    def accounts(self, flow: str) -> dict[Account, int]:
        """How many messages of a flow ended in each account; accounts of none are left out."""
        counts = Counter(entry.account for entry in self.of_flow(flow))
        return {account: counts[account] for account in Account if counts[account]}

    def traffic_of(self, node: str, flow: str, port: int) -> list[Traffic]:
        """What a node took of one flow: by message where known, else by logical port."""
        mine = {entry.message for entry in self.of_flow(flow)}
        return [
            seen
            for seen in self.traffic.get(node, ())
            if (seen.message in mine if seen.message else seen.port in (port, ANY_PORT))
        ]


def join(events: Iterable[Event]) -> Ledger:
    """Join the events of all journals, in whatever order they come, into a ledger."""
    ledger = Ledger()
    # Attempts and outcomes of one (message, recipient) pair up in the order of their times, and a
    # message leaves a queue after it has entered it: hence one sort over everything. What came in
    # the same microsecond stands in the order in which one causes the other.
    for event in sorted(events, key=lambda event: (event.mono, _RANK.get(event.kind, 0))):
        handler = _HANDLERS.get(event.kind)
        if handler:
            handler(ledger, event)
    for entry in ledger.entries.values():
        nodes = sorted({*entry._held, *ledger._queues} - entry._left)
        entry.queued_on = tuple(node for node in nodes if _still_queued(ledger, entry, node))
    return ledger


def _still_queued(ledger: Ledger, entry: Entry, node: str) -> bool:
    """A look into the queue after the message entered it settles it; else the journal's word does.

    Without such a look (a hub that stays dead) a message counts as queued where it was stored and
    never left: stranded, not lost. What a look has found is there, whether or not its storing was
    journalled.
    """
    since = entry._held.get(node)
    looked, items = ledger._queues.get(node, (float("-inf"), frozenset()))
    if since is not None and looked < since:
        return True
    return (entry.message, entry.recipient) in items


def _entry(ledger: Ledger, event: Event) -> Entry:
    key = (event.message, event.recipient.lower())
    found = ledger.entries.get(key)
    if found is None:
        found = ledger.entries[key] = Entry(*key)
    return found


def _attempt(ledger: Ledger, event: Event) -> None:
    entry, detail = _entry(ledger, event), event.detail
    entry.flow = str(detail.get("flow", FOREIGN))
    entry.digest = str(detail.get("digest", ""))
    scheduled = float(detail.get("scheduled", event.mono))
    sort = str(detail.get("sort", WANTED))
    entry.attempts.append(Attempt(entry.flow, scheduled, event.mono, sort=sort))


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


def _accepted(ledger: Ledger, event: Event) -> None:
    entry = _entry(ledger, event)
    entry.accepted.append((event.mono, event.node))
    if event.detail.get("stored", True):
        entry._held[event.node] = event.mono
        entry._left.discard(event.node)
    _traffic(ledger, event)


def _relayed(ledger: Ledger, event: Event) -> None:
    _leave(_entry(ledger, event), event.node)


def _leave(entry: Entry, node: str) -> None:
    # A queue is read before its look is journalled, so a look may show what has just left.
    entry._held.pop(node, None)
    entry._left.add(node)


def _bounced(ledger: Ledger, event: Event) -> None:
    entry = _entry(ledger, event)
    _leave(entry, event.node)
    entry.bounced.append((event.mono, event.node, str(event.detail.get("reason", ""))))


def _arrived(ledger: Ledger, event: Event) -> None:
    entry, digest = _entry(ledger, event), str(event.detail.get("digest", ""))
    # A keeper that was killed between this line and the next step writes it a second time.
    if file := str(event.detail.get("file", "")):
        if (event.node, file) in entry._files:
            return
        entry._files.add((event.node, file))
    entry.arrived.append((event.mono, event.node, digest))
    _traffic(ledger, event)


def _queue(ledger: Ledger, event: Event) -> None:
    items = frozenset(
        (str(message), str(recipient).lower()) for message, recipient in event.detail["items"]
    )
    ledger._queues[event.node] = (event.mono, items)


def _traffic(ledger: Ledger, event: Event) -> None:
    port = int(event.detail.get("port", 0))
    ledger.traffic[event.node].append(Traffic(event.mono, event.message, port))


def _bitten(ledger: Ledger, event: Event) -> None:
    ledger.bites[event.node].append(event)


def _backend(ledger: Ledger, event: Event) -> None:
    backend, state = str(event.detail["backend"]), str(event.detail["state"])
    port = int(event.detail.get("port", 0))
    ledger.beliefs.append(Belief(event.mono, event.node, backend, state, port))


def _fault(ledger: Ledger, event: Event) -> None:
    label = str(event.detail["fault"])
    if event.kind == "inject":
        kind, node = str(event.detail["kind"]), str(event.detail["node"])
        ledger.faults.append(FaultWindow(label, kind, node, event.mono))
        return
    # A plan may break the same node in the same way twice: the last begun window is meant.
    window = next((each for each in reversed(ledger.faults) if each.label == label), None)
    if window is None:
        return
    if event.kind == "not-injected":
        window.error = str(event.detail["reason"])
    else:
        setattr(window, event.kind, event.mono)


_HANDLERS: Final[Mapping[str, Callable[[Ledger, Event], None]]] = {
    "attempt": _attempt,
    "outcome": _outcome,
    "accepted": _accepted,
    "relayed": _relayed,
    "bounced": _bounced,
    "arrived": _arrived,
    "queue": _queue,
    "connected": _traffic,
    "answered": _traffic,
    "bitten": _bitten,
    "backend": _backend,
    "inject": _fault,
    "not-injected": _fault,
    "injected": _fault,
    "heal": _fault,
    "healed": _fault,
}

_RANK: Final = {kind: rank for rank, kind in enumerate(_HANDLERS)}

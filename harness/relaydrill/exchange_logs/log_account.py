"""The account of every message that a set of Exchange logs tells of. Pure.

It is the ledger's, with more accounts for what only a log of the field holds:

============ =====================================================================================
failed       accepted, and given up with a FAIL: the sender was told, or should have been
discarded    accepted, and thrown away on purpose, by whom is told: an agent, a moderator, a person
held         it lies where only a person moves it on: a moderator, the poison message queue
handed on    accepted, and sent to a server whose log is not at hand: what it made of it is unknown
unobserved   accepted, and what became of it may stand in a log that is not at hand, or not whole
============ =====================================================================================
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from relaydrill.documents.account import ExchangeFate, ExchangePart
from relaydrill.exchange_logs.fates import DISCARDED, FAILED, HANDED_ON, HELD, Fate, fate_of
from relaydrill.exchange_logs.tracking import Tracking
from relaydrill.journal import Event
from relaydrill.ledger import Account, join
from relaydrill.verdict import Status

_BAD: Final = (
    *(Account.LOST, FAILED, DISCARDED),
    *(Account.DUPLICATED, Account.PHANTOM, Account.ALTERED),
)
_OPEN: Final = (Account.QUEUED, HELD, HANDED_ON, Account.UNOBSERVED, Account.UNKNOWN)
_GOOD: Final = (Account.DELIVERED, Account.RECOVERED)
ORDER: Final = tuple(
    str(each) for each in (*_GOOD, *_BAD, *_OPEN, Account.REFUSED, Account.NOT_ACCEPTED)
)


@dataclass(frozen=True)
class LogAccount:
    """The account of a set of logs.

    Attributes:
        missing: What is missing of what the senders saw, a sentence each. What was promised is not
            known then, so that nothing shows that all of it arrived.
    """

    tracking: Tracking
    fates: tuple[Fate, ...]
    missing: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """How many ended in each account; accounts of none are left out."""
        counts = Counter(fate.account for fate in self.fates)
        return {account: counts[account] for account in ORDER if counts[account]}

    @property
    def undelivered(self) -> tuple[Fate, ...]:
        """Whatever was promised and not delivered just once, the worst first."""
        told = [fate for fate in self.fates if fate.account in (*_BAD, *_OPEN)]
        return tuple(sorted(told, key=lambda fate: ORDER.index(fate.account)))

    @property
    def status(self) -> Status:
        """Fail if a message that was taken did not arrive, or arrived twice; pass if all did."""
        counts = self.counts
        if any(counts.get(account) for account in _BAD):
            return Status.FAIL
        if self.missing or self.tracking.unread or any(counts.get(account) for account in _OPEN):
            return Status.UNKNOWN
        return Status.PASS if any(counts.get(account) for account in _GOOD) else Status.UNKNOWN

    def document(self) -> ExchangePart:
        """Its part of what ``--json`` prints."""
        tracking = self.tracking
        return {
            "status": self.status,
            "servers": {
                name: {
                    **{event.lower(): count for event, count in sorted(tally.counts.items())},
                    "sessions": tally.sessions,
                    "refused": tally.refused,
                    "broken_off": tally.broken_off,
                }
                for name, tally in tracking.tallies.items()
            },
            "accounts": self.counts,
            "undelivered": [_plain(fate) for fate in self.undelivered],
            "copies": dict(tracking.copies.most_common()),
            "passed_over": dict(sorted(tracking.passed_over.items())),
            "unknown_events": dict(sorted(tracking.strange.items())),
            "not_ours": dict(sorted(tracking.not_ours.items())),
            "left_out": tracking.left_out,
            "renamed": len(tracking.renamed),
            "coverage": tracking.coverage.document(),
            "clocks": list(tracking.clocks.notes),
            "remarks": list(tracking.remarks),
            "unread": list(tracking.unread),
            "missing": list(self.missing),
        }


def account(
    tracking: Tracking, sent: Iterable[Event] = (), missing: tuple[str, ...] = ()
) -> LogAccount:
    """Join the logs into the account of every message.

    Args:
        tracking: What the logs tell.
        sent: ``attempt`` and ``outcome`` of senders that keep a journal; without any, the servers'
            own word stands for what the senders saw.
        missing: What is missing of that, a sentence each.
    """
    senders = [_on_the_wall(event) for event in sent]
    own = tracking.events
    if senders:
        own = [event for event in own if event.kind not in ("attempt", "outcome")]
    ledger = join([*own, *senders])
    fates = [
        fate_of(tracking, key, entry)
        for key, entry in ledger.entries.items()
        if entry.arrived or not tracking.is_done_with(key)
    ]
    return LogAccount(tracking, tuple(fates), missing)


def _on_the_wall(event: Event) -> Event:
    """The same by the time of day; a tracking log holds no digest to compare with."""
    detail = {name: value for name, value in event.detail.items() if name != "digest"}
    if "scheduled" in detail:
        detail["scheduled"] = event.wall - (event.mono - float(detail["scheduled"]))
    return replace(event, mono=event.wall, detail=detail)


def _plain(fate: Fate) -> ExchangeFate:
    found: ExchangeFate = {
        "account": fate.account,
        "message": fate.entry.message,
        "recipient": fate.entry.recipient,
        "arrived": len(fate.entry.arrived),
        "queued_on": list(fate.entry.queued_on),
        "why": fate.why,
    }
    if last := fate.last:
        found["last"] = {
            "time": last.time,
            "server": last.server,
            "event": last.event,
            "to": last.to,
            "said": last.said,
        }
    return found

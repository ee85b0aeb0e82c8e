"""The account of every message that a set of Exchange logs tells of. Pure.

It is the ledger's, with two more accounts for what only a log of the field holds:

============ =====================================================================================
failed       accepted, and given up with a FAIL: the sender was told, or should have been
handed on    accepted, and sent to a server whose log is not at hand: what it made of it is unknown
============ =====================================================================================
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from relaydrill.exchange_logs.tracking import Key, Step, Tracking
from relaydrill.journal import Event
from relaydrill.ledger import Account, Entry, join
from relaydrill.verdict import Status

FAILED: Final = "failed"
HANDED_ON: Final = "handed on"

_BAD: Final = (Account.LOST, FAILED, Account.DUPLICATED, Account.PHANTOM, Account.ALTERED)
_OPEN: Final = (Account.QUEUED, HANDED_ON, Account.UNKNOWN)
_GOOD: Final = (Account.DELIVERED, Account.RECOVERED)
ORDER: Final = tuple(
    str(each) for each in (*_GOOD, *_BAD, *_OPEN, Account.REFUSED, Account.NOT_ACCEPTED)
)


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one message for one recipient.

    Attributes:
        account: One of `ORDER`. entry: The ledger's. steps: What the logs say, by time.
    """

    account: str
    entry: Entry
    steps: tuple[Step, ...]

    @property
    def last(self) -> Step | None:
        """Where it was last seen."""
        return self.steps[-1] if self.steps else None


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
        if self.missing or any(counts.get(account) for account in _OPEN):
            return Status.UNKNOWN
        return Status.PASS if any(counts.get(account) for account in _GOOD) else Status.UNKNOWN

    def document(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "status": str(self.status),
            "servers": {
                name: {
                    **{event.lower(): count for event, count in sorted(tally.counts.items())},
                    "sessions": tally.sessions,
                    "refused": tally.refused,
                    "broken_off": tally.broken_off,
                }
                for name, tally in self.tracking.tallies.items()
            },
            "accounts": self.counts,
            "undelivered": [_plain(fate) for fate in self.undelivered],
            "passed_over": dict(sorted(self.tracking.passed_over.items())),
            "renamed": len(self.tracking.renamed),
            "remarks": list(self.tracking.remarks),
            "missing": list(self.missing),
        }


def account(
    tracking: Tracking, sent: Iterable[Event] = (), missing: tuple[str, ...] = ()
) -> LogAccount:
    """Join the logs into the account of every message.

    Args:
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
        Fate(_account(entry, steps), entry, tuple(steps))
        for key, entry in ledger.entries.items()
        if not _is_renamed(tracking, key, entry)
        for steps in (tracking.steps.get(key, []),)
    ]
    return LogAccount(tracking, tuple(fates), missing)


def _on_the_wall(event: Event) -> Event:
    """The same by the time of day; a tracking log holds no digest to compare with."""
    detail = {name: value for name, value in event.detail.items() if name != "digest"}
    if "scheduled" in detail:
        detail["scheduled"] = event.wall - (event.mono - float(detail["scheduled"]))
    return replace(event, mono=event.wall, detail=detail)


def _is_renamed(tracking: Tracking, key: Key, entry: Entry) -> bool:
    return key in tracking.renamed and not entry.arrived


def _account(entry: Entry, steps: list[Step]) -> str:
    if entry.account in (Account.LOST, Account.UNKNOWN):
        if entry.bounced:
            return FAILED
        if any(step.event == "SEND" and not step.onward for step in steps):
            return HANDED_ON
    if entry.account is Account.DUPLICATED and len(entry.arrived) < 2:
        # A log may lack the line by which a second server got rid of it.
        return str(Account.DELIVERED if entry.arrived else Account.QUEUED)
    return str(entry.account)


def _plain(fate: Fate) -> dict[str, Any]:
    found: dict[str, Any] = {
        "account": fate.account,
        "message": fate.entry.message,
        "recipient": fate.entry.recipient,
        "arrived": len(fate.entry.arrived),
        "queued_on": list(fate.entry.queued_on),
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

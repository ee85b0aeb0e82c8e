"""The account of a set of mail servers' logs: of each message for each recipient, one word. Pure.

============ =====================================================================================
delivered    it is in a mailbox, once
duplicated   it is there more than once
discarded    thrown away on purpose: by whom is told
failed       given up, and its sender told
lost         handed on to a host whose log is at hand, covers that time, and does not have it
queued       put off, or still there where its log ends
held         it lies where only a person moves it on
handed on    given to a program or host whose own log is not at hand
unknown      its server was done with it, and no line says what became of it
refused      turned away after it was sent: its client was told
============ =====================================================================================
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from relaydrill.documents.account import MailFate, MailPart
from relaydrill.mail_account.legs import Leg
from relaydrill.mail_account.reader import Read
from relaydrill.verdict import Status

DELIVERED: Final = "delivered"
ORDER: Final = (
    *(DELIVERED, "lost", "failed", "discarded", "duplicated"),
    *("queued", "held", "handed on", "unknown", "refused"),
)
BAD: Final = frozenset(("lost", "failed", "discarded", "duplicated"))
OPEN: Final = frozenset(("queued", "held", "handed on", "unknown"))
MOST_LISTED: Final = 10_000


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one message for one recipient, where that was not one delivery.

    Attributes:
        account: One of `ORDER`.
        arrived: How often.
        host: Where it was last seen, and when.
        leg: The last that is known of it. ended: Whether that host was done with it.
        begins_before: Whether its begin is not in these logs.
        note: What else is to be said.
    """

    account: str
    leg: Leg
    host: str
    at: float
    arrived: int = 0
    begins_before: bool = False
    note: str = ""

    def document(self) -> MailFate:
        """Plain JSON values."""
        leg = self.leg
        return {
            "account": self.account,
            "message": leg.message,
            "recipient": leg.recipient,
            "original": leg.original,
            "sender": leg.sender,
            "arrived": self.arrived,
            "begins_before": self.begins_before,
            "note": self.note,
            "last": {
                "time": self.at or None,
                "server": self.host,
                "queue_id": leg.queue_id,
                "by": leg.by,
                "said": leg.said,
                "where": leg.where,
            },
        }


@dataclass(slots=True)
class MailAccount:
    """The account.

    Attributes:
        counts: By account.
        copies: By account, of copies for somebody else; they are not judged.
        undelivered: Those that were not delivered once, the worst first; at most `MOST_LISTED`.
        servers: What each host did, by name.
        reads: How much of each file was understood.
        unread: What was not read whole.
        remarks: What else is to be said.
        renamed: Recipients for whom others stand in.
        balancers: By host and server, sessions and those that were broken off.
        changes: By host, servers that came and went.
    """

    counts: Counter[str] = field(default_factory=Counter)
    copies: Counter[str] = field(default_factory=Counter)
    undelivered: list[Fate] = field(default_factory=list)
    servers: dict[str, Counter[str]] = field(default_factory=dict)
    reads: list[Read] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    renamed: int = 0
    again: int = 0
    balancers: dict[str, dict[str, Counter[str]]] = field(default_factory=dict)
    changes: dict[str, list[str]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Messages and recipients that are accounted for."""
        return sum(self.counts.values())

    @property
    def ordered(self) -> dict[str, int]:
        """The counts in the order in which to tell them, those of 0 left out."""
        return {name: self.counts[name] for name in ORDER if self.counts[name]}

    @property
    def status(self) -> Status:
        """Fail if a message that was taken did not arrive, or arrived twice; pass if all did."""
        if any(self.counts[name] for name in BAD):
            return Status.FAIL
        if self.unread or any(self.counts[name] for name in OPEN):
            return Status.UNKNOWN
        return Status.PASS if self.counts[DELIVERED] else Status.UNKNOWN

    def document(self) -> MailPart:
        """Its part of what ``--json`` prints."""
        listed = Counter(fate.account for fate in self.undelivered)
        left = {
            name: count - listed[name]
            for name, count in self.ordered.items()
            if name not in (DELIVERED, "refused") and count > listed[name]
        }
        return {
            "status": self.status,
            "servers": {name: dict(sorted(told.items())) for name, told in self.servers.items()},
            "balancers": {
                name: {server: dict(sorted(counts.items())) for server, counts in servers.items()}
                for name, servers in self.balancers.items()
            },
            "changes": self.changes,
            "accounts": self.ordered,
            "copies": dict(sorted(self.copies.items())),
            "undelivered": [fate.document() for fate in self.undelivered],
            "not_listed": left,
            "renamed": self.renamed,
            "files": [
                {
                    "name": read.log.name,
                    "lines": read.lines,
                    "understood": read.mail,
                    "of_other_programs": read.other,
                    "not_understood": read.odd,
                }
                for read in self.reads
            ],
            "remarks": self.remarks,
            "missing": self.unread,
        }

"""One message for one recipient: what its senders saw, and what became of it. Pure."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from relaydrill.message import WANTED
from relaydrill.message.changes import HARMLESS
from relaydrill.smtp import Result

Named = Callable[[str], str]
"""Says which node a banner names; empty where it names none."""

FOREIGN: Final = ""
"""The flow of messages whose sender keeps no journal."""


class Account(enum.StrEnum):
    """What became of one message for one recipient; see the module's table."""

    DELIVERED = "delivered"
    DUPLICATED = "duplicated"
    RECOVERED = "recovered"
    QUEUED = "queued"
    HANDED_ON = "handed on"
    DISCARDED = "discarded"
    LOST = "lost"
    ALTERED = "altered"
    PHANTOM = "phantom"
    UNKNOWN = "unknown"
    MISSING = "missing"
    UNOBSERVED = "unobserved"
    REFUSED = "refused"
    NOT_ACCEPTED = "not accepted"


_EXPLAINED: Final[Mapping[str, str]] = MappingProxyType(
    {
        Account.RECOVERED: "arrived, though the sender got no answer",
        Account.HANDED_ON: "to a program or server whose own log is not at hand",
        Account.DISCARDED: "thrown away on purpose",
    }
)
"""Accounts that do not explain themselves, in a few words."""


def counted(counts: Mapping[str, int]) -> str:
    """``9 delivered, 1 recovered (arrived, though …)``; accounts of 0 are left out.

    Args:
        counts: How many messages ended in each account, in the order in which to tell them.
    """
    return ", ".join(
        f"{count} {account}" + (f" ({_EXPLAINED[account]})" if account in _EXPLAINED else "")
        for account, count in counts.items()
        if count
    )


@dataclass(slots=True)
class Attempt:
    """One attempt of a sender, for one recipient. Times are monotonic seconds.

    Attributes:
        scheduled: When the schedule wanted it.
        started: When it began.
        ended: When it was over; None where the sender died first.
        result: What the sender learnt; None as for ``ended``.
        phase: As in `relaydrill.smtp.Outcome`.
        code: As in `relaydrill.smtp.Outcome`.
        reason: As in `relaydrill.smtp.Outcome`.
        address: As in `relaydrill.smtp.Outcome`.
        server: As in `relaydrill.smtp.Outcome`.
        sort: What sort of mail it was; see `relaydrill.message.WANTED`.
        choice: The node that was tried first.
        member: Which sender of a population it was, where a sender keeps to its choice; None where
            each message is a choice of its own.
        slack_s: By how much it may have begun later, or ended earlier, than its times say, because
            a worker elsewhere made it.
        reused: Whether its connection had served an earlier message.
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
    slack_s: float = 0.0
    reused: bool = False

    @property
    def accepted(self) -> bool:
        """Whether it got its 250 after the dot."""
        return self.result is Result.ACCEPTED

    @property
    def deferred(self) -> bool:
        """Whether it got a 4xx: come back later."""
        return self.result is Result.REFUSED and 400 <= self.code <= 499

    @property
    def refused_for_good(self) -> bool:
        """Whether it got a 5xx."""
        return self.result is Result.REFUSED and self.code >= 500

    @property
    def late_s(self) -> float:
        """How far behind its schedule it began, or may have begun, wall seconds."""
        return max(0.0, self.started - self.scheduled) + self.slack_s

    @property
    def took_s(self) -> float | None:
        """How long it took its sender, wall seconds; None where the sender ended first."""
        return None if self.ended is None else self.ended - self.started - self.slack_s

    @property
    def said(self) -> str:
        """What it was told, in a few words: ``452 at mail``."""
        if self.result is None:
            return "the sender ended first"
        if self.code:
            return f"{self.code} at {self.phase}"
        return f"{self.result} at {self.phase}" + (f": {self.reason}" if self.reason else "")


@dataclass(frozen=True, slots=True)
class Copy:
    """One of our messages came to somebody to whom it was not sent, or to nobody knows whom.

    Attributes:
        mono: When.
        node: On which mailbox server.
        message: The Message-ID.
        recipient: Who has it, in lower case; empty where nothing tells.
        is_declared: Whether the inventory, or a server's log, says that this is a copy. Of any
            other it may be the recipient's own mailbox, under a name that nobody told us.
        said: What to declare so that the next drill knows; empty where nothing would help.
        marks: The messages whose marks it bears, where they are several: it may be any of them,
            changed.
    """

    mono: float
    node: str
    message: str
    recipient: str
    is_declared: bool = False
    said: str = ""
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Exit:
    """A message left what can be seen, without having arrived.

    Attributes:
        mono: When.
        node: Whose word it is.
        account: `Account.DISCARDED`, `Account.HANDED_ON`, or `Account.LOST` for what a server
            gave up for good.
        to: Who threw it away, or has it now, by name; of what was given up, empty.
        said: The reason, as the server gave it.
    """

    mono: float
    node: str
    account: Account
    to: str = ""
    said: str = ""


@dataclass(slots=True)
class Entry:
    """Everything that the journals say of one message for one recipient.

    Attributes:
        message: The Message-ID.
        recipient: The envelope recipient, in lower case.
        flow: Of its attempts; `FOREIGN` where no journalled sender sent it.
        digest: Of the body that was sent.
        accepted: When it was promised, and by whom.
        arrived: When it arrived, where, and the digest of its body there.
        mailboxes: Of each arrival, the mailbox; empty where it is the recipient's own.
        needs: The mailboxes all of which are to get it, where the inventory names them.
        bounced: When a next hop refused it for good; on which node it lay, and the reason.
        deferred: When a next hop refused it for now; likewise.
        exits: How it left what can be seen: discarded, or handed on.
        held: The nodes on which it lies until a person moves it on, and the reason.
        stored: When it entered each node's queue.
        left: When it left it, to whatever end.
        passed_on: How often a next hop took it.
        queued_on: The nodes of the tier in whose queues it lies at the end.
        copies: How many copies lie there beyond doubt; one that was just being handed on, and is
            elsewhere, too, is left out.
        waits_on: The senders in whose own queues it lies at the end: what they have not got rid
            of, nobody in the tier has taken by that alone.
        is_resubmitted: Whether a shadow copy of it was sent.
        unseen: What is to be said of it if it was promised, and is nowhere.
        put_off: The servers of others whose logs last said of it that it waits there.
        elsewhere: Where the same message was seen, with nobody knowing whether for this recipient.
        together: The mailboxes for which one server had it at once, by server and queue id: what it
            made of one address.
        relayed: Who passed it on, and towards what: ``mailbox``, ``hub``; empty where that is not
            known.
        changed: What was written anew in any of its arrivals, as far as these tell by themselves.
        known_by: The mark that an arrival was recognised by, where that is not its Message-ID.
        harmless: The changes by which it is not altered: what a lab does on purpose, and what no
            reader sees.
    """

    message: str
    recipient: str
    flow: str = FOREIGN
    digest: str = ""
    attempts: list[Attempt] = field(default_factory=list)
    accepted: list[tuple[float, str]] = field(default_factory=list)
    arrived: list[tuple[float, str, str]] = field(default_factory=list)
    bounced: list[tuple[float, str, str]] = field(default_factory=list)
    deferred: list[tuple[float, str, str]] = field(default_factory=list)
    stored: dict[str, list[float]] = field(default_factory=dict)
    left: dict[str, list[float]] = field(default_factory=dict)
    passed_on: int = 0
    relayed: list[tuple[str, str]] = field(default_factory=list)
    queued_on: tuple[str, ...] = ()
    copies: int = 0
    waits_on: tuple[str, ...] = ()
    is_resubmitted: bool = False
    unseen: Account = Account.LOST
    changed: frozenset[str] = frozenset()
    known_by: str = ""
    harmless: frozenset[str] = HARMLESS
    mailboxes: list[str] = field(default_factory=list)
    needs: frozenset[str] = frozenset()
    exits: list[Exit] = field(default_factory=list)
    held: dict[str, str] = field(default_factory=dict)
    put_off: set[str] = field(default_factory=set)
    elsewhere: tuple[str, ...] = ()
    together: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    _files: set[tuple[str, str]] = field(default_factory=set)

    @property
    def saw(self) -> Result:
        """The best that the sender saw over all its attempts."""
        if not self.attempts:  # foreign: the tier's own word
            if self.accepted or self.arrived:
                return Result.ACCEPTED
            return Result.UNANSWERED if self.queued_on else Result.UNREACHABLE
        seen = {attempt.result or Result.UNANSWERED for attempt in self.attempts}
        return next(result for result in _BEST_FIRST if result in seen)

    @property
    def seen_by(self) -> set[str]:
        """The nodes that journalled taking it."""
        return {node for _, node in self.accepted} | {node for _, node, _ in self.arrived}

    @property
    def bounce(self) -> str:
        """Who gave it up for good, and why: ``bounced by ht2: 554 5.4.4 …``.

        Empty where nobody did, or where it arrived, or is queued, all the same.
        """
        if not self.bounced or self.arrived or self.queued_on:
            return ""
        _, node, reason = self.bounced[-1]
        return f"bounced by {node}" + (f": {reason}" if reason else "")

    def taker(self, attempt: Attempt, named: Named) -> str:
        """Who answered 250 to one of its attempts; see `Ledger.acceptances`."""
        if name := named(attempt.server):
            return name
        begun, ended = attempt.started, attempt.ended or attempt.started
        own = (node for moment, node in self.accepted if begun <= moment <= ended)
        return next(own, attempt.server)

    @property
    def changes(self) -> frozenset[str]:
        """All that was written anew on its way; see `relaydrill.message.changes`."""
        # Where a real lab shows no bodies, an arrival has no digest.
        if any(digest not in ("", self.digest) for _, _, digest in self.arrived if self.digest):
            return self.changed | {"body"}
        return self.changed

    @property
    def alterations(self) -> frozenset[str]:
        """Those of its changes by which it is altered."""
        return self.changes - self.harmless

    @property
    def account(self) -> Account:
        """What became of it; see the module's table."""
        saw = self.saw
        if saw not in (Result.ACCEPTED, Result.UNANSWERED):
            if self.arrived or self.queued_on:
                return Account.PHANTOM
            return Account.REFUSED if saw is Result.REFUSED else Account.NOT_ACCEPTED
        if self.alterations:
            return Account.ALTERED
        if self.is_double:
            return Account.DUPLICATED
        if self.has_arrived:
            return Account.DELIVERED if saw is Result.ACCEPTED else Account.RECOVERED
        if self.queued_on:
            return Account.QUEUED
        if saw is not Result.ACCEPTED:  # its sender may try again
            return Account.UNKNOWN
        if self.arrived and not self.needs and "" not in self.lacking:
            return Account.UNOBSERVED  # one of its mailboxes has it, and may be all that matters
        if self.exit:
            return self.exit.account
        return Account.UNOBSERVED if self.elsewhere else self.unseen

    @property
    def has_arrived(self) -> bool:
        """Whether it is in a mailbox of its recipient: its own, or in all that need it."""
        return bool(self.arrived) and not self.lacking

    @property
    def lacking(self) -> list[str]:
        """Of the mailboxes that are to get it, those that did not; empty for its own.

        Where the inventory does not name them, those count for which a server had it together with
        one that got it: an alias, or a copy for an archive, nobody can tell.
        """
        if self.needs:
            return sorted(self.needs.difference(self.mailboxes))
        boxes = {*self.mailboxes}
        if not boxes or "" in boxes:
            return []
        beside = (each for each in self.together.values() if each & boxes)
        return sorted(set[str]().union(*beside) - boxes)

    @property
    def is_double(self) -> bool:
        """Whether it is, or will be, in one mailbox more than once.

        Two mailboxes behind one address are no duplicate, and what is still queued for an address
        that stands for several may be for another of them.
        """
        boxes = {*self.mailboxes}
        if len(boxes) < len(self.mailboxes):
            return True
        if any(boxes) and not self.needs and self.arrived:
            return False
        # A second copy in a queue is on its way to the mailbox, as the first was.
        return len(self.arrived) + self.copies > max(1, len(self.needs))

    @property
    def exit(self) -> Exit | None:
        """How it left what can be seen, the last time; None where it did not."""
        return max(self._exits(), key=lambda each: each.mono, default=None)

    def _exits(self) -> Iterator[Exit]:
        yield from self.exits
        yield from (Exit(at, node, Account.LOST, "", why) for at, node, why in self.bounced)


_BEST_FIRST: Final = (
    Result.ACCEPTED,
    Result.UNANSWERED,
    Result.REFUSED,
    Result.DROPPED,
    Result.UNREACHABLE,
    Result.UNSENT,
)

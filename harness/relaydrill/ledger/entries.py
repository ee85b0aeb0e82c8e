"""One message for one recipient: what its senders saw, and what became of it. Pure."""

from __future__ import annotations

import enum
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from relaydrill.message import WANTED
from relaydrill.smtp import Result

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
    MISSING = "missing"
    UNOBSERVED = "unobserved"
    REFUSED = "refused"
    NOT_ACCEPTED = "not accepted"


_EXPLAINED: Final[Mapping[str, str]] = MappingProxyType(
    {Account.RECOVERED: "arrived, though the sender got no answer"}
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
        scheduled: When the schedule wanted it. started: When it began. ended: When it was over;
            None where the sender died first.
        result: What the sender learnt; None as for ``ended``.
        phase, code, reason, address, server: As in `relaydrill.smtp.Outcome`.
        sort: What sort of mail it was; see `relaydrill.message.WANTED`.
        choice: The node that was tried first. member: Which sender of a population it was, where a
            sender keeps to its choice; None where each message is a choice of its own.
        slack_s: By how much it may have begun later, or ended earlier, than its times say, because
            a worker elsewhere made it.
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
        """How far behind its schedule it began, or may have begun, wall seconds."""
        return max(0.0, self.started - self.scheduled) + self.slack_s

    @property
    def took_s(self) -> float | None:
        """How long it took its sender, wall seconds; None where the sender ended first."""
        return None if self.ended is None else self.ended - self.started - self.slack_s

    def answered_by(self, nodes: Container[str]) -> str:
        """The one of these nodes whose name its banner bears; empty where it is none of theirs."""
        name = self.server.partition(".")[0].lower()
        return name if name in nodes else ""

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
    """Everything that the journals say of one message for one recipient.

    Attributes:
        message, recipient: The Message-ID, and the envelope recipient in lower case.
        flow: Of its attempts; `FOREIGN` where no journalled sender sent it.
        digest: Of the body that was sent.
        accepted: When it was promised, and by whom.
        arrived: When it arrived, where, and the digest of its body there.
        bounced, deferred: When a next hop did not take it for good, or for now; on which node it
            lay, and the reason.
        stored, left: When it entered each node's queue, and left it, to whatever end.
        passed_on: How often a next hop took it.
        queued_on: The nodes of the tier in whose queues it lies at the end.
        copies: How many copies lie there beyond doubt; one that was just being handed on, and is
            elsewhere, too, is left out.
        waits_on: The senders in whose own queues it lies at the end: what they have not got rid
            of, nobody in the tier has taken by that alone.
        is_resubmitted: Whether a shadow copy of it was sent.
        unseen: What is to be said of it if it was promised, and is nowhere.
        relayed: Who passed it on, and towards what: ``mailbox``, ``hub``; empty where that is not
            known.
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

    def taker(self, attempt: Attempt, nodes: Container[str]) -> str:
        """Who answered 250 to one of its attempts; see `Ledger.acceptances`."""
        if name := attempt.answered_by(nodes):
            return name
        begun, ended = attempt.started, attempt.ended or attempt.started
        own = (node for moment, node in self.accepted if begun <= moment <= ended)
        return next(own, attempt.server)

    @property
    def account(self) -> Account:
        """What became of it; see the module's table."""
        saw = self.saw
        if saw not in (Result.ACCEPTED, Result.UNANSWERED):
            if self.arrived or self.queued_on:
                return Account.PHANTOM
            return Account.REFUSED if saw is Result.REFUSED else Account.NOT_ACCEPTED
        # Where a lab of others shows no bodies, an arrival has no digest.
        if any(digest not in ("", self.digest) for _, _, digest in self.arrived if self.digest):
            return Account.ALTERED
        # A second copy in a queue is on its way to the mailbox, as the first was.
        if len(self.arrived) + self.copies > 1:
            return Account.DUPLICATED
        if self.arrived:
            return Account.DELIVERED if saw is Result.ACCEPTED else Account.RECOVERED
        if self.queued_on:
            return Account.QUEUED
        return self.unseen if saw is Result.ACCEPTED else Account.UNKNOWN


_BEST_FIRST: Final = (
    Result.ACCEPTED,
    Result.UNANSWERED,
    Result.REFUSED,
    Result.DROPPED,
    Result.UNREACHABLE,
    Result.UNSENT,
)

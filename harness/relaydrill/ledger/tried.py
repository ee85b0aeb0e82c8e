"""What matters of an attempt where it is asked who takes a flow's mail. Pure."""

from __future__ import annotations

from typing import NamedTuple, Self

from relaydrill.ledger.entries import Attempt, Named
from relaydrill.smtp import Result


class Tried(NamedTuple):
    """What an attempt has in common with others that fell on the same servers.

    Attributes:
        choice: The server that was tried first.
        member: Which sender of a population it was.
        result: What became of it.
        is_deferred: Whether it got a 4xx.
        by: The node that answered at last: the one whose name its banner bears; of an acceptance
            where that is no node's, the one that journalled it. Empty, or the banner's own word,
            where neither tells.
    """

    choice: str
    member: int | None
    result: Result | None
    is_deferred: bool
    by: str

    @classmethod
    def of(cls, attempt: Attempt, named: Named) -> Self:
        """What one attempt was, as far as it tells by itself."""
        by = named(attempt.server)
        return cls(attempt.choice, attempt.member, attempt.result, attempt.deferred, by)

    @property
    def is_accepted(self) -> bool:
        """Whether it got its 250 after the dot."""
        return self.result is Result.ACCEPTED

"""What matters of an attempt where it is asked who takes a flow's mail. Pure."""

from __future__ import annotations

from collections.abc import Container
from typing import NamedTuple, Self

from relaydrill.ledger.entries import Attempt
from relaydrill.smtp import Result


class Tried(NamedTuple):
    """What an attempt has in common with others that fell on the same servers.

    Attributes:
        choice, member, result: As of an attempt.
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
    def of(cls, attempt: Attempt, nodes: Container[str]) -> Self:
        """What one attempt was, as far as it tells by itself."""
        by = attempt.answered_by(nodes)
        return cls(attempt.choice, attempt.member, attempt.result, attempt.deferred, by)

    @property
    def is_accepted(self) -> bool:
        """Whether it got its 250 after the dot."""
        return self.result is Result.ACCEPTED

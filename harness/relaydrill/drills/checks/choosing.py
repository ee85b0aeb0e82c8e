"""What an attempt says of the servers that its sender can choose from."""

from __future__ import annotations

from relaydrill.drills.checks.case import Case
from relaydrill.ledger import Tried
from relaydrill.smtp import Result


def says_nothing(case: Case, tried: Tried) -> bool:
    """Whether an attempt says nothing of them: not sent, or put off as the flow expects it."""
    is_put_off = case.expect.deferral and tried.is_deferred
    return is_put_off or tried.result in (None, Result.UNSENT)


def took_it(case: Case, tried: Tried, node: str) -> bool:
    """Whether a node accepted an attempt: by name, or, where nobody is named, as the first tried.

    What was accepted is accepted: without a name the one that was tried first is given the credit.
    """
    is_unnamed = tried.by not in case.topology.nodes
    return tried.is_accepted and (tried.by == node or (is_unnamed and tried.choice == node))

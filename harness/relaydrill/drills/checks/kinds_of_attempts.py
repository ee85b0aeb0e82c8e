"""Which attempts a check counts: those that were made, were accepted, were free to choose."""

from __future__ import annotations

from relaydrill.ledger import Attempt
from relaydrill.smtp import Result


def is_made(attempt: Attempt) -> bool:
    """Whether it left its sender's machine."""
    return attempt.result is not Result.UNSENT


def is_accepted(attempt: Attempt) -> bool:
    """Whether a server took its message."""
    return attempt.accepted


def is_free(attempt: Attempt) -> bool:
    """Whether it could have gone elsewhere: over an open connection mail goes where that leads."""
    return is_made(attempt) and not attempt.reused


def has_a_choice(attempt: Attempt) -> bool:
    """Whether its sender tells where it was led to."""
    return bool(attempt.choice)


def is_a_keeper_s(attempt: Attempt) -> bool:
    """Whether its sender keeps to a choice that it has made."""
    return attempt.member is not None

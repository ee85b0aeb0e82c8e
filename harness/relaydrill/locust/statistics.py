"""Attempts in Locust's own statistics."""

from __future__ import annotations

from locust import User

from relaydrill.smtp import Outcome, Result


class NotAccepted(Exception):
    """An attempt that was not accepted; its text is what the server said, or why it did not."""


def count(user: User, flow: str, outcome: Outcome, *, took_s: float, size: int) -> None:
    """Have Locust count one attempt.

    Args:
        user: Who made it.
        flow: The name that it is counted under.
        outcome: What became of the attempt.
        took_s: Its duration.
        size: Bytes of the message.
    """
    is_accepted = outcome.result is Result.ACCEPTED
    user.environment.events.request.fire(
        request_type="SMTP",
        name=flow,
        response_time=took_s * 1000,
        response_length=size if is_accepted else 0,
        exception=None if is_accepted else NotAccepted(str(outcome)),
        context=user.context(),
    )

"""Connections that this machine itself keeps from being opened, as a fault of its own side does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from relaydrill import clock
from relaydrill.endpoint import Endpoint
from relaydrill.fibres.pausing import pause

_FIRST_RETRY_S = 1.0


@dataclass(frozen=True, slots=True)
class Bar:
    """What a connection meets instead of the other end.

    Attributes:
        error: What it comes to; a `TimeoutError` only after its timeout.
        is_lifted: Whether it would get through by now.
    """

    error: OSError
    is_lifted: Callable[[], bool]


Barred = Callable[[Endpoint], Bar | None]
"""What a connection to an endpoint meets that is about to be opened; None: nothing."""


def nothing_barred(_where: Endpoint) -> Bar | None:
    """Where everything may be tried."""
    return None


def stop_at(bar: Bar, timeout_s: float) -> float:
    """Have a connection meet a bar; return if it is lifted before the timeout.

    Whoever gets no answer to a SYN sends it again after 1, 3, 7 s and so on (RFC 6298 §2, and
    Linux); the first that comes after the bar is lifted gets through.

    Args:
        bar: What it meets.
        timeout_s: How long the connection may take, wall seconds.

    Returns:
        How many of these seconds are left.

    Raises:
        OSError: What the bar has it come to.
    """
    if not isinstance(bar.error, TimeoutError):
        raise bar.error
    until, retry_s = clock.monotonic() + timeout_s, _FIRST_RETRY_S
    while (left_s := until - clock.monotonic()) > retry_s:
        pause(retry_s)
        retry_s *= 2
        if bar.is_lifted():
            return until - clock.monotonic()
    pause(max(0.0, left_s))
    raise bar.error

"""The only polling loop of the project: a condition, a deadline, a diagnosis."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import tenacity

from relaydrill import clock
from relaydrill.errors import WaitTimeout

T = TypeVar("T")


def wait_for(
    condition: Callable[[], T],
    *,
    what: str,
    deadline_s: float,
    every_s: float = 0.02,
    diagnosis: Callable[[], str] | None = None,
) -> T:
    """Call ``condition`` until it is true, and return what it returned.

    Args:
        condition: Asked at once and then again and again; any true value ends the wait.
        what: What is awaited, as the object of a sentence: "ht1 to answer on 127.0.0.1:25".
        deadline_s: Seconds after which to give up.
        every_s: Seconds between two questions.
        diagnosis: Asked once after the deadline; its text goes into the error.

    Raises:
        WaitTimeout: The condition stayed false; carries ``what`` and the diagnosis.
    """
    until = clock.monotonic() + deadline_s
    waiting = tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda found: not found),
        stop=lambda _asked: clock.monotonic() >= until,
        wait=tenacity.wait_fixed(every_s),
        sleep=clock.sleep,
    )
    try:
        return waiting(condition)
    except tenacity.RetryError:
        seen = f": {diagnosis()}" if diagnosis else ""
        raise WaitTimeout(f"waited {deadline_s:g} s for {what}{seen}") from None


def sleep_until(moment: float, *, tick: Callable[[], None] | None = None) -> None:
    """Let time pass until a moment of the monotonic clock: a schedule, not a wait for something.

    Args:
        moment: Monotonic seconds.
        tick: Called about ten times a second meanwhile, for a display; may raise to end it.
    """
    while (left := moment - clock.monotonic()) > 0:
        clock.sleep(min(left, 0.1))
        if tick:
            tick()

"""What time it is, and how it passes: the machine's, or that of a simulated world.

Nodes, personas and whoever drives a lab ask here and never the machine, so that all of a world
agrees on the time. A world is one thread: everything that happens in it happens there, and a clock
that was given to a thread is the clock of whatever runs in it. All other threads have the
machine's.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Final, Protocol

from relaydrill.errors import LabError


class Clock(Protocol):
    """A clock; all times are seconds."""

    def monotonic(self) -> float:
        """A time that never goes back; its beginning means nothing."""

    def wall(self) -> float:
        """The time of day, since the epoch."""

    def sleep(self, seconds: float, /) -> None:
        """Return after so long."""


class _Machine:
    """The machine's own."""

    monotonic = staticmethod(time.monotonic)
    wall = staticmethod(time.time)
    sleep = staticmethod(time.sleep)


MACHINE: Final[Clock] = _Machine()
"""The machine's clock."""


class _Given(threading.local):
    """What each thread was given."""

    clock: Clock = MACHINE


_given: Final = _Given()


def current() -> Clock:
    """The clock of this thread."""
    return _given.clock


def monotonic() -> float:
    """Monotonic seconds of this thread's clock."""
    return _given.clock.monotonic()


def wall() -> float:
    """Seconds since the epoch, by this thread's clock."""
    return _given.clock.wall()


def sleep(seconds: float) -> None:
    """Let so many seconds of this thread's clock pass."""
    _given.clock.sleep(seconds)


@contextlib.contextmanager
def given(clock: Clock) -> Iterator[None]:
    """A block in which this thread takes its time from another clock.

    Raises:
        LabError: It takes it from another than the machine's already: a thread is in one world.
    """
    if _given.clock is not MACHINE:
        raise LabError("a simulated lab runs in this thread already: end it first")
    _given.clock = clock
    try:
        yield
    finally:
        _given.clock = MACHINE

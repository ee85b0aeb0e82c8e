"""What happens next in a simulated world, and what time it is.

A world has one clock, which goes on only from one event to the next, and a loop for each program.
Everything is an event of one of these loops; those that are due at the same moment happen in the
order in which they were planned. So nothing that happens depends on how fast the machine is.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from asyncio.events import _set_running_loop
from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from typing import Any, Final, Protocol, TypeVar

from relaydrill.errors import LabError
from relaydrill.fibres.pool import Fibre, current

T = TypeVar("T")

BEGIN_S: Final = 1_000.0
"""What the monotonic clock shows when a world begins."""

EPOCH_S: Final = 1_767_225_600.0
"""The time of day when a world begins: the first of January 2026, UTC."""


_MOST_AT_ONCE: Final = 1_000_000
"""Events at one moment; so many come only where something waits for what takes no time."""


class State(Enum):
    """What becomes of a program's events."""

    RUNS = auto()
    FROZEN = auto()
    ENDED = auto()


class Owner(Protocol):
    """Whose an event is: a loop.

    Attributes:
        state: What becomes of its events.
        held: Those that were due while it was frozen.
    """

    state: State
    held: list[asyncio.Handle]


class World:
    """A clock (`relaydrill.clock.Clock`), and all that is going to happen."""

    def __init__(self) -> None:
        self.now = BEGIN_S
        self._due: deque[asyncio.Handle] = deque()
        self._later: list[tuple[float, int, asyncio.Handle]] = []
        self._numbers = itertools.count()
        self._is_to_stop = False
        self._is_running = False
        self._entered: object = None
        self._at_once = 0

    def monotonic(self) -> float:
        """Seconds by the world's clock."""
        return self.now

    def wall(self) -> float:
        """Its time of day, seconds since the epoch."""
        return EPOCH_S + (self.now - BEGIN_S)

    def sleep(self, seconds: float, /) -> None:
        """Let everything happen that is due within so many seconds."""
        fibre = current()
        if fibre is None:
            self.run(self.now + seconds)
        else:
            fibre.loop.call_later(seconds, fibre.switch)
            fibre.wait()

    def soon(self, handle: asyncio.Handle) -> None:
        """An event is due now, after those that are due already."""
        self._due.append(handle)

    def at(self, moment: float, handle: asyncio.Handle) -> None:
        """An event is due at a moment of the monotonic clock."""
        heapq.heappush(self._later, (moment, next(self._numbers), handle))

    def call(self, loop: asyncio.AbstractEventLoop, work: Callable[[], T]) -> T:
        """Have blocking code run as a fibre of a loop, and return what comes of it.

        Raises:
            LabError: Nothing is left to happen, and it waits.
        """
        results, errors = list[T](), list[BaseException]()

        def carry_out() -> None:
            try:
                results.append(work())
            except BaseException as error:
                errors.append(error)
            self._is_to_stop = True

        loop.call_soon(Fibre(loop, carry_out).switch)
        self.run(float("inf"))
        if errors:
            raise errors[0]
        if not results:
            raise LabError("the simulated lab has come to rest, and something still waits in it")
        return results[0]

    def end(self) -> None:
        """Nothing happens any more."""
        self._due.clear()
        self._later.clear()

    def run(self, until: float) -> None:
        """Let everything happen that is due by a moment, or until somebody wants to stop.

        Args:
            until: Monotonic seconds; the clock shows it then, unless it was stopped, or endless.
        """
        if self._is_running:
            raise LabError("a simulated lab can be driven only from outside of it")
        self._is_running, self._is_to_stop = True, False
        try:
            while not self._is_to_stop and (handle := self._next(until)) is not None:
                self._happen(handle)
            if not self._is_to_stop and until != float("inf"):
                self.now = max(self.now, until)
        finally:
            self._is_running, self._entered = False, None
            _set_running_loop(None)

    def _next(self, until: float) -> asyncio.Handle | None:
        """The next event that is due by a moment; the clock shows its own."""
        if self._due:
            self._at_once += 1
            if self._at_once > _MOST_AT_ONCE:
                raise LabError(
                    f"the simulated lab goes round in circles: {_MOST_AT_ONCE} events at one moment"
                )
            return self._due.popleft()
        if not self._later or self._later[0][0] > until:
            return None
        moment, _, handle = heapq.heappop(self._later)
        if moment > self.now:
            self.now, self._at_once = moment, 0
        return handle

    def _happen(self, handle: asyncio.Handle) -> None:
        if handle.cancelled():
            return
        loop: Any = handle._loop  # type: ignore[attr-defined]
        if loop is not self._entered:
            self._entered = loop
            _set_running_loop(loop)
        owner: Owner = loop
        if owner.state is State.RUNS:
            handle._run()
        elif owner.state is State.FROZEN:
            owner.held.append(handle)

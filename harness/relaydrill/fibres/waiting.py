"""How a node's blocking code runs beside its loop, and waits: as threads, or as carried fibres.

On a machine these are the standard library's threads and what belongs to them; in a simulated world
they are fibres of the node's loop, and what they wait for takes no time of anybody else.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, Protocol, TypeVar, cast

from relaydrill.fibres.carrier import carrier
from relaydrill.fibres.pool import Fibre, FibrePool, current

T = TypeVar("T")


class Work(Protocol):
    """Blocking code that was begun."""

    def join(self) -> None:
        """Return when it has ended."""


class Permits(Protocol):
    """A number that is waited for to be more than 0, and counted down."""

    def acquire(self, *, timeout: float | None = None) -> bool:
        """Wait for so many seconds at most; whether there was one."""

    def release(self) -> None:
        """One more."""


def new_event() -> threading.Event:
    """What blocking code waits for: a flag that somebody sets."""
    loop = carrier()
    return threading.Event() if loop is None else cast(threading.Event, _Event(loop))


def new_permits() -> Permits:
    """A count, 0 at first."""
    loop = carrier()
    return threading.Semaphore(0) if loop is None else _Permits(loop)


def begin(work: Callable[[], None], *, name: str) -> Work:
    """Have blocking code run beside everything else.

    Args:
        work: What to do.
        name: Of the thread.
    """
    loop = carrier()
    if loop is None:
        thread = threading.Thread(target=work, name=name, daemon=True)
        thread.start()
        return thread
    return _Carried(loop, work)


def new_pool(most: int, *, name: str) -> Executor:
    """A pool of fibres, in a thread of its own or on the loop that carries this.

    Args:
        most: Bound on jobs under way at once; the others wait their turn.
        name: Of the thread.
    """
    return FibrePool(most, name=name, loop=carrier())


def result_of(job: Future[T]) -> T:
    """What a job of such a pool came to, once it is over; raises what it raised."""
    loop = carrier()
    if loop is not None and not job.done():
        waiting = Turns(loop)
        job.add_done_callback(lambda _job: waiting.let_go())
        waiting.wait(None)
    return job.result()


class _Place:
    """One fibre that waits."""

    def __init__(self, fibre: Fibre) -> None:
        self.is_called = False
        self._fibre = fibre
        self._is_over = False

    def go_on(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._fibre.switch()

    def leave(self) -> None:
        self._is_over = True


class Turns:
    """Fibres of one loop that wait, in the order in which they came."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._places: deque[_Place] = deque()

    def wait(self, timeout_s: float | None) -> bool:
        """Let others go on until somebody calls, or the time is over; whether somebody did."""
        fibre = current()
        assert fibre is not None, "blocking code that is carried waits in a fibre"
        place = _Place(fibre)
        timer = None if timeout_s is None else self._loop.call_later(timeout_s, place.go_on)
        self._places.append(place)
        try:
            fibre.wait()
        finally:
            place.leave()
            if timer is not None:
                timer.cancel()
            if not place.is_called:
                self._places.remove(place)
        return place.is_called

    def let_go(self) -> bool:
        """Call the first; whether there was one."""
        if not self._places:
            return False
        place = self._places.popleft()
        place.is_called = True
        self._loop.call_soon(place.go_on)
        return True


class _Event:
    """As `threading.Event`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._waiting = Turns(loop)
        self._is_set = False

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        self._is_set = True
        while self._waiting.let_go():
            pass

    def wait(self, timeout: float | None = None) -> bool:
        if not self._is_set:
            self._waiting.wait(timeout)
        return self._is_set


class _Permits:
    """As `threading.Semaphore`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._waiting = Turns(loop)
        self._left = 0

    def acquire(self, *, timeout: float | None = None) -> bool:
        if self._left:
            self._left -= 1
            return True
        return self._waiting.wait(timeout)

    def release(self) -> None:
        if not self._waiting.let_go():
            self._left += 1


class _Carried:
    """Blocking code as a fibre."""

    def __init__(self, loop: asyncio.AbstractEventLoop, work: Callable[[], Any]) -> None:
        self._work = work
        self._ended = _Event(loop)
        loop.call_soon(Fibre(loop, self._run).switch)

    def join(self) -> None:
        self._ended.wait()

    def _run(self) -> None:
        try:
            self._work()
        finally:
            self._ended.set()

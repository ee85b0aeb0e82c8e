"""A pool of fibres: an executor whose jobs share one thread, or a loop that runs already."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future
from dataclasses import dataclass
from functools import partial
from typing import Any, ParamSpec, TypeVar

from greenlet import GreenletExit, getcurrent, greenlet

from relaydrill.event_loop import new_event_loop
from relaydrill.fibres.carrier import Carrier

P = ParamSpec("P")
T = TypeVar("T")


class Fibre(greenlet):
    """One job under way.

    Args:
        loop: Its pool's.
        run: What to do.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, run: Callable[[], None]) -> None:
        here = current()  # what it lets go on is the loop, and not another that began it
        super().__init__(run, here.parent if here else None)
        self.loop = loop
        if isinstance(loop, Carrier):
            loop.carries(self)

    def wait(self) -> None:
        """Let others go on, until somebody switches back here, or throws something in."""
        assert self.parent is not None
        self.parent.switch()


def current() -> Fibre | None:
    """The fibre that this is called in; None outside of all pools."""
    here = getcurrent()
    return here if isinstance(here, Fibre) else None


@dataclass(frozen=True, slots=True)
class _Job:
    """What a fibre is to do, and where what comes of it goes."""

    work: Callable[[], Any]
    future: Future[Any]


class FibrePool(Executor):
    """Carries out jobs as fibres, in a thread of its own that begins with the first of them.

    Args:
        most: Bound on jobs under way at once; the others wait their turn.
        name: Of the thread.
        loop: Carries them, in place of a thread.
    """

    def __init__(
        self, most: int, *, name: str = "pool", loop: asyncio.AbstractEventLoop | None = None
    ) -> None:
        self._most = most
        self._waiting: deque[_Job] = deque()
        self._under_way: dict[Fibre, None] = {}
        self._is_shut = False
        self._lock = threading.Lock()
        self._loop = loop
        self._is_carried = loop is not None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have a job done; it begins at once where fewer than ``most`` are under way.

        Raises:
            RuntimeError: The pool has been shut down.
        """
        job = _Job(partial(fn, *args, **kwargs), Future())
        with self._lock:
            if self._is_shut:
                raise RuntimeError("the pool has been shut down")
            if self._loop is None:
                self._loop = new_event_loop()
                self._thread.start()
            self._waiting.append(job)
            # Whoever put the one before it there has told. To look before the append would be too
            # early: the thread may take that one, and nobody would tell of this one.
            if len(self._waiting) == 1:
                self._loop.call_soon_threadsafe(self._begin)
        return job.future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more jobs.

        Args:
            wait: Whether to return only when all has ended; one that is carried never waits.
            cancel_futures: Whether to give up what waits, and what is under way: its fibres end
                where they wait, by an exception that is no `Exception`.
        """
        with self._lock:
            is_first, self._is_shut = not self._is_shut, True
            if self._loop is None:
                return
            # The last job may have ended since, and the loop with it.
            if is_first and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._give_up if cancel_futures else self._begin)
        if wait and not self._is_carried:
            self._thread.join()

    def _run(self) -> None:
        assert self._loop is not None
        try:
            self._loop.run_forever()
        finally:
            with self._lock:
                self._loop.close()

    def _begin(self) -> None:
        """Begin the jobs whose turn it is; the last of a pool that is shut down ends the thread."""
        assert self._loop is not None
        while self._waiting and len(self._under_way) < self._most:
            job = self._waiting.popleft()
            if job.future.set_running_or_notify_cancel():
                fibre = Fibre(self._loop, partial(self._do, job))
                self._under_way[fibre] = None
                fibre.switch()
        is_over = self._is_shut and not self._waiting and not self._under_way
        if is_over and not self._is_carried:
            self._loop.stop()

    def _do(self, job: _Job) -> None:
        """The life of a fibre."""
        fibre = current()
        assert fibre is not None
        try:
            result = job.work()
        except GreenletExit:
            job.future.set_exception(CancelledError())
        except BaseException as error:
            job.future.set_exception(error)
        else:
            job.future.set_result(result)
        self._under_way.pop(fibre, None)
        if self._waiting or self._is_shut:
            fibre.loop.call_soon(self._begin)

    def _give_up(self) -> None:
        while self._waiting:
            self._waiting.popleft().future.cancel()
        for fibre in [*self._under_way]:
            fibre.throw(GreenletExit)
        self._begin()

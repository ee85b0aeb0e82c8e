"""The event loop of one program in a simulated world, in the place of a process.

Freezing a program keeps its events, ending it throws them away: so whatever it was doing stands
still, or is gone, as with SIGSTOP and SIGKILL.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from contextvars import Context, copy_context
from typing import Any, Final, Protocol
from weakref import WeakSet

from greenlet import GreenletExit, greenlet

from relaydrill.drivers.simulate.world import State, World
from relaydrill.fibres.carrier import Carrier, Closable
from relaydrill.fibres.pool import Fibre

_MOST_ENDS: Final = 8
"""So many blocks within one another may want to wait for something as they are left."""


class _Event(asyncio.Handle):
    """As asyncio's, made in one step: there are thousands a second."""

    __slots__ = ()

    def __init__(
        self, callback: Callable[..., object], args: Sequence[Any], loop: Any, context: Any
    ) -> None:
        self._context = copy_context() if context is None else context
        self._loop = loop
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._repr = None
        self._source_traceback = None


class _LaterEvent(asyncio.TimerHandle):
    """The same, of one that has its time."""

    __slots__ = ()

    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        args: Sequence[Any],
        loop: Any,
        context: Any,
    ) -> None:
        self._when = when
        self._scheduled = False
        self._context = copy_context() if context is None else context
        self._loop = loop
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._repr = None
        self._source_traceback = None


class Connection(Protocol):
    """One that a program has."""

    def gone(self) -> None:
        """Its program has ended."""


class Program(Carrier):
    """A program that runs in a simulated world.

    Args:
        world: Where.
        name: What it is called, in messages.
        addresses: Its host's own.
        kernel: What goes on while this is frozen; none: it is a kernel itself.

    Attributes:
        state: What becomes of its events.
        held: Those that were due while it was frozen.
        connections: Those that it has had, as long as anything holds them.
    """

    def __init__(
        self,
        world: World,
        name: str,
        addresses: tuple[str, ...] = (),
        kernel: Program | None = None,
    ) -> None:
        super().__init__()
        self.state = State.RUNS
        self.held: list[asyncio.Handle] = []
        self.name = name
        self.addresses = addresses
        self.kernel: Program = kernel or self
        self.world = world
        self._signals: dict[int, Callable[[], object]] = {}
        self._files: list[Closable] = []
        self.connections = WeakSet[Connection]()
        self._fibres = WeakSet[greenlet]()

    def freeze(self) -> None:
        """Let none of its events happen."""
        self.state = State.FROZEN

    def thaw(self) -> None:
        """Go on: first with what has come meanwhile."""
        self.state = State.RUNS
        held, self.held = self.held, []
        for handle in held:
            self.world.soon(handle)

    def finish(self) -> None:
        """End it: nothing that it was doing goes on, and nothing of it is said."""
        for task in asyncio.all_tasks(self):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        self.state = State.ENDED
        self.held.clear()
        while self._files:
            self._files.pop().close()
        for connection in [*self.connections]:
            connection.gone()

    def opened(self, file: Closable) -> None:
        """A file of its own, to be closed when it ends."""
        self._files.append(file)

    def carries(self, fibre: greenlet) -> None:
        """A fibre of its own has been begun."""
        self._fibres.add(fibre)

    def let_go(self) -> None:
        """End all that waits in it: Python would hold for good what a fibre holds.

        For a program that has ended, in a world in which nothing is going to happen.
        """
        for task in asyncio.all_tasks(self):
            _close(task.get_coro())
        for fibre in [*self._fibres]:
            # What it was doing is over, and whatever it says of that is said to nobody.
            with contextlib.suppress(Exception):
                fibre.throw(GreenletExit)
        self._fibres.clear()

    def signal(self, number: int) -> None:
        """Send it a signal that it has a handler for."""
        self.call_soon(self._signals[number])

    # What follows is what asyncio, and what is written for it, asks of a loop.

    def time(self) -> float:
        """The world's clock."""
        return self.world.now

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """Call something after what is due already."""
        handle = _Event(callback, args, self, context)
        self.world.soon(handle)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call something at a moment of the world's clock."""
        handle = _LaterEvent(when, callback, args, self, context)
        self.world.at(when, handle)
        return handle

    def call_later(  # type: ignore[override]
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call something after so many seconds."""
        when = self.world.now + delay
        handle = _LaterEvent(when, callback, args, self, context)
        self.world.at(when, handle)
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """It is passed over when its time comes."""

    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.state is not State.ENDED

    def is_closed(self) -> bool:
        """Whether it has ended."""
        return self.state is State.ENDED

    def get_debug(self) -> bool:
        """No."""
        return False

    def set_debug(self, enabled: bool) -> None:
        """It has no such mode."""

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Tell of an error that nobody caught; of a program that has ended none is of interest."""
        if self.state is not State.ENDED:
            super().call_exception_handler(context)

    def add_signal_handler(  # type: ignore[override]
        self, sig: int, callback: Callable[..., object], *args: Any
    ) -> None:
        """Call something when a signal comes."""
        self._signals[sig] = lambda: callback(*args)

    def run_in_executor(  # type: ignore[override]
        self, executor: object, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Have blocking code run as a fibre."""
        future = self.create_future()

        def carry_out() -> None:
            try:
                result = func(*args)
            except BaseException as error:
                if not future.done():
                    future.set_exception(error)
            else:
                if not future.done():
                    future.set_result(result)

        self.call_soon(Fibre(self, carry_out).switch)
        return future

    def __del__(self) -> None:
        """There is nothing to close."""


def _close(waiting: Any) -> None:
    """End a coroutine where it waits, and again where it waits for something in the end."""
    for _ in range(_MOST_ENDS):
        try:
            waiting.close()
        except Exception:  # of what it was doing, or that it would wait; it is said to nobody
            continue
        return

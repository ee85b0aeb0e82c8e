"""A session's coroutine, run on at once whenever there is something for it to go on with.

A task of asyncio goes on one round of the loop after what it waits for has come: a future is made
and scheduled for every command of a client. This one goes on while the bytes are being handed over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any, Final


class _Marker:
    """What a coroutine yields that waits for `Eager.more`."""

    def __await__(self) -> Generator[_Marker, None, None]:
        yield self


MORE: Final = _Marker()
"""Await it to wait until `Eager.more` is called."""


class Eager:
    """A coroutine that is no task: it goes on as soon as it can, inside the call that lets it.

    It may await futures, and `MORE`; what insists on a task (``asyncio.timeout``) needs one of its
    own, made and awaited.

    Args:
        coroutine: What to run; `start` begins.
        loop: Whose futures it awaits.
    """

    def __init__(
        self, coroutine: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop
    ) -> None:
        self._coroutine = coroutine
        self._loop = loop
        self._is_over = False
        self._is_cancelled = False
        self._wants_more = False
        self._future: asyncio.Future[Any] | None = None

    def start(self) -> None:
        """Run until the first wait."""
        self._run()

    def more(self) -> None:
        """There is more to read: go on, if that is what it waits for."""
        if self._wants_more:
            self._run()

    def cancel(self) -> None:
        """Raise CancelledError where it waits, or else where it will wait next."""
        if self._is_over:
            return
        self._is_cancelled = True
        if self._future is not None:
            self._future.cancel()
        elif self._wants_more:
            self._run()

    def _woken(self, future: asyncio.Future[Any]) -> None:
        if future is self._future:
            self._run()

    def _run(self) -> None:
        """Run until the next wait, or the end."""
        self._wants_more, self._future = False, None
        try:
            while not self._is_to_wait(self._step()):
                pass
        except StopIteration:
            self._is_over = True
        except (asyncio.CancelledError, ConnectionResetError):
            self._is_over = True  # the client is gone, and nobody is left to be told
        except BaseException:
            self._is_over = True
            raise

    def _step(self) -> Any:
        """Run to the next await, and return what is awaited."""
        if self._is_cancelled:
            self._is_cancelled = False
            return self._coroutine.throw(asyncio.CancelledError())
        return self._coroutine.send(None)

    def _is_to_wait(self, wanted: Any) -> bool:
        """Take note of what it waits for; False where it is cancelled instead."""
        if wanted is MORE:
            self._wants_more = not self._is_cancelled
            return self._wants_more
        if wanted is None:  # asyncio.sleep(0)
            wanted = self._loop.create_future()
            self._loop.call_soon(_let_go, wanted)
        wanted._asyncio_future_blocking = False
        self._future = wanted
        wanted.add_done_callback(self._woken)
        if self._is_cancelled:
            wanted.cancel()
        return True


def _let_go(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)

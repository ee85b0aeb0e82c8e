"""What a node does while its program runs: it notes what that tells, and ends when that ends."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterable, Awaitable, Callable, Sequence
from typing import Final, Generic, Protocol, TypeVar

from relaydrill.errors import LabError

Told = TypeVar("Told")

_ASKED_TO_END: Final = (0, -signal.SIGTERM, 128 + signal.SIGTERM)
_OWN_SIGTERM_S: Final = 1.0
_LAST_WORDS_S: Final = 1.0


class Supervised(Protocol):
    """A program, as far as its end goes; see `relaydrill.nodes.program.Program`."""

    @property
    def title(self) -> str:
        """What people call it."""

    @property
    def last_words(self) -> Sequence[str]:
        """The end of what it said."""

    async def ended(self) -> int:
        """Wait until it has ended; its exit status, negative for a signal."""

    async def end(self) -> None:
        """End it in good order."""


class Supervisor(Generic[Told]):
    """Follows a program until it ends. Its unwanted end is the end of this process, too.

    Args:
        node: The node, for messages.
        program: What is followed.
        told: What it tells, until it ends.
        note: Called with each of these, to journal it.
    """

    def __init__(
        self,
        node: str,
        program: Supervised,
        told: AsyncIterable[Told],
        note: Callable[[Told], None],
    ) -> None:
        self._node = node
        self._program = program
        self._told = told
        self._note = note
        self._is_starting = False
        self._stopping = asyncio.Event()
        self._following: asyncio.Task[None]

    async def start(self, serves: Callable[[], Awaitable[bool]]) -> None:
        """Follow the program, and return when it serves.

        Args:
            serves: Waits until it does; False if it has ended instead.

        Raises:
            LabError: It ended; how, and its last words are in the message.
        """
        self._is_starting = True
        self.follow()
        try:
            if not await serves() or self._following.done():
                self._stopping.set()
                # It may have ended before its last words were read.
                await asyncio.wait({self._following}, timeout=_LAST_WORDS_S)
                raise LabError(await self.how_it_ended("at its start"))
        except BaseException:
            self._stopping.set()
            await self._program.end()
            raise
        self._is_starting = False

    def follow(self) -> None:
        """Follow the program, which serves already."""
        self._following = asyncio.get_running_loop().create_task(self._follow())
        self._following.add_done_callback(_forget)

    def expect_end(self) -> None:
        """From here on the program's end is wanted."""
        self._stopping.set()

    async def stop(self) -> None:
        """End the program, and note the rest of what it tells."""
        self.expect_end()
        await self._program.end()
        await self.finish()

    async def finish(self) -> None:
        """Note the rest of what it tells, until it has ended."""
        await self._following

    async def how_it_ended(self, when: str) -> str:
        """``app: Exim ended by itself (exit status 1)``, and its last words on lines of their own.

        Args:
            when: ``at its start``, ``by itself``.
        """
        status = await self._program.ended()
        how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        head = f"{self._node}: {self._program.title} ended {when} ({how})"
        return "\n  ".join([head, *self._program.last_words])

    async def _follow(self) -> None:
        """Note what the program tells.

        Raises:
            SystemExit: It has ended by itself, the journal is full, or what it tells cannot be
                read. Unlike other errors it passes through the event loop, so that the driver sees
                this node die.
        """
        try:
            async for each in self._told:
                self._note(each)
            status = await self._program.ended()
        except OSError as error:
            raise SystemExit(f"{self._node} cannot write its journal: {error}") from error
        except Exception as error:  # what it tells from here on would be missed in silence
            text = f"{self._node} cannot follow {self._program.title}: {error!r}"
            raise SystemExit(text) from error
        if status in _ASKED_TO_END:
            # A SIGTERM to the whole group may end the program before it is heard here.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_OWN_SIGTERM_S):
                    await self._stopping.wait()
        if not self._stopping.is_set() and not self._is_starting:
            raise SystemExit(await self.how_it_ended("by itself"))


def _forget(following: asyncio.Task[None]) -> None:
    """Have asyncio not log what has ended this process, and is its last word anyway."""
    if not following.cancelled():
        following.exception()

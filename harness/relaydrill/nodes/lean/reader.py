"""A stream that a session reads at once, and that takes a whole message before it holds it up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Final, SupportsIndex

from relaydrill.nodes.lean.eager import MORE, Eager

_ENOUGH: Final = 256 * 1024
"""Bytes that wait here before the client is held up. Stock: two lines, so that a message of usual
size is stopped and let go on several times."""


class MailReader(asyncio.StreamReader):
    """A reader whose limit bounds a line, as ever, and not what may wait to be read.

    Only the coroutine of its `Eager` may read from it; at the end of the stream it is cancelled.
    """

    _buffer: bytearray
    _eof: bool
    _exception: Exception | None
    _limit: int
    _paused: bool
    _transport: asyncio.ReadTransport | None

    eager: Eager | None = None

    def feed_data(self, data: Iterable[SupportsIndex]) -> None:
        """Take what has come in, and let the session read it."""
        if not data:
            return
        self._buffer.extend(data)
        self._more()
        if self._transport is None or self._paused or len(self._buffer) <= _ENOUGH:
            return
        try:
            self._transport.pause_reading()
        except NotImplementedError:
            self._transport = None
        else:
            self._paused = True

    def _more(self) -> None:
        if self.eager is not None:
            self.eager.more()

    def _wait_for_data(self, func_name: str) -> Awaitable[None]:
        """In place of stock's, which makes a future for the loop to come round to."""
        self._go_on()
        return MORE

    def _go_on(self) -> None:
        """Let the client go on that was held up."""
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()

    async def line(self) -> bytes:
        """The next line with its end; empty for one that is longer than the limit, and skipped.

        Raises:
            asyncio.IncompleteReadError: It ended before a line did.
        """
        while not self._buffer and not self._eof and self._exception is None:
            await self._wait_for_data("line")
        end = self._buffer.find(b"\n")
        if 0 <= end <= self._limit and self._exception is None:
            line = bytes(self._buffer[: end + 1])
            del self._buffer[: end + 1]
            return line
        return await self._line_that_comes_in_pieces()

    async def _line_that_comes_in_pieces(self) -> bytes:
        is_fine = True
        while True:
            try:
                line = await self.readuntil()
            except asyncio.LimitOverrunError as error:
                is_fine = False
                await self.read(error.consumed)
            else:
                return line if is_fine else b""

    def unread(self, data: bytes) -> None:
        """Put back what was read too far."""
        self._buffer[:0] = data

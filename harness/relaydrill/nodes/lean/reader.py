"""A stream that takes a whole message before it holds the client up."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final, SupportsIndex

_ENOUGH: Final = 256 * 1024
"""Bytes that wait here before the client is held up. Stock: two lines, so that a message of usual
size is stopped and let go on several times."""


class MailReader(asyncio.StreamReader):
    """A reader whose limit bounds a line, as ever, and not what may wait to be read."""

    _buffer: bytearray
    _paused: bool
    _transport: asyncio.ReadTransport | None

    def feed_data(self, data: Iterable[SupportsIndex]) -> None:
        """Take what has come in."""
        if not data:
            return
        self._buffer.extend(data)
        self._wakeup_waiter()  # type: ignore[attr-defined]
        if self._transport is None or self._paused or len(self._buffer) <= _ENOUGH:
            return
        try:
            self._transport.pause_reading()
        except NotImplementedError:
            self._transport = None
        else:
            self._paused = True

    def unread(self, data: bytes) -> None:
        """Put back what was read too far."""
        self._buffer[:0] = data

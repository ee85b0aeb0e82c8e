"""Who waits for messages to leave the queue: a hub that answers only once they have."""

from __future__ import annotations

import asyncio
import threading


class Departure:
    """The rows of one message, on their way out. Made by `Departures.expect`."""

    def __init__(self, rows: range) -> None:
        self.left = set(rows)
        self.loop = asyncio.get_running_loop()
        self.is_over = asyncio.Event()

    async def wait(self, patience_s: float) -> bool:
        """Return when all rows have left, or the time is over; whether they have."""
        try:
            async with asyncio.timeout(patience_s):
                await self.is_over.wait()
        except TimeoutError:
            return False
        return True


class Departures:
    """All that are waited for; rows may leave in any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[int, Departure] = {}

    def expect(self, rows: range) -> Departure:
        """Begin to wait for rows, before they are given free for delivery."""
        departure = Departure(rows)
        with self._lock:
            self._waiting.update(dict.fromkeys(rows, departure))
        return departure

    def forget(self, rows: range) -> None:
        """Nobody waits for these rows any more."""
        with self._lock:
            for row in rows:
                self._waiting.pop(row, None)

    def gone(self, row: int) -> None:
        """A row has left the queue."""
        with self._lock:
            departure = self._waiting.pop(row, None)
            if departure is None:
                return
            departure.left.discard(row)
            if not departure.left:
                departure.loop.call_soon_threadsafe(departure.is_over.set)

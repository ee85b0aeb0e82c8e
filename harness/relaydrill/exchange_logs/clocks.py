"""By how much servers' clocks differ, as the messages that went from one to the other tell. Pure.

A server logs a SEND once the next has answered, and that one has logged its RECEIVE by then, or its
DELIVER: both stand in the logs within moments of each other. Where they do not, for half of the
messages between two servers, their clocks differ.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from statistics import median
from typing import Final

TELLING_S: Final = 5.0
"""Less than that is the time that a message takes."""

Passage = tuple[str, str, float]
"""Who sent, who took, and by how many seconds the second's clock was ahead of the first's."""


class Clocks:
    """How far the servers' clocks are apart.

    Args:
        passages: One for each message that went from one server to another.
    """

    def __init__(self, passages: Iterable[Passage]) -> None:
        seen: dict[tuple[str, str], list[float]] = defaultdict(list)
        for sender, taker, ahead in passages:
            if sender != taker:
                seen[sender, taker].append(ahead)
        self._between = {
            pair: apart for pair, found in seen.items() if abs(apart := median(found)) >= TELLING_S
        }
        self._counts = {pair: len(found) for pair, found in seen.items()}
        self._ahead = self._all_ahead()

    def ahead(self, server: str) -> float:
        """By how many seconds a server's clock is ahead of that of the first one."""
        return self._ahead.get(server, 0.0)

    def moved(self, at: float, sender: str, taker: str) -> float:
        """A moment of the sender's clock by the taker's."""
        return at - self.ahead(sender) + self.ahead(taker)

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence on each two servers whose clocks differ."""
        return tuple(
            f"{taker}'s clock is {abs(apart):.0f} s {'ahead of' if apart > 0 else 'behind'}"
            f" {sender}'s, by {self._counts[sender, taker]} messages that went there"
            for (sender, taker), apart in sorted(self._between.items())
        )

    def _all_ahead(self) -> dict[str, float]:
        """From server to server, along the pairs that exchanged mail."""
        beside: dict[str, list[tuple[str, float]]] = defaultdict(list)
        for sender, taker in sorted(self._counts):
            apart = self._between.get((sender, taker), 0.0)
            beside[sender].append((taker, apart))
            beside[taker].append((sender, -apart))
        found: dict[str, float] = {}
        for first in sorted(beside):
            if first in found:
                continue
            found[first] = 0.0
            waiting = deque([first])
            while waiting:
                server = waiting.popleft()
                for other, apart in beside[server]:
                    if other not in found:
                        found[other] = found[server] + apart
                        waiting.append(other)
        return found

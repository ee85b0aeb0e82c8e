"""A client that resolves a name once and keeps the answer, whatever its TTL.

Nodemailer keeps it for five minutes, a JVM for thirty seconds or for ever.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from relaydrill import clock
from relaydrill.personas.base import Directory, SenderSettings, unreachable
from relaydrill.personas.nearest import nearest_first
from relaydrill.smtp import Outcome


@dataclass(frozen=True, slots=True)
class CachingClient:
    """One name, the first address of an answer that it keeps for five minutes."""

    name: str = "caching_client"
    authenticates: bool = False
    chooses: Literal["message", "sender"] = "sender"

    def new_sender(self, settings: SenderSettings) -> _Memory:
        """A client that has resolved nothing yet."""
        return _Memory(settings.cache_s, settings.near)

    def goes_on(self, outcome: Outcome) -> bool:
        """There is nothing to go on to."""
        return unreachable(outcome)


class _Memory:
    def __init__(self, cache_s: float, near: str) -> None:
        self._cache_s = cache_s
        self._near = near
        self._kept: dict[str, tuple[float, tuple[str, ...]]] = {}

    def addresses(self, target: str, directory: Directory) -> Iterator[str]:
        """The first address that it remembers, or else learns."""
        until, known = self._kept.get(target, (0.0, ()))
        now = clock.monotonic()
        if not known or now >= until:
            known = nearest_first(directory.addresses(target), self._near)
            self._kept[target] = (now + self._cache_s, known)
        yield from known[:1]

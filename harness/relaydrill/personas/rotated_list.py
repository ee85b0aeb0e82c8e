"""Exchange's transport: one list of all servers, turned by one for each connection."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from relaydrill.personas.base import Directory, SenderSettings
from relaydrill.personas.exchangers import Resolving, by_preference
from relaydrill.smtp import Outcome, Phase


@dataclass(frozen=True, slots=True)
class RotatedList:
    """All addresses of equal preference in one list: {1,2,3}, then {2,3,1}, then {3,1,2}."""

    name: str = "rotated_list"
    authenticates: bool = False
    chooses: Literal["message", "sender"] = "message"

    def new_sender(self, settings: SenderSettings) -> _Rotating:
        """A sender that begins anywhere in the list."""
        return _Rotating(settings.rng)

    def goes_on(self, outcome: Outcome) -> bool:
        """Where no session could be opened."""
        return outcome.phase in (Phase.CONNECT, Phase.BANNER)


class _Rotating:
    def __init__(self, rng: random.Random) -> None:
        self._turns = itertools.count(rng.randrange(1_000_000))
        self._draw = rng.random()

    def addresses(self, target: str, directory: Directory) -> Iterator[str]:
        """Every address, from this turn's first on."""
        turn = next(self._turns)
        resolving = Resolving(target, directory)
        for known in resolving.every(by_preference(target, directory)):
            # In a list of its own: the order of DNS answers must not turn against this rotation.
            group = sorted({*known}, key=self._place)
            first = turn % len(group) if group else 0
            yield from (*group[first:], *group[:first])

    def _place(self, address: str) -> float:
        """Where an address stands in this sender's list."""
        return random.Random(f"{self._draw} {address}").random()

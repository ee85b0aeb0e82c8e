"""An MTA that always picks the same MX, whatever the order of the records.

"Some MTAs always pick the same MX": old Postal did, and it is why each MX host of a large site has
two addresses behind it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from relaydrill.personas.base import Directory, SenderSettings, unreachable
from relaydrill.personas.exchangers import Resolving, by_preference
from relaydrill.smtp import Outcome


@dataclass(frozen=True, slots=True)
class PinnedMx:
    """One MX host for ever; its addresses in the order of the answer."""

    name: str = "pinned_mx"
    authenticates: bool = False
    chooses: Literal["message", "sender"] = "sender"

    def new_sender(self, settings: SenderSettings) -> _Pinned:
        """A sender that has, or will pick, its one MX host."""
        return _Pinned(settings.rng, settings.pin)

    def goes_on(self, outcome: Outcome) -> bool:
        """Where no connection could be opened: to the same host's next address."""
        return unreachable(outcome)


class _Pinned:
    def __init__(self, rng: random.Random, pin: str) -> None:
        self._draw = rng.random()
        self._pin = pin

    def addresses(self, target: str, directory: Directory) -> Iterator[str]:
        """The addresses of the one host."""
        groups = by_preference(target, directory)
        if not self._pin:
            # Picked from the sorted names, so that the order of the answer has no part in it.
            best = sorted(groups[0])
            self._pin = best[int(self._draw * len(best))]
        resolving = Resolving(target, directory)
        yield from resolving.addresses(self._pin)
        resolving.finish()

"""An MTA to the letter of RFC 5321 §5.1."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from relaydrill.personas.base import Directory, SenderSettings, no_for_good
from relaydrill.personas.exchangers import Resolving, by_preference
from relaydrill.smtp import Outcome, Phase


@dataclass(frozen=True, slots=True)
class Rfc5321:
    """Lowest preference first, equal ones shuffled, a host's addresses in the answer's order."""

    name: str = "rfc5321"
    authenticates: bool = False
    chooses: Literal["message", "sender"] = "message"

    def new_sender(self, settings: SenderSettings) -> _Shuffling:
        """A sender with luck of its own."""
        return _Shuffling(settings.rng)

    def goes_on(self, outcome: Outcome) -> bool:
        """Until a server takes it or says no for good (RFC 5321 §5.1); a banner may, too (§3.1)."""
        return outcome.phase is Phase.BANNER or not no_for_good(outcome)


class _Shuffling:
    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def addresses(self, target: str, directory: Directory) -> Iterator[str]:
        """Every address of every host."""
        resolving = Resolving(target, directory)
        for hosts in by_preference(target, directory):
            for host in self._rng.sample(hosts, len(hosts)):
                yield from resolving.addresses(host)
        resolving.finish()

"""An MTA to the letter of RFC 5321 §5.1."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from relaydrill.personas.base import Circumstances, Directory, no_for_good
from relaydrill.personas.exchangers import by_preference
from relaydrill.smtp import Outcome, Phase


@dataclass(frozen=True, slots=True)
class Rfc5321:
    """Lowest preference first, equal ones shuffled, a host's addresses in the answer's order."""

    name: str = "rfc5321"
    authenticates: bool = False
    chooses: Literal["message", "sender"] = "message"

    def mind(self, born: Circumstances) -> _Shuffling:
        """A sender with luck of its own."""
        return _Shuffling(born.chance)

    def goes_on(self, outcome: Outcome) -> bool:
        """Until a server takes it or says no for good (RFC 5321 §5.1); a banner may, too (§3.1)."""
        return outcome.phase is Phase.BANNER or not no_for_good(outcome)


class _Shuffling:
    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def addresses(self, target: str, directory: Directory) -> Iterator[str]:
        """Every address of every host."""
        for hosts in by_preference(target, directory):
            for host in self._chance.sample(hosts, len(hosts)):
                yield from directory.addresses(host)

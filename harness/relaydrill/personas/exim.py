"""Exim's dnslookup router and smtp transport as they look from outside.

Hosts of equal preference are shuffled, and so are a host's own addresses; five are tried at most
(specification: hosts_max_try). A 5xx banner fails the message at once.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal

from relaydrill.personas.base import Circumstances, Directory
from relaydrill.personas.exchangers import by_preference
from relaydrill.smtp import Outcome, Phase

_MOST_ADDRESSES: Final = 5


@dataclass(frozen=True, slots=True)
class Exim:
    """Hosts shuffled within a preference, and each host's addresses shuffled."""

    name: str = "exim"
    authenticates: bool = False
    chooses: Literal["message", "sender"] = "message"

    def mind(self, born: Circumstances) -> _Shuffling:
        """A sender with luck of its own."""
        return _Shuffling(born.chance)

    def goes_on(self, outcome: Outcome) -> bool:
        """Where no session could be opened; not after a banner that says no for good."""
        if outcome.reply and not outcome.reply.transient:
            return False
        return outcome.phase in (Phase.CONNECT, Phase.BANNER)


class _Shuffling:
    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def addresses(self, target: str, directory: Directory) -> Iterator[str]:
        """Up to five addresses."""
        yield from islice(self._all(target, directory), _MOST_ADDRESSES)

    def _all(self, target: str, directory: Directory) -> Iterator[str]:
        for hosts in by_preference(target, directory):
            for host in self._chance.sample(hosts, len(hosts)):
                found = directory.addresses(host)
                yield from self._chance.sample(found, len(found))

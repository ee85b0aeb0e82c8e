"""A client that tries several addresses at once (RFC 8305, "Happy Eyeballs" version 2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Literal

from relaydrill.personas.base import Directory, SenderSettings, unreachable
from relaydrill.personas.nearest import nearest_first
from relaydrill.smtp import Outcome


@dataclass(frozen=True, slots=True)
class HappyEyeballs:
    """All addresses of its server, each begun a moment after the one before; the first wins.

    A path that is dead costs it a quarter of a second, and no attempt. Once a connection is open
    there is nothing to go on to.
    """

    name: str = "happy_eyeballs"
    authenticates: bool = False
    chooses: Literal["message", "sender"] = "message"
    races: bool = True

    def new_sender(self, settings: SenderSettings) -> _Interlaced:
        """It remembers nothing, and stands where it stands."""
        return _Interlaced(settings.near)

    def goes_on(self, outcome: Outcome) -> bool:
        """Where no connection could be opened."""
        return unreachable(outcome)


@dataclass(frozen=True, slots=True)
class _Interlaced:
    near: str

    def addresses(self, target: str, directory: Directory) -> Iterator[str]:
        """Addresses of both versions in turn, IPv6 first (RFC 8305 §4, with a count of one)."""
        found = nearest_first(directory.addresses(target), self.near)
        sixes = [each for each in found if ":" in each]
        fours = [each for each in found if ":" not in each]
        turns = chain.from_iterable(zip_longest(sixes, fours))
        yield from (each for each in turns if each is not None)

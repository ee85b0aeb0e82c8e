"""Postfix's smtp(8) client as it looks from outside.

It looks up all hosts of all preferences first and shuffles *addresses* of equal preference, so that
a host with two addresses has twice the weight; it tries five at most (postconf(5):
smtp_mx_address_limit, smtp_skip_5xx_greeting).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal

from relaydrill.personas.base import Circumstances, Directory, no_for_good
from relaydrill.personas.exchangers import by_preference
from relaydrill.smtp import Outcome, Phase

_MOST_ADDRESSES: Final = 5


@dataclass(frozen=True, slots=True)
class Postfix:
    """Addresses shuffled within a preference."""

    name: str = "postfix"
    authenticates: bool = False
    chooses: Literal["message", "sender"] = "message"

    def mind(self, born: Circumstances) -> _Shuffling:
        """A sender with luck of its own."""
        return _Shuffling(born.chance)

    def goes_on(self, outcome: Outcome) -> bool:
        """Unless a server said no for good, later than in its banner.

        Measured with Postfix 3.7: a 4xx at MAIL or RCPT and a connection that is cut send it to the
        next address within the same try, even after the dot, so that the mail may arrive twice.
        """
        return outcome.phase is Phase.BANNER or not no_for_good(outcome)


class _Shuffling:
    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def addresses(self, target: str, directory: Directory) -> Iterator[str]:
        """Up to five addresses."""
        yield from islice(self._all(target, directory), _MOST_ADDRESSES)

    def _all(self, target: str, directory: Directory) -> Iterator[str]:
        for hosts in by_preference(target, directory):
            group = [address for host in hosts for address in directory.addresses(host)]
            yield from self._chance.sample(group, len(group))

"""A client that tries the best MX and no other, as swaks does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from relaydrill.personas.base import Directory, SenderSettings, unreachable
from relaydrill.personas.exchangers import Resolving, by_preference
from relaydrill.smtp import Outcome


@dataclass(frozen=True, slots=True)
class LowestMx:
    """The first of the most preferred MX hosts in the answer, its first address, one try."""

    name: str = "lowest_mx"
    authenticates: bool = False
    chooses: Literal["message", "sender"] = "message"

    def new_sender(self, settings: SenderSettings) -> LowestMx:
        """It remembers nothing."""
        return self

    def goes_on(self, outcome: Outcome) -> bool:
        """There is nothing to go on to."""
        return unreachable(outcome)

    def addresses(self, target: str, directory: Directory) -> Iterator[str]:
        """The first address of the first of the best."""
        host = by_preference(target, directory)[0][0]
        resolving = Resolving(target, directory)
        yield from resolving.addresses(host)[:1]
        resolving.finish()

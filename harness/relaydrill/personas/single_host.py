"""An application server that can name one SMTP host: SharePoint, and most of its kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from relaydrill.personas.base import Circumstances, Directory, unreachable
from relaydrill.smtp import Outcome


@dataclass(frozen=True, slots=True)
class SingleHost:
    """One name, its first address, one try; a message that fails is the application's loss."""

    name: str = "single_host"
    authenticates: bool = False
    chooses: Literal["message", "sender"] = "message"

    def mind(self, born: Circumstances) -> SingleHost:
        """It remembers nothing."""
        return self

    def goes_on(self, outcome: Outcome) -> bool:
        """There is nothing to go on to."""
        return unreachable(outcome)

    def addresses(self, target: str, directory: Directory) -> Iterator[str]:
        """The first address, and no other."""
        yield from directory.addresses(target)[:1]

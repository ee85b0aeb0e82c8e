"""An application server that can name one SMTP host: SharePoint, and most of its kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from relaydrill.personas.base import Directory, SenderSettings, unreachable
from relaydrill.personas.nearest import nearest_first
from relaydrill.smtp import Outcome


@dataclass(frozen=True, slots=True)
class SingleHost:
    """One name, its first address, one try; a message that fails is the application's loss."""

    name: str = "single_host"
    authenticates: bool = False
    chooses: Literal["message", "sender"] = "message"

    def new_sender(self, settings: SenderSettings) -> _First:
        """It remembers nothing, and stands where it stands."""
        return _First(settings.near)

    def goes_on(self, outcome: Outcome) -> bool:
        """There is nothing to go on to."""
        return unreachable(outcome)


@dataclass(frozen=True, slots=True)
class _First:
    near: str

    def addresses(self, target: str, directory: Directory) -> Iterator[str]:
        """The first address that ``getaddrinfo`` gives, and no other."""
        yield from nearest_first(directory.addresses(target), self.near)[:1]

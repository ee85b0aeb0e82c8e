"""An arrival, and who sees one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message has arrived.

    Attributes:
        message: Its Message-ID. recipient: For whom; empty where that cannot be seen.
        digest: Of its body, as `relaydrill.message.digest` has it; empty where that cannot be seen.
        mono, wall: When; None for the moment at which it was seen.
    """

    message: str
    recipient: str = ""
    digest: str = ""
    mono: float | None = None
    wall: float | None = None


class Observer(Protocol):
    """Looks where mail arrives. One that looks again and again; each arrival is told once."""

    def new(self) -> Iterable[Arrival]:
        """What has arrived since the last look.

        Raises:
            LabError: It cannot look.
        """

    def close(self) -> None:
        """Look no more."""

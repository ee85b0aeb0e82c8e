"""An application server that can name one SMTP host: SharePoint, and most of its kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from relaydrill.personas.base import Resolve


@dataclass(frozen=True, slots=True)
class SingleHost:
    """One name, its first address, one try; a message that fails is the application's loss."""

    name: str = "single_host"
    authenticates: bool = False

    def addresses(self, host: str, resolve: Resolve) -> Iterator[str]:
        """The first address, and no other."""
        yield from resolve(host)[:1]

"""What a persona is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

Resolve = Callable[[str], tuple[str, ...]]
"""A host name's addresses in the order in which the resolver gives them; none if it has none."""


class Persona(Protocol):
    """One kind of sender."""

    @property
    def name(self) -> str:
        """As topologies write it."""

    @property
    def authenticates(self) -> bool:
        """Whether it does STARTTLS, checks the certificate, and logs in."""

    def addresses(self, host: str, resolve: Resolve) -> Iterator[str]:
        """The addresses that it tries for one message, in order.

        The next one is asked for only when no connection could be opened to the one before.
        """

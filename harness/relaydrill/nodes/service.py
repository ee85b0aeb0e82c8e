"""What every role of a node is to the program that runs it."""

from __future__ import annotations

from typing import Any, Protocol

from relaydrill.disturbance import Action


class Service(Protocol):
    """What a role provides."""

    disturbable: frozenset[Action]
    """What a service fault can make it do; nothing where it has no sessions of its own."""

    async def start(self) -> None:
        """Begin to listen, or to work."""

    async def stop(self) -> None:
        """End in good order: what is under way is finished, what is promised is kept."""

    async def refresh(self) -> None:
        """Follow a change of the disturbances: take listeners away, or bring them back."""

    async def handle(self, op: str, args: dict[str, Any]) -> Any:
        """Carry out a control request of this role."""

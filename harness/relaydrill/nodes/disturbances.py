"""The disturbances that are in force on one node."""

from __future__ import annotations

import asyncio
import random
from weakref import WeakKeyDictionary

from relaydrill.disturbance import Disturbance
from relaydrill.smtp import Phase


class Disturbances:
    """The service faults that are in force on one node."""

    def __init__(self) -> None:
        self._active: dict[str, _InForce] = {}

    def __bool__(self) -> bool:
        return bool(self._active)

    def add(self, disturbance: Disturbance) -> None:
        """Put one in force; the same label replaces its forerunner."""
        self.lift(disturbance.label)
        self._active[disturbance.label] = _InForce(disturbance)

    def lift(self, label: str) -> Disturbance | None:
        """End one, and wake whatever hangs on it; None where none had that label."""
        found = self._active.pop(label, None)
        if found is None:
            return None
        found.lifted.set()
        return found.disturbance

    @property
    def closed(self) -> bool:
        """Whether the listeners must be away."""
        return any(each.disturbance.action == "close" for each in self._active.values())

    @property
    def first(self) -> Disturbance | None:
        """The one that has been in force for longest."""
        return next((each.disturbance for each in self._active.values()), None)

    def of(self, question: object) -> Disturbance | None:
        """The one that acts on a question, in a server that knows no phases."""
        return next(
            (each.disturbance for each in self._active.values() if each.hits(question)), None
        )

    def at(self, phase: Phase, session: object) -> Disturbance | None:
        """The first one in force that acts at this phase of a session.

        Args:
            phase: How far it has come.
            session: What tells it from others; the same object each time.
        """
        for each in self._active.values():
            found = each.disturbance
            if found.action != "close" and found.phase in (None, phase) and each.hits(session):
                return found
        return None

    async def lifted(self, label: str) -> None:
        """Wait until the disturbance of that label is lifted."""
        found = self._active.get(label)
        if found:
            await found.lifted.wait()


class _InForce:
    """A disturbance, and on which sessions it acts: each draws once, when it first comes to it."""

    def __init__(self, disturbance: Disturbance) -> None:
        self.disturbance = disturbance
        self.lifted = asyncio.Event()
        self._chance = random.Random(f"{disturbance.seed}/{disturbance.label}")
        self._drawn: WeakKeyDictionary[object, bool] = WeakKeyDictionary()

    def hits(self, session: object) -> bool:
        """Whether it acts on a session."""
        strength = self.disturbance.strength
        if strength >= 1.0:
            return True
        if session not in self._drawn:
            self._drawn[session] = self._chance.random() < strength
        return self._drawn[session]

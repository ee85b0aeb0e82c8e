"""Service faults as a node sees them: at one point of a session, do something else than usual."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final, Literal

from relaydrill.smtp import Phase, Reply

Action = Literal["reply", "delay", "drop", "hang", "close", "rcode", "stale"]

OF_A_MAIL_SERVER: Final[frozenset[Action]] = frozenset({"reply", "delay", "drop", "hang", "close"})
"""What a server of SMTP can be made to do."""

OF_A_NAME_SERVER: Final[frozenset[Action]] = frozenset({"rcode", "stale", "hang", "delay"})
"""What a name server can be made to do."""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """One service fault.

    Attributes:
        label: Names it, so that it can be lifted.
        action: ``reply`` answers with ``reply`` instead; ``delay`` waits ``delay_s`` and goes on;
            ``drop`` cuts the connection; ``hang`` is silent until the fault is lifted; ``close``
            takes the listeners away, so that connections are refused. A name server's own:
            ``rcode`` answers with ``rcode`` and nothing else, ``stale`` with an address that
            nobody has.
        phase: Where it acts; None is everywhere. ``close`` acts at no phase.
    """

    label: str
    action: Action
    phase: Phase | None = None
    reply: Reply | None = None
    delay_s: float = 0.0
    rcode: str = ""

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Disturbance:
        """Read what `to_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: It is no disturbance.
        """
        phase, reply = data.get("phase"), data.get("reply")
        return cls(
            label=str(data["label"]),
            action=data["action"],
            phase=Phase(phase) if phase else None,
            reply=Reply(int(reply[0]), str(reply[1])) if reply else None,
            delay_s=float(data.get("delay_s", 0.0)),
            rcode=str(data.get("rcode", "")),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, for the control channel."""
        return {
            "label": self.label,
            "action": self.action,
            "phase": self.phase,
            "reply": [self.reply.code, self.reply.text] if self.reply else None,
            "delay_s": self.delay_s,
            "rcode": self.rcode,
        }


class Disturbances:
    """The service faults that are in force on one node."""

    def __init__(self) -> None:
        self._active: dict[str, tuple[Disturbance, asyncio.Event]] = {}

    def __bool__(self) -> bool:
        return bool(self._active)

    def add(self, disturbance: Disturbance) -> None:
        """Put one in force; the same label replaces its forerunner."""
        self.lift(disturbance.label)
        self._active[disturbance.label] = (disturbance, asyncio.Event())

    def lift(self, label: str) -> Disturbance | None:
        """End one, and wake whatever hangs on it; None where none had that label."""
        found = self._active.pop(label, None)
        if found is None:
            return None
        found[1].set()
        return found[0]

    @property
    def closed(self) -> bool:
        """Whether the listeners must be away."""
        return any(each.action == "close" for each, _ in self._active.values())

    @property
    def first(self) -> Disturbance | None:
        """The one that has been in force for longest."""
        return next((each for each, _ in self._active.values()), None)

    def at(self, phase: Phase) -> Disturbance | None:
        """The first one in force that acts at this phase."""
        for each, _ in self._active.values():
            if each.action != "close" and each.phase in (None, phase):
                return each
        return None

    async def lifted(self, label: str) -> None:
        """Wait until the disturbance of that label is lifted."""
        found = self._active.get(label)
        if found:
            await found[1].wait()

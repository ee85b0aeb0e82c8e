"""What a sender can be made to meet on its own side, on the way to a node that is well."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

HindranceEffect = Literal["silent", "refused", "reset", "late", "servfail", "stale"]
"""What becomes of a connection, or of a question; see `Hindrance`."""

OF_NAMES: Final[frozenset[HindranceEffect]] = frozenset({"late", "servfail", "stale"})
"""What is done to a name server's answers."""

NOBODY: Final = "192.0.2.1"
"""The address in an answer that is out of date: of TEST-NET-1, which no host has (RFC 5737 §3)."""


@dataclass(frozen=True, slots=True)
class Hindrance:
    """One fault of a sender's own side.

    Attributes:
        label: Names it, so that it can be lifted.
        node: What is hard to reach.
        effect: Of connections and questions alike: ``silent`` gets no answer, ``refused`` is
            refused at once; ``reset``: a connection is open, and reset. Of a name server's answers
            alone: ``late`` comes ``delay_s`` later, ``servfail`` is a failure in its place,
            ``stale`` has the address `NOBODY`.
        addresses: The node's.
        delay_s: By how much later an answer comes, seconds of the wall clock.
        strength: Of the connections, or questions, the part that meets it, above 0 and at most 1.
        seed: From which it is drawn which do.
    """

    label: str
    node: str
    effect: HindranceEffect
    addresses: tuple[str, ...]
    delay_s: float = 0.0
    strength: float = 1.0
    seed: str = ""

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Hindrance:
        """Read what `to_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: It is no hindrance.
        """
        return cls(
            label=str(data["label"]),
            node=str(data["node"]),
            effect=data["effect"],
            addresses=tuple(map(str, data["addresses"])),
            delay_s=float(data.get("delay_s", 0.0)),
            strength=float(data.get("strength", 1.0)),
            seed=str(data.get("seed", "")),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, for the control channel."""
        return {**asdict(self), "addresses": [*self.addresses]}

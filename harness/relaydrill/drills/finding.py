"""What a finding is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, NamedTuple

ACCEPTED: Final = "accepted"
"""Shown for a failure that the topology's author accepts."""

NOTE: Final = "note"
"""Shown for what is no failure and yet worth knowing."""


class Said(NamedTuple):
    """What is wrong, as a sentence; and what would help, as a sentence."""

    sentence: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What did not hold in one drill, for flows that share the cause.

    Attributes:
        kind: What sort of thing it is, the same for the same cause: ``alone``, ``lost``, ….
        status: ``fail``, ``unknown``, ``accepted`` or ``note``. title: What was broken.
        sentence: What is wrong. remedy: What would help; empty where there is nothing to mend.
        evidence: (flow, what its checks saw) in order.
        accepted: The author's reason; empty if none.
    """

    kind: str
    status: str
    title: str
    sentence: str
    remedy: str
    evidence: tuple[tuple[str, str], ...]
    accepted: str = ""

    def document(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "evidence": [{"flow": f, "text": t} for f, t in self.evidence]}

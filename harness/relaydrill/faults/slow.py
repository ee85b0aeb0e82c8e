"""A server that takes its time."""

from __future__ import annotations

from relaydrill.faults.base import Fault, ServiceFault, acting_phase
from relaydrill.smtp import Phase


def slow(phase: Phase | None = None) -> Fault:
    """The fault that delays the answer at ``phase`` by 5 s of field time, at MAIL by default."""
    at = acting_phase("slow", phase, Phase.MAIL)
    return ServiceFault(
        kind="slow",
        summary=f"answers {at} 5 s late",
        action="delay",
        phase=at,
        delay_s=5.0,
    )

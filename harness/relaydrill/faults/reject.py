"""A permanent failure at a phase of choice."""

from __future__ import annotations

from relaydrill.faults.base import Fault, ServiceFault, acting_phase
from relaydrill.smtp import Phase, Reply


def reject(phase: Phase | None = None) -> Fault:
    """The fault that answers 550 at ``phase``, at RCPT by default (RFC 5321 §4.2.1)."""
    at = acting_phase("reject", phase, Phase.RCPT)
    return ServiceFault(
        kind="reject",
        summary=f"answers 550 at {at}",
        action="reply",
        phase=at,
        reply=Reply(550, "5.7.1 Unable to relay"),
    )

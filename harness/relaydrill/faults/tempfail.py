"""A temporary failure at a phase of choice."""

from __future__ import annotations

from relaydrill.faults.base import Fault, ServiceFault, acting_phase
from relaydrill.smtp import Phase, Reply


def tempfail(phase: Phase | None = None) -> Fault:
    """The fault that answers 451 at ``phase``, at RCPT by default (RFC 5321 §4.2.1)."""
    at = acting_phase("tempfail", phase, Phase.RCPT)
    return ServiceFault(
        kind="tempfail",
        summary=f"answers 451 at {at}",
        action="reply",
        phase=at,
        reply=Reply(451, "4.3.0 Local error in processing"),
    )

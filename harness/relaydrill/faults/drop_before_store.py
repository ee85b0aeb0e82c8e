"""A connection cut after the dot, before the message is stored."""

from __future__ import annotations

from relaydrill.faults.base import Fault, ServiceFault, no_phase
from relaydrill.smtp import Phase


def drop_before_store(phase: Phase | None = None) -> Fault:
    """The fault that leaves a sender not knowing; the message is not there (RFC 5321 §4.5.4.1)."""
    no_phase("drop-before-store", phase)
    return ServiceFault(
        kind="drop-before-store",
        summary="cuts the connection after the dot, before storing",
        action="drop",
        phase=Phase.DOT,
    )

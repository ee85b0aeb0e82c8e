"""A connection cut after the message is stored, before the 250."""

from __future__ import annotations

from relaydrill.faults.base import Fault, ServiceFault, no_phase
from relaydrill.smtp import Phase


def drop_after_store(phase: Phase | None = None) -> Fault:
    """The fault that makes a sender's retry a duplicate (RFC 5321 §4.5.4.1, RFC 1047)."""
    no_phase("drop-after-store", phase)
    return ServiceFault(
        kind="drop-after-store",
        summary="cuts the connection after storing, before the 250",
        action="drop",
        phase=Phase.REPLY,
    )

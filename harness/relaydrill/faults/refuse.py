"""A service that is not there: its host is up, and refuses connections."""

from __future__ import annotations

from relaydrill.faults.base import Fault, Proof, ServiceFault, no_phase
from relaydrill.smtp import Phase


def refuse(phase: Phase | None = None) -> Fault:
    """The fault that closes a node's listeners; sessions that are open are finished first."""
    no_phase("refuse", phase)
    return ServiceFault(
        kind="refuse",
        summary="refuses connections; its host is up",
        action="close",
        proof=Proof.SILENT,
    )

"""A service that accepts connections and never greets."""

from __future__ import annotations

from relaydrill.faults.base import Fault, ServiceFault, no_phase
from relaydrill.smtp import Phase


def hang(phase: Phase | None = None) -> Fault:
    """The fault that holds the banner back."""
    no_phase("hang", phase)
    return ServiceFault(
        kind="hang",
        summary="accepts connections, and never greets",
        action="hang",
        phase=Phase.BANNER,
    )

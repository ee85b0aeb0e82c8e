"""A name server with a record of old: an address that nobody has any more."""

from __future__ import annotations

from relaydrill.faults.base import Fault, ServiceFault, no_phase
from relaydrill.smtp import Phase


def stale(phase: Phase | None = None) -> Fault:
    """The fault that answers every question for an address with one that nobody has."""
    no_phase("stale", phase)
    return ServiceFault(kind="stale", summary="gives an address that nobody has", action="stale")

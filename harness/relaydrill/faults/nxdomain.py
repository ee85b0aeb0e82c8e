"""A name server that denies every name: a zone that was lost, or never delegated."""

from __future__ import annotations

from relaydrill.faults.base import Fault, ServiceFault, no_phase
from relaydrill.smtp import Phase


def nxdomain(phase: Phase | None = None) -> Fault:
    """The fault that answers NXDOMAIN to everything."""
    no_phase("nxdomain", phase)
    return ServiceFault(
        kind="nxdomain", summary="says that no name exists", action="rcode", rcode="NXDOMAIN"
    )

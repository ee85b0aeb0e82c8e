"""A name server that fails every question: a zone that it could not load (RFC 2308 §7.1)."""

from __future__ import annotations

from relaydrill.faults.base import Fault, ServiceFault, no_phase
from relaydrill.smtp import Phase


def servfail(phase: Phase | None = None) -> Fault:
    """The fault that answers SERVFAIL to everything."""
    no_phase("servfail", phase)
    return ServiceFault(
        kind="servfail", summary="fails every question", action="rcode", rcode="SERVFAIL"
    )

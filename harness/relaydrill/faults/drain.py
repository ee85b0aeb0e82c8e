"""Draining: a server in maintenance greets and logs in as ever, and refuses mail at MAIL."""

from __future__ import annotations

from relaydrill.faults.base import Fault, ServiceFault, no_phase
from relaydrill.smtp import Phase, Reply


def drain(phase: Phase | None = None) -> Fault:
    """The fault that a health check by EHLO and QUIT cannot see (Exchange 2013 and later)."""
    no_phase("drain", phase)
    return ServiceFault(
        kind="drain",
        summary="is draining: 421 at MAIL, a healthy banner and EHLO",
        action="reply",
        phase=Phase.MAIL,
        reply=Reply(421, "4.3.2 Service not active"),
    )

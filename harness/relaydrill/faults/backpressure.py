"""Back pressure: Exchange low on disk or memory refuses mail at MAIL, with healthy greetings."""

from __future__ import annotations

from relaydrill.faults.base import Fault, ServiceFault, no_phase
from relaydrill.smtp import Phase, Reply


def backpressure(phase: Phase | None = None) -> Fault:
    """The fault that a health check by EHLO and QUIT cannot see."""
    no_phase("backpressure", phase)
    return ServiceFault(
        kind="backpressure",
        summary="is under back pressure: 452 at MAIL, a healthy banner and EHLO",
        action="reply",
        phase=Phase.MAIL,
        reply=Reply(452, "4.3.1 Insufficient system resources"),
    )

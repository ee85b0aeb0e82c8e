"""A server that greets with 421: unavailable, draining, or at its connection limit."""

from __future__ import annotations

from relaydrill.faults.base import Fault, ServiceFault, no_phase
from relaydrill.smtp import Phase, Reply


def busy_banner(phase: Phase | None = None) -> Fault:
    """The fault that turns every client away at the banner (RFC 5321 §3.1, §3.8)."""
    no_phase("busy", phase)
    return ServiceFault(
        kind="busy",
        summary="greets with 421 and closes",
        action="reply",
        phase=Phase.BANNER,
        reply=Reply(421, "4.3.2 Service not available"),
    )

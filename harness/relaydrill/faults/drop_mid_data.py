"""A connection cut in the middle of a message, before the dot."""

from __future__ import annotations

from relaydrill.faults.base import Fault, ServiceFault, no_phase
from relaydrill.smtp import Phase


def drop_mid_data(phase: Phase | None = None) -> Fault:
    """The fault after which nothing may have been accepted."""
    no_phase("drop-mid-data", phase)
    return ServiceFault(
        kind="drop-mid-data",
        summary="cuts the connection in the middle of DATA",
        action="drop",
        phase=Phase.BODY,
    )

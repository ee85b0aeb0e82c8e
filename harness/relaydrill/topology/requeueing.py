"""When a server of the tier tries again what a next hop did not take. Pure.

Exchange (documentation, "Message retry, resubmit, and expiration intervals"): a destination that
does not answer is tried again after a minute four times (QueueGlitchRetryInterval and -Count), then
six times after five minutes on a hub and after ten on an Edge server
(TransientFailureRetryInterval and -Count), and from then on every ten minutes, or thirty
(OutboundConnectionFailureRetryInterval).
"""

from __future__ import annotations

from typing import Final

from relaydrill.kinds import FAKE
from relaydrill.topology.design import Topology

GLITCH_RETRY_S, GLITCH_RETRIES = 60.0, 4
RETRY_S, RETRIES, LATE_RETRY_S = 300.0, 6, 600.0
EDGE_RETRY_S, EDGE_LATE_RETRY_S = 600.0, 1800.0

_LOOKS_THROUGH_S: Final = 60.0
"""A real program finds what is due only when it looks through its queue."""


def next_try_s(topology: Topology, node: str, failures: int) -> float:
    """How long at most a node waits after so many failures in a row; field seconds."""
    if topology.nodes[node].kind != FAKE:
        return GLITCH_RETRY_S + _LOOKS_THROUGH_S
    if failures <= GLITCH_RETRIES:
        return GLITCH_RETRY_S
    is_edge = node in topology.edges
    if failures <= GLITCH_RETRIES + RETRIES:
        return EDGE_RETRY_S if is_edge else RETRY_S
    return EDGE_LATE_RETRY_S if is_edge else LATE_RETRY_S

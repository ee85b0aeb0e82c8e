"""Who is in a WNLB cluster, as one of its hosts sees it: heartbeats in, a view out. No I/O.

A host that has missed its heartbeats, a new one, and one that leaves or comes back each start a
convergence. At its end the new view is applied; until then the old one holds. Every host does this
for itself, and as all hear the same heartbeats they come to the same view at much the same time.
"""

from __future__ import annotations

import enum
from typing import Final

from relaydrill.node_settings import ClusterTiming

_MOST_AT_ONCE: Final = 0.5
"""Part of a heartbeat interval by which silence grows between two looks: whoever slept longer, was
deaf meanwhile, and does not blame the others."""


_TAKEN_LATER: Final = 0.5
"""Part of a heartbeat interval by which a share is taken later than it is given up, be it by a host
that comes, or of one that leaves: two that answer the same client would reset each other's
connection. The cluster's node believes in it from then on."""


class HostState(enum.StrEnum):
    """What a host says of itself."""

    STARTED = "started"
    DRAINING = "draining"
    STOPPED = "stopped"


class Membership:
    """One host's view of its cluster.

    Args:
        timing: The cluster's.
        now: Monotonic seconds.
        me: The host's own name; the cluster's node is no host, and has none.
    """

    def __init__(self, timing: ClusterTiming, now: float, me: str = "") -> None:
        self._timing = timing
        self._me = me
        self._looked = now
        self._awake_s = 0.0
        self._heard: dict[str, float] = {}
        self._states: dict[str, HostState] = {}
        self._view: frozenset[str] = frozenset()
        self._coming: frozenset[str] = frozenset()
        self._converges_at: float | None = None

    @property
    def view(self) -> frozenset[str]:
        """The hosts that share new connections."""
        return self._view

    def state_of(self, host: str) -> HostState | None:
        """What a host says of itself; None while nothing is heard of it."""
        return self._states[host] if self._is_heard(host) else None

    def heard(self, host: str, state: HostState) -> None:
        """A host gave a sign of life; one's own heartbeats count, too, if they could be sent."""
        self._heard[host] = self._awake_s
        self._states[host] = state

    def look(self, now: float) -> bool:
        """See what time has brought, after everything that was heard; whether the view changed.

        Whoever slept so long that the others have given him up, shares no more until they have
        converged with him.
        """
        passed_s, self._looked = now - self._looked, now
        self._awake_s += min(passed_s, self._timing.heartbeat * _MOST_AT_ONCE)
        before = self._view
        if self._me in self._view and passed_s >= self._timing.patience:
            self._view -= {self._me}
            self._coming = self._view
        wanted = frozenset(host for host in self._heard if self.state_of(host) is HostState.STARTED)
        if wanted != self._coming:
            self._coming = wanted
            self._converges_at = now + self._timing.convergence
            if self._takes_from_the_living(wanted):
                self._converges_at += self._timing.heartbeat * _TAKEN_LATER
        if self._converges_at is not None and now >= self._converges_at:
            self._view, self._converges_at = self._coming, None
        return self._view != before

    def _takes_from_the_living(self, wanted: frozenset[str]) -> bool:
        comes = wanted - self._view
        drains = [host for host in self._view - wanted if self.state_of(host) is HostState.DRAINING]
        if not self._me:
            return bool(comes or drains)
        return self._me in (wanted if drains else comes)

    def _is_heard(self, host: str) -> bool:
        silent_s = self._awake_s - self._heard.get(host, float("-inf"))
        return silent_s < self._timing.patience

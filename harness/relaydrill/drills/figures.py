"""The few figures of a flow's verdict that are worth comparing from run to run. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from relaydrill.documents.history import WorstShare

Checks = Mapping[str, Mapping[str, Any]]
"""The figures of each check of one flow, by the check's name."""


@dataclass(frozen=True, slots=True)
class Share:
    """The server that is furthest from its fair share of the senders' choices."""

    server: str
    share: float
    fair: float

    def document(self) -> WorstShare:
        """Plain JSON values."""
        return {"server": self.server, "share": self.share, "fair": self.fair}


@dataclass(frozen=True, slots=True)
class Figures:
    """What trends; None where a drill does not look at it.

    Attributes:
        gap_s: The longest time without any acceptance, field seconds.
        resolution_s: How exactly it is known.
        failed: Attempts that failed.
        attempts: All of them.
        late: Attempts that were accepted, only too late; where something was broken.
        lost: Messages; what a server threw away on purpose is lost, too.
        duplicated: Messages that arrived more than once.
        spread: The worst server's share.
    """

    gap_s: float | None = None
    resolution_s: float = 0.0
    failed: int | None = None
    attempts: int | None = None
    late: int | None = None
    lost: int | None = None
    duplicated: int | None = None
    spread: Share | None = None

    def plain(self) -> dict[str, int | float | str]:
        """Those that there are, by name: for reports that know no nesting."""
        found: dict[str, int | float | str | None] = {
            "gap_s": self.gap_s,
            "resolution_s": None if self.gap_s is None else self.resolution_s,
            "failed": self.failed,
            "attempts": self.attempts,
            "late": self.late,
            "lost": self.lost,
            "duplicated": self.duplicated,
        }
        if self.spread:
            found |= {
                "spread_server": self.spread.server,
                "spread_share": round(self.spread.share, 4),
                "spread_fair": round(self.spread.fair, 4),
            }
        return {name: value for name, value in found.items() if value is not None}


def figures_of(checks: Checks) -> Figures:
    """The figures that trend, out of those of all checks.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: A check has others than this version's.
    """
    gap, account = checks.get("gap"), checks.get("account")
    failed, late, attempts = _unserved(checks)
    return Figures(
        gap_s=float(gap["gap_s"]) if gap else None,
        resolution_s=float(gap["resolution_s"]) if gap else 0.0,
        failed=failed,
        attempts=attempts,
        late=late,
        lost=int(account.get("lost", 0)) + int(account.get("discarded", 0)) if account else None,
        duplicated=int(account.get("duplicated", 0)) if account else None,
        spread=_worst_share(checks.get("spread", {})),
    )


def _unserved(checks: Checks) -> tuple[int | None, int | None, int | None]:
    """Failed, late and all: of all attempts where something was broken, else the steady state's.

    Earlier versions did not tell the late ones from those that failed.
    """
    if degraded := checks.get("degraded"):
        late = int(degraded.get("late", 0))
        return int(degraded["failed"]) - late, late, int(degraded["attempts"])
    if steady := checks.get("steady"):
        attempts = int(steady["attempts"])
        return attempts - int(steady["accepted"]), None, attempts
    return None, None, None


def _worst_share(spread: Mapping[str, Any]) -> Share | None:
    counts, choices = spread.get("counts", {}), int(spread.get("choices", 0))
    if not counts or not choices:
        return None
    fair = 1 / len(counts)
    shares = [Share(server, count / choices, fair) for server, count in counts.items()]
    return max(shares, key=lambda each: abs(each.share - fair))

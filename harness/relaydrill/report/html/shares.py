"""The spread as it is drawn: each server's share with its interval, against the fair one. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from relaydrill.verdict import Verdict, interval


@dataclass(frozen=True, slots=True)
class Share:
    """One server's part of the senders' choices; shares are from 0 to 1.

    Attributes:
        low: Lower end of the exact interval, with the error that the check allows one server.
        high: Its upper end.
    """

    server: str
    choices: int
    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Shares:
    """All servers of a promise.

    Attributes:
        fair: The equal share.
        choices: All choices, those of other servers included.
        confidence: Of each interval.
        top: Where the axis ends, a round share above everything that is drawn.
    """

    rows: tuple[Share, ...]
    fair: float
    choices: int
    confidence: float
    top: float


def shares_of(found: Verdict | None) -> Shares | None:
    """What the check of the spread found, drawn; None where it did not look, or saw no choice."""
    if found is None or not found.figures.get("choices"):
        return None
    counts, choices = found.figures["counts"], int(found.figures["choices"])
    error = found.figures["false_alarm"] / len(counts)
    rows = tuple(
        Share(server, count, count / choices, *interval(count, choices, error))
        for server, count in counts.items()
    )
    fair = 1 / len(counts)
    highest = max([fair, *(each.high for each in rows)])
    top = next(step / 20 for step in range(1, 21) if step == 20 or step / 20 >= highest * 1.02)
    return Shares(rows, fair, choices, 1 - error, top)

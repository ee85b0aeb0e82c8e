"""The times of logs, as seconds since the epoch. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

_DAY_S: Final = 86400.0
_BACK_S: Final = 32 * _DAY_S
_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}
_ISO: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(?: ?(Z|UTC|[+-]\d\d:?\d\d))?$"
)
_BSD: Final = re.compile(
    r"([A-Z][a-z]{2}) ([ \d]\d|\d) (?:(\d{4}) )?(\d\d):(\d\d):(\d\d)(?:\.(\d+))?$"
)


class Clock:
    """Reads the times of one source, in the order of its lines.

    Times that bear no zone are of this machine's. Those that bear no year (RFC 3164 §4.1.2) are
    taken to go on from the line before, or a month back at most (lines of several hosts in one
    file); the first of a source is the latest that does not lie a day beyond its end.

    Args:
        end: Of the source, at the latest; seconds since the epoch.
    """

    def __init__(self, end: float) -> None:
        self._end = end
        self._before: float | None = None
        self._known: tuple[str, float | None] = ("", None)

    def iso(self, text: str) -> float | None:
        """A time of ISO 8601; None if it is none."""
        begin = text[:19]
        found = _ISO.match(text)
        if not found:
            return None
        zone, part = found[8], found[7]
        key = begin + (zone or "")
        if self._known[0] != key:
            self._known = (key, _instant([int(found[at]) for at in range(1, 7)], zone))
        whole = self._known[1]
        if whole is None:
            return None
        self._before = whole
        return whole + float(f"0.{part}") if part else whole

    def bsd(self, text: str) -> float | None:
        """A time as of RFC 3164, with a year or without; None if it is none."""
        if self._known[0] == text:
            return self._known[1]
        found = _BSD.match(text)
        if not found or found[1] not in _MONTHS:
            return None
        rest = [_MONTHS[found[1]], int(found[2]), int(found[4]), int(found[5]), int(found[6])]
        years = [int(found[3])] if found[3] else list(self._years())
        instants = [at for year in years if (at := _instant([year, *rest], None)) is not None]
        chosen = self._chosen(instants)
        if chosen is not None:
            self._before = chosen
            chosen += float(f"0.{found[7]}") if found[7] else 0.0
        self._known = (text, chosen)
        return chosen

    def _years(self) -> Iterator[int]:
        year = datetime.fromtimestamp(self._end if self._before is None else self._before).year
        # Eight years back: the 29th of February is not in every fourth.
        yield from range(year - 8 if self._before is None else year - 1, year + 2)

    def _chosen(self, instants: list[float]) -> float | None:
        past = [at for at in instants if at <= self._end + _DAY_S]
        if self._before is None or not past:
            return max(past, default=None)
        before = self._before
        return min((at for at in past if at >= before - _BACK_S), default=max(past))


def _instant(fields: list[int], zone: str | None) -> float | None:
    year, month, day, hour, minute, second = fields
    leap = second == 60  # which datetime does not know
    try:
        moment = datetime(year, month, day, hour, minute, min(second, 59))
        if zone in ("Z", "UTC"):
            seconds = moment.replace(tzinfo=UTC).timestamp()
        elif zone:
            sign = -1 if zone[0] == "-" else 1
            ahead = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:])) * sign
            seconds = (moment.replace(tzinfo=UTC) - ahead).timestamp()
        else:
            seconds = moment.timestamp()
    except (ValueError, OverflowError, OSError):
        return None
    return seconds + leap

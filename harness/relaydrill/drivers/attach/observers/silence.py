"""A log that went quiet: a copy of it that is no longer brought up to date. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

_MANY: Final = 5
_LONG_S: Final = 5.0
"""So much mail, for so long, cannot be lost by chance with nothing else in the log."""


def fell_silent(name: str, what: str, heard: float, missing: Iterable[float]) -> Iterator[str]:
    """That nothing came into a log while mail was taken that never arrived, where that is so.

    Args:
        name: What people call the log.
        what: What comes into it: ``line``, ``row``.
        heard: When the last one came, by the monotonic clock.
        missing: When mail was accepted that has not arrived, by the same clock.
    """
    after = [at for at in missing if at > heard]
    if len(after) >= _MANY and max(after) - heard >= _LONG_S:
        yield (
            f"{name}: its last {what} came {max(after) - heard:.0f} s before mail was last"
            f" accepted, and the {len(after):,} messages of that time are not in it"
        )

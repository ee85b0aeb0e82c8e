"""What a network can be made to do to what one node sends another, instead of bringing it there."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Literal

Effect = Literal[
    "cut", "latency", "loss", "bandwidth", "slice", "limit", "reset-after", "slow-close"
]
"""What becomes of it; see `Impairment`."""


class Way(enum.StrEnum):
    """Which packets between two nodes are meant, as it is written between their names."""

    TO = ">"
    """Those that the first sends the second."""
    BACK = "<"
    """Those that the second sends the first."""
    BOTH = "<>"
    """All."""


@dataclass(frozen=True, slots=True)
class Impairment:
    """What is done to packets that go one way between two nodes.

    Attributes:
        label: Names it, so that it can be lifted.
        effect: ``cut`` loses all of them, ``loss`` a part; ``latency`` has each arrive later,
            ``bandwidth`` lets so many bytes a second through, ``slice`` brings data in small
            pieces; ``limit`` closes a connection once so many bytes have passed, ``reset-after``
            resets it then; ``slow-close`` has the end of a connection arrive later.
        time_s: By how much later, or between two pieces, seconds of the wall clock; of
            ``bandwidth`` the time for ``size``.
        jitter_s: By how much ``time_s`` is more or less, seconds of the wall clock.
        size: Bytes of a piece, of a connection, or of a ``time_s``.
        part: Of the packets, how many are lost: above 0 and below 1.
        strength: Of the connections, the part that it acts on, above 0 and at most 1.
        seed: From which it is drawn on which, and what is lost.
    """

    label: str
    effect: Effect
    time_s: float = 0.0
    jitter_s: float = 0.0
    size: int = 0
    part: float = 0.0
    strength: float = 1.0
    seed: str = ""

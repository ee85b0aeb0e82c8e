"""How long a drill will last, in a sentence, before it begins."""

from __future__ import annotations

from typing import Final

from relaydrill.drills.model import Drill
from relaydrill.faults import strength_of
from relaydrill.sentences import number_of
from relaydrill.topology import Topology

LONG_S: Final = 300.0
"""Of the clock on the wall: who waits for longer is told before."""

_WEAK: Final = 0.02


def estimate(topology: Topology, drill: Drill, *, is_simulated: bool = False) -> str:
    """``rolling-restart: 3 faults in 412 s of field time, 41 s on the wall``, and why so long.

    Args:
        topology: What is drilled.
        drill: What is to be run.
        is_simulated: Whether nobody waits: what it takes then is processor time.
    """
    count = len(drill.faults)
    faults = number_of(count, "fault", "faults")
    text = f"{drill.name}: {count} {faults} in {_spoken(drill.length_s)} of field time"
    if is_simulated:
        text += ", which are simulated"
    else:
        wall_s = drill.length_s / topology.clock
        text += f"; that takes {_spoken(wall_s)}, and up to"
        text += f" {_spoken(drill.settle_s / topology.clock)} more until the queues are empty"
    weak = [each for each in drill.faults if strength_of(each.fault) < _WEAK]
    if weak and drill.length_s / topology.clock > LONG_S:
        spec = max(weak, key=lambda each: each.duration_s)
        text += (
            f". {spec.kind_text} hits so few sessions that it lasts"
            f" {_spoken(spec.duration_s)} to be met for certain: take a greater share, or say how"
            " long (+DURATION)"
        )
    return text


def _spoken(seconds: float) -> str:
    """``41 s``, ``6.9 min``, ``2.3 h``, ``3.1 days``."""
    for unit, length_s in (("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length_s:
            return f"{seconds / length_s:.1f} {unit}"
    return f"{seconds:.0f} s"

"""Letting time pass in blocking code: only its fibre waits; outside of one, its thread."""

from __future__ import annotations

from relaydrill.fibres.pool import current
from relaydrill.fibres.waiting import Turns, new_event


def pause(seconds: float) -> None:
    """Return after so many seconds of this thread's clock; others go on meanwhile."""
    fibre = current()
    if fibre is None:
        new_event().wait(seconds)
    else:
        Turns(fibre.loop).wait(seconds)

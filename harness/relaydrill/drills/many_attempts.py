"""As `relaydrill.drills.missing_attempts`, of hundreds of thousands of attempts. Pure."""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

from relaydrill.drills.loads import PlannedLoad
from relaydrill.schedule import LONGEST_STEP

_MICROSECONDS: Final = 1e6


def missing_among_many(
    loads: Iterable[PlannedLoad], begin: float, until: float, seen: array[float]
) -> dict[str, tuple[int, list[float]]]:
    """By sender, how many attempts were due, and when those were that are missing."""
    keys, counts = np.unique(_keys(np.frombuffer(seen, "d")), return_counts=True)
    found = {}
    for load in loads:
        due = due_at(load, begin, until)
        wanted = _keys(due)
        # Rounding by numpy may differ from Python's by one in the last place.
        missing = [round(due[at], 6) for at in _lacking(wanted, keys, counts)]
        missing = [moment for moment in missing if not _take(keys, counts, moment)]
        found[load.node] = (len(due), missing)
    return found


def due_at(load: PlannedLoad, begin: float, until: float) -> npt.NDArray[np.float64]:
    """When the attempts of a load are due: to the last bit what `PlannedLoad.due` says.

    numpy has the generator that `random` has (MT19937), and makes doubles from it in the same way.
    """
    _, state, _ = random.Random(load.seed).getstate()
    generator = np.random.RandomState()
    generator.set_state(("MT19937", np.array(state[:-1], np.uint32), state[-1], 0, 0.0))
    count = min(load.most, int((until - begin) * load.rate * 1.1) + 1000)
    while True:
        again = np.random.RandomState()
        again.set_state(generator.get_state())
        steps = (0.0 + LONGEST_STEP * again.random_sample(count)) / load.rate
        due = np.cumsum(np.concatenate([[begin], steps]))[1:]
        if count == load.most or due[-1] >= until:
            return due[: int(np.searchsorted(due, until))]
        count = min(load.most, 2 * count)


def _keys(moments: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    return np.rint(moments * _MICROSECONDS).astype(np.int64)


def _lacking(
    wanted: npt.NDArray[np.int64], keys: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]
) -> list[int]:
    """Which of the wanted are not there, or not as often; those that are there are taken out."""
    if not len(keys):
        return [*range(len(wanted))]
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    there = keys[at] == wanted
    # Two that are due in one microsecond are one after the other: steps are in order.
    first = np.searchsorted(wanted, wanted)
    there &= np.arange(len(wanted)) - first < counts[at]
    np.subtract.at(counts, at[there], 1)
    return [int(each) for each in np.flatnonzero(~there)]


def _take(keys: npt.NDArray[np.int64], counts: npt.NDArray[np.int64], moment: float) -> bool:
    key = round(moment * _MICROSECONDS)
    at = int(np.searchsorted(keys, key))
    if at < len(keys) and keys[at] == key and counts[at] > 0:
        counts[at] -= 1
        return True
    return False

"""One number for several, by which rows are joined. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def mixed(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.uint64]:
    """One number for two, as good as unique (splitmix64's steps)."""
    with np.errstate(over="ignore"):
        mixed = one.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
        mixed += other.astype(np.uint64) * np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(32)
        mixed = mixed * np.uint64(0x94D049BB133111EB)
        return mixed ^ (mixed >> np.uint64(31))

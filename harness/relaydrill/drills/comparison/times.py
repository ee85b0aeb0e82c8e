"""Whether a time of one run is really longer than that of another. Pure.

A time is known as exactly as its flow's attempts are dense; a machine that starved may have made it
longer; and some of it is chance: a server dies at any moment between two health checks. Where the
two times could be one for these reasons, they are the same within what was measured.
"""

from __future__ import annotations

from relaydrill.documents.comparison import What
from relaydrill.drills.measured import Measured


def compare_times(base: Measured, change: Measured) -> What:
    """Whether a time is longer, shorter, the same within what was measured, or cannot be told.

    Args:
        base: Before.
        change: After.
    """
    if base.is_cut and change.is_cut:
        (least, most), (new_least, new_most) = base.since_heal(), change.since_heal()
    else:
        least, most, new_least, new_most = base.least_s, base.most_s, change.least_s, change.most_s
    if new_least > most:
        return "worse"
    if least > new_most:
        return "better"
    return "same" if base.is_cut == change.is_cut else "unclear"

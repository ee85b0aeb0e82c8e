"""The account of the mail in a lab where there is no drill: of whatever sender, and so far."""

from __future__ import annotations

from collections.abc import Collection
from itertools import chain
from math import inf

from relaydrill.drivers.base import Lab
from relaydrill.injection import drain
from relaydrill.journal import read_events
from relaydrill.ledger import Ledger, join


def read_ledger(
    lab: Lab,
    *,
    since: float = -inf,
    deadline_s: float = 0.0,
    gone: Collection[str] = (),
    answer_s: float = 10.0,
) -> tuple[Ledger, list[str]]:
    """Look into the queues, so that what is on its way is told from what is gone; then account.

    Args:
        lab: Whose mail.
        since: Monotonic time; what was journalled before does not count.
        deadline_s: How long to let the queues drain, seconds of the wall clock; 0: not at all.
        gone: Nodes that do not answer, and empty no queue.
        answer_s: How long a node may take to look into its queue, seconds of the wall clock.

    Returns:
        The account; and what went wrong: queues that could not be read.
    """
    problems = drain(lab, deadline_s, gone=gone, answer_s=answer_s)
    paths = [lab.journal(node) for node in (*lab.topology.nodes, "harness")]
    harmless = {flow: lab.topology.harmless_changes(flow) for flow in lab.topology.flows}
    events = chain.from_iterable(read_events(path) for path in paths if path.exists())
    found = join((event for event in events if event.mono >= since), harmless=harmless)
    return found, problems

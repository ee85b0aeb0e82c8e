"""Letting the queues of a lab drain, and looking into what is left in them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection

from relaydrill.drivers.base import Lab, RunsElsewhere
from relaydrill.errors import CapabilityMissing, ControlError, WaitTimeout
from relaydrill.wait import wait_for


def drain(
    lab: Lab,
    deadline_s: float,
    *,
    gone: Collection[str] = (),
    answer_s: float = 10.0,
    tick: Callable[[], None] = lambda: None,
) -> list[str]:
    """Wait until nothing is queued, or the time for it is over; then look into each queue.

    What is queued then is in the journals, as queued. On a real lab, mail that was accepted
    and has not been seen to arrive is waited for, too; and of hubs that keep copies for one that is
    gone, that they have delivered them.

    Args:
        lab: Whose queues.
        deadline_s: How long to wait at most, seconds of the wall clock; 0: only look.
        gone: Nodes that do not answer, and empty no queue.
        answer_s: How long a node may take to look into its queue, seconds of the wall clock.
        tick: Called again and again meanwhile.

    Returns:
        What went wrong: queues that could not be read.
    """
    queueing = [node for node in lab.queueing if node not in gone and lab.alive(node)]

    def empty() -> bool:
        tick()
        if not all(_is_empty(lab, node) for node in queueing):
            return False
        if isinstance(lab, RunsElsewhere) and lab.outstanding():
            return False
        return not _is_to_be_resubmitted(lab, queueing, gone)

    if deadline_s:
        with contextlib.suppress(WaitTimeout):
            wait_for(empty, what="all queues to drain", deadline_s=deadline_s)
    problems = []
    for node in queueing:
        try:
            lab.control(node)("queue", timeout_s=answer_s)
        except (CapabilityMissing, ControlError) as error:
            problems.append(f"the queue of {node} could not be read: {error}")
    return problems


def _is_empty(lab: Lab, node: str) -> bool:
    """Whether a node says that it queues nothing; one that cannot be asked may yet answer."""
    try:
        return not lab.control(node)("queue_length")
    except ControlError:
        return False


def _is_to_be_resubmitted(lab: Lab, queueing: list[str], gone: Collection[str]) -> bool:
    """Whether a hub keeps copies for one that is gone, and has not delivered them yet."""
    if not gone:
        return False
    hubs = lab.topology.hubs
    fakes = [node for node in queueing if node in hubs and hubs[node].kind == "fake"]
    try:
        return any({*gone} & {*lab.control(hub)("shadows")} for hub in fakes)
    except ControlError:  # it may yet answer
        return True

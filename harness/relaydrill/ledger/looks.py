"""What lies in queues at the end, by the looks into them and by the journals' word. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from relaydrill.ledger.entries import Entry

_HAND_OVER_S: Final = 1.0
"""For so long one message may be in two queues, or be told to have left one that still has it."""


@dataclass(frozen=True, slots=True)
class Look:
    """A look into a node's queue.

    Attributes:
        mono: When it was, monotonic seconds.
        items: How many copies lay there, by message and recipient.
        shadows: How many copies the node kept for each other hub, to send them in its place.
    """

    mono: float
    items: Mapping[tuple[str, str], int]
    shadows: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Queues:
    """What is known of all queues.

    Attributes:
        looks: The last look into each that was looked into.
        departed: When anything left each for the last time, to whatever end, monotonic seconds.
        senders: The nodes that made attempts: what waits in their queues no server has taken.
    """

    looks: dict[str, Look] = field(default_factory=dict)
    departed: dict[str, float] = field(default_factory=dict)
    senders: set[str] = field(default_factory=set)


def lie_in(queues: Queues, entry: Entry) -> None:
    """Write down in an entry where it lies, and how many copies of it do beyond doubt.

    A look into the queue after the message entered it settles it; else the journal's word does.
    Without such a look (a hub that stays dead) a message counts as queued where it was stored and
    never left: stranded, not lost. What a look has found is there, whether or not its storing was
    journalled.
    """
    key = (entry.message, entry.recipient)
    nodes = {*entry._stored, *(node for node, look in queues.looks.items() if key in look.items)}
    lies_on, waits_on = [], []
    for node in sorted(nodes):
        if copies := _copies(entry, node, queues.looks.get(node)):
            if node in queues.senders:
                waits_on.append(node)
            else:
                lies_on.append(node)
                entry.copies += copies if _is_sure(entry, node, queues.looks.get(node)) else 0
    entry.queued_on, entry.waits_on = tuple(lies_on), tuple(waits_on)


def _copies(entry: Entry, node: str, look: Look | None) -> int:
    """How many copies lie on a node."""
    stored, left = entry._stored.get(node, []), entry._left.get(node, [])
    if look is not None and (not stored or look.mono >= stored[-1]):
        # A queue is read before its look is journalled, so a look may show what has just left.
        just_left = sum(moment > look.mono - _HAND_OVER_S for moment in left)
        return max(0, look.items.get((entry.message, entry.recipient), 0) - just_left)
    # Of one moment the storing comes first: it is what lets a message leave.
    steps = sorted([*((at, False) for at in stored), *((at, True) for at in left)])
    held = 0
    for _, is_departure in steps:
        held = max(0, held - 1) if is_departure else held + 1
    return held


def _is_sure(entry: Entry, node: str, look: Look | None) -> bool:
    """Whether what lies on a node is more than what has just been handed on from there."""
    if look is None or look.mono < max(entry._stored.get(node, [look.mono])):
        # Of each arrival a journal tells that it was sent. Where none does, that line is missing,
        # and what the journal says to lie there may be what has arrived.
        return len(entry.arrived) <= entry._passed_on
    others = (at for other, times in entry._stored.items() if other != node for at in times)
    arrivals = (at for at, *_ in entry.arrived)
    return all(at <= look.mono - _HAND_OVER_S for at in (*others, *arrivals))

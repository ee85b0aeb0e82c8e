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
        departed: When mail of a journalled sender left each for the last time, to whatever end,
            monotonic seconds.
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
    seen = (node for node, look in queues.looks.items() if key in look.items)
    lies_on, waits_on = [], []
    # A look into a real queue may miss what moves within it just then: its log says that it waits.
    waits = set[str]() if entry.arrived else entry.put_off
    for node in sorted({*entry.stored, *seen, *waits}):
        look = queues.looks.get(node)
        if node in waits and (look is None or key not in look.items):
            copies, sure = 1, 0
        elif look is not None and (node not in entry.stored or look.mono >= entry.stored[node][-1]):
            copies, sure = _by_look(entry, node, look)
        else:
            copies, sure = _by_journal(entry, node)
        if copies and node in queues.senders:
            waits_on.append(node)
        elif copies:
            lies_on.append(node)
            entry.copies += sure
    entry.queued_on, entry.waits_on = tuple(lies_on), tuple(waits_on)


def _by_look(entry: Entry, node: str, look: Look) -> tuple[int, int]:
    """How many copies lie on a node, and how many beyond doubt.

    While it is handed on, one message is in two places.
    """
    lately = look.mono - _HAND_OVER_S
    # A queue is read before its look is journalled, so a look may show what has just left.
    just_left = sum(moment > lately for moment in entry.left.get(node, ()))
    copies = max(0, look.items.get((entry.message, entry.recipient), 0) - just_left)
    others = (times[-1] for other, times in entry.stored.items() if other != node)
    came = (*others, *(moment for moment, *_ in entry.arrived))
    return copies, 0 if any(moment > lately for moment in came) else copies


def _by_journal(entry: Entry, node: str) -> tuple[int, int]:
    """The same, where nobody has looked since."""
    stored, left = entry.stored.get(node, []), entry.left.get(node, [])
    # Of one moment the storing comes first: it is what lets a message leave.
    steps = sorted([*((at, False) for at in stored), *((at, True) for at in left)])
    copies = 0
    for _, is_departure in steps:
        copies = max(0, copies - 1) if is_departure else copies + 1
    # Of each arrival a journal tells that it was sent. Where none does, that line is missing, and
    # what the journal says to lie here may be what has arrived.
    is_told = len(entry.arrived) <= entry.passed_on
    return copies, max(0, min(copies, len(stored) - len(left))) if is_told else 0

"""What a deed is in a journal: its kind, and what the line says. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from relaydrill.drivers.attach.attribution import Credit
from relaydrill.drivers.attach.observers import Arrival
from relaydrill.journal import Event
from relaydrill.mail_logs.deeds import Deed, Does

KINDS: Final[Mapping[Does, str]] = {
    Does.DELIVERED: "arrived",
    Does.MOVED: "relayed",
    Does.HANDED_ON: "handed-on",
    Does.DISCARDED: "discarded",
    Does.HELD: "held",
    Does.DEFERRED: "deferred",
    Does.FAILED: "bounced",
}
"""What a deed is in a journal; others change only what is known of its message."""

ENDS: Final = frozenset({"discarded", "handed-on", "bounced", "held"})
"""What explains that a message does not arrive."""

_WORDS: Final[Mapping[Does, tuple[str, str]]] = {
    Does.MOVED: ("to", ""),
    Does.HANDED_ON: ("to", "said"),
    Does.DISCARDED: ("by", "said"),
    Does.HELD: ("by", "said"),
    Does.DEFERRED: ("", "reason"),
    Does.FAILED: ("", "reason"),
}
"""What a journal calls who did it, and what was said."""


def detail_of(does: Does, deed: Deed, credit: Credit) -> dict[str, Any]:
    """What a journal says of a deed besides its message, recipient and time.

    Args:
        does: What it does, knowing what else is watched.
        deed: What was told.
        credit: Whose it is.
    """
    by, said = _WORDS.get(does, ("", ""))
    found: dict[str, Any] = {by: deed.by, said: deed.said, "mailbox": credit.mailbox}
    found["queue_id"] = deed.queue_id
    if does is Does.DELIVERED:
        found |= {"digest": deed.digest, "known_by": deed.known_by, "bears": deed.bears}
        found |= {"changed": [*deed.changed], "needs": [*credit.needs]}
    return {name: value for name, value in found.items() if name and value}


def event_of(frame: Event, kind: str, recipient: str, detail: dict[str, Any]) -> Event:
    """One line of a journal.

    Args:
        frame: Whose line it is, of which message, and when.
        kind: The line's kind.
        recipient: Its recipient; empty where there is none.
        detail: Its details.
    """
    return Event(frame.mono, frame.wall, frame.node, kind, frame.message, recipient, detail)


def as_deed(told: Deed | Arrival) -> tuple[Deed, float | None]:
    """A deed, and when it was by the monotonic clock, where that is known."""
    if isinstance(told, Deed):
        return told, told.mono
    deed = Deed(
        *(Does.DELIVERED, told.message, told.recipient),
        digest=told.digest,
        wall=told.wall,
        by=told.by,
        known_by=told.known_by,
        changed=told.changed,
        bears=told.bears,
        marks=told.marks,
    )
    return deed, told.mono

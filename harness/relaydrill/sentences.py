"""Grammar of what is told to people: names in a row, and the word for so many. Pure."""

from __future__ import annotations

from collections.abc import Iterable


def listed(names: Iterable[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``; empty for none."""
    *most, last = [*names] or [""]
    return f"{', '.join(most)} and {last}" if most else last


def failed_or_late(count: int, late: int, be: str = "were ") -> str:
    """What went wrong with ``count`` attempts, of which ``late`` were accepted, only too late.

    ``failed``, ``were late``, or ``failed or were late``; mail that came late has not failed.

    Args:
        count: How many.
        late: How many of them were late.
        be: The verb before ``late``, with its space; empty where there is no room.
    """
    if not late:
        return "failed"
    return f"{be}late" if late == count else f"failed or {be}late"


def number_of(count: int, one: str, several: str) -> str:
    """The word for so many: ``attempt`` or ``attempts``, ``is`` or ``are``."""
    return one if count == 1 else several


def messages_accounted(count: int) -> str:
    """``1 message accounted for``."""
    return f"{count} {number_of(count, 'message', 'messages')} accounted for"

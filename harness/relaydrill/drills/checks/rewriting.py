"""What was written anew in mail on its way, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from relaydrill.ledger import Account, Entry
from relaydrill.message import CHANGES
from relaydrill.sentences import number_of

_MARKS: Final = {
    "header": "their X-Relaydrill-Id",
    "subject": "their subject",
    "body": "the first line of their body",
}
_CHANGED: Final = {
    "message_id": "Message-ID",
    "subject_prefix": "subject (text before it)",
    "subject": "subject",
    "from": "From",
    "to": "To",
    "date": "Date",
    "content_type": "Content-Type",
    "disclaimer": "body (text added to it)",
    "body": "body",
}


def rewriting(entries: Iterable[Entry]) -> Iterator[str]:
    """What was changed in the mail of a flow that arrived: ``3 altered: subject (3)``.

    Args:
        entries: All that are not ordinary.
    """
    entries = [*entries]
    changed = [entry for entry in entries if entry.changes]
    altered = [entry for entry in changed if entry.account is Account.ALTERED]
    if altered:
        yield f"altered: {_counted(entry.alterations for entry in altered)}"
    declared = [entry.changes & entry.harmless - {"message_id"} for entry in changed]
    if any(declared):
        yield f"changed as declared: {_counted(declared)}"
    by = Counter(entry.known_by for entry in entries if entry.known_by)
    for mark, count in by.items():
        came = number_of(count, "message came", "messages came")
        yield f"{count} {came} with another Message-ID, known by {_MARKS.get(mark, mark)}"


def how_altered(entries: Iterable[Entry]) -> str:
    """How altered messages came, in a few words: ``changed: subject (4), body (1)``."""
    return f"changed: {_counted(entry.alterations for entry in entries)}"


def to_declare(entries: Iterable[Entry]) -> str:
    """How a topology says that what may be on purpose is; for the end of a sentence, or empty.

    A body that is not there as a whole is nobody's purpose.
    """
    found = {change for entry in entries for change in entry.alterations} - {"body"}
    named = ", ".join(each for each in CHANGES if each in found)
    return f"; what is done on purpose is declared: changes: [{named}]" if named else ""


def _counted(changes: Iterable[frozenset[str]]) -> str:
    counts = Counter(change for some in changes for change in some)
    known = [each for each in CHANGES if counts[each]]
    others = sorted({*counts}.difference(CHANGES))
    return ", ".join(f"{_CHANGED.get(each, each)} ({counts[each]})" for each in (*known, *others))

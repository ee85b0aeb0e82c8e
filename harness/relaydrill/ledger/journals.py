"""From journal files to the ledger, however many lines they have."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Final

from relaydrill.ledger.book import Ledger
from relaydrill.ledger.joining import NOTHING_DECLARED, join
from relaydrill.ledger.nonsense import Nonsense, read_sound

MANY_BYTES: Final = 2 << 20
"""Journals of this size are worth the tenth of a second that loading numpy takes."""

_HUGE_BYTES: Final = 64 << 20
"""Journals of this size are worth a second process."""


def join_journals(
    paths: Iterable[Path],
    *,
    many_bytes: int = MANY_BYTES,
    harmless: Mapping[str, frozenset[str]] = NOTHING_DECLARED,
) -> Ledger:
    """Join journal files into a ledger.

    Args:
        paths: Of the journals, each named for its node.
        many_bytes: From so many bytes in all of them on, ordinary mail is kept in columns.
        harmless: As of `join`.

    What is no event is in the ledger's `Ledger.nonsense`.

    Raises:
        OSError: One of them cannot be read.
        HarnessError: The second process that reads large journals failed.
    """
    paths = [*paths]
    size = sum(path.stat().st_size for path in paths)
    if size < many_bytes:
        nonsense: list[Nonsense] = []
        events = chain.from_iterable(read_sound(path, nonsense) for path in paths)
        ledger = join(events, harmless=harmless, are_sound=True)
        ledger.nonsense = nonsense
        return ledger
    from relaydrill.ledger.bulk import Journals
    from relaydrill.ledger.halves import read_in_halves
    from relaydrill.ledger.sifting import sift
    from relaydrill.ledger.stretches import Stretch

    if size >= _HUGE_BYTES and (os.cpu_count() or 1) > 1:
        journals = read_in_halves(paths)
    else:
        journals = Journals()
        journals.read(Stretch(path, 0, path.stat().st_size) for path in paths)
    ordinary, others = sift(journals)
    ledger = join(others, ordinary, harmless=harmless)
    ledger.nonsense = sorted(journals.nonsense)
    return ledger

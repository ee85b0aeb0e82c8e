"""From journal files to the ledger, however many lines they have."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Final

from relaydrill.journal import read_events
from relaydrill.ledger.book import Ledger
from relaydrill.ledger.joining import join

MANY_BYTES: Final = 4 << 20
"""Journals of this size are worth the tenth of a second that loading numpy takes."""

_HUGE_BYTES: Final = 64 << 20
"""Journals of this size are worth a second process."""


def join_journals(paths: Iterable[Path], *, many_bytes: int = MANY_BYTES) -> Ledger:
    """Join journal files into a ledger.

    Args:
        many_bytes: From so many bytes in all of them on, ordinary mail is kept in columns.

    Raises:
        HarnessError: The second process that reads large journals failed.
    """
    paths = [*paths]
    size = sum(path.stat().st_size for path in paths)
    if size < many_bytes:
        return join(chain.from_iterable(read_events(path) for path in paths))
    from relaydrill.ledger.bulk import Journals
    from relaydrill.ledger.halves import read_in_halves
    from relaydrill.ledger.sifting import sift
    from relaydrill.ledger.stretches import Stretch

    if size >= _HUGE_BYTES and (os.cpu_count() or 1) > 1:
        journals = read_in_halves(paths)
    else:
        journals = Journals()
        journals.read(Stretch(path, 0, path.stat().st_size) for path in paths)
    ordinary, events = sift(journals)
    return join(events, ordinary)

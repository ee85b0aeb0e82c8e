"""Which day it is to tests that have a part of something long, each day another."""

from __future__ import annotations

import os
from datetime import date
from typing import Final

_USUAL: Final = date(2026, 11, 30)
"""Its row of the built-in audits is a hub's death in twosites, short enough for both drivers."""


def day_of_run() -> date:
    """The day that RELAYDRILL_DAY names, ``today`` or as 2026-12-24; the usual one without it."""
    chosen = os.environ.get("RELAYDRILL_DAY", "")
    if chosen == "today":
        return date.today()
    return date.fromisoformat(chosen) if chosen else _USUAL

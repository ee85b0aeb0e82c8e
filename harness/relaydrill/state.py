"""Where things lie that outlive a run: the user's state directory."""

from __future__ import annotations

import os
from pathlib import Path


def state_folder(part: str) -> Path:
    """The folder of one part of Relaydrill in the user's state directory; it need not exist.

    A path in ``XDG_STATE_HOME`` that is not absolute counts as none (XDG Base Directory
    Specification, "Environment variables").
    """
    told = Path(os.environ.get("XDG_STATE_HOME", ""))
    home = told if told.is_absolute() else Path.home() / ".local" / "state"
    return home / "relaydrill" / part

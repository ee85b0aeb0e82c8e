"""Directories that must not hold anything from before, and what they may be called."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path
from typing import Final

from relaydrill.errors import UsageError

_LONGEST_NAME: Final = 120
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._\[\]-]+")
"""What not every file system, and no store of a CI's artifacts, takes: a colon above all."""


def make_fresh(directory: Path) -> None:
    """Make a directory, or take one that is empty.

    What an earlier run left there could be mistaken for new: a verdict, a journal, queued mail.

    Raises:
        UsageError: There are files in it.
    """
    if directory.exists() and any(directory.iterdir()):
        raise UsageError(f"{directory} is not empty; name a directory that does not exist yet")
    directory.mkdir(parents=True, exist_ok=True)


def file_name(text: str) -> str:
    """A file name that still says what ``text``, a drill's name or a test's node id, is about."""
    name = _UNSAFE.sub("-", text).strip("-.")
    if len(name) > _LONGEST_NAME:
        name = f"{name[:_LONGEST_NAME]}-{sha256(text.encode()).hexdigest()[:8]}"
    return name or "unnamed"

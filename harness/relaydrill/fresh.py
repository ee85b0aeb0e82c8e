"""Directories that must not hold anything from before."""

from __future__ import annotations

from pathlib import Path

from relaydrill.errors import UsageError


def make_fresh(directory: Path) -> None:
    """Make a directory, or take one that is empty.

    What an earlier run left there could be mistaken for new: a verdict, a journal, queued mail.

    Raises:
        UsageError: There are files in it.
    """
    if directory.exists() and any(directory.iterdir()):
        raise UsageError(f"{directory} is not empty; name a directory that does not exist yet")
    directory.mkdir(parents=True, exist_ok=True)

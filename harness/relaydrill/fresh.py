"""Directories that must not hold anything from before, and what they may be called."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path
from typing import Final

from relaydrill.errors import UsageError

_LONGEST_NAME: Final = 120
_MOST_OF_A_NAME: Final = 1000
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._\[\]-]+")
"""What not every file system, and no store of a CI's artifacts, takes: a colon above all."""


def make_fresh(directory: Path) -> None:
    """Make a directory, or take one that is empty.

    What an earlier run left there could be mistaken for new: a verdict, a journal, queued mail.

    Raises:
        UsageError: There are files in it, or it cannot be made.
    """
    must_be_fresh(directory)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _not_to_be_made(directory, error) from error


def must_be_fresh(directory: Path) -> None:
    """Refuse a directory that `make_fresh` would refuse, as far as can be told without making it.

    Args:
        directory: The directory.

    Raises:
        UsageError: There is something in it or in its way.
    """
    try:
        is_taken = directory.exists() and any(directory.iterdir())
        below_a_file = any(each.is_file() for each in directory.parents)
    except OSError as error:
        raise _not_to_be_made(directory, error) from error
    if below_a_file:
        raise UsageError(f"{directory} cannot be made: it is below a file; name another with --out")
    if is_taken:
        raise UsageError(f"{directory} is not empty; name a directory that does not exist yet")


def make_numbered(base: Path, name: str) -> Path:
    """Make a directory that nobody else has, however many make one at the same moment.

    Args:
        base: Where to make it.
        name: What it is called; a number is added where there is one already.

    Raises:
        UsageError: It cannot be made.
    """
    for number in range(1, _MOST_OF_A_NAME):
        wanted = base / (name if number == 1 else f"{name}-{number}")
        try:
            base.mkdir(parents=True, exist_ok=True)
            wanted.mkdir()
        except FileExistsError:
            if wanted.exists():
                continue
            raise UsageError(
                f"{base} is no directory; name another, on the command line with --out"
            ) from None
        except OSError as error:
            raise _not_to_be_made(wanted, error) from error
        return wanted
    raise UsageError(f"{base} has {_MOST_OF_A_NAME} directories called {name}; remove some")


def _not_to_be_made(directory: Path, error: OSError) -> UsageError:
    why = error.strerror or str(error)
    return UsageError(
        f"{directory} cannot be made: {why}; name another place, on the command line with --out"
    )


def file_name(text: str) -> str:
    """A file name that still says what ``text``, a drill's name or a test's node id, is about."""
    name = _UNSAFE.sub("-", text).strip("-.")
    if len(name) > _LONGEST_NAME:
        name = f"{name[:_LONGEST_NAME]}-{sha256(text.encode()).hexdigest()[:8]}"
    return name or "unnamed"

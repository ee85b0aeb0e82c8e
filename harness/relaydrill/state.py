"""Where things lie that outlive a run: the user's state directory."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import Final

from relaydrill.errors import UsageError

REMEDY: Final = "name another with XDG_STATE_HOME, an absolute path"
"""What to do about a state directory that cannot be used."""


def state_folder(part: str) -> Path:
    """The folder of one part of Relaydrill in the user's state directory; it need not exist.

    ``XDG_STATE_HOME`` names the directory; a path that is not absolute counts as none (XDG Base
    Directory Specification, "Environment variables"). Without it the directory lies in the home,
    and where there is no home that can be written to (a job of an arbitrary user, a read-only
    root) in a private folder under the temporary one.

    Args:
        part: What the folder is for.

    Raises:
        UsageError: The private folder belongs to somebody else, or others may write to it.
    """
    return (_from_environment() or _at_home() or _private()) / "relaydrill" / part


def unreadable(folder: Path) -> list[str]:
    """Why what lies in a folder cannot be known, a sentence; none where it can, or is not there.

    Nothing that is found in a folder which may not be read is no sign that nothing is in it.
    """
    try:
        next(folder.iterdir(), None)
    except FileNotFoundError:
        return []
    except OSError as error:
        return [f"{folder} cannot be read: {error.strerror}; run this as its owner, or {REMEDY}"]
    return []


def state_note() -> str:
    """A sentence for users whose state is in the temporary directory; empty for all others.

    Raises:
        UsageError: As `state_folder`.
    """
    if _from_environment() or _at_home():
        return ""
    return (
        f"there is no home directory to write to: records of labs and heals are in {_private()};"
        f" if that is emptied between runs, {REMEDY}"
    )


def _from_environment() -> Path | None:
    told = Path(os.environ.get("XDG_STATE_HOME", ""))
    return told if told.is_absolute() else None


def _at_home() -> Path | None:
    """The state directory of the home; None where there is none that can be written to."""
    try:
        home = Path.home()
    except RuntimeError:  # no HOME, and no entry in the user database
        return None
    state = home / ".local" / "state"
    return state if home.is_absolute() and _is_writable(state / "relaydrill") else None


def _is_writable(folder: Path) -> bool:
    """Whether a folder may be written to, or made."""
    try:
        there = next(each for each in (folder, *folder.parents) if each.exists())
    except PermissionError:  # of a folder on the way: somebody else's home
        return False
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def _private() -> Path:
    """A folder of this user's in the temporary directory, made if need be."""
    folder = Path(tempfile.gettempdir()) / f"relaydrill-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be made for records of labs and heals: {error.strerror}; {REMEDY}"
        ) from error
    # Everybody may make a folder of that name in /tmp, and what lies in it is trusted.
    is_private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o022
    if found.st_uid != os.getuid() or not is_private:
        raise UsageError(
            f"{folder} belongs to another user, or others may write to it; remove it, or {REMEDY}"
        )
    return folder

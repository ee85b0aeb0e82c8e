"""What other packages add: faults, checks, personas and drivers, by their entry points.

An entry point is a name, and where the object of that name is found; whoever installs a package has
its entry points. They are listed when a name is first wanted, and each is loaded when it is used.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Final

from relaydrill.errors import UsageError

FAULTS: Final = "relaydrill.faults"
CHECKS: Final = "relaydrill.checks"
PERSONAS: Final = "relaydrill.personas"
DRIVERS: Final = "relaydrill.drivers"


@cache
def added(group: str, taken: Collection[str] = ()) -> Mapping[str, EntryPoint]:
    """What installed packages add to a group, by name; nothing of it is loaded yet.

    Args:
        group: One of the groups above.
        taken: Names that Relaydrill has itself; hashable.

    Raises:
        UsageError: A name is taken twice.
    """
    found: dict[str, EntryPoint] = {}
    for entry in sorted(entry_points(group=group), key=lambda each: each.name):
        if entry.name in taken:
            raise UsageError(f"{told(entry)}: Relaydrill itself has a {entry.name!r} already")
        if entry.name in found:
            raise UsageError(f"{told(entry)}: so is that of {told(found[entry.name])}")
        found[entry.name] = entry
    return MappingProxyType(found)


def load(entry: EntryPoint) -> object:
    """The object that an entry point names.

    Raises:
        UsageError: It cannot be loaded, whatever the reason.
    """
    try:
        return entry.load()
    except (Exception, SystemExit) as error:  # another's code: anything may be wrong with it
        what = f"{type(error).__name__}: {error}"
        raise UsageError(f"{told(entry)} cannot be loaded: {what}") from error


def made(entry: EntryPoint) -> object:
    """The object that an entry point names; of a class, a new object, made without arguments.

    Raises:
        UsageError: It cannot be loaded or made, whatever the reason.
    """
    found = load(entry)
    if not isinstance(found, type):
        return found
    try:
        return found()
    except (Exception, SystemExit) as error:
        what = f"{type(error).__name__}: {error}"
        raise UsageError(f"{told(entry)}: {found.__name__}() fails: {what}") from error


def told(entry: EntryPoint) -> str:
    """An entry point with its package, to begin a sentence about it with."""
    package = entry.dist.name if entry.dist else "a package without a name"
    return f"{package}, entry point {entry.name} = {entry.value!r} of {entry.group}"

"""What stands between the library and the programs that call it: their errors, and their paths."""

from __future__ import annotations

import contextlib
import os
import reprlib
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final, Generic, TypeVar

from relaydrill.errors import HarnessError, TopologyError, UsageError
from relaydrill.fresh import file_name
from relaydrill.marks import Mark
from relaydrill.topology import Topology
from relaydrill.topology.rules import Draft, mistakes

Heard = TypeVar("Heard")

StrPath = str | os.PathLike[str]
"""A path, as a text or a `pathlib.Path`."""


class Listener(Generic[Heard]):
    """A caller's callback, whose errors are told from those of the library.

    Args:
        callback: What to call; None: nothing.

    Raises:
        UsageError: It cannot be called.
    """

    def __init__(self, callback: Callable[[Heard], object] | None) -> None:
        if callback is not None and not callable(callback):
            raise UsageError(f"{shown(callback)} cannot be called")
        self._callback: Final = callback
        self.error: BaseException | None = None

    def __call__(self, heard: Heard) -> None:
        """Pass something on; after an error of the callback nothing more, but the error again.

        Raises:
            BaseException: Whatever the callback has raised.
        """
        if self._callback is None:
            return
        if self.error is not None:  # so that drills in other threads end, too
            raise self.error
        try:
            self._callback(heard)
        except BaseException as error:
            self.error = error
            raise


@contextlib.contextmanager
def own_errors(listener: Listener[Heard] | None = None) -> Iterator[None]:
    """A block from which errors of the operating system come as `HarnessError`.

    Args:
        listener: Whose own errors are to pass as they are.

    Raises:
        HarnessError: There was one: a disk that is full, a folder that may not be written to.
    """
    try:
        yield
    except OSError as error:
        if listener is not None and error is listener.error:
            raise
        raise HarnessError(str(error)) from error


def must_hold(topology: Topology) -> None:
    """Make sure that a topology breaks no rule.

    That of a file was held to them when it was read; models alone check their fields.

    Args:
        topology: What is to be looked at.

    Raises:
        UsageError: It is none.
        TopologyError: It breaks rules; each mistake names the path of its keys.
    """
    must_be_a_topology(topology)
    if found := mistakes(Draft(topology)):
        at = Mark(f"<topology {topology.name}>", 0)
        raise TopologyError(tuple(replace(each, at=at) for each in found))


def private_folder(name: str) -> Path:
    """A new folder for temporary files, which only this user can look into; nobody removes it.

    Args:
        name: What it is about, for its name.
    """
    return Path(tempfile.mkdtemp(prefix=f"relaydrill-{file_name(name)}-"))


def several(given: object, what: str, *single: type) -> tuple[object, ...]:
    """Several things, of which a single one may be given as it is.

    Args:
        given: One or several.
        what: What they are, for the message.
        single: Of what types one may be; text is one of them.

    Raises:
        UsageError: It is neither.
    """
    if isinstance(given, (str, *single)):
        return (given,)
    if not isinstance(given, Iterable) or isinstance(given, bytes):
        raise UsageError(f"{what}: {shown(given)} is neither text nor a list of it")
    return tuple(given)


def texts(given: str | Iterable[str], what: str) -> tuple[str, ...]:
    """Several texts, of which a single one may be given as it is.

    Args:
        given: One text or several.
        what: What they are, for the message.

    Raises:
        UsageError: One of them is no text.
    """
    return tuple(a_text(each, what) for each in several(given, what))


def a_text(given: object, what: str) -> str:
    """A text.

    Args:
        given: What was given.
        what: What it is, for the message.

    Raises:
        UsageError: It is none.
    """
    if not isinstance(given, str):
        raise UsageError(f"{what}: {shown(given)} is no text")
    return given


def a_number(given: object, what: str) -> int:
    """A whole number.

    Args:
        given: What was given.
        what: What it is, for the message.

    Raises:
        UsageError: It is none.
    """
    if not isinstance(given, int):
        raise UsageError(f"{what}: {shown(given)} is no whole number")
    return given


def a_path(given: object) -> Path:
    """A path.

    Args:
        given: What was given.

    Raises:
        UsageError: It is none; an empty text is none, either.
    """
    told = os.fspath(given) if isinstance(given, str | os.PathLike) else None
    if not isinstance(told, str):
        raise UsageError(f"{shown(given)} is no path; give text or a pathlib.Path")
    if not told or "\0" in told:
        raise UsageError(f"{shown(given)} is no path of any file or folder")
    return Path(told)


def must_be_a_topology(given: object) -> None:
    """Make sure that something is a topology, and not its name.

    Args:
        given: What was given.

    Raises:
        UsageError: It is none.
    """
    if not isinstance(given, Topology):
        how = f"relaydrill.load({given!r})" if isinstance(given, str) else "relaydrill.load(…)"
        raise UsageError(f"{shown(given)} is no topology; give {how}")


def shown(given: object) -> str:
    """What was given, so short that a message can hold it."""
    return reprlib.repr(given)

"""Sequences: files that say what breaks after what, and those that are built in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from relaydrill.drills.sequences.model import Sequence
from relaydrill.errors import TopologyError, UsageError
from relaydrill.marks import Marked
from relaydrill.topology_files.built_ins import BuiltIns
from relaydrill.topology_files.file_text import is_there, text_of
from relaydrill.topology_files.located import BUILT_IN
from relaydrill.topology_files.reading import read_as
from relaydrill.topology_files.wording import did_you_mean, nearest
from relaydrill.topology_files.yaml_text import NotYaml, read

_BUILT_INS: Final = BuiltIns("relaydrill.drills.sequences", "built_in")


@dataclass(frozen=True)
class WrittenSequence:
    """A sequence, and where it is written.

    Attributes:
        says: What it says.
        root: Its values with their lines.
    """

    says: Sequence
    root: Marked


def load(source: str | Path) -> WrittenSequence:
    """The sequence that ``source`` names.

    Args:
        source: A built-in's name, or the path of a file. Text with a slash or a suffix is a path.

    Raises:
        UsageError: There is no such built-in or file.
        TopologyError: The file is wrong; carries all of the mistakes.
    """
    name = str(source)
    if isinstance(source, str) and name in _BUILT_INS.names():
        return parse(_BUILT_INS.text(name), f"{name}{BUILT_IN}")
    try:
        if not is_there(Path(source)):
            raise UsageError(_unknown(name))
        text = text_of(Path(source))
    except NotYaml as error:
        raise TopologyError((error.mistake,)) from None
    return parse(text, name)


def parse(text: str, where: str = "<text>") -> WrittenSequence:
    """The sequence in a YAML text.

    Args:
        text: What a file would hold.
        where: What messages call the text.

    Raises:
        TopologyError: The text is wrong; carries all of the mistakes.
    """
    try:
        root, mistakes = read(text, where)
    except NotYaml as error:
        raise TopologyError((error.mistake,)) from None
    says, wrong = read_as(root, Sequence)
    if mistakes or wrong or says is None:
        raise TopologyError(tuple(sorted({*mistakes, *wrong})))
    return WrittenSequence(says, root)


def builtins() -> tuple[Sequence, ...]:
    """The built-in sequences."""
    return tuple(load(name).says for name in _BUILT_INS.names())


def builtin_text(name: str) -> str:
    """The file of a built-in sequence, as it is.

    Raises:
        UsageError: No built-in has this name.
    """
    if name not in _BUILT_INS.names():
        raise UsageError(_unknown(name))
    return _BUILT_INS.text(name)


def _unknown(name: str) -> str:
    names = _BUILT_INS.names()
    near = did_you_mean(nearest(name, names))
    return (
        f"there is no sequence or file {name!r}{near}; give a file's path, or one of:"
        f" {', '.join(names)} (see: relaydrill sequences)"
    )

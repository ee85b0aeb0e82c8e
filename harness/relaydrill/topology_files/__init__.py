"""YAML file → `Topology`, and back; every mistake in a file is reported at once, by line."""

from __future__ import annotations

import copy
import difflib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from relaydrill.errors import TopologyError, UsageError
from relaydrill.marks import Marked, Mistake, overlay, show
from relaydrill.topology import Topology
from relaydrill.topology_files.built_ins import BuiltIns
from relaydrill.topology_files.describing import describe
from relaydrill.topology_files.file_text import is_there, text_of
from relaydrill.topology_files.located import BUILT_IN, Located
from relaydrill.topology_files.own_files import with_own_files
from relaydrill.topology_files.reading import check
from relaydrill.topology_files.yaml_text import NotYaml, read, write
from relaydrill.verbatim.filling import filled

_LONGEST_CHAIN: Final = 16
_BUILT_INS: Final = BuiltIns("relaydrill", "topologies")


def load(source: str | Path) -> Topology:
    """The topology that ``source`` names.

    Args:
        source: A built-in's name, or the path of a file. Text with a slash or a suffix is a path
            if there is such a file.

    Raises:
        UsageError: There is no such built-in or file.
        TopologyError: The file, or one that it extends, is wrong; carries all of the problems.
    """
    return load_located(source).topology


def load_located(source: str | Path) -> Located:
    """The topology that ``source`` names, and the lines that say what it holds. As `load`."""
    try:
        opened = _open(source, Path())
    except _NoSuch as error:
        raise UsageError(str(error)) from None
    except NotYaml as error:
        raise _inventory_error([error.mistake]) from None
    return _located(opened, str(source))


def parse(text: str, where: str = "<text>", folder: Path | None = None) -> Topology:
    """The topology in a YAML text.

    Args:
        text: What a file would hold.
        where: What messages call the text.
        folder: Where an ``extends`` path in it starts; the default is the working directory.

    Raises:
        TopologyError: The text, or a file that it extends, is wrong.
    """
    return _located(_Source(where, text, where, folder or Path()), where).topology


def builtins() -> dict[str, str]:
    """Summaries of the built-in topologies, by name."""
    return {name: load(name).summary for name in _BUILT_INS.names()}


def builtin_text(name: str) -> str:
    """The file of a built-in topology, as it is.

    Raises:
        UsageError: No built-in has this name.
    """
    if name not in _BUILT_INS.names():
        raise UsageError(str(_unknown(name)))
    return _BUILT_INS.text(name)


def dump(topology: Topology) -> str:
    """YAML that loads back to an equal topology, defaults written out.

    A default may change with a version of Relaydrill; what a run was done with may not.
    """
    return write(topology.model_dump(mode="json", by_alias=True))


def schema() -> dict[str, Any]:
    """JSON Schema of a topology file, for editors.

    A file that extends another states only what differs, so nothing is required of it, and
    ``null`` takes a key out.
    """
    whole = Topology.model_json_schema(by_alias=True)
    describe(whole)
    definitions = whole.pop("$defs")
    whole["properties"] = {
        "extends": {
            "type": "string",
            "description": "A built-in topology, or the path of a file, that this one builds on.",
        },
        **whole["properties"],
    }
    partial = {f"Partial{name}": _partial(part) for name, part in definitions.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Relaydrill topology",
        "type": "object",
        "if": {"required": ["extends"]},
        "then": _partial(whole),
        "else": whole,
        "$defs": {**definitions, **partial},
    }


def _partial(part: Any) -> Any:
    """A JSON Schema for a fragment of what ``part`` describes, to be merged into a whole."""
    if isinstance(part, list):
        return [_partial(each) for each in part]
    if not isinstance(part, dict):
        return part
    loose: dict[str, Any] = {}
    for key, value in part.items():
        if key == "properties":
            loose[key] = {name: _or_null(each) for name, each in value.items()}
        elif key == "additionalProperties" and isinstance(value, dict):
            loose[key] = _or_null(value)
        elif key == "oneOf":
            # Without its role, a node's fragment may fit several roles.
            loose["anyOf"] = _partial(value)
        elif key == "$ref":
            loose[key] = value.replace("#/$defs/", "#/$defs/Partial")
        elif key == "items":
            # A list is replaced as a whole, so its entries must be whole.
            loose[key] = copy.deepcopy(value)
        elif key not in ("required", "discriminator", "minProperties", "default"):
            loose[key] = copy.deepcopy(value)
    return loose


def _or_null(part: Any) -> Any:
    return {"anyOf": [_partial(part), {"type": "null"}]}


@dataclass(frozen=True)
class _Source:
    """A file that was read.

    Attributes:
        name: What messages call it.
        identity: The same for the same file, however it was reached.
        folder: Where an ``extends`` path in it starts.
    """

    name: str
    text: str
    identity: str
    folder: Path

    @property
    def is_built_in(self) -> bool:
        """Whether it comes with Relaydrill."""
        return self.name.endswith(BUILT_IN)


class _NoSuch(Exception):  # never leaves this module
    """There is neither a built-in nor a file of that name."""

    def __init__(self, what: str, allowed: str) -> None:
        super().__init__(f"{what} (allowed: {allowed})")
        self.what: Final = what
        self.allowed: Final = allowed


def _located(source: _Source, asked: str) -> Located:
    mistakes: list[Mistake] = []
    try:
        own = _read(source, mistakes)
        root, partial = _merged(own, source, (), mistakes)
    except NotYaml as error:
        raise _inventory_error([*mistakes, error.mistake]) from None
    draft, wrong = check(root, partial=partial)
    mistakes += wrong
    if mistakes:
        raise _inventory_error(mistakes)
    extends = own.find(("extends",))
    return Located(asked, filled(draft.topology), draft.places, extends.at if extends else None)


def _inventory_error(mistakes: list[Mistake]) -> TopologyError:
    return TopologyError(tuple(sorted(set(mistakes))))


def _read(source: _Source, mistakes: list[Mistake]) -> Marked:
    root, found = read(source.text, source.name)
    mistakes += found
    return with_own_files(root, source.folder, mistakes)


def _merged(
    root: Marked, source: _Source, chain: tuple[_Source, ...], mistakes: list[Mistake]
) -> tuple[Marked, bool]:
    """A file's values laid over those it extends, and whether some of those are not to be had."""
    entries = dict(root.value) if isinstance(root.value, dict) else {}
    extends = entries.pop("extends", None)
    root = replace(root, value=entries)
    if extends is None:
        return root, False
    base = _base(extends, source, (*chain, source), mistakes)
    if base is None:
        return root, True
    try:
        below, partial = _merged(_read(base, mistakes), base, (*chain, source), mistakes)
    except NotYaml as error:
        mistakes.append(error.mistake)
        return root, True
    if base.is_built_in and isinstance(below.value, dict):
        # What its author accepts is nobody else's excuse.
        below = replace(below, value={k: v for k, v in below.value.items() if k != "accept"})
    return overlay(below, root), partial


def _base(
    extends: Marked, source: _Source, chain: tuple[_Source, ...], mistakes: list[Mistake]
) -> _Source | None:
    """The file that ``extends`` names, or ``None`` once the mistake in it is noted."""
    what, allowed = "", ""
    base: _Source | None = None
    if extends.told:
        return None
    if not isinstance(extends.value, str):
        what, allowed = f"{show(extends.value)} is not text", "a built-in's name or a path"
    else:
        try:
            base = _open(extends.value, source.folder)
        except _NoSuch as error:
            what, allowed = error.what, error.allowed
        except NotYaml as error:
            what = f"{error.mistake.at.file}: {error.mistake.what}"
    if base is not None and base.identity in [each.identity for each in chain]:
        names = " → ".join(each.name for each in (*chain, base))
        what, allowed = f"a circle: {names}", "a chain of files that ends"
    elif base is not None and len(chain) >= _LONGEST_CHAIN:
        what, allowed = "too many files extend one another", f"up to {_LONGEST_CHAIN}"
    if what:
        mistakes.append(Mistake(extends.place, f"extends: {what}", allowed))
        return None
    return base


def _open(source: str | Path, folder: Path) -> _Source:
    """Reads what ``source`` names.

    Raises:
        _NoSuch: Neither a built-in nor a file has the name.
        NotYaml: The file cannot be read as text.
    """
    name = str(source)
    if isinstance(source, Path) or _looks_like_path(name):
        path = folder / source
        if is_there(path):
            return _Source(str(path), text_of(path), _identity(path), path.parent)
    if isinstance(source, str) and name in _BUILT_INS.names():
        return _Source(f"{name}{BUILT_IN}", _BUILT_INS.text(name), f"built in: {name}", Path())
    raise _unknown(name)


def _looks_like_path(name: str) -> bool:
    return "/" in name or os.sep in name or bool(Path(name).suffix)


def _identity(path: Path) -> str:
    return os.path.realpath(path)


def _unknown(name: str) -> _NoSuch:
    """Of a name that is neither a built-in nor a file: the nearest one, and all there are."""
    names = _BUILT_INS.names()
    path = _looks_like_path(name)
    near = difflib.get_close_matches(Path(name).stem if path else name, names, n=1)
    said = f"there is no file {show(name)}" if path else f"no topology is called {show(name)}"
    if near:
        said += f"; did you mean {near[0]!r}?"
    if not path and name.strip(". ") and _exists(name):
        said += f"; the file of that name is './{name}'"
    allowed = f"a file's path, with a slash or a suffix, or one of: {', '.join(names)}"
    return _NoSuch(said, allowed)


def _exists(name: str) -> bool:
    try:
        return Path(name).exists()
    except (OSError, ValueError):
        return False

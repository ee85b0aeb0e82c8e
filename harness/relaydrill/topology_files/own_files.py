"""``config: haproxy.cfg`` → the files' text, in the place of their paths.

A topology that is loaded is whole: it needs no folder any more, and what a run directory keeps is
judged years later with the lines that were run.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from relaydrill.errors import UsageError
from relaydrill.marks import Marked, Mistake, dotted, show
from relaydrill.own_configuration.text import read_text

_KEY: Final = "config"
_MOST_CHARACTERS: Final = 128 * 1024
"""Of all files of a topology: a run directory keeps them in its copy of that."""
_MOST_FILES: Final = 50
_ALLOWED: Final = "the path of a file, several in a list, or a folder of files *.cfg"


def with_own_files(root: Marked, folder: Path, mistakes: list[Mistake]) -> Marked:
    """What a file says, with the text of the files that its nodes run.

    Args:
        root: The whole of it.
        folder: Where relative paths start.
        mistakes: What is wrong with one is added here.
    """
    nodes = root.find(("nodes",))
    if nodes is None or not isinstance(nodes.value, dict):
        return root
    changed: dict[str, Marked] = {}
    for name, node in nodes.value.items():
        said = node.find((_KEY,))
        if said is not None and isinstance(node.value, dict) and said.value is not None:
            value = {**node.value, _KEY: _read(said, folder, mistakes)}
            changed[name] = replace(node, value=value)
    read = [file for node in changed.values() for file in _read_in(node)]
    if sum(map(_length, read)) > _MOST_CHARACTERS:
        what = f"more than {_MOST_CHARACTERS >> 10} KiB of configuration files are named here"
        mistakes.append(Mistake(nodes.place, what, "the files of one mail tier"))
    if not changed:
        return root
    assert isinstance(root.value, dict)
    nodes = replace(nodes, value={**nodes.value, **changed})
    return replace(root, value={**root.value, "nodes": nodes})


def _read(said: Marked, folder: Path, mistakes: list[Mistake]) -> Marked:
    """The files that an entry names, in a list; what is in the file already stays as it is."""
    entries = said.value if isinstance(said.value, tuple) else (said,)
    found: list[Marked] = []
    for entry in entries:
        if isinstance(entry.value, dict):
            found.append(entry)
            continue
        try:
            files = _files(entry, folder)
        except UsageError as error:
            what = f"{dotted(said.path)}: {error}"
            mistakes.append(Mistake(entry.at, what, _ALLOWED))
            return replace(said, value=None, told=True)
        found += [_inline(entry, path, text) for path, text in files]
    return replace(said, value=tuple(found))


def _files(entry: Marked, folder: Path) -> list[tuple[str, str]]:
    """Path, as it is written, and text of each file that an entry names.

    Raises:
        UsageError: There is none, or one that cannot be run as it is.
    """
    if not isinstance(entry.value, str) or not entry.value:
        raise UsageError(f"{show(entry.plain())} names no file")
    named = Path(entry.value)
    try:
        there = folder / named
        is_folder = there.is_dir()
        if there.exists() and not is_folder and not there.is_file():
            raise UsageError(f"{named} is no file that can be read again (a pipe, a device)")
        inside = sorted(there.glob("*.cfg")) if is_folder else []
    except (OSError, ValueError):
        is_folder, inside = False, []
    if is_folder and not inside:
        raise UsageError(f"{named} is a folder without a file *.cfg")
    if len(inside) > _MOST_FILES:
        raise UsageError(f"{named} holds more than {_MOST_FILES} files")
    # As `haproxy -f FOLDER` reads it: in the order of their names.
    paths = [named / each.name for each in inside] or [named]
    return [(str(each), _as_it_is(folder / each)) for each in paths]


def _as_it_is(path: Path) -> str:
    """The text of a file, byte for byte, its line ends among it.

    Raises:
        UsageError: It cannot be read, or is no UTF-8 and could not be handed on unchanged.
    """
    if notes := read_text(path).notes:
        raise UsageError(f"{notes[0]}; a file that is run as it is must be plain UTF-8")
    return path.read_bytes().decode("utf-8")


def _read_in(node: Marked) -> tuple[Marked, ...]:
    """The files of a node."""
    found = node.find((_KEY,))
    return found.value if found and isinstance(found.value, tuple) else ()


def _length(file: Marked) -> int:
    text = file.find(("text",))
    return len(text.value) if text and isinstance(text.value, str) else 0


def _inline(entry: Marked, path: str, text: str) -> Marked:
    parts = {"path": path, "text": text}
    value = {key: Marked(said, entry.at, (*entry.path, key)) for key, said in parts.items()}
    return Marked(value, entry.at, entry.path, entry.key_at)

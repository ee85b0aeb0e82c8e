"""What `relaydrill init` makes of the user's own configuration files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from relaydrill import topology_files
from relaydrill.errors import HarnessError, TopologyError, UsageError
from relaydrill.from_files import topology_text
from relaydrill.own_configuration.gathering import Gathered
from relaydrill.own_configuration.recognising import KINDS

_OF: Final = "="
_TOPOLOGIES: Final = (".yaml", ".yml", ".json")


def asked(sources: tuple[str, ...], kinds: tuple[str, ...]) -> dict[str, str]:
    """The configuration files that are named, each with its kind; none for a built-in topology.

    Args:
        sources: What the user named; the kind of each is to be found out.
        kinds: ``KIND=FILE``.

    Raises:
        UsageError: Something is named twice, or does not go together.
    """
    builtins = topology_files.builtins()
    for source in sources:
        if source not in builtins and source not in _paths(kinds) and _is_a_name(source):
            topology_files.builtin_text(source)  # says which there are
    named = [source for source in sources if source in builtins]
    files = {source: "" for source in sources if source not in builtins}
    for each in kinds:
        kind, of, source = each.partition(_OF)
        if kind not in KINDS or not of or not source:
            allowed = ", ".join(KINDS)
            raise UsageError(f"--as {each}: write KIND=FILE with one of the kinds: {allowed}")
        files[source] = kind
    if named and (files or len(named) > 1):
        raise UsageError(
            f"{named[0]} is a built-in topology, and is copied alone; name one of them, or files"
        )
    for source in files:
        if Path(source).suffix in _TOPOLOGIES:
            what = "is a topology, and no configuration of a program"
            raise UsageError(f"{source} {what}; in a topology write extends: {source}")
    _refuse_twice(sources, files)
    return files


def _paths(kinds: tuple[str, ...]) -> list[str]:
    return [each.partition(_OF)[2] for each in kinds]


def _is_a_name(source: str) -> bool:
    """Whether a source can only be meant as a built-in topology: there is no file of the name."""
    try:
        return source.replace("-", "").isalnum() and not Path(source).exists()
    except (OSError, ValueError):
        return False


def _refuse_twice(sources: tuple[str, ...], files: dict[str, str]) -> None:
    seen: dict[str, str] = {}
    for source in dict.fromkeys((*sources, *files)):
        if sources.count(source) > 1:
            raise UsageError(f"{source} is given twice; once is enough")
        try:
            first = seen.setdefault(os.path.realpath(source), source)
        except (OSError, ValueError):
            continue  # what is wrong with the name is told when it is read
        if first != source:
            raise UsageError(f"{source} is the file {first}, which is given already")


def text_from(files: dict[str, str], target: Path) -> str:
    """The topology that configuration files are.

    Args:
        files: They, each with its kind or nothing.
        target: The file that it is for.

    Raises:
        UsageError: A file cannot be read, or nothing in them is of mail.
        HarnessError: What was made of them is no topology.
    """
    gathered = Gathered()
    for source, kind in files.items():
        gathered.add(source, kind)
    if gathered.problems:
        problems = [
            why if source in why else f"{source}: {why}"
            for source, why in gathered.problems.items()
        ]
        raise UsageError("; ".join(problems))
    text = topology_text(gathered.files(), target.stem, target.parent)
    try:
        topology_files.parse(text, target.name, target.parent)
    except TopologyError as error:
        what = "what these files say could not be made a topology; please report it with the files"
        raise HarnessError(f"{what}: {error}") from None
    return text

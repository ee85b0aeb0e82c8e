"""Topologies: from files, from what is built in, from text, and from plain values."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import yaml

from relaydrill import topology_files
from relaydrill.api.boundary import StrPath, a_path, a_text
from relaydrill.errors import TopologyError, UsageError
from relaydrill.marks import Mark
from relaydrill.topology import Topology
from relaydrill.topology_files import yaml_text

_VALUES = "<mapping>"


def load(source: StrPath | Mapping[str, object]) -> Topology:
    """A topology: a built-in one, that of a file, or one that is given as values.

    Args:
        source: The name of a built-in topology, the path of a file, or what a file would hold as
            dictionaries, lists, text and numbers. Text with a slash or a suffix is a path if there
            is such a file; paths in ``extends`` of a mapping start at the working directory.

    Raises:
        UsageError: There is no such topology or file, or the mapping cannot stand in a file.
        TopologyError: The topology is wrong; it carries all of its mistakes.
    """
    if isinstance(source, Mapping):
        return _of_values(source)
    if not isinstance(source, str | os.PathLike):
        raise UsageError(f"{source!r} names no topology; give a name, a path or a mapping")
    return topology_files.load(source if isinstance(source, str) else Path(source))


def parse(text: str, *, where: str = "<text>", folder: StrPath | None = None) -> Topology:
    """The topology in a text, as a file would hold it.

    Args:
        text: YAML.
        where: What messages call the text.
        folder: Where paths in ``extends`` start; by default the working directory.

    Raises:
        TopologyError: The topology is wrong; it carries all of its mistakes.
        UsageError: It is no text, or the folder no path.
    """
    return topology_files.parse(
        a_text(text, "text"), where, None if folder is None else a_path(folder)
    )


def builtin_topologies() -> dict[str, str]:
    """The names of the built-in topologies, and what each is about."""
    return topology_files.builtins()


def _of_values(values: Mapping[str, object]) -> Topology:
    try:
        text = yaml_text.write(dict(values))
    except (yaml.YAMLError, RecursionError):
        raise UsageError(
            "the mapping holds something that no file can: use dictionaries, lists, text, numbers,"
            " True, False and None only"
        ) from None
    try:
        return topology_files.parse(text, _VALUES)
    except TopologyError as error:
        raise TopologyError(
            tuple(
                # Nobody has seen the text; each mistake names the path of its keys.
                replace(each, at=Mark(_VALUES, 0)) if each.at.file == _VALUES else each
                for each in error.mistakes
            )
        ) from None

"""A topology that remembers which line of which file says what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from relaydrill.marks import Mark, Marked, Path
from relaydrill.topology import Topology

BUILT_IN: Final = " (built in)"
"""Ends the name of a built-in topology where a file's path would stand."""


@dataclass(frozen=True)
class Located:
    """A topology, and where it is written.

    Attributes:
        source: What was asked for: a built-in's name or a path.
        topology: What it holds.
        places: Its values with their marks, those of the files that it extends among them, by
            paths of keys. That of the whole is empty.
        extends: Where its own file says what it extends.
    """

    source: str
    topology: Topology
    places: Mapping[Path, Marked]
    extends: Mark | None = None

    def at(self, path: Path) -> Mark:
        """The line of a path of keys, or of the nearest part of it that is written."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.places:
                return self.places[path[:length]].place
        return self.places[()].at

    def in_file(self, path: Path) -> Mark | None:
        """As `at`, but never in a built-in topology: there, the line that extends it.

        None where everything is built in.
        """
        mark = self.at(path)
        return self.extends if mark.file.endswith(BUILT_IN) else mark

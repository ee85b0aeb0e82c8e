"""A topology that remembers which line of which file says what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from relaydrill.inventory.wording import find_reference
from relaydrill.inventory.yaml_marks import Mark, Marked, Path
from relaydrill.topology import Topology

BUILT_IN: Final = " (built in)"
"""Ends the name of a built-in topology where a file's path would stand."""


@dataclass(frozen=True)
class Located:
    """A topology, and where it is written.

    Attributes:
        source: What was asked for: a built-in's name or a path. topology: What it holds.
        root: Its values with their marks, those of the files that it extends among them.
        extends: Where its own file says what it extends.
    """

    source: str
    topology: Topology
    root: Marked
    extends: Mark | None = None

    def at(self, path: Path) -> Mark:
        """The line of a path of keys, or of the nearest part of it that is written."""
        for length in range(len(path), 0, -1):
            found = find_reference(self.root, path[:length])
            if found is not None:
                return found.place
        return self.root.at

    def in_file(self, path: Path) -> Mark | None:
        """As `at`, but never in a built-in topology: there, the line that extends it.

        None where everything is built in.
        """
        mark = self.at(path)
        return self.extends if mark.file.endswith(BUILT_IN) else mark

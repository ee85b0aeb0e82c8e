"""YAML files that come with Relaydrill, by name."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

_SUFFIX: Final = ".yaml"


@dataclass(frozen=True, slots=True)
class BuiltIns:
    """The files of one folder of the package.

    Attributes:
        package: Where the folder is, as it is imported.
        folder: Its name.
    """

    package: str
    folder: str

    def names(self) -> list[str]:
        """What they are called, in order."""
        files = (entry.name for entry in self._there.iterdir())
        return sorted(name.removesuffix(_SUFFIX) for name in files if name.endswith(_SUFFIX))

    def text(self, name: str) -> str:
        """The file of one of `names`, as it is."""
        return (self._there / f"{name}{_SUFFIX}").read_text(encoding="utf-8")

    @property
    def _there(self) -> Traversable:
        return resources.files(self.package) / self.folder

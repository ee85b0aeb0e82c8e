"""A format of documents, and which versions of it are read. Pure.

A version is a whole number. Fields may be added without a new one, so a reader passes over fields
that it does not know; a field that goes, or means something else, makes a new version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import relaydrill
from relaydrill.errors import UsageError

UNMARKED: Final = 0
"""The version of what was written before documents had a format."""


@dataclass(frozen=True, slots=True)
class Format:
    """One format of documents.

    Attributes:
        name: As the field ``format`` has it: ``relaydrill.audit``.
        version: Of what is written today.
        what: What such a document is.
        where: The commands that print it, and the files that hold it.
        oldest: The oldest version that is read; `UNMARKED` where documents without a format are.
        numbered: Versions that were written as ``"format": VERSION``, without a name.
    """

    name: str
    version: int
    what: str
    where: str
    oldest: int = 1
    numbered: tuple[int, ...] = ()

    @property
    def short_name(self) -> str:
        """As ``relaydrill schema --of`` takes it: ``audit``."""
        return self.name.removeprefix("relaydrill.")

    def version_of(self, document: Mapping[str, Any], where: object) -> int:
        """The version of a document that was read.

        Args:
            document: The whole document.
            where: What a person calls it: the file's path.

        Raises:
            UsageError: It is of another format, or of a version that is not read here.
        """
        name = document.get("format")
        if name is None and self.oldest == UNMARKED:
            return UNMARKED
        if name is None:
            raise UsageError(f"{where} cannot be read: it says nothing of 'format'")
        if type(name) is int and self.numbered:
            return self._known(name, (*self.numbered,), where)
        if name != self.name:
            raise UsageError(
                f"{where} has format {name!r}, and {self.name!r} belongs there: put back the file"
                " that Relaydrill wrote"
            )
        marked = range(max(1, self.oldest, *(each + 1 for each in self.numbered)), self.version + 1)
        return self._known(document.get("version"), (*marked,), where)

    def _known(self, version: object, known: tuple[int, ...], where: object) -> int:
        if type(version) is int and version in known:
            return version
        told = f"{where} has version {version!r} of {self.name}"
        if type(version) is int and version > self.version:
            raise UsageError(
                f"{told}, and this Relaydrill ({relaydrill.__version__}) reads up to"
                f" {self.version}: use the newer one that wrote it"
            )
        raise UsageError(f"{told}, which never existed: put back what Relaydrill wrote")

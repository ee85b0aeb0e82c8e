"""Files that a file includes: found beside it, read once, and told of where they are missing."""

from __future__ import annotations

import glob
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from relaydrill.errors import UsageError
from relaydrill.marks import Mark, show
from relaydrill.own_configuration.text import Note, TextFile, read_text

_MOST: Final = 200


@dataclass
class Includes:
    """The files that were read besides those that were named.

    Attributes:
        notes: What is wrong with some.
        texts: The files.
    """

    notes: list[Note] = field(default_factory=list)
    texts: list[TextFile] = field(default_factory=list)

    def files(self, pattern: str, at: Mark, *, many: bool = True) -> list[TextFile]:
        """The files that a pattern names.

        Args:
            pattern: A path, or a pattern of several; relative ones start at the folder of the file.
            at: The line that includes them.
            many: Whether ``*`` stands for anything.
        """
        if not pattern or "\0" in pattern:
            self.notes.append(Note(at, "nothing is named to be included"))
            return []
        path = Path(at.file).parent / pattern
        wild = many and glob.has_magic(pattern)
        # The folder may be a pattern, too, which `Path.glob` does not take of an absolute path.
        paths = sorted(Path(each) for each in glob.glob(str(path))) if wild else [path]  # noqa: PTH207
        found: list[TextFile] = []
        for each in paths:
            if str(each) in {text.path for text in self.texts} or len(self.texts) >= _MOST:
                self.notes.append(Note(at, f"{show(str(each))} is included once more, or too late"))
                continue
            try:
                text = read_text(each)
            except UsageError as error:
                self.notes.append(Note(at, f"what it includes is left out: {error}"))
                continue
            self.texts.append(text)
            self.notes += text.notes
            found.append(text)
        return found

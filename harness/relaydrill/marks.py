"""Values that remember which line of which file they come from, and how messages show them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

Scalar = str | int | float | bool | None
Path = tuple[str | int, ...]
"""Keys and list positions that lead from the top of a file to a value."""


@dataclass(frozen=True, order=True)
class Mark:
    """A line of a file; line 0 means the file as a whole."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, order=True)
class Mistake:
    """Something wrong in a file; sorts by its line.

    Attributes:
        at: The line of the offending text, or the file alone where no line fits.
        what: What is wrong, naming the field and the value that was found.
        allowed: What would be right; empty where ``what`` already says it.
    """

    at: Mark
    what: str
    allowed: str = ""

    @property
    def where(self) -> str:
        """``file:line``, or the file."""
        return str(self.at)

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f" ({self.allowed})" if self.allowed else "")


@dataclass(frozen=True)
class Marked:
    """A value of a file.

    Attributes:
        value: A scalar, a mapping, or a list.
        at: Where the value begins.
        path: How it is reached in the file, even after something beside it was taken out.
        key_at: Where its key stands, if it has one.
        told: A mistake in it is reported already; whoever finds another leaves it at that.
    """

    value: Scalar | dict[str, Marked] | tuple[Marked, ...]
    at: Mark
    path: Path = ()
    key_at: Mark | None = None
    told: bool = False

    @property
    def place(self) -> Mark:
        """Where to send the reader: a scalar itself, the key of anything bigger."""
        return self.key_at if self.key_at and isinstance(self.value, dict | tuple) else self.at

    def children(self) -> Iterator[tuple[str | int, Marked]]:
        """The entries of a mapping or a list; none of a scalar."""
        if isinstance(self.value, dict):
            yield from self.value.items()
        elif isinstance(self.value, tuple):
            yield from enumerate(self.value)

    def find(self, path: Path) -> Marked | None:
        """What lies at ``path`` below this value, or ``None``."""
        here: Marked | None = self
        for step in path:
            value = here.value if here else None
            if isinstance(value, dict) and isinstance(step, str):
                here = value.get(step)
            elif isinstance(value, tuple) and isinstance(step, int) and step < len(value):
                here = value[step]
            else:
                return None
        return here

    def plain(self) -> Any:
        """The value without its marks."""
        if isinstance(self.value, dict):
            return {key: entry.plain() for key, entry in self.value.items()}
        if isinstance(self.value, tuple):
            return [entry.plain() for entry in self.value]
        return self.value


def overlay(base: Marked, over: Marked, *, null_removes: bool = True) -> Marked:
    """``over`` laid on ``base``: mappings merge, anything else replaces.

    A ``null`` in ``over`` takes the key out of ``base``.
    """
    if not isinstance(base.value, dict) or not isinstance(over.value, dict):
        return over
    merged = dict(base.value)
    for key, entry in over.value.items():
        if key not in merged:
            merged[key] = entry
        elif null_removes and entry.value is None and not entry.told:
            del merged[key]
        else:
            merged[key] = overlay(merged[key], entry, null_removes=null_removes)
    return replace(over, value=merged)


def dotted(path: Path) -> str:
    """A path as messages write it: ``nodes.lb1.backends[2]``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            odd = not step or len(step) > 60 or not step.isprintable() or " " in step
            text += ("." if text else "") + (show(step) if odd else step)
    return text


def show(value: object) -> str:
    """A value as messages show it, near to how the file writes it, and short."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:57] + "...")
    if isinstance(value, Mapping):
        return "a mapping"
    return "a list" if isinstance(value, list | tuple) else str(value)

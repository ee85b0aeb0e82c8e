"""YAML with comments, line by line: what a library of YAML would not keep in its place. Pure."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_PLAIN: Final = re.compile(
    r"[a-z][a-z0-9._@-]*|\d+(?:\.\d+)?(?:ms|s|min|h)|\d+/s|\d+(?:\.\d+){3}(?:/\d+)?", re.ASCII
)
_WORDS_OF_YAML: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_STEP: Final = "  "
_WIDTH: Final = 100

Scalar = str | int | float | bool
Value = Scalar | Sequence[Scalar] | Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Line:
    """A key with its value, in one line or as a block.

    Attributes:
        key: The key; empty for an entry of a list.
        value: What stands in the line; None where the block is all.
        inside: The block.
        remark: A comment after the value.
        above: Comments before the key.
    """

    key: str
    value: Value | None = None
    inside: tuple[Line, ...] = ()
    remark: str = ""
    above: tuple[str, ...] = ()


def written(lines: Iterable[Line], depth: int = 0) -> Iterator[str]:
    """The lines of a text."""
    indent = _STEP * depth
    for line in lines:
        for text in line.above:
            yield from comment(text, depth)
        head = f"{scalar(line.key)}:" if line.key else "-"
        if line.value is not None:
            head += f" {flow(line.value)}"
        remark = f"   # {printable(line.remark)}" if line.remark else ""
        if len(indent + head + remark) > _WIDTH and line.remark:
            yield from comment(line.remark, depth)
            remark = ""
        yield f"{indent}{head}{remark}"
        yield from written(line.inside, depth + 1)


def comment(text: str, depth: int = 0, hanging: str = "  ") -> Iterator[str]:
    """A comment, in as many lines as it takes.

    Args:
        text: What it says; its leading blanks are kept.
        depth: How deep it is indented.
        hanging: What the second line and those after it are indented by, besides.
    """
    start = f"{_STEP * depth}# "
    plain = printable(text)
    blank = plain[: len(plain) - len(plain.lstrip())]
    yield from textwrap.wrap(
        plain.strip(),
        _WIDTH,
        initial_indent=start + blank,
        subsequent_indent=start + blank + hanging,
        break_on_hyphens=False,
    ) or [start.rstrip()]


def printable(text: str) -> str:
    """A text without what ends a line for any reader, or shows nothing."""
    return "".join(each if each.isprintable() else " " for each in text)


def flow(value: object) -> str:
    """A value in one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow(each) for each in value) + "]"
    return scalar(value)


def scalar(value: object) -> str:
    """A scalar, in quotes where a reader might take it for something else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) and value not in _WORDS_OF_YAML
        return value if plain else json.dumps(value)
    return str(value)

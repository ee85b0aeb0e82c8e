"""Why there is no document: what a command with ``--json`` prints in its place."""

from __future__ import annotations

from typing import Final, Literal

from typing_extensions import TypedDict

from relaydrill.documents.formats import Format

ERROR: Final = Format(
    "relaydrill.error",
    1,
    what="Why there is no such document.",
    where="every command with --json, in place of its document",
)

Kind = Literal["arguments", "topology", "unsupported", "harness", "system"]


class ProblemDocument(TypedDict):
    """One mistake in a topology file."""

    where: str
    """`file:line` of the offending text, or the file alone where no line fits."""
    file: str
    """The file."""
    line: int
    """The line, from 1 on; 0: none fits."""
    what: str
    """What is wrong, with the field and the value that was found."""
    allowed: str
    """What would be right; empty where `what` already says it."""


class ErrorDocument(TypedDict):
    """Why there is no such document."""

    format: Literal["relaydrill.error"]
    version: Literal[1]
    kind: Kind
    """Who has to act: `arguments`: the person at the keyboard; `topology`: the author of the file;
    `unsupported`: nobody, for it cannot be done here; `harness`: Relaydrill or its machine;
    `system`: the operating system refused."""
    exit_status: int
    """What the command ends with."""
    message: str
    """The same text as on standard error."""
    problems: list[ProblemDocument]
    """Every mistake by itself, where the kind is `topology`."""

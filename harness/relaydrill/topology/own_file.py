"""A configuration file of the user's own program, as part of a design. Pure data."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, WithJsonSchema

from relaydrill.model import Model


class OwnFile(Model):
    """A file that a real program runs with, just as it is.

    Attributes:
        path: How messages call it: as the topology file names it.
        text: All of it.
    """

    path: str = Field(min_length=1)
    text: str


_ONE = {"type": "string", "description": "The path of a file, or of a folder of files *.cfg."}
_WHOLE = {
    "type": "object",
    "properties": {"path": {"type": "string"}, "text": {"type": "string"}},
    "required": ["path", "text"],
    "additionalProperties": False,
}

OwnFiles = Annotated[
    tuple[OwnFile, ...],
    Field(min_length=1),
    WithJsonSchema({"anyOf": [_ONE, {"type": "array", "items": {"anyOf": [_ONE, _WHOLE]}}]}),
]
"""The files of one program, in the order in which it reads them. A topology file names them by
their paths; whoever loads it reads them (`relaydrill.topology_files`), so that a design is whole
without its folder."""

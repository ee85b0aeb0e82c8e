"""What all models share: of a design, and of what a node is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict


class Unread(Exception):  # never leaves the loading of a topology
    """A field was asked for that is wrong in the file, or missing: nothing can be said of it."""


class Model(BaseModel):
    """Base of all models: frozen, and no key that it does not know.

    A file with mistakes is read as far as it goes, and what could not be read is not there. Whoever
    asks for it gets `Unread`: what follows from a wrong value is no mistake of its own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    if not TYPE_CHECKING:  # or every attribute would be taken to be there

        def __getattr__(self, name: str) -> Any:
            """Only asked for what was not found."""
            if name in type(self).model_fields:
                raise Unread(name)
            return super().__getattr__(name)

"""What each key of a topology file means, in its JSON Schema: from the docstrings of the models."""

from __future__ import annotations

import re
from collections.abc import Iterator
from inspect import cleandoc
from typing import Any, Final

from relaydrill.model import Model

_OF_A_DESIGN: Final = ("relaydrill.topology.", "relaydrill.node_settings")
_SECTION: Final = re.compile(r"\n\nAttributes:\n(?P<entries>(?:    .*\n?)+)")
_ENTRY: Final = re.compile(r"^    (?P<names>\w+(?:, \w+)*): (?P<text>.*(?:\n     .*)*)", re.M)
_QUOTED: Final = re.compile(r"``?([^`]+)``?")


def describe(schema: dict[str, Any]) -> None:
    """Give each property its description, in place of the one text for a whole part.

    Args:
        schema: Of a whole topology, with ``$defs``; it is changed.
    """
    models = {
        model.__name__: model
        for model in _models(Model)
        if model.__module__.startswith(_OF_A_DESIGN)  # what nodes are told bears the same names
    }
    for part in (schema, *schema.get("$defs", {}).values()):
        if not (model := models.get(part.get("title", ""))):
            continue
        part["description"] = _plain(_SECTION.sub("", _docstring(model)))
        meanings = _meanings(model)
        for name, field in model.model_fields.items():
            if name in meanings:
                part["properties"][field.alias or name]["description"] = meanings[name]


def _models(base: type[Model]) -> Iterator[type[Model]]:
    """A model, and all that are made from it."""
    yield base
    for model in base.__subclasses__():
        yield from _models(model)


def _meanings(model: type[Model]) -> dict[str, str]:
    """What a model's docstring says of its attributes, or that of a model it is made from."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if section := _SECTION.search(_docstring(base)):
            for entry in _ENTRY.finditer(section["entries"]):
                found |= dict.fromkeys(entry["names"].split(", "), _plain(entry["text"]))
    return found


def _docstring(of: type) -> str:
    return cleandoc(of.__doc__ or "") + "\n"


def _plain(text: str) -> str:
    """On one line, without the marks of a docstring."""
    return _QUOTED.sub(r"\1", " ".join(text.split()))

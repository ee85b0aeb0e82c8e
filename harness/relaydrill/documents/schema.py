"""The JSON Schema of each format, made from its type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ConfigDict, TypeAdapter

from relaydrill.documents.catalogue import FORMATS
from relaydrill.documents.checks import FIGURES
from relaydrill.documents.formats import Format
from relaydrill.documents.journal import DETAILS, JOURNAL

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_CONFIG: Final = ConfigDict(use_attribute_docstrings=True)
_MARKS: Final = {
    "format": "Which document this is.",
    "version": "Of the format. Fields may be added without a new one.",
}


def schema_of(wanted: Format) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a format. Fields that it does not name are allowed.

    Args:
        wanted: One of `FORMATS`; of a journal, the schema of one line.
    """
    made = _schema(FORMATS[wanted])
    definitions: dict[str, Any] = made.pop("$defs", {})
    whole = {
        "$schema": DIALECT,
        "$id": f"urn:relaydrill:{wanted.short_name}:{wanted.version}",
        "title": f"{wanted.name}, version {wanted.version}",
        **made,
    }
    if wanted is JOURNAL:
        whole |= _by_name("kind", "detail", DETAILS, definitions)
    if "CheckDocument" in definitions:
        definitions["CheckDocument"] |= _by_name("check", "figures", FIGURES, definitions)
    for part in (whole, *definitions.values()):
        for name, told in _MARKS.items():
            if name in part.get("properties", {}):
                part["properties"][name].setdefault("description", told)
    if definitions:
        whole["$defs"] = dict(sorted(definitions.items()))
    return whole


def _schema(kind: object) -> dict[str, Any]:
    """The schema of a type, its own at the top and those of its parts below ``$defs``."""
    # In a list, for a TypedDict takes a configuration only from what it stands in.
    listed = TypeAdapter(list[kind], config=_CONFIG).json_schema()  # type: ignore[valid-type]
    definitions: dict[str, Any] = listed.get("$defs", {})
    top: dict[str, Any] = listed["items"]
    if "$ref" in top:
        top = definitions.pop(top["$ref"].removeprefix("#/$defs/"))
    for part in (top, *definitions.values()):
        for each in (part, *part.get("properties", {}).values()):
            each.pop("title", None)  # it says what the name says
            if "description" in each:
                each["description"] = " ".join(each["description"].split())
    return {**top, "$defs": definitions}


def _by_name(
    tag: str, part: str, kinds: Mapping[str, object], definitions: dict[str, Any]
) -> dict[str, Any]:
    """What a part of an object must be, by the name that its tag has.

    Args:
        tag: The property with the name.
        part: The property that hangs on it.
        kinds: By name, the type of the part.
        definitions: Where the schemas of these types go.
    """
    rules = []
    for name, kind in kinds.items():
        made = _schema(kind)
        definitions |= made.pop("$defs")
        if called := getattr(kind, "__name__", "") if isinstance(kind, type) else "":
            definitions[called] = made
            made = {"$ref": f"#/$defs/{called}"}
        rules.append(
            {"if": {"properties": {tag: {"const": name}}}, "then": {"properties": {part: made}}}
        )
    return {"allOf": rules}

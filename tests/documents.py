"""Documents held against their schemas, more strictly than readers do it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

from relaydrill.documents.catalogue import FORMATS
from relaydrill.documents.checks import FIGURES
from relaydrill.documents.formats import Format
from relaydrill.documents.journal import DETAILS, JOURNAL
from relaydrill.documents.schema import schema_of

BY_NAME = {each.name: each for each in FORMATS}


def closed(schema: Any) -> Any:
    """The schema without room for fields, checks and kinds of lines that it does not name."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(each) for key, each in schema.items()}
    if found.get("type") == "object" and "properties" in found:
        found["additionalProperties"] = False
    rules = found.get("allOf", [])
    for tag in {tag for rule in rules for tag in rule["if"]["properties"]}:
        named = [rule["if"]["properties"][tag]["const"] for rule in rules]
        found["properties"][tag] = {**found["properties"][tag], "enum": named}
    return found


@cache
def validator(wanted: Format, kind: str = "") -> jsonschema.Draft202012Validator:
    """What finds every field that a format does not name.

    Args:
        wanted: The format.
        kind: Of a journal's line: then only what is said of that kind is looked at.
    """
    schema = closed(schema_of(wanted))
    if kind in DETAILS:
        schema["allOf"] = [
            rule for rule in schema["allOf"] if rule["if"]["properties"]["kind"]["const"] == kind
        ]
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def misfits(document: Any, wanted: Format | None = None) -> list[str]:
    """What is wrong with a document, by its own format; empty where nothing is.

    Args:
        document: As it was parsed.
        wanted: Its format, where it does not say that itself: a line of a journal.
    """
    wanted = wanted or BY_NAME[document["format"]]
    kind = document.get("kind", "") if wanted is JOURNAL else ""
    found = validator(wanted, kind).iter_errors(document)
    return [f"{each.json_path}: {each.message[:300]}" for each in found]


def misfits_of_run(directory: Path) -> list[str]:
    """What is wrong with the files of a run directory, each with the file's name."""
    found = []
    for name in ("drill.json", "verdict.json"):
        document = json.loads((directory / name).read_text())
        found += [f"{name}: {each}" for each in misfits(document)]
    for path in sorted((directory / "journals").iterdir()):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            wrong = misfits(json.loads(line), JOURNAL)
            found += [f"{path.name}:{number}: {each}" for each in wrong]
    return found


KNOWN_CHECKS = frozenset(FIGURES)
"""Checks whose figures have a schema."""

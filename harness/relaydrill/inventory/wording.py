"""What pydantic found wrong with a topology, in plain words and at its line of the file."""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Sequence
from typing import Any, Final

from pydantic_core import ErrorDetails

from relaydrill.inventory.yaml_marks import Marked, Mistake, Path, dotted, show
from relaydrill.topology import Topology

_IS_NOT: Final = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "tuple_type": "a list",
    "list_type": "a list",
}
_KINDS: Final = {
    "array": "a list",
    "object": "a mapping",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}
_LIMITS: Final = {
    "greater_than_equal": ("too small", "ge", "{} or more"),
    "greater_than": ("too small", "gt", "above {}"),
    "less_than_equal": ("too big", "le", "{} or less"),
    "less_than": ("too big", "lt", "below {}"),
    "too_short": ("too short", "min_length", "{} or more entries"),
    "string_too_short": ("too short", "min_length", "{} or more characters"),
}
ROLE_ERRORS: Final = ("union_tag_invalid", "union_tag_not_found")
_SURE: Final = 0.8
"""How alike, of 1, two keys must be for one to be read as the other."""
_KEY: Final = "[key]"
"""Pydantic's last step to a key of a mapping, where the key and not its value is wrong."""


class Wording:
    """One of pydantic's errors: where it is in the file, and what to say of it.

    Attributes:
        path: From the top of the checked values to the value, or where it is missing.
        of_key: Whether the key is wrong, and not its value.
    """

    def __init__(self, root: Marked, error: ErrorDetails) -> None:
        self._root = root
        self.kind: Final = error["type"]
        self._text: Final = error["msg"]
        self.context: Final[dict[str, Any]] = error.get("ctx", {})
        path = tuple(error["loc"])
        # The role, by which pydantic tells nodes apart, is a step of its path but not of the file.
        if path[:1] == ("nodes",) and len(path) > 2 and path[2] != _KEY:
            path = path[:2] + path[3:]
        if self.kind in ROLE_ERRORS:
            path = (*path, "role")
        above = root.find(path[:-1]) if path and isinstance(path[-1], int) else None
        if above is not None and not isinstance(above.value, dict | tuple):
            path = path[:-1]  # a single name, where a list of names may stand, too
        self.of_key: Final = path[-1:] == (_KEY,) and root.find(path) is None
        self.path: Final[Path] = path[:-1] if self.of_key else path

    @property
    def missing(self) -> bool:
        """Whether a key that must be there is not."""
        return self.kind in ("missing", *ROLE_ERRORS) and self._root.find(self.path) is None

    @property
    def needs_the_whole(self) -> bool:
        """Whether it is a mistake only if nothing more is to be merged in."""
        return self.missing or self.kind == "references"

    @functools.cached_property
    def meant(self) -> str | None:
        """For an unknown key, the one that was probably meant."""
        if self.kind == "extra_forbidden":
            return _nearest(str(self.path[-1]), self._known_keys())
        return "role" if self.misspelt else None

    @functools.cached_property
    def misspelt(self) -> Path | None:
        """Path of a key so near to the one meant that it may be read as that."""
        if self.kind == "extra_forbidden":
            near = _nearest(str(self.path[-1]), self._known_keys(), _SURE)
            return self.path if near else None
        above = self._root.find(self.path[:-1])
        if self.kind in ROLE_ERRORS and self.missing and above:
            # Without a role pydantic cannot tell which of the other keys are unknown.
            near = _nearest("role", [str(key) for key, _ in above.children()], _SURE)
            return (*self.path[:-1], near) if near else None
        return None

    def mistakes(self) -> list[Mistake]:
        """What to tell; nothing if the file's reader has told it already."""
        if self.kind == "references":
            return [dangling(self._root, *wrong) for wrong in self.context["wrong"]]
        found = self._root.find(self.misspelt or self.path)
        if found is None:
            above = self._root.find(self.path[:-1]) or self._root
            at = above.key_at or above.at
            what = f"{dotted((*above.path, self.path[-1]))}: missing"
            return [Mistake(at, what, self._expected())]
        if found.told or self._only_follows(found):
            return []
        what, allowed = self._said(found)
        on_key = self.of_key or self.misspelt or self.kind == "extra_forbidden"
        at = found.key_at if on_key and found.key_at else found.place
        fields = self.context.get("fields", ())
        fault = found.find(fields[:1]) if fields else None
        if fault is not None:
            found, at = fault, fault.key_at or fault.at
        return [Mistake(at, f"{dotted(found.path) or 'the topology'}: {what}", allowed)]

    def _only_follows(self, found: Marked) -> bool:
        """Whether it is too short only because pydantic does not count the wrong entries."""
        size = len(found.value) if isinstance(found.value, dict | tuple) else 0
        return self.kind == "too_short" and size >= self.context["min_length"]

    def _said(self, found: Marked) -> tuple[str, str]:
        """What is wrong with the value, and what would be right."""
        value = show(self.path[-1] if self.of_key else found.value)
        if self.kind == "extra_forbidden" or self.misspelt:
            known = self._known_keys() if self.kind == "extra_forbidden" else []
            return f"unknown key{_did_you_mean(self.meant)}", ", ".join(known)
        choices = self._choices()
        if choices is not None:
            typed = found.value if isinstance(found.value, str) else ""
            near = _did_you_mean(_nearest(typed, choices))
            if found.value is None:
                return "nothing is written here", ", ".join(choices)
            return f"{value} is not one of the choices{near}", ", ".join(choices)
        if self.kind in _IS_NOT:
            if found.value is None:
                return "nothing is written here", _IS_NOT[self.kind]
            scalar = not isinstance(found.value, dict | tuple)
            quotes = f"quotes around it: '{value}'" if self.kind == "string_type" and scalar else ""
            return f"{value} is not {_IS_NOT[self.kind]}", quotes
        if self.kind in _LIMITS:
            size, key, allowed = _LIMITS[self.kind]
            if self.kind == "too_short" and not found.value:
                value, size = "the " + ("mapping" if value == "a mapping" else "list"), "empty"
            limit = self.context[key]
            whole = isinstance(limit, float) and limit.is_integer()
            return f"{value} is {size}", allowed.format(int(limit) if whole else limit)
        return self._custom(value, found)

    def _custom(self, value: str, found: Marked) -> tuple[str, str]:
        what, parted, allowed = self._text.partition("; allowed: ")
        if not parted:
            return f"{value} does not fit here", ""
        if what.startswith(("not ", "neither ")):
            what = f"{value} is {what}" if found.value is not None or self.of_key else what
        elif not isinstance(found.value, dict | tuple):
            what = f"{what}, found {value}"
        return what, allowed

    def _choices(self) -> list[str] | None:
        if self.kind in ROLE_ERRORS:
            return _roles()
        if self.kind == "literal_error":
            return re.findall(r"'([^']*)'", self.context["expected"])
        return None

    def _known_keys(self) -> list[str]:
        known = list(_schema_at(self._root, self.path[:-1]).get("properties", ()))
        return known if len(self.path) > 1 else ["extends", *known]

    def _expected(self) -> str:
        if self.kind in ROLE_ERRORS:
            return ", ".join(_roles())
        return _KINDS.get(_schema_at(self._root, self.path).get("type", ""), "")


def _nearest(word: str, known: Sequence[str], cutoff: float = 0.6) -> str | None:
    # Long text is no slip of the pen, and costs the comparison its time.
    near = difflib.get_close_matches(word, known, n=1, cutoff=cutoff) if len(word) <= 60 else []
    return near[0] if near else None


def _did_you_mean(near: str | None) -> str:
    return f"; did you mean {near!r}?" if near else ""


def dangling(root: Marked, path: Path, what: str, allowed: str) -> Mistake:
    """The mistake of a name that is used at ``path`` and declared nowhere."""
    found = find_reference(root, path) or root
    return Mistake(found.place, f"{dotted(found.path)}: {what}", allowed)


def find_reference(root: Marked, path: Path) -> Marked | None:
    """What lies at a path that is written in the topology's terms."""
    found = root.find(path)
    names = root.find(path[:1])
    if found is None and path[0] == "names" and names is not None:
        # The topology has host names in lower case; the file may not.
        for key, entry in names.children():
            if host(str(key)) == path[1]:
                found = entry
    return found


def host(name: str) -> str:
    """A host name as the topology keeps it."""
    return name.lower().rstrip(".")


@functools.cache
def _schema() -> dict[str, Any]:
    return Topology.model_json_schema(by_alias=True)


def _roles() -> list[str]:
    return list(
        _schema()["properties"]["nodes"]["additionalProperties"]["discriminator"]["mapping"]
    )


def _schema_at(root: Marked, path: Path) -> dict[str, Any]:
    """The part of the JSON Schema that speaks of ``path``; empty if none does."""
    schema = _schema()
    for depth, step in enumerate(path):
        if isinstance(step, int):
            schema = schema.get("items", {})
        else:
            schema = schema.get("properties", {}).get(step) or schema.get(
                "additionalProperties", {}
            )
        schema = _followed(schema or {}, root.find(path[: depth + 1]))
    return schema


def _followed(schema: dict[str, Any], value: Marked | None) -> dict[str, Any]:
    """The schema that a reference, an optional, or a node's role leads to."""
    while True:
        if "discriminator" in schema:
            by = schema["discriminator"]
            tag = value.find((by["propertyName"],)) if value else None
            schema = {"$ref": by["mapping"].get(tag.value if tag else None, "#/$defs/-")}
        elif "anyOf" in schema:
            schema = next((s for s in schema["anyOf"] if s.get("type") != "null"), {})
        elif "$ref" in schema:
            schema = _schema()["$defs"].get(schema["$ref"].rpartition("/")[2], {})
        else:
            return schema

"""What pydantic found wrong with a value, in plain words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from pydantic_core import ErrorDetails

from relaydrill.marks import Marked, show

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
_LIMITS: Final = {
    "greater_than_equal": ("too small", "ge", "{} or more"),
    "greater_than": ("too small", "gt", "above {}"),
    "less_than_equal": ("too big", "le", "{} or less"),
    "less_than": ("too big", "lt", "below {}"),
    "too_short": ("too short", "min_length", "{} or more entries"),
    "string_too_short": ("too short", "min_length", "{} or more characters"),
}
_NOTHING: Final = "nothing is written here"


def said(error: ErrorDetails, found: Marked, key: str | None = None) -> tuple[str, str]:
    """What is wrong with a value, or with its key, and what would be right."""
    value, kind = show(found.value if key is None else key), error["type"]
    if kind == "literal_error":
        return not_a_choice(found, re.findall(r"'([^']*)'", error["ctx"]["expected"]))
    if kind in _IS_NOT:
        if found.value is None:
            return _NOTHING, _IS_NOT[kind]
        scalar = not isinstance(found.value, dict | tuple)
        quotes = f"quotes around it: '{value}'" if kind == "string_type" and scalar else ""
        return f"{value} is not {_IS_NOT[kind]}", quotes
    if kind in _LIMITS:
        return _beyond(kind, error["ctx"], value, found)
    return _custom(error["msg"], value, found, of_key=key is not None)


def only_follows(error: ErrorDetails, found: Marked) -> bool:
    """Whether it is too short only because pydantic does not count the wrong entries."""
    size = len(found.value) if isinstance(found.value, dict | tuple) else 0
    return error["type"] == "too_short" and size >= error["ctx"]["min_length"]


def not_a_choice(found: Marked, choices: Sequence[str]) -> tuple[str, str]:
    """Of a value that is none of those that there are."""
    if found.value is None:
        return _NOTHING, ", ".join(choices)
    near = nearest(found.value, choices) if isinstance(found.value, str) else None
    what = f"{show(found.value)} is not one of the choices{did_you_mean(near)}"
    return what, ", ".join(choices)


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known word that is most like another, if one is like it at all (``cutoff``, of 1)."""
    # Long text is no slip of the pen, and costs the comparison its time.
    near = difflib.get_close_matches(word, known, n=1, cutoff=cutoff) if len(word) <= 60 else []
    return near[0] if near else None


def did_you_mean(near: str | None) -> str:
    """The end of a sentence about a word that is not known."""
    return f"; did you mean {near!r}?" if near else ""


def _beyond(kind: str, limits: dict[str, Any], value: str, found: Marked) -> tuple[str, str]:
    size, key, allowed = _LIMITS[kind]
    if kind == "too_short" and not found.value:
        value, size = "the " + ("mapping" if value == "a mapping" else "list"), "empty"
    limit = limits[key]
    whole = isinstance(limit, float) and limit.is_integer()
    return f"{value} is {size}", allowed.format(int(limit) if whole else limit)


def _custom(text: str, value: str, found: Marked, *, of_key: bool) -> tuple[str, str]:
    what, parted, allowed = text.partition("; allowed: ")
    if not parted:
        return f"{value} does not fit here", ""
    if what.startswith(("not ", "neither ")):
        what = f"{value} is {what}" if found.value is not None or of_key else what
    elif not isinstance(found.value, dict | tuple):
        what = f"{what}, found {value}"
    return what, allowed

"""What a run says, made harmless for a page: a server's reply may hold anything."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from markupsafe import Markup

_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Unicode's categories of characters that are not seen, or turn round what is seen."""
_KEPT: Final = frozenset("\n\t")


def visible(value: Any) -> Any:
    """Text in which every control character, and all that turns the direction of reading, is seen.

    Such a character could make a refusal look like an acceptance. Markup of our own is left alone.
    """
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    if value.isascii() and value.isprintable():
        return value
    return "".join(_seen(each) for each in value)


def _seen(character: str) -> str:
    if character in _KEPT or unicodedata.category(character) not in _UNSEEN:
        return character
    return f"\\u{ord(character):04x}"


def embedded(document: Mapping[str, object]) -> Markup:
    """A document as JSON that may stand in a ``script`` element (HTML standard, 4.12.1.3)."""
    text = json.dumps(document, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # only ASCII is left, without a way out of the element

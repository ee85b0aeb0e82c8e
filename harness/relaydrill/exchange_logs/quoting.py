"""Addresses beside each other: a quoted local part (RFC 5321 §4.1.2) may hold what parts two."""

from __future__ import annotations

import re
from typing import Final

_QUOTED: Final = r"\"(?:[^\"\\]|\\.)*\""
_BEGUN: Final = re.compile(r"\"(?:[^\"\\]|\\.)*+(\"?)")
"""Whether it is closed or not, so that each character is looked at once."""

_NOTHING: Final = r"(?!)"


def bare(text: str) -> str:
    """The text without what stands in quotes; all of it where these are no pairs."""
    left = _BEGUN.sub(lambda found: "" if found[1] else '"', text)
    return text if '"' in left else left


def parted(text: str, between: str) -> tuple[str, ...]:
    """What stands between separators, without the empty ones and the spaces around.

    Args:
        text: What is parted.
        between: The separator: a character of a regular expression's class, or a name of several.
    """
    quoted = _NOTHING if '"' in bare(text) else _QUOTED
    found = re.findall(rf"(?:{quoted}|[^{between}])+", text)
    return tuple(part for each in found if (part := each.strip()))

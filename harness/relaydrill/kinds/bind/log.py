"""BIND's log: one line to one fact, or to nothing. Pure.

Lines are those of BIND 9.18 and 9.20 in the foreground (``named -g``)::

    24-Nov-2026 14:41:39.581 client @0x7f96 10.0.0.9#46430 (contoso.com): query: contoso.com IN MX …
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_QUERY: Final = re.compile(
    r"client (?:@0x[0-9a-f]+ )?(?P<client>[0-9a-fA-F.:]+)#\d+ \(\S+\):"
    r" query: (?P<name>\S+) IN (?P<type>\S+) "
)
_RUNNING: Final = re.compile(r"^\S+ \S+ running$")
_TROUBLE: Final = re.compile(r"(?:error|failed|fatal|not loaded|unable|permission denied)", re.I)


@dataclass(frozen=True, slots=True)
class Asked:
    """A client has asked a question."""

    client: str
    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Running:
    """It serves what its configuration says, after its start or after it was told to read it."""


def parse(line: str) -> Asked | Running | None:
    """What a line says; None if it is of no interest."""
    if found := _QUERY.search(line):
        return Asked(found["client"], found["name"].lower(), found["type"])
    return Running() if _RUNNING.match(line) else None


def is_trouble(line: str) -> bool:
    """Whether a person should see the line."""
    return bool(_TROUBLE.search(line)) and not _QUERY.search(line)

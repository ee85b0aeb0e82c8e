"""From a log's bytes to its lines: byte order marks, UTF-16 without one, NULs. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_BOMS: Final = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be", b"\xef\xbb\xbf": "utf-8"}
_PROBES: Final = (4096, 200)
"""Bytes that are looked at; the first ones are names of fields, in ASCII whatever follows."""

_WIDE_SHARE: Final = 0.4
"""Of the bytes of a text of mostly ASCII letters in UTF-16, nearly every second one is 0."""


def encoding_of(content: bytes) -> str:
    """UTF-8, or UTF-16 of either byte order, by its mark or by where its zeros stand."""
    for bom, name in _BOMS.items():
        if content.startswith(bom):
            return name
    for size in _PROBES:
        probe = content[:size]
        pairs = len(probe) // 2
        for name, first in (("utf-16-le", 1), ("utf-16-be", 0)):
            zeros, others = probe[first::2].count(0), probe[1 - first :: 2].count(0)
            if pairs and zeros > pairs * 2 * _WIDE_SHARE and others < pairs * 0.1:
                return name
    return "utf-8"


def lines(content: bytes) -> Iterator[str]:
    """The lines of a log without their ends; NULs that stand in them are kept.

    What is no text in its encoding becomes a replacement character.
    """
    # A byte order mark stands at the begin of a line also where files were put together.
    for line in content.decode(encoding_of(content), "replace").split("\n"):
        yield line.removeprefix("\ufeff").removesuffix("\r")

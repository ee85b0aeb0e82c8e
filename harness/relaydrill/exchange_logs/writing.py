"""How Exchange 2007 writes a log: its heading, and its rows. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_LINE_ENDS: Final = re.compile(r"[\r\n]+")


def header(log_type: str, fields: Iterable[str], date: str) -> str:
    """The lines at the top of a log, as Exchange 2007 writes them."""
    lines = (
        "#Software: Microsoft Exchange Server",
        "#Version: 8.0.0.0",
        f"#Log-type: {log_type}",
        f"#Date: {date}",
        f"#Fields: {','.join(fields)}",
    )
    return "".join(f"{line}\r\n" for line in lines)


def to_line(values: Iterable[str]) -> str:
    """One row with its line end; what would end the line within a value becomes a space."""
    return ",".join(_quoted(value) for value in values) + "\r\n"


def _quoted(value: str) -> str:
    if "\n" in value or "\r" in value:
        value = _LINE_ENDS.sub(" ", value)
    if "," in value or '"' in value:
        return '"' + value.replace('"', '""') + '"'
    return value

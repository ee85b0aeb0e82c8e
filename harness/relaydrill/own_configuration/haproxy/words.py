"""A line of haproxy.cfg as words: quotes, escapes, comments and environment variables.

By the HAProxy configuration manual, "Quoting and escaping" and "Environment variables".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

_NAMED: Final = {"n": "\n", "r": "\r", "t": "\t"}
_ESCAPED: Final = " \t#\\'\"$"
_HEX = re.compile(r"x([0-9A-Fa-f]{2})")
_VARIABLE = re.compile(
    r"\$(?:(?P<plain>\.?[A-Za-z_]\w*)"
    r"|\{(?P<braced>\.?[A-Za-z_]\w*)(?P<split>\[\*\])?(?:-(?P<default>[^}]*))?\})"
)


class Unreadable(Exception):
    """A line that cannot be split; its text says why."""


@dataclass
class _Splitter:
    """The words of one line, as far as it was read."""

    environment: Mapping[str, str]
    unknown: Callable[[str], None]
    words: list[str] = field(default_factory=list)
    word: list[str] | None = None

    def add(self, text: str) -> None:
        """Append to the word that is being read, or begin one."""
        self.word = [*(self.word or ()), text]

    def end(self) -> None:
        """The word is complete, if one was begun."""
        if self.word is not None:
            self.words.append("".join(self.word))
        self.word = None


def split(
    line: str, environment: Mapping[str, str], unknown: Callable[[str], None]
) -> tuple[str, ...]:
    """The words of a line, without its comment.

    Args:
        line: The text.
        environment: The values of variables.
        unknown: Told the name of each variable that has none; it stays in the text.

    Raises:
        Unreadable: A quote is not closed, or an escape is none.
    """
    found = _Splitter(environment, unknown)
    at, quote = 0, ""
    while at < len(line):
        here = line[at]
        if quote == "'":
            at += 1
            if here == "'":
                quote = ""
            else:
                found.add(here)
        elif here == "\\":
            at = _escape(line, at, found)
        elif here == '"' or (here == "'" and not quote):
            quote = "" if quote else here
            found.add("")
            at += 1
        elif quote and here == "$":
            at = _variable(line, at, found)
        elif not quote and here in "#\r":
            break
        else:
            if not quote and here in " \t":
                found.end()
            else:
                found.add(here)
            at += 1
    if quote:
        kind = "single" if quote == "'" else "double"
        raise Unreadable(f"a {kind} quote is not closed")
    found.end()
    return tuple(found.words)


def _escape(line: str, at: int, found: _Splitter) -> int:
    """Read a backslash and what follows; returns where to go on."""
    after = line[at + 1 : at + 2]
    if after in _NAMED:
        found.add(_NAMED[after])
        return at + 2
    if after and after in _ESCAPED:
        found.add(after)
        return at + 2
    if after == "x":
        code = _HEX.match(line, at + 1)
        if code is None:
            raise Unreadable("two hexadecimal digits belong after \\x")
        found.add(chr(int(code[1], 16)))
        return at + 4
    found.add("\\")
    return at + 1


def _variable(line: str, at: int, found: _Splitter) -> int:
    """Read a variable within double quotes; returns where to go on."""
    name = _VARIABLE.match(line, at)
    if name is None:
        raise Unreadable("a $ within double quotes has no variable's name after it")
    key = name["plain"] or name["braced"]
    value = found.environment.get(key)
    if value is None and name["default"] is None:
        found.unknown(key)
        found.add(name[0])
    elif name["split"]:
        first, *more = (value or name["default"] or "").split() or [""]
        found.add(first)
        for each in more:
            found.end()
            found.add(each)
    else:
        found.add(value if value is not None else name["default"])
    return name.end()

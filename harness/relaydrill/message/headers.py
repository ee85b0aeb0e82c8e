"""A message's header block: its fields, and what they say whatever way it is written."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Mapping
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.utils import getaddresses, mktime_tz, parsedate_tz
from typing import Final

_MESSAGE_ID: Final = re.compile(rb"^message-id:[ \t]*(?:\r?\n[ \t]+)*(<[^<>\r\n]+>)", re.I | re.M)
_RECEIVED: Final = re.compile(rb"^received:((?:[^\r\n]|\r?\n[ \t])*)", re.I | re.M)
_COMMENT: Final = re.compile(rb"\([^()]*\)")
_BY: Final = re.compile(rb"\bby[ \t\r\n]+([^\s;]+)", re.I)
_FOLD: Final = re.compile(rb"\r?\n(?=[ \t])")
_PARAMETER: Final = re.compile(
    rb""";\s*([^\s=;"]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;]*)""", re.I | re.S
)
_ESCAPED: Final = re.compile(rb"\\(.)", re.S)

Fields = Mapping[bytes, list[bytes]]
"""Values by field name in lower case, in the order in which they stand; unfolded."""


def split(content: bytes) -> tuple[bytes, bytes]:
    """Header block and body; the empty line between them belongs to neither."""
    if content.startswith((b"\r\n", b"\n")):
        return b"", content[content.index(b"\n") + 1 :]
    end = content.find(b"\n\r\n")
    short = content.find(b"\n\n", 0, end + 1) if end >= 0 else content.find(b"\n\n")
    if short >= 0:
        end = short
    if end < 0:
        return content, b""
    begin = content.index(b"\n", end + 1) + 1
    return content[: end - 1 if content[end - 1 : end] == b"\r" else end], content[begin:]


def fields_of(head: bytes) -> Fields:
    """The fields of a header block; lines that are none are passed over."""
    if b"\n " in head or b"\n\t" in head:
        head = _FOLD.sub(b"", head)
    found: dict[bytes, list[bytes]] = {}
    for line in head.split(b"\n"):
        name, colon, value = line.partition(b":")
        if colon:
            found.setdefault(name.strip().lower(), []).append(value.strip())
    return found


def message_id(content: bytes) -> str:
    """The Message-ID of a message or its header; with angle brackets, empty where it has none."""
    found = _MESSAGE_ID.search(split(content)[0])
    return found.group(1).decode("ascii", "replace") if found else ""


def last_hop(content: bytes) -> str:
    """The server that the topmost Received header names after "by"; empty where there is none.

    That is the last server that took the message before whoever looks at it (RFC 5321 §4.4).
    """
    header = _RECEIVED.search(split(content)[0])
    found = _BY.search(_COMMENT.sub(b"", header.group(1))) if header else None
    return found.group(1).decode("ascii", "replace") if found else ""


def plain(values: list[bytes]) -> bytes:
    """The values of one field with single spaces; several of them are lines."""
    if len(values) == 1:
        return b" ".join(values[0].split())
    return b"\n".join(b" ".join(value.split()) for value in values)


@functools.lru_cache(maxsize=64)
def moment(date: bytes) -> int | None:
    """What a Date says, seconds since the epoch, in whatever zone; None if it says nothing."""
    try:
        parsed = parsedate_tz(date.decode("ascii"))
        return None if parsed is None else int(mktime_tz(parsed))
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def unencoded(text: bytes) -> str:
    """A text with its encoded words read (RFC 2047), and single spaces."""
    words = text.decode("utf-8", "surrogateescape")
    if "=?" in words:
        # What cannot be read is no encoded word, whatever it looks like.
        with contextlib.suppress(HeaderParseError, LookupError, ValueError):
            words = str(make_header(decode_header(words)))
    return " ".join(words.split())


def addresses(text: bytes) -> bytes:
    """A list of addresses, each as ``Name <address>``, however it is quoted."""
    try:
        found = getaddresses([text.decode("utf-8", "surrogateescape")])
    except (ValueError, IndexError, TypeError):
        return text
    named = (f"{unencoded(_bytes(name))} <{address}>".strip() for name, address in found)
    return _bytes(", ".join(named))


def media_type(fields: Fields) -> tuple[bytes, Mapping[bytes, bytes]]:
    """What Content-Type says: the type in lower case, and its parameters without quotes.

    The values of ``charset`` and ``format`` are names, and so in lower case, too. Where there is no
    such field it is text in us-ascii (RFC 2045 §5.2), which is told as no type and no parameters.
    """
    values = fields.get(b"content-type")
    return _media_type(values[0]) if values else (b"", {})


@functools.lru_cache(maxsize=64)
def _media_type(value: bytes) -> tuple[bytes, Mapping[bytes, bytes]]:
    name, _, _ = value.partition(b";")
    found: dict[bytes, bytes] = {}
    for each in _PARAMETER.finditer(value):
        key, said = each[1].lower(), each[2]
        if said.startswith(b'"'):
            said = _ESCAPED.sub(rb"\1", said[1:-1])
        found.setdefault(key, said.lower() if key in (b"charset", b"format") else said)
    return name.strip().lower(), found


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")

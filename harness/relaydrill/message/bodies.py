"""A body as a reader sees it: decoded, and the same however it was encoded on the way.

The same body are those that differ in no more than

- the transfer encoding: base64, quoted-printable, 7bit, 8bit, binary (RFC 2045 §6);
- the charset, where the label says which (RFC 2046 §4.1.2);
- line ends, CRLF or LF, and whether the last line has one;
- empty lines at the very end, which relays add and take away (RFC 6376 §3.4.3).

White space at the end of a line is part of it, but for that which quoted-printable allows to be
added after its encoding (RFC 2045 §6.7, rule 3).
"""

from __future__ import annotations

import binascii
import hashlib
import re
from collections.abc import Iterator
from itertools import zip_longest
from typing import Final, NamedTuple

from relaydrill.message.headers import Fields, fields_of, media_type, split

_LINE_END: Final = re.compile(rb"\r?\n")
_LAST_END: Final = re.compile(rb"\r?\n\Z")
_PADDING: Final = re.compile(rb"(?<![ \t])[ \t]+(?=\r?\n|\Z)")
_SOFT_END: Final = re.compile(rb"=\r?\n|=\Z")
_QUOTED: Final = re.compile(rb"=([0-9A-Fa-f]{2})")
_NOT_BASE64: Final = re.compile(rb"[^A-Za-z0-9+/=]+")
_ASCII_ALIKE: Final = frozenset({b"", b"us-ascii", b"ascii", b"utf-8", b"iso-8859-1"})
_ENCODING: Final = b"content-transfer-encoding"
_DEEPEST: Final = 8
"""Parts in parts in parts: what is deeper is not looked into."""


class Part(NamedTuple):
    """A part of a message that has no parts itself.

    Attributes:
        kind: Its media type, in lower case; of what says nothing, ``text/plain``.
        text: It decoded, in UTF-8, each line ended by CRLF.
    """

    kind: bytes
    text: bytes


def digest(content: bytes) -> str:
    """SHA-256 of the body, in hex, however it is encoded; headers may grow on the way."""
    head, body = split(content)
    return hash_of(decoded(fields_of(head), body))


def hash_of(text: bytes) -> str:
    """SHA-256 of a decoded body, in hex."""
    return hashlib.sha256(text).hexdigest()


def decoded(fields: Fields, body: bytes) -> bytes:
    """A body as a reader sees it, in UTF-8, its lines ended by CRLF, without empty ones at its end.

    One whose charset is unknown, or not what it says, is left as it stands.
    """
    # A second such field is what careless gateways add when they encode what is encoded already.
    for encoding in reversed(fields.get(_ENCODING, ())):
        body = _unencoded(encoding.lower(), body)
    if not body.isascii() or _may_hide(fields):
        body = _in_utf_8(body, media_type(fields)[1].get(b"charset", b""))
    if body.count(b"\n") != body.count(b"\r\n"):  # looking is cheaper than replacing
        body = _LINE_END.sub(b"\r\n", body)
    end = len(body)
    while body.endswith(b"\r\n", 0, end):
        end -= 2
    return body[:end] + b"\r\n" if end else b""


def parts_of(fields: Fields, body: bytes) -> Iterator[Part]:
    """The parts that a reader is shown, in their order; none of returned or attached messages."""
    yield from _parts(fields, body, _DEEPEST)


def _parts(fields: Fields, body: bytes, depth: int) -> Iterator[Part]:
    kind, parameters = media_type(fields)
    if not kind.startswith(b"multipart/"):
        yield Part(kind or b"text/plain", decoded(fields, body))
        return
    boundary = parameters.get(b"boundary", b"")
    if not depth or not boundary or kind in (b"multipart/report", b"multipart/digest"):
        return
    for each in _between(boundary, body):
        head, inner = split(each)
        own = fields_of(head)
        is_shown = not own.get(b"content-disposition", [b""])[0].lower().startswith(b"attachment")
        if is_shown and not media_type(own)[0].startswith(b"message/"):
            yield from _parts(own, inner, depth - 1)


def _between(boundary: bytes, body: bytes) -> Iterator[bytes]:
    """What stands between the lines of a boundary (RFC 2046 §5.1.1)."""
    lines = re.compile(rb"^--%b(--)?[ \t]*\r?$" % re.escape(boundary), re.M)
    marks = [*lines.finditer(body)]
    for mark, following in zip_longest(marks, marks[1:]):
        if mark[1]:
            return
        between = body[mark.end() + 1 : following.start() if following else len(body)]
        # The line end before a boundary belongs to the boundary.
        yield _LAST_END.sub(b"", between) if following else between


def _unencoded(encoding: bytes, body: bytes) -> bytes:
    """A body without its transfer encoding."""
    if encoding == b"base64":
        try:
            return binascii.a2b_base64(_NOT_BASE64.sub(b"", body), strict_mode=True)
        except binascii.Error:
            return body.hex().encode()  # no reader sees it, and so it must not pass for a text
    if encoding == b"quoted-printable":
        body = _SOFT_END.sub(b"", _PADDING.sub(b"", body))
        return _QUOTED.sub(lambda found: bytes((int(found[1], 16),)), body)
    return body


def _may_hide(fields: Fields) -> bool:
    """Whether a body of ASCII bytes may be something else than ASCII text."""
    return media_type(fields)[1].get(b"charset", b"") not in _ASCII_ALIKE


def _in_utf_8(body: bytes, charset: bytes) -> bytes:
    if charset in (b"", b"us-ascii", b"ascii", b"utf-8"):
        return body
    try:
        return body.decode(charset.decode("ascii")).encode("utf-8")
    except (LookupError, ValueError):
        return body

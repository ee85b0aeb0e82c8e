"""A message of 8-bit lines for a server that takes 7 bits only (RFC 6152 §3)."""

from __future__ import annotations

import re
from typing import Final

from relaydrill.message.headers import split

_EIGHT_BIT: Final = re.compile(
    rb"^(content-transfer-encoding:)[ \t]*8bit[ \t]*(?=\r?$)", re.I | re.M
)
_TEXT: Final = re.compile(rb"^content-type:[ \t]*(?:\r?\n[ \t]+)?text/", re.I | re.M)
_UNSAFE: Final = re.compile(rb"[^\t\r\n -<>-~]+")
_HALF_END: Final = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_LONGEST: Final = 76
"""RFC 2045 §6.7, rule 5."""

_TOO_LONG: Final = re.compile(rb"^[^\r\n]{%d,}" % (_LONGEST + 1), re.M)


def in_seven_bits(content: bytes) -> bytes:
    """The message with its body quoted-printable (RFC 2045 §6.7).

    That goes for a single text that says of itself that it is 8bit, as those that are composed here
    do. What else there is goes as it is: whoever sent it without asking knows no better.
    """
    head, body = split(content)
    if content.isascii() or not _TEXT.search(head) or not head.isascii():
        return content
    head, found = _EIGHT_BIT.subn(rb"\1 quoted-printable", head)
    if not found:
        return content
    # Dots and ``From `` stay bare: what careless relays make of them is to be seen.
    body = _UNSAFE.sub(_encoded, body)
    if not body.count(b"\r") == body.count(b"\n") == body.count(b"\r\n"):
        body = _HALF_END.sub(_encoded, body)
    body = (body + b"\r\n").replace(b" \r\n", b"=20\r\n").replace(b"\t\r\n", b"=09\r\n")
    return head + b"\r\n\r\n" + _TOO_LONG.sub(_wrapped, body[:-2])


def _encoded(found: re.Match[bytes]) -> bytes:
    return b"".join(b"=%02X" % byte for byte in found[0])


def _wrapped(found: re.Match[bytes]) -> bytes:
    """A line over several, none of which ends within an encoded byte."""
    pieces, line = [], found[0]
    while len(line) > _LONGEST:
        end = _LONGEST - 1
        if b"=" in line[end - 2 : end]:
            end = line.index(b"=", end - 2)
        pieces.append(line[:end])
        line = line[end:]
    return b"=\r\n".join([*pieces, line])

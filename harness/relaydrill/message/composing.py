"""How a message is composed: with marks to know it by, and what careless servers corrupt."""

from __future__ import annotations

import re
import zlib
from email.utils import formatdate
from typing import Final

WANTED, BLOCKED, UNKNOWN, SPAM = "wanted", "blocked", "unknown", "spam"
"""Sorts of mail: all but the first are to be refused. From a blocked address, to nobody who exists,
and known to the content filter."""

GTUBE = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
"""The string by which every content filter may be tested (SpamAssassin's GTUBE)."""

ELSEWHERE = "elsewhere.invalid"
"""A domain of nobody (RFC 2606 §2: .invalid never exists): who would take mail for it relays."""

SPAM_MARK = b"X-Relaydrill-Spam: yes"
"""The header line of mail that is to be taken for spam."""

MARK: Final = "X-Relaydrill-Id"
"""The field of our own; what it says stands in the first line of the body, too: `mark_of`."""

CONTENT_TYPE: Final = "text/plain; charset=utf-8"

_TRAPS: Final = "\r\n".join(
    (
        ".leading dot",
        "..two leading dots",
        ".",
        "From the start of a line",
        "trailing spaces   ",
        "8-bit: Grüße, à bientôt, здравствуй, 你好",
    )
).encode()
"""Lines that careless servers corrupt: those that begin with a dot, or are one (RFC 5321 §4.5.2),
with ``From `` (mbox files), that end with spaces, or are no ASCII (RFC 6152)."""

_LONG_LINE: Final = b"\r\n" + (b"long line " * 100)[:997] + b"."
"""As long as a line may be (RFC 5322 §2.1.1): 998 characters."""

_DOMAIN: Final = re.compile(rb"@[^\s<>,]+")
_FILLER: Final = b"\r\n" + b"relaydrill " * 6


def subject_of(identity: str) -> str:
    """The subject of a message."""
    return f"relaydrill {identity}"


def last_line_of(identity: str) -> bytes:
    """The last line of a body: without it something was cut off."""
    return f"end of {identity}".encode()


def check_of(addresses: bytes) -> str:
    """Eight digits by which one can tell whether addresses are those that were sent.

    A domain is the same in upper and lower case, what stands before it is not (RFC 5321 §2.4).
    """
    if addresses != addresses.lower():
        addresses = _DOMAIN.sub(lambda found: found[0].lower(), addresses)
    return f"{zlib.crc32(addresses):08x}"


def mark_of(identity: str, *, sender: bytes, recipients: bytes, date: float) -> str:
    """By what a message is known, and what its Date, From and To were when it was sent.

    Args:
        identity: Its Message-ID.
        sender: What From says.
        recipients: What To says.
        date: Seconds since the epoch.
    """
    return f"{identity} {int(date)} {check_of(sender)} {check_of(recipients)}"


def compose(
    message_id: str,
    *,
    sender: str,
    recipients: tuple[str, ...],
    size: int,
    date: float,
    spam: bool = False,
) -> bytes:
    """A message in Internet format (RFC 5322), lines ended by CRLF.

    Its body is UTF-8: a server that does not offer 8BITMIME is to be given it `in_seven_bits`.

    Args:
        message_id: With its angle brackets.
        sender: Address for From.
        recipients: Addresses for To.
        size: Wanted size of the body in bytes, reached to within one line.
        date: Seconds since the epoch, for Date.
        spam: Whether a content filter shall know it for spam.
    """
    # The same for both: formatdate rounds to the nearest microsecond, and may be one second on.
    second = int(date)
    origin, to = f"<{sender}>", ", ".join(f"<{recipient}>" for recipient in recipients)
    mark = mark_of(message_id, sender=origin.encode(), recipients=to.encode(), date=second)
    head = [
        f"From: {origin}",
        f"To: {to}",
        f"Date: {formatdate(second)}",
        f"Message-ID: {message_id}",
        f"Subject: {subject_of(message_id)}",
        f"{MARK}: {mark}",
        "MIME-Version: 1.0",
        f"Content-Type: {CONTENT_TYPE}",
        "Content-Transfer-Encoding: 8bit",
    ]
    if spam:
        head.append(SPAM_MARK.decode())
    first, last = f"relaydrill {mark}\r\n".encode(), b"\r\n" + last_line_of(message_id) + b"\r\n"
    body = first + _TRAPS + (b"\r\n" + GTUBE if spam else b"")
    if len(body) + len(_LONG_LINE) + len(last) <= size:
        body += _LONG_LINE
    body += _FILLER * max(0, (size - len(body) - len(last)) // len(_FILLER))
    return "\r\n".join([*head, "", ""]).encode() + body + last

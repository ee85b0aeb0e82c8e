"""Messages: how one is composed, how it is recognised again, and how its body is compared."""

from __future__ import annotations

import hashlib
import re
from email.utils import formatdate

WANTED, BLOCKED, UNKNOWN, SPAM = "wanted", "blocked", "unknown", "spam"
"""Sorts of mail: all but the first are to be refused. From a blocked address, to nobody who exists,
and known to the content filter."""

GTUBE = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
"""The string by which every content filter may be tested (SpamAssassin's GTUBE)."""

ELSEWHERE = "elsewhere.invalid"
"""A domain of nobody (RFC 2606 §2: .invalid never exists): who would take mail for it relays."""

SPAM_MARK = b"X-Relaydrill-Spam: yes"
"""The header line of mail that is to be taken for spam."""

_MESSAGE_ID = re.compile(rb"^message-id:[ \t]*(?:\r?\n[ \t]+)*(<[^<>\r\n]+>)", re.I | re.M)
_RECEIVED = re.compile(rb"^received:((?:[^\r\n]|\r?\n[ \t])*)", re.I | re.M)
_COMMENT = re.compile(rb"\([^()]*\)")
_BY = re.compile(rb"\bby[ \t\r\n]+([^\s;]+)", re.I)
_LINE_END = re.compile(rb"\r?\n")
_EMPTY_LINE = re.compile(rb"(?:\A|\r?\n)\r?\n")


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

    Args:
        message_id: With its angle brackets.
        sender: Address for From. recipients: Addresses for To.
        size: Wanted size of the body in bytes, reached to within one line.
        date: Seconds since the epoch, for Date.
        spam: Whether a content filter shall know it for spam.
    """
    head = [
        f"From: <{sender}>",
        "To: " + ", ".join(f"<{recipient}>" for recipient in recipients),
        f"Date: {formatdate(date)}",
        f"Message-ID: {message_id}",
        f"Subject: relaydrill {message_id}",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=us-ascii",
    ]
    if spam:
        head.append(SPAM_MARK.decode())
    # Lines that begin with a dot and with "From " are what careless relays corrupt, so every
    # body holds both (RFC 5321 §4.5.2).
    body = [message_id, ".leading dot", "From the start of a line"]
    filler = "relaydrill " * 6
    if spam:
        body.append(GTUBE.decode())
    used = sum(len(line) + 2 for line in body)
    body += [filler] * max(0, (size - used) // (len(filler) + 2))
    return ("\r\n".join([*head, "", *body]) + "\r\n").encode("ascii")


def split(content: bytes) -> tuple[bytes, bytes]:
    """Header block and body; the empty line between them belongs to neither."""
    found = _EMPTY_LINE.search(content)
    return (content[: found.start()], content[found.end() :]) if found else (content, b"")


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


def digest(content: bytes) -> str:
    """SHA-256 of the body, in hex, whatever its line ends; headers may grow on the way."""
    body = split(content)[1]
    if body.count(b"\n") != body.count(b"\r\n"):  # looking is cheaper than replacing
        body = _LINE_END.sub(b"\r\n", body)
    return hashlib.sha256(body).hexdigest()

"""A message as a server passes it on that writes some of it anew, as real ones do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from email.utils import formatdate, make_msgid
from types import MappingProxyType
from typing import Final

from relaydrill.message.changes import Change
from relaydrill.message.headers import split

_DISCLAIMER: Final = b"-- \r\nThis message is confidential.\r\n"


def rewritten(content: bytes, changes: Iterable[Change], *, domain: str) -> bytes:
    """The message with something else in these places.

    Args:
        content: The message.
        changes: What is to be another.
        domain: Of whoever does it, for what needs one.
    """
    head, body = split(content)
    head += b"\r\n"
    for change in changes:
        match change:
            case "body":  # what a server does that doubles dots once too often
                body = body.replace(b"\r\n.", b"\r\n..")
            case "disclaimer":
                body += _DISCLAIMER
            case _:
                head = _with_another_value(head, *_FIELDS[change], domain)
    return head + b"\r\n" + body


def _with_another_value(head: bytes, name: bytes, value: _Value, domain: str) -> bytes:
    field = re.compile(rb"^(%b:[ \t]*)(.*?)(?=\r\n(?![ \t]))" % name, re.I | re.M | re.S)
    return field.sub(lambda found: found[1] + value(found[2], domain), head, count=1)


_Value = Callable[[bytes, str], bytes]

_FIELDS: Final[Mapping[str, tuple[bytes, _Value]]] = MappingProxyType(
    {
        "message_id": (b"Message-ID", lambda _, domain: make_msgid(domain=domain).encode()),
        "subject_prefix": (b"Subject", lambda subject, _: b"[EXTERNAL] " + subject),
        "subject": (b"Subject", lambda _, domain: f"A message from {domain}".encode()),
        "from": (b"From", lambda _, domain: f"<gateway@{domain}>".encode()),
        "to": (b"To", lambda *_: b"undisclosed-recipients:;"),
        "date": (b"Date", lambda *_: formatdate(0).encode()),
        "content_type": (b"Content-Type", lambda said, _: said + b"; format=flowed"),
    }
)
"""The field in which each change is made, and what becomes of its value."""

"""Labs with a gateway that writes messages anew, before a mailbox that is looked into by IMAP."""

from __future__ import annotations

import base64
import dataclasses
import re
from collections.abc import Callable
from typing import Final

from tests.real_mail.building import by_dovecot, final
from tests.real_mail.dovecot import Dovecot
from tests.real_mail.lab import Built, Case, Site
from tests.real_mail.scanner import PORT, Scanner, Verdict

_FOOTER: Final = b"\r\n-- \r\nThis message is confidential.\r\n"


def _parts(message: bytes) -> tuple[bytes, bytes]:
    head, _, body = message.partition(b"\r\n\r\n")
    return head, body


def _without(head: bytes, name: bytes) -> bytes:
    return re.sub(rb"(?im)^%b:.*\r\n(?:[ \t].*\r\n)*" % name, b"", head + b"\r\n").rstrip(b"\r\n")


def in_base64(message: bytes) -> bytes:
    """A body that is the same to whoever reads it."""
    head, body = _parts(message)
    encoded = base64.encodebytes(body).replace(b"\n", b"\r\n")
    head = _without(head, b"Content-Transfer-Encoding")
    return head + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + encoded


def _new_message_id(message: bytes) -> bytes:
    return re.sub(rb"(?im)^(Message-ID: *)<(.*?)>", rb"\1<gateway.\2>", message, count=1)


def _footer(message: bytes) -> bytes:
    return message + _FOOTER


def _cut(message: bytes) -> bytes:
    head, body = _parts(message)
    return head + b"\r\n\r\n" + body[: len(body) // 2] + b"\r\n"


def _footer_and_cut(message: bytes) -> bytes:
    return _footer(_cut(message))


def _subject_prefix(message: bytes) -> bytes:
    return re.sub(rb"(?im)^(Subject: *)", rb"\1[EXTERNAL] ", message, count=1)


def _through(change: Callable[[bytes], bytes], *changes: str) -> Callable[[Site], Built]:
    """A lab with such a gateway.

    Args:
        change: What it does to a message.
        changes: What the inventory says that the lab does on purpose.
    """

    def build(site: Site) -> Built:
        verdict = Verdict("250 2.0.0 Ok", (site.address(11), 10025), change=change)
        scanner = site.run(Scanner(site.address(31), verdict))
        dovecot = site.run(Dovecot(site.folder / "dv", site.address(22)))
        settings = {
            "content_filter": f"smtp:[{scanner.address}]:{PORT}",
            "virtual_transport": f"lmtp:unix:{dovecot.folder}/run/lmtp",
        }
        services = ["{address}:10025 inet n - n - - smtpd -o content_filter="]
        front = final(site, settings, services=services)
        built = by_dovecot(site, front, dovecot, imap=True)
        if not changes:
            return built
        return dataclasses.replace(built, design={**built.design, "changes": list(changes)})

    return build


_NEEDS: Final = ("dovecot",)

ALL: Final = (
    Case("gateway changes nothing", _through(bytes), "pass", ("delivered",), needs=_NEEDS),
    Case("gateway writes base64", _through(in_base64), "pass", ("delivered",), needs=_NEEDS),
    Case(
        "gateway renames messages", _through(_new_message_id), "pass", ("delivered",), needs=_NEEDS
    ),
    Case("gateway adds a footer", _through(_footer), "fail", ("altered",), needs=_NEEDS),
    Case(
        *("gateway adds a footer, as told", _through(_footer, "disclaimer"), "pass"),
        ("delivered",),
        needs=_NEEDS,
    ),
    Case("gateway cuts bodies", _through(_cut), "fail", ("altered",), needs=_NEEDS),
    Case(
        *("gateway cuts bodies under a footer", _through(_footer_and_cut, "disclaimer"), "fail"),
        ("altered",),
        needs=_NEEDS,
    ),
    Case("gateway marks subjects", _through(_subject_prefix), "fail", ("altered",), needs=_NEEDS),
    Case(
        *("gateway marks subjects, as told", _through(_subject_prefix, "subject_prefix"), "pass"),
        ("delivered",),
        needs=_NEEDS,
    ),
)

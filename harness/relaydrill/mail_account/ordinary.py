"""The ordinary lines of Postfix's log, taken apart as bytes: what most of a log consists of.

It is a shorter way to what `relaydrill.mail_logs.postfix` says of a line, and holds no meaning of
its own: what a delivery comes to is asked there once, and kept by what the agent has said. Whatever
is not quite ordinary is left to that table. That both come to the same, a test holds.
"""

from __future__ import annotations

import re
from typing import Final

from relaydrill.mail_account.legs import Way
from relaydrill.mail_account.under_way import WAYS
from relaydrill.mail_logs import postfix
from relaydrill.mail_logs.reading import Takers

_DELIVERY: Final = re.compile(
    rb"to=<([^<>\s,\"]+)>, (?:orig_to=<([^<>\s,\"]*)>, )?relay=([^,]+), (?:[^()]*?, )?"
    rb"status=sent \((.*)\)\Z",
    re.S,
)
_SAVED: Final = re.compile(rb"250 2\.0\.0 <[^<>]*> [A-Za-z0-9+/=]{12,} Saved\Z")
_MESSAGE_ID: Final = re.compile(rb"message-id=(<[^<>\s]+>)\Z")
_ACTIVE: Final = re.compile(rb"from=<([^>]*)>, size=\d+, nrcpt=(\d{1,9}) \(queue active\)\Z")
_MOST_KEPT: Final = 20_000


Sent = tuple[bytes, bytes, Way, bytes, bytes, bytes]
"""Recipient and original recipient in lower case, how it ended, by whom, what was said, and the
queue id there: as in `Told`."""


class Deliveries:
    """What agents say of deliveries, and what it comes to.

    Args:
        takers: What is declared of who takes mail over.
    """

    def __init__(self, takers: Takers) -> None:
        self._takers = takers
        self._known: dict[tuple[str, bytes, bytes], tuple[Way, bytes] | None] = {}

    def sent(self, program: str, rest: bytes) -> Sent | None:
        """An ordinary delivery; None if the table must be asked.

        Args:
            program: Postfix's.
            rest: The line after its queue id: ``to=<…>, …``, of ASCII.
        """
        found = _DELIVERY.match(rest)
        if not found:
            return None
        to, original, relay, said = found.groups()
        words, next_id = said, b""
        if (at := said.rfind(b"queued as ")) >= 0:
            words, next_id = said[:at], said[at + 10 :]
            if not next_id.isalnum() or b"id=" in words:
                return None
        elif said[-6:] == b" Saved" and _SAVED.match(said):
            words = b" Saved"
        key = (program, relay, words)
        try:
            known = self._known[key]
        except KeyError:
            known = self._ask(key, rest, next_id)
        if known is None:
            return None
        way, by = known
        return to.lower(), (original or b"").lower(), way, by, said, next_id

    def _ask(
        self, key: tuple[str, bytes, bytes], rest: bytes, next_id: bytes
    ) -> tuple[Way, bytes] | None:
        told = postfix.read(key[0], "A0000: " + rest.decode(), self._takers)
        known = None
        if told is not None and told.does in WAYS and told.next_id.encode() == next_id:
            known = (WAYS[told.does], told.by.encode())
        if len(self._known) >= _MOST_KEPT:
            self._known.clear()
        self._known[key] = known
        return known


def message_id(rest: bytes) -> bytes:
    """The Message-ID of a line of cleanup's; empty if the table must be asked."""
    found = _MESSAGE_ID.match(rest)
    return found[1] if found else b""


def active(rest: bytes) -> tuple[bytes, int] | None:
    """The sender and the number of recipients of a line of qmgr's; None if it is another one."""
    found = _ACTIVE.match(rest)
    return (found[1], int(found[2])) if found else None

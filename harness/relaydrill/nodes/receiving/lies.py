"""Lies: what a server does with a message that it says to have taken."""

from __future__ import annotations

import codecs
import string
from typing import Final

from relaydrill.disturbance import Action
from relaydrill.message import split
from relaydrill.message.rewriting import rewritten
from relaydrill.nodes.receiving.reception import Received

STRANGER: Final = "somebody-else"
"""The mailbox, in the recipient's domain, that gets what is delivered to the wrong person."""

_OTHERWISE: Final = bytes.maketrans(
    string.ascii_letters.encode(), codecs.encode(string.ascii_letters, "rot13").encode()
)


def falsified(lie: Action, received: Received, *, domain: str) -> Received:
    """A message as a server that lies takes it: what it promises stays as it was.

    Args:
        lie: One of `relaydrill.disturbance.LIES`.
        received: The message.
        domain: The server's own.
    """
    content = received.content
    match lie:
        case "swallow":
            return received._replace(kept_for=())
        case "double":
            return received._replace(kept_for=received.recipients * 2)
        case "misdeliver":
            return received._replace(kept_for=tuple(map(_stranger, received.recipients)))
        case "truncate":
            return received._replace(content=_half(content))
        case "garble":
            return received._replace(content=_garbled(content))
    return received._replace(content=rewritten(content, ("from", "subject"), domain=domain))


def _stranger(recipient: str) -> str:
    return f"{STRANGER}@{recipient.rpartition('@')[2]}"


def _half(content: bytes) -> bytes:
    """The message with the first half of its body; of a body of one line, with none of it."""
    head, body = split(content)
    lines = body.splitlines(keepends=True)
    return head + b"\r\n\r\n" + b"".join(lines[: len(lines) // 2])


def _garbled(content: bytes) -> bytes:
    """The message with other letters in its body."""
    head, body = split(content)
    return head + b"\r\n\r\n" + body.translate(_OTHERWISE)

"""What one line of a server's log says of one message for one recipient. Pure.

Logs of all kinds are read into these, so that nobody behind them has to know which server it was.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Does(enum.StrEnum):
    """What an event does to a message for one recipient.

    ========== ==============================================================================
    promised   the server took it, and answers for it from here on
    moved      it went on to a server whose own evidence is at hand, or within one server
    renamed    the recipient became another one (alias, group, redirect)
    copied     a copy was made for somebody to whom it was not sent (archive, Bcc, journal)
    delivered  it is in a mailbox
    handed on  a program or server took it whose own evidence is not at hand
    discarded  it was thrown away on purpose
    held       it lies where only a person moves it on (hold queue, moderation, quarantine
               that may be released)
    deferred   it was not taken for now
    failed     it was given up, and its sender told
    refused    it was turned down before it was taken, and whoever brought it told
    ended      the server is done with it, for all recipients
    nothing    nothing of the above
    ========== ==============================================================================
    """

    PROMISED = "promised"
    MOVED = "moved"
    RENAMED = "renamed"
    COPIED = "copied"
    DELIVERED = "delivered"
    HANDED_ON = "handed on"
    DISCARDED = "discarded"
    HELD = "held"
    DEFERRED = "deferred"
    FAILED = "failed"
    REFUSED = "refused"
    ENDED = "ended"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that happened to one message for one recipient.

    Attributes:
        does: What it does to it.
        message: The Message-ID with its angle brackets; empty where the log does not tell.
        recipient: For whom, as the evidence names it; empty where it names nobody: what is
            told of a message as a whole is so for all its recipients.
        original: The recipient before aliases and rewriting (Postfix's ``orig_to``); empty where
            that is the same or not told.
        by: Who did it, or what took it, by name: a mailbox, a program, a server, a rule.
        said: The reply, or the reason, as it stands there.
        wall: Seconds since the epoch; None where the evidence bears no time.
        host: The server whose log it is; empty where that is not told.
        queue_id: The server's own name for the message.
        where: ``file:line``, or the command and the number of the line.
        digest: Of the body, as `relaydrill.message.digest` has it; empty where it was not seen.
        known_by: By which mark a message was recognised, where that is not its Message-ID.
        changed: What was rewritten on the way, a word each: ``body``, ``subject`` and so on.
        mono: The monotonic clock of this machine, where the evidence bears it; else None.
        next_id: The queue id under which whatever took it has it, where that is told.
        bears: The Message-ID that it bears in place of its own.
        marks: The messages whose marks it bears, where they are several: it may be any of them.
    """

    does: Does
    message: str = ""
    recipient: str = ""
    original: str = ""
    by: str = ""
    said: str = ""
    wall: float | None = None
    host: str = ""
    queue_id: str = ""
    where: str = ""
    digest: str = ""
    known_by: str = ""
    changed: tuple[str, ...] = ()
    mono: float | None = None
    next_id: str = ""
    bears: str = ""
    marks: tuple[str, ...] = ()

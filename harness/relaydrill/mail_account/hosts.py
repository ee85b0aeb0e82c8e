"""What is kept of one host while its logs are read: its open messages, and what a balancer says."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from relaydrill.mail_account.legs import Delivery, Way
from relaydrill.mail_logs.haproxy import Change, Session
from relaydrill.mail_logs.reading import Told

_MOST_CHANGES: Final = 100
_IN_ORDER: Final = "--"
NOBODY: Final[tuple[bytes, ...]] = (b"", b"")
"""In place of a recipient and an original one, where nobody is named."""

OPEN: Final = (Way.QUEUED, Way.HELD)
"""What is not over for a recipient."""


class Message:
    """One message under its queue id on one host.

    Attributes:
        begun: When it was first seen.
        at: When it was last seen.
        is_whole: Whether its begin is in the logs.
        name: Its Message-ID.
        sender: As in the log.
        where: As in the log.
        promised: To how many recipients.
        deliveries: By recipient and original recipient.
        whole: What was done to it as a whole.
        copies: Recipients who get a copy.
        tries: How often a delivery was put off.
        is_probe: Whether it only asked about an address.
        left: What was still open of it under the name that it had before (``postsuper -r``).
        sent_to: To whom it came in, where its server says so.
    """

    __slots__ = (
        *(
            "at",
            "begun",
            "copies",
            "deliveries",
            "is_probe",
            "is_whole",
            "left",
            "name",
            "promised",
        ),
        *("sender", "sent_to", "tries", "where", "whole"),
    )

    def __init__(self, begun: float, where: tuple[bytes, int]) -> None:
        self.begun = self.at = begun
        self.where = where
        self.is_whole = False
        self.name = b""
        self.sender: bytes | None = None
        self.promised = 0
        self.deliveries: dict[tuple[bytes, ...], Delivery] = {}
        self.whole: Delivery | None = None
        self.copies: set[bytes] | None = None
        self.tries = 0
        self.is_probe = False
        self.left: dict[tuple[bytes, ...], Delivery] | None = None
        self.sent_to: tuple[bytes, ...] = ()

    @property
    def left_over(self) -> dict[tuple[bytes, ...], Delivery]:
        """What of it is still open, by recipient and original recipient, as put off."""
        known = self.deliveries or self.left or {}
        found = {
            key: (Way.QUEUED, *delivery[1:])
            for key, delivery in known.items()
            if delivery[0] in OPEN
        }
        if len(known) < self.promised or not known:
            found[NOBODY] = (Way.QUEUED, b"", b"", b"", self.at)  # it was not tried yet
        return found

    @property
    def untold(self) -> tuple[bytes, ...]:
        """Those to whom it came in and of whom no line tells.

        Where an alias leads to somebody, two of them may have become one, and nobody says so.
        """
        if not self.sent_to or any(key[1] for key in self.deliveries):
            return ()
        named = {key[0] for key in self.deliveries}
        return tuple(each for each in self.sent_to if each not in named) if named else ()

    @property
    def is_plain(self) -> bool:
        """Whether all of it is known, and nothing was done to it as a whole."""
        return bool(
            self.name
            and self.is_whole
            and self.promised <= 1
            and self.whole is None
            and self.copies is None
            and len(self.sent_to) <= 1
        )


def instance_name(host: str, instance: str) -> str:
    """What one of several instances of Postfix on a host is called."""
    return f"{host} ({instance})"


@dataclass(slots=True)
class Host:
    """One server, as its own log tells of it.

    Attributes:
        name: As its log has it.
        number: In the rows.
        instance: The name of its Postfix, which may be one of several; empty for other programs.
        open: Messages by queue id.
        earlier: Those of the files before, while one is read that goes over the same time again.
        leaving: Those that are over, and of which something is missing still.
        begins: When the file begins that is being read.
        reaches: Until when its files go that have been read, seconds since the epoch.
        last_begin: The latest that one of its files begins, of those that have been read.
        covered: From when to when each of its files goes, seconds since the epoch.
        tries: Deliveries that were put off.
        refused: Messages turned away before they had a queue id.
        waiting: What checks said of messages that have no queue id yet, by session.
        sessions: A balancer's, by server.
        changes: Its servers that came and went.
        lost_lines: Whether its logger says that it dropped lines.
        nameless: How many messages without a Message-ID its mail store did not keep.
    """

    name: str
    number: int
    instance: str = ""
    open: dict[bytes, Message] = field(default_factory=dict)
    earlier: dict[bytes, Message] | None = None
    leaving: dict[bytes, Message] = field(default_factory=dict)
    reaches: float = -math.inf
    begins: float = -math.inf
    last_begin: float = -math.inf
    covered: list[tuple[float, float]] = field(default_factory=list)
    tries: int = 0
    refused: int = 0
    lost_lines: bool = False
    nameless: int = 0
    waiting: dict[bytes, list[Told]] = field(default_factory=dict)
    sessions: dict[str, Counter[str]] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)

    @property
    def machine(self) -> str:
        """Its name alone, where several instances of Postfix on it are told apart."""
        return self.name.removesuffix(instance_name("", self.instance))

    def balanced(self, told: Session | Change | None, at: float) -> None:
        """What a balancer says: a session that is over, or a server that comes or goes."""
        if isinstance(told, Session):
            counts = self.sessions.setdefault(f"{told.backend}/{told.server or '-'}", Counter())
            counts["sessions"] += 1
            counts["broken_off"] += told.ended != _IN_ORDER
        elif isinstance(told, Change) and len(self.changes) < _MOST_CHANGES:
            when = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S") if at else "-"
            what = "up" if told.is_up else "down"
            why = f" ({told.reason})" if told.reason else ""
            self.changes.append(f"{when} {told.backend}/{told.server} {what}{why}")

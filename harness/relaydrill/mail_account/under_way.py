"""The messages that are under way on each host, by queue id; what is over becomes rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from relaydrill.mail_account.hosts import NOBODY, OPEN, Host, Message
from relaydrill.mail_account.legs import (
    BEFORE,
    COPY,
    ENDED,
    NAMED,
    REPEATED,
    RIGHT_SENDER,
    WANTED,
    Delivery,
    Legs,
    Way,
)
from relaydrill.mail_logs import exim
from relaydrill.mail_logs.deeds import Does
from relaydrill.mail_logs.reading import Told

WAYS: Final = {
    Does.DELIVERED: Way.DELIVERED,
    Does.MOVED: Way.MOVED,
    Does.HANDED_ON: Way.HANDED_ON,
    Does.DISCARDED: Way.DISCARDED,
    Does.HELD: Way.HELD,
    Does.DEFERRED: Way.QUEUED,
    Does.FAILED: Way.FAILED,
    Does.REFUSED: Way.REFUSED,
}
_SAME_S: Final = 2.0
"""Seconds by which lines of one log may stand in another order than their times."""

_MOST_WAITING: Final = 1000
_MOST_OF_ONE: Final = 100
_MOST_LEAVING: Final = 100
_OF_THE_NEXT: Final = frozenset((Does.HELD, Does.RENAMED, Does.COPIED))
"""What a check at RCPT does, which has no queue id yet, is of the next message of its session."""

_TELLING: Final = (
    *(Way.DELIVERED, Way.QUEUED, Way.HELD, Way.FAILED, Way.MOVED, Way.HANDED_ON, Way.REFUSED),
    *(Way.UNTOLD, Way.DISCARDED, Way.RENAMED),
)
"""Of several things that an alias leads to: the first of these is what became of the message."""
_QUEUED: Final = Way.QUEUED

_COUNT: Final = re.compile(r"\bnrcpt=(?P<count>\d{1,9})")
UNCOUNTED: Final = -1
"""Recipients that a message has, where its server does not say how many."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Of whom the account is to be: addresses in lower case, or ``@domain``; by default of all.

    Attributes:
        copies: Recipients who are sent copies only.
    """

    recipients: frozenset[bytes] = frozenset()
    senders: frozenset[bytes] = frozenset()
    copies: frozenset[bytes] = frozenset()


class UnderWay:
    """All that is under way.

    Args:
        legs: Where rows go.
        wanted: What was asked for.
    """

    def __init__(self, legs: Legs, wanted: Wanted) -> None:
        self.hosts: dict[tuple[str, str], Host] = {}
        self._legs = legs
        self._wanted = wanted
        self._has_wishes = bool(wanted.recipients or wanted.senders or wanted.copies)

    def host(self, name: str, instance: str = "") -> Host:
        """A host by its name, and by that of its Postfix."""
        found = self.hosts.get((name, instance))
        if found is None:
            found = self.hosts[name, instance] = Host(name, len(self.hosts), instance)
        return found

    def message(self, host: Host, queue_id: bytes, at: float, where: tuple[bytes, int]) -> Message:
        """The message that is under way under a queue id; a new one if there is none."""
        message = host.open.get(queue_id)
        if message is None:
            if host.leaving and (late := host.leaving.get(queue_id)) and at <= late.at + _SAME_S:
                return late
            message = host.open[queue_id] = _earlier(host, queue_id) or Message(at, where)
        message.at = at
        return message

    def opened(self, host: Host, queue_id: bytes, at: float, where: tuple[bytes, int]) -> Message:
        """A message begins under a queue id; what was under way under it before is not any more.

        Its server was done with that, though the line that says so is missing: no queue id is given
        out while a message has it.
        """
        message = host.open.get(queue_id)
        if message is not None and not _may_begin(message, at):
            self.close(host, queue_id, message, is_over=True)
            message = None
        if message is None:
            if host.leaving:
                self._leave(host, queue_id)
            message = host.open[queue_id] = Message(at, where)
        message.is_whole = True
        return message

    def named(self, message: Message, name: bytes) -> None:
        """Its Message-ID is told: that is before anything happens to it."""
        message.name = name
        message.is_whole = True

    def promised(self, message: Message, sender: bytes, count: int) -> None:
        """It is in the queue for so many recipients, and not held any more."""
        message.sender = sender
        if message.promised in (0, UNCOUNTED):
            message.promised = count
        if message.whole and message.whole[0] is Way.HELD:
            message.whole = None
        # A check names whoever it was sent to, which may be an alias: no delivery will name that.
        held = [key for key, delivery in message.deliveries.items() if delivery[0] is Way.HELD]
        for key in held:
            del message.deliveries[key]

    def ended(self, host: Host, queue_id: bytes, at: float) -> None:
        """Nothing more is to come under a queue id."""
        message = host.open.pop(queue_id, None) or _earlier(host, queue_id)
        if message is None:
            return
        message.at = at
        if len(message.deliveries) >= message.promised or message.whole:
            self.close(host, queue_id, message, is_over=True)
            return
        # Lines of several programs may change places: what is missing may come in a moment.
        self._leave(host, queue_id)
        host.leaving[queue_id] = message
        if len(host.leaving) > _MOST_LEAVING:
            self._leave(host, next(iter(host.leaving)))

    def put_in_anew(self, host: Host, was: bytes, queue_id: bytes, at: float) -> None:
        """What was under way under one queue id goes on under another (``postsuper -r``)."""
        before = host.open.pop(was, None) or _earlier(host, was)
        if before is None:
            return
        if message := host.open.get(queue_id):
            message.left = before.left_over
        before.whole = (Way.MOVED, b"postsuper", b"requeued", queue_id, at)
        self.close(host, was, before, is_over=True)

    def _leave(self, host: Host, queue_id: bytes) -> None:
        message = host.leaving.pop(queue_id, None)
        if message is not None:
            self.close(host, queue_id, message, is_over=True)

    def session_ends(self, host: Host, session: bytes) -> None:
        """What a check said of its next message is of none any more."""
        host.waiting.pop(session, None)

    def take(
        self,
        host: Host,
        told: Told,
        at: float,
        where: tuple[bytes, int],
        text: str = "",
        session: bytes = b"",
    ) -> None:
        """What a table says of a line.

        Args:
            host: Whose log it is.
            told: What the line says.
            at: When, in seconds since the epoch.
            where: The file and the number of the line.
            text: The line, for the number of recipients.
            session: The number of its process.
        """
        queue_id = told.queue_id.encode()
        if not queue_id:
            host.refused += told.does is Does.REFUSED
            if told.does in (Does.DISCARDED, Does.FAILED):
                # A recipient whose mail is thrown away before the message has a queue id.
                message = Message(at, where)
                self._do(host, message, told, at)
                self.close(host, b"NOQUEUE at %s:%d" % where, message, is_over=True)
            elif told.does in _OF_THE_NEXT and len(host.waiting) < _MOST_WAITING:
                waiting = host.waiting.setdefault(session, [])
                if len(waiting) < _MOST_OF_ONE:
                    waiting.append(told)
            return
        begins = self.opened if told.opens else self.message
        message = begins(host, queue_id, at, where)
        if told.message:
            self.named(message, told.message.encode())
        if told.was:
            self.put_in_anew(host, told.was.encode(), queue_id, at)
        message.is_probe |= told.is_probe
        for each in host.waiting.pop(session, ()) if host.waiting else ():
            self._do(host, message, each, at)
        if told.does is Does.PROMISED:
            found = _COUNT.search(text)
            count = int(found["count"]) if found else UNCOUNTED
            self.promised(message, told.sender.encode() or message.sender or b"", count)
            if told.opens:  # an Exim's: Postfix says in another line that it came
                message.sent_to = tuple(each.lower().encode() for each in exim.sent_to(text))
        else:
            self._do(host, message, told, at)
        if told.over:
            self.ended(host, queue_id, at)

    def _do(self, host: Host, message: Message, told: Told, at: float) -> None:
        recipient = told.recipient.lower().encode()
        original = told.original.lower().encode()
        match told.does:
            case Does.RENAMED:
                # A check has sent it to somebody else: nobody said that they stand in for it. Of
                # several recipients one is named, who may be the one that gets it now.
                said = b"redirected to " + recipient if recipient else told.said.encode()
                whose = b"" if original == recipient else original
                put(message, whose, b"", (Way.UNTOLD, told.by.encode(), said, b"", at))
            case Does.COPIED:
                message.copies = (message.copies or set()) | {recipient}
            case Does.NOTHING | Does.ENDED:
                pass
            case does:
                way = WAYS[does]
                host.tries += way is Way.QUEUED
                told_as = (told.by.encode(), told.said.encode(), told.next_id.encode())
                delivery: Delivery = (way, *told_as, at)
                if recipient:
                    put(message, recipient, original, delivery)
                else:
                    message.whole = delivery

    def close(self, host: Host, queue_id: bytes, message: Message, *, is_over: bool) -> None:
        """Make rows of it.

        Args:
            host: Whose it is.
            queue_id: The host's name for it.
            message: All that was told of it.
            is_over: Whether its log says that nothing more is to come.
        """
        if message.left and not message.deliveries:
            message.deliveries = message.left  # it was not tried again under its new name
        rows = message.deliveries
        if message.is_probe and not rows:
            return
        if is_over and len(rows) == 1 and message.is_plain:
            [(key, row)] = rows.items()
            if row[0] is not _QUEUED and not self._has_wishes:
                self._put_one(host, queue_id, message, key, row)
                return
        if not is_over or message.whole or message.copies:
            rows = dict(_all_of(message, is_over))
        elif message.is_whole and (
            len(rows) < message.promised or (not rows and message.promised == UNCOUNTED)
        ):
            rows = {**rows, NOBODY: (Way.UNTOLD, b"", b"", b"", message.at)}
        if is_over and message.sent_to and message.whole is None:
            untold = (Way.UNTOLD, b"", b"", b"", message.at)
            rows = {**rows, **{(each, b""): untold for each in message.untold}}
        if not rows:
            return
        if is_over and any(delivery[0] is _QUEUED for delivery in rows.values()):
            rows = {key: _untold(delivery) for key, delivery in rows.items()}
        flags = (ENDED if is_over else 0) | (0 if message.is_whole else BEFORE)
        self._write(host, queue_id, message, rows, flags)

    def _put_one(
        self, host: Host, queue_id: bytes, message: Message, key: tuple[bytes, ...], row: Delivery
    ) -> None:
        """The most frequent case: all is known, of one recipient."""
        name = message.name
        head = [name, message.sender or b"", queue_id, b"%s:%d" % message.where]
        own = (hash(queue_id), host.number, message.begun)
        self._legs.put(head, hash(name), own, ((key[0], key[1], row, ENDED | NAMED),))

    def _write(
        self,
        host: Host,
        queue_id: bytes,
        message: Message,
        rows: dict[tuple[bytes, ...], Delivery],
        flags: int,
    ) -> None:
        name = message.name
        if name:
            number = hash(name)
            flags |= NAMED
        else:
            number = hash((host.name, queue_id, message.begun if message.is_whole else 0.0))
        head = [name, message.sender or b"", queue_id, b"%s:%d" % message.where]
        own = (hash(queue_id), host.number, message.begun)
        if self._has_wishes or message.copies:
            each = [
                (key[0], key[1], row, self._wished(message, key, flags))
                for key, row in rows.items()
            ]
        else:
            each = [
                (key[0], key[1], row, flags if len(key) == 2 else flags | REPEATED)
                for key, row in rows.items()
            ]
        self._legs.put(head, number, own, each)

    def _wished(self, message: Message, key: tuple[bytes, ...], flags: int) -> int:
        wanted = self._wanted
        if len(key) > 2:
            flags |= REPEATED
        if _is_one((message.sender or b"").lower(), wanted.senders):
            flags |= RIGHT_SENDER
        if any(_is_one(each, wanted.recipients) for each in key[:2]):
            flags |= WANTED
        if key[0] in wanted.copies or (message.copies and key[0] in message.copies):
            flags |= COPY
        return flags

    def begin_file(self, host: Host, at: float) -> None:
        """A file begins to tell of a host.

        One that goes over a time again that others have told of is a copy, whole or in part: queue
        ids have other owners in it than at the end of those others.
        """
        host.begins = at
        if at < host.reaches - _SAME_S or at <= host.last_begin:
            host.earlier, host.open = host.open, {}

    def end_file(self, host: Host, at: float) -> None:
        """A file has told all of a host, the last of it at a time."""
        for queue_id in list(host.leaving):
            self._leave(host, queue_id)
        earlier, host.earlier = host.earlier, None
        if earlier is not None:
            stays, goes = (host.open, earlier) if at > host.reaches else (earlier, host.open)
            for queue_id, message in goes.items():
                if queue_id not in stays and message.begun <= host.begins + _SAME_S:
                    stays[queue_id] = message
                else:
                    self.close(host, queue_id, message, is_over=False)
            host.open = stays
        host.reaches = max(host.reaches, at)

    def end(self) -> None:
        """There are no more logs: what is open stays open."""
        for host in self.hosts.values():
            for queue_id, message in host.open.items():
                self.close(host, queue_id, message, is_over=False)
            host.open.clear()


def _may_begin(message: Message, at: float) -> bool:
    """Whether a line that opens a message may be the begin of one that others spoke of before it.

    What Exim delivers while it takes it (cutthrough) it has told before it tells that it took it.
    """
    return message.begun == at or (not message.is_whole and at <= message.begun + _SAME_S)


def _earlier(host: Host, queue_id: bytes) -> Message | None:
    """What a file that goes over a time again does not begin itself, and others have begun."""
    message = host.earlier.get(queue_id) if host.earlier else None
    if message is None or host.earlier is None or message.begun > host.begins + _SAME_S:
        return None
    del host.earlier[queue_id]
    return message


def put(message: Message, recipient: bytes, original: bytes, delivery: Delivery) -> None:
    """What became of it for one recipient; a second arrival at another time is one more."""
    if original == recipient:
        original = b""
    key: tuple[bytes, ...] = (recipient, original)
    before = message.deliveries.get(key)
    if before is not None and before[0] not in OPEN and not _is_beside(before, delivery):
        key = (recipient, original, b"%d" % delivery[4])
        before = message.deliveries.get(key)
    if before is not None and before[0] not in OPEN:
        delivery = min(before, delivery, key=lambda each: _TELLING.index(each[0]))
    message.deliveries[key] = delivery


def _is_beside(one: Delivery, other: Delivery) -> bool:
    """Whether two are of one delivery: an alias leads to a mailbox and a program, say (local(8)).

    What is done again by the same is another one.
    """
    if one[4] == other[4]:
        return True
    is_here = b"[" not in one[1] and b"[" not in other[1]
    return is_here and (one[0], one[1]) != (other[0], other[1])


def _all_of(message: Message, is_over: bool) -> Iterator[tuple[tuple[bytes, ...], Delivery]]:
    """What became of it for each recipient, with what was done to all of them at once."""
    whole = message.whole
    if whole and whole[0] is Way.HELD and is_over:
        whole = None
    for key, delivery in message.deliveries.items():
        yield key, whole if whole and delivery[0] in OPEN else delivery
    if message.deliveries and 0 <= message.promised <= len(message.deliveries):
        return
    if message.promised == UNCOUNTED and message.deliveries:
        ways = [delivery[0] for delivery in message.deliveries.values()]
        if is_over or _QUEUED in ways:
            return
    if whole:
        if not message.deliveries or message.promised:
            yield NOBODY, whole
    elif message.promised:
        way = Way.UNTOLD if is_over else Way.QUEUED
        yield NOBODY, (way, b"", b"", b"", message.at)


def _is_one(address: bytes, wanted: frozenset[bytes]) -> bool:
    return address in wanted or b"@" + address.rpartition(b"@")[2] in wanted


def _untold(delivery: Delivery) -> Delivery:
    return (Way.UNTOLD, *delivery[1:]) if delivery[0] is _QUEUED else delivery

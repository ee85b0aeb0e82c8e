"""From lines of several hosts to deeds: which Message-ID a queue id had, what became of it. Pure.

A server tells a Message-ID once, and everything else by its own queue id. Both are joined here, a
server at a time: two hosts, or two instances of Postfix on one, may give out one queue id, and a
server gives it out again when it is free.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from relaydrill.mail_logs import dovecot, exim, postfix
from relaydrill.mail_logs.deeds import Deed, Does
from relaydrill.mail_logs.framing import Framed
from relaydrill.mail_logs.instances import Instances
from relaydrill.mail_logs.keeping import Keeping
from relaydrill.mail_logs.reading import NOTHING, UNDECLARED, Takers, Told

REMEMBERED: Final = 20_000
"""Queue ids that are done with, and kept for lines that come late."""

_WAITING: Final = 100
"""Deeds of one queue id that wait for its Message-ID, at most."""

Server = tuple[str, str]
"""A host, and the name of its Postfix; none of an Exim's."""

Key = tuple[Server, str]
"""A server, and a queue id of its own."""


@dataclass(slots=True)
class _Queued:
    """What is known of one queue id.

    Attributes:
        message: Its Message-ID.
        named: Whether it is known, be it that there is none.
        promised: Whether it was in the queue.
        redirected: Whether a check has sent it to somebody else.
        opened_again: Whether a message has begun under it since it was named.
        held: For whom it is held already.
        kept: By recipient and original one, which mailbox of this host has it.
        waits: What was told of it before its Message-ID.
    """

    message: str = ""
    named: bool = False
    promised: bool = False
    redirected: bool = False
    opened_again: bool = False
    held: set[str] = field(default_factory=set)
    kept: dict[tuple[str, str], str] = field(default_factory=dict)
    waits: list[tuple[Told, Framed]] = field(default_factory=list)


class Following:
    """Reads framed lines of any number of servers, in the order of each, and tells their deeds.

    Args:
        takers: What is declared of who takes mail over.
        remembered: How many queue ids that are done with are kept.

    Attributes:
        understood: Lines of a mail server that have been made out.
        not_understood: Those that look like one of a message, and could not be; the first of them
            is kept.
        suppressed: What the system's logger said of lines that it dropped.
    """

    def __init__(self, takers: Takers = UNDECLARED, remembered: int = REMEMBERED) -> None:
        self._takers = takers
        self._most = remembered
        self._open: dict[Key, _Queued] = {}
        self._over: OrderedDict[Key, _Queued] = OrderedDict()
        self._servers: set[Server] = set()
        self._instances = Instances()
        self._unnamed: list[tuple[str, _Queued]] = []
        self._late: list[tuple[str, _Queued]] = []
        self._keeping = Keeping(remembered)
        self._sessions: dict[tuple[str, int], list[tuple[Told, Framed]]] = {}
        self.understood = 0
        self.not_understood = 0
        self.first_not_understood: Framed | None = None
        self.suppressed: list[str] = []

    def overdue(self) -> Iterator[Deed]:
        """What has waited for a Message-ID since the last time that this was asked, or longer.

        Where the line that names a message was dropped, or is not in this log, its queue id is all
        that there is: the server's reply may have told that.
        """
        late, self._late = self._late, []
        for queue_id, queued in late:
            if not queued.named:
                yield from self._let_go(queue_id, queued)
        self._late = self._unnamed
        self._unnamed = []

    def forget_what_was_missed(self) -> None:
        """Begin to count anew what is not understood, and what the system's logger has dropped."""
        self.not_understood = 0
        self.first_not_understood = None
        self.suppressed.clear()

    def take(self, line: Framed | None) -> Iterator[Deed]:
        """The deeds that a line tells, or that it lets be told now."""
        if line is None:
            return
        program = postfix.program_of(line.program)
        if program:
            if program == "smtpd" and line.text.startswith(postfix.SESSION_BOUNDS):
                yield from self._end_session((line.host, line.process))
            told = postfix.read(program, line.text, self._takers)
        elif line.program.startswith("exim"):
            told = exim.read(line.text, self._takers)
        elif line.program == dovecot.PROGRAM:
            yield from self._of_mail_store(dovecot.read(line.text), line)
            return
        else:
            self._of_logger(line)
            return
        if told is None:
            self.not_understood += 1
            self.first_not_understood = self.first_not_understood or line
            return
        if told is NOTHING and program and "/" not in line.program:
            return  # a bare "error" or "local" is anybody's
        self.understood += 1
        server = self._server(line, program, told.queue_id)
        self._servers.add(server)
        if told.queue_id:
            yield from self._of_message(told, line, server)
        elif told.does is not Does.NOTHING:
            yield from self._of_session(told, line)

    def _server(self, line: Framed, program: str, queue_id: str) -> Server:
        """Whose line it is, and whose queue id."""
        if not program:
            return line.host, ""

        def has(instance: str) -> bool:
            return ((line.host, instance), queue_id) in self._open

        known = self._instances.of(line.host, line.program, program, has if queue_id else None)
        return line.host, known

    def _of_mail_store(self, told: Told, line: Framed) -> Iterator[Deed]:
        """What a mail store says, where nobody else here tells of the message."""
        if told is NOTHING:
            return
        self.understood += 1
        if self._keeping.is_news(told):
            queued = _Queued(told.message, named=True)
            yield self._deed(told, line, queued, "")

    def _of_logger(self, line: Framed) -> None:
        """A logger that was given too much says how much it has dropped (journald, rsyslog)."""
        if postfix.DROPPED.search(line.text) and len(self.suppressed) < _WAITING:
            self.suppressed.append(line.text)

    def _of_session(self, told: Told, line: Framed) -> Iterator[Deed]:
        """What a check did before there was a queue id: it is the session's next that it is for.

        Unless it is of a message that the session is done with.
        """
        waiting = self._sessions.get((line.host, line.process), [])
        is_known = told.does is Does.REFUSED or told.over
        if is_known or not line.process or len(waiting) >= _WAITING:
            yield self._deed(told, line, _Queued(), "")
            return
        self._sessions[line.host, line.process] = [*waiting, (told, line)]
        if len(self._sessions) > self._most:
            yield from self._end_session(next(iter(self._sessions)))

    def _end_session(self, session: tuple[str, int]) -> Iterator[Deed]:
        for told, line in self._sessions.pop(session, ()):
            yield self._deed(told, line, _Queued(), "")

    def _of_message(self, told: Told, line: Framed, server: Server) -> Iterator[Deed]:
        key = (server, told.queue_id)
        queued = self._queued(key, told)
        if queued is None:
            yield from self._begin_anew(key)
            queued = self._open[key] = _Queued()
        if line.process and (before := self._sessions.pop((line.host, line.process), None)):
            for each, where in before:
                yield from self._do(key, queued, each, where)
        if told.was and (former := self._open.get((server, told.was))):
            yield from self._do(
                (server, told.was), former, Told(Does.ENDED, told.was, over=True), line
            )
        if told.opens and queued.named and not told.message:
            queued.opened_again = True
        if (told.message or told.nameless) and not queued.named:
            queued.message, queued.named = told.message, True
            self._keeping.comes(told.message)
            yield from self._let_go(key[1], queued)
        yield from self._do(key, queued, told, line)

    def _queued(self, key: Key, told: Told) -> _Queued | None:
        """What is known of a queue id; None where it is new, or given out again."""
        if queued := self._open.get(key):
            return None if self._cannot_be(queued, told) else queued
        queued = self._over.get(key)
        return None if queued and self._is_new(queued, told) else queued

    def _begin_anew(self, key: Key) -> Iterator[Deed]:
        for known in (self._open, self._over):
            if before := known.pop(key, None):
                yield from self._let_go(key[1], before)

    def _is_new(self, queued: _Queued, told: Told) -> bool:
        return queued.named and bool(told.opens or told.message or told.nameless)

    def _cannot_be(self, queued: _Queued, told: Told) -> bool:
        """Whether a line cannot be of the message that has the queue id now."""
        if told.message:
            # A header may have a second Message-ID: the first is the one that counts.
            anew = queued.opened_again or told.opens or not queued.message
            return queued.named and anew and told.message != queued.message
        return told.opens and queued.named and not queued.message

    def _do(self, key: Key, queued: _Queued, told: Told, line: Framed) -> Iterator[Deed]:
        queued.named |= told.nameless
        again = self._is_told_again(queued, told)
        queued.promised |= told.does is Does.PROMISED
        queued.redirected |= told.does is Does.RENAMED
        if told.does is not Does.NOTHING and not again:
            if queued.named or len(queued.waits) >= _WAITING:
                yield self._deed(told, line, queued, key[1])
            else:
                if not queued.waits and len(self._unnamed) < self._most:
                    self._unnamed.append((key[1], queued))
                queued.waits.append((told, line))
        if told.over:
            yield from self._end(key, queued)

    def _is_told_again(self, queued: _Queued, told: Told) -> bool:
        """Whether a line repeats what was told: taken up again, and still held."""
        if told.does is Does.PROMISED:
            if told.said:
                queued.held.clear()
            return queued.promised and not told.said
        if told.does is Does.DELIVERED and "[" not in told.by:
            # An alias may lead to several files: they are no mailboxes of several recipients.
            whose = (told.recipient, told.original)
            return queued.kept.setdefault(whose, told.by) != told.by
        if told.does is not Does.HELD:
            return False
        again = told.recipient in queued.held
        queued.held.add(told.recipient)
        return again

    def _end(self, key: Key, queued: _Queued) -> Iterator[Deed]:
        if self._open.pop(key, None) is None:
            return
        self._over[key] = queued
        if len(self._over) > self._most:
            (_, queue_id), oldest = self._over.popitem(last=False)
            yield from self._let_go(queue_id, oldest)

    def _let_go(self, queue_id: str, queued: _Queued) -> Iterator[Deed]:
        waits, queued.waits = queued.waits, []
        for told, line in waits:
            yield self._deed(told, line, queued, queue_id)

    def _deed(self, told: Told, line: Framed, queued: _Queued, queue_id: str) -> Deed:
        does, original, by, said = told.does, told.original, told.by, told.said
        recipient = told.recipient
        if does is Does.RENAMED:
            # A rule that sends mail to somebody else is no alias: nobody says that this is the
            # recipient's own mailbox. It is of the whole message, whomever of several it names.
            does, recipient, original = Does.HANDED_ON, "", ""
            by, said = told.recipient or "somebody else", f"{told.by}: {told.said}"
        if does is Does.HANDED_ON and told.next_id and self._knows(told.next_id, queue_id):
            does = Does.MOVED
        if does is Does.DELIVERED and (other := self._keeping.did_not_keep(told, queued.message)):
            does, by, said = other.does, other.by, other.said
        if queued.redirected:
            original = ""  # whoever it was for, it is not for them any more
        return Deed(
            does=does,
            message=queued.message,
            recipient=recipient,
            original=original,
            by=by,
            said=said,
            wall=line.wall,
            host=line.host,
            queue_id=queue_id,
            where=line.where,
            next_id=told.next_id,
        )

    def _knows(self, next_id: str, queue_id: str) -> bool:
        """Whether the log of whatever took it is here too."""
        if next_id == queue_id:
            return False
        return any(
            (server, next_id) in known
            for server in self._servers
            for known in (self._open, self._over)
        )

    @property
    def remembered(self) -> int:
        """How many queue ids are known now."""
        return len(self._open) + len(self._over)

    def rest(self) -> Iterator[Deed]:
        """What still waits for a Message-ID that does not come: the log's beginning is missing."""
        for (_, queue_id), queued in [*self._over.items(), *self._open.items()]:
            yield from self._let_go(queue_id, queued)
        for session in list(self._sessions):
            yield from self._end_session(session)

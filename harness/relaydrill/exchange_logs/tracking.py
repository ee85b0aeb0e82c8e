"""Message tracking logs of one or several servers as events of the ledger. Pure.

What each event means stands in `relaydrill.exchange_logs.events`. The servers' clocks are all there
is, so an event's ``mono`` is its time of day, by the clock of one server where those of two are
known to differ. The ledger compares times of one server only.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from relaydrill.exchange_logs import NEVER, ExchangeLog, ProtocolRow, TrackingRow
from relaydrill.exchange_logs.clocks import Clocks, Passage
from relaydrill.exchange_logs.courses import courses
from relaydrill.exchange_logs.coverage import Coverage
from relaydrill.exchange_logs.events import Meaning, meaning
from relaydrill.exchange_logs.once import SUBMITTING, about_what_was_moderated, rows_once
from relaydrill.exchange_logs.promises import attempts, was_submitted
from relaydrill.exchange_logs.selection import Selection, is_journal_report, is_system
from relaydrill.exchange_logs.sendings import Sending, sendings
from relaydrill.exchange_logs.servers import Servers, is_of_one_host
from relaydrill.exchange_logs.sessions import Letter, Session, sessions
from relaydrill.exchange_logs.steps import (
    PROMISE,
    SENT,
    Key,
    Step,
    answered,
    as_events,
    is_direct,
    is_to_edge,
    step_of,
)
from relaydrill.journal import Event
from relaydrill.mail_logs.deeds import Does

_SHADOWS: Final = {"HARECEIVE": True, "HADISCARD": False}
_GONE: Final = (Does.MOVED, Does.HANDED_ON, Does.DISCARDED, Does.FAILED, Does.DELIVERED)
_NOBODY: Final = "a server that the row does not name"
_RENAMED_ONTO: Final = ("DUPLICATEEXPAND", "DUPLICATEREDIRECT")

__all__ = ["Key", "Step", "Tally", "Tracking"]


@dataclass(slots=True)
class Tally:
    """What one server's logs hold: rows by recipient, and sessions."""

    counts: Counter[str] = field(default_factory=Counter)
    sessions: int = 0
    refused: int = 0
    broken_off: int = 0


class Tracking:
    """Everything that a set of logs says.

    Attributes:
        servers: Whose logs they are.
        coverage: Which times they cover.
        clocks: How far apart the servers' are.
        tallies: By server.
        steps: By key, in the order of time.
        courses: By Message-ID.
        owed: To whom each message was sent, or who stands in for them.
        events: For the ledger.
        renamed: Keys for which others stand in.
        copies: By the recipient of each copy that a server made for somebody to whom a message was
            not sent: how many there are.
        passed_over: Rows that change nothing for any message, by event.
        strange: Rows whose event nobody knows, by event; `strange_on` by the key they stand on.
        not_ours: The servers' own mail, by its sort.
        left_out: What was not asked for.
        absent: Servers of the organization that no log is at hand of, as SENDs name them.
        shadows: Servers that hold a shadow copy still, by key.
        remarks: What could not be read, or is to be known of how it was read.
        unread: Why mail may be missing from all of this, a sentence each.

    Args:
        selection: Which mail is asked for.
    """

    def __init__(self, logs: tuple[ExchangeLog, ...], selection: Selection | None = None) -> None:
        self.servers = Servers(logs)
        self.coverage = Coverage(logs, self.servers)
        self.tallies = {name: Tally() for name in self.servers.names}
        self.steps: dict[Key, list[Step]] = defaultdict(list)
        self.events: list[Event] = []
        self.renamed: set[Key] = set()
        self.copies: Counter[str] = Counter()
        self.passed_over: Counter[str] = Counter()
        self.strange: Counter[str] = Counter()
        self.strange_on: dict[Key, list[str]] = defaultdict(list)
        self.not_ours: Counter[str] = Counter()
        self.left_out = 0
        self.absent: set[str] = set()
        self.shadows: dict[Key, set[str]] = defaultdict(set)
        self.remarks: list[str] = [remark for log in logs for remark in log.remarks]
        self._selection = selection or Selection()
        self._receipts: list[tuple[str, TrackingRow]] = []
        self._became: dict[Key, set[str]] = defaultdict(set)
        self._promised: dict[Key, Letter] = {}
        self._copied_to: set[tuple[str, str]] = set()
        self._nameless = 0
        rows, again = rows_once(logs, self.servers)
        rows = about_what_was_moderated(rows)
        if again:
            self.remarks.append(f"{again} rows stand in more than one file; each counts once")
        self.courses = courses(((server, row) for server, row, _ in rows), self.servers)
        self.owed = {message: course.owed() for message, course in self.courses.items()}
        self._whose = {message: each.whose(message) for message, each in self.courses.items()}
        self.not_ours.update(sort for sort in self._whose.values() if sort)
        for server, row, service in rows:
            self._take(server, row, service)
        heard = self._listen(logs)
        self._hear_of(heard)
        self._hear_of_sent(logs, rows)
        self.clocks = Clocks(self._all_passages())
        self._in_order()
        self._select()
        self._tell()
        answers = attempts(self._receipts, heard, self.servers, self.courses)
        self.events += [event for event in answers if (event.message, event.recipient) in self]
        self.unread = self._unread(logs)

    @property
    def has_protocol(self) -> bool:
        """Whether there are sessions to speak of."""
        return any(tally.sessions for tally in self.tallies.values())

    def is_copy(self, key: Key) -> bool:
        """Whether a server made it for somebody to whom it was not sent."""
        course = self.courses.get(key[0])
        if course is None:
            return False
        is_made = bool(course.copied_by) or is_journal_report(key[0])
        return is_made or key[1] not in self.owed[key[0]]

    def is_done_with(self, key: Key) -> bool:
        """Whether others stand in for the recipient; they in turn may have become others."""
        if key not in self.renamed:
            return False
        message, seen, waiting = key[0], {key[1]}, [key[1]]
        while waiting:
            for other in self._became.get((message, waiting.pop()), ()):
                if (message, other) not in self.renamed:
                    return True
                if other not in seen:
                    seen.add(other)
                    waiting.append(other)
        return False

    def _take(self, server: str, row: TrackingRow, service: str) -> None:
        means = meaning(row.event, row.source)
        if means is None:
            self.strange[row.event] += 1
            for recipient in self._about(row):
                self.strange_on[row.message, recipient].append(row.event)
            return
        if not row.message or self._whose.get(row.message):
            self.passed_over[row.event] += not row.message
            return
        if row.event == "HARECEIVE":
            self._copied_to.add((row.message, server))
        if row.event in _SHADOWS:
            for recipient in self._about(row):
                holders = self.shadows[row.message, recipient]
                (holders.add if _SHADOWS[row.event] else holders.discard)(server)
        if means.does is Does.RENAMED:
            self._rename(server, row, means)
        elif means.does is Does.NOTHING or not (recipients := self._about(row)):
            self.passed_over[row.event] += 1
        else:
            self.tallies[server].counts[row.event] += len(recipients)
            if row.event == "RECEIVE":
                self._receipts.append((server, row))
            if row.event in ("SUBMITDEFER", "SUBMITFAIL") and was_submitted(
                self.courses[row.message], server
            ):
                service = SUBMITTING
            step = self._onward(step_of(server, row, means, service), row)
            for recipient in recipients:
                self.steps[row.message, recipient].append(step)

    def _about(self, row: TrackingRow) -> tuple[str, ...]:
        """For which recipients a row is; one that names none is about all of the message's.

        What moderation logs may name the arbitration mailbox, or nobody, in place of the
        recipients.
        """
        named = tuple(dict.fromkeys(recipient.lower() for recipient in row.recipients))
        owed = self.owed.get(row.message, frozenset())
        means = meaning(row.event, row.source)
        if row.event == "REDIRECT" and means and means.does is Does.HANDED_ON:
            named = tuple(related.lower() for related in row.related)
        if named and not (means and (means.everywhere or row.event == "INITMESSAGECREATED")):
            return named
        ours = tuple(recipient for recipient in named if recipient in owed)
        return ours or tuple(sorted(each for each in owed if not is_system(each)))

    def _onward(self, step: Step, row: TrackingRow) -> Step:
        """The same with the server that it went to, or came from, if its log is at hand."""
        if row.event == "RECEIVE":
            peer = self.servers.known(row.client, row.client_ip)
            return replace(step, peer=peer if peer != step.server else "")
        is_away = step.does in (Does.MOVED, Does.HANDED_ON) and not step.has_it
        if not is_away or row.event == "REDIRECT":
            return step
        if not step.to:
            return replace(step, does=Does.HANDED_ON, by=_NOBODY)
        known = self.servers.known(row.server, row.server_ip)
        if step.does is Does.HANDED_ON:
            return step
        is_itself = known == step.server
        if is_itself and not (self._may_deliver(known) and self.servers.known(row.server)):
            known = ""  # a scanner, say, that has the server's address, and not its name
        if not known:
            if step.is_direct and step.event == "SEND":
                self.absent.add(step.to)
            return replace(step, does=Does.HANDED_ON, by=step.to)
        return replace(step, onward=known, is_direct=step.is_direct or known == step.server)

    def _may_deliver(self, server: str) -> bool:
        return self.coverage.delivers_by_itself(server) or server in self.coverage.exported

    def _rename(self, server: str, row: TrackingRow, means: Meaning) -> None:
        """A group's members, or another address, stand in for the recipient from here on."""
        new = {recipient.lower() for recipient in row.recipients}
        old = {related.lower() for related in row.related} - new
        if not old:
            self.passed_over[row.event] += 1
            return
        if not new:
            for each in old:
                self.strange_on[row.message, each].append(f"{row.event} to nobody")
            return
        for each in old:
            self.renamed.add((row.message, each))
            self._became[row.message, each] |= new
        if row.event in _RENAMED_ONTO:
            return
        self.tallies[server].counts[row.event] += len(new)
        step = Step(row.time, server, row.event, does=Does.RENAMED, says=means.says)
        for recipient in new:
            self.steps[row.message, recipient].append(step)

    def _listen(self, logs: tuple[ExchangeLog, ...]) -> dict[tuple[str, str], Session]:
        """What the protocol logs add: whom the server owes a reply that it never gave."""
        rows: dict[str, list[ProtocolRow]] = defaultdict(list)
        for log in logs:
            if log.protocol:
                rows[self.servers.of(log)] += log.protocol
        heard: dict[tuple[str, str], Session] = {}
        for server, said in rows.items():
            tally = self.tallies[server]
            for session in sessions(server, said):
                heard[server, session.identity] = session
                tally.sessions += 1
                tally.refused += len(session.refused)
                tally.broken_off += session.is_broken_off
        return heard

    def _hear_of(self, heard: dict[tuple[str, str], Session]) -> None:
        """A 250 shows that a server had a message, also where no tracking log says so."""
        known_by = {row.context.partition(";")[0] for _, row in self._receipts}
        for (server, _), session in heard.items():
            if session.is_shadow:
                continue
            for letter in session.letters:
                # A front end names the server behind it, whose log need not be at hand.
                host = self.servers.known(letter.host) or letter.host.lower() or server
                if (bracketed := f"<{letter.message}>") in self.courses:
                    letter = replace(letter, message=bracketed)  # the header lacks them
                if letter.message and letter.recipients:
                    self._promised_to(host, letter)
                elif not self._is_known(letter, known_by, session.identity):
                    self._nameless += 1

    def _is_known(self, letter: Letter, known_by: set[str], identity: str) -> bool:
        """Whether something tells of a message of which a session does not name all."""
        if letter.recipients and all(map(is_system, letter.recipients)):
            return True
        return letter.message in self.courses or (not letter.message and identity in known_by)

    def _promised_to(self, server: str, letter: Letter) -> None:
        message = letter.message
        course = self.courses.get(message)
        if course is not None and (server in course.had or self._whose[message]):
            return  # its tracking log tells what became of it, whoever stands in for whom
        if (message, server) in self._copied_to:
            return  # a shadow copy: whoever has the message answers for it
        step = Step(
            letter.time,
            server,
            PROMISE,
            does=Does.PROMISED,
            says="answered so in the SmtpReceive log",
            source="SMTP",
        )
        for recipient in letter.recipients:
            key = (message, recipient)
            if not is_system(recipient) and not self.steps.get(key) and key not in self.renamed:
                self.steps[key].append(step)
                self._promised.setdefault(key, letter)
                if course is not None:
                    self.owed[message] |= {recipient}

    def _hear_of_sent(
        self, logs: tuple[ExchangeLog, ...], rows: Iterable[tuple[str, TrackingRow, str]]
    ) -> None:
        """A next hop's 250 shows that a message has left, also where no tracking log says so."""
        if not any(log.sending for log in logs):
            return
        numbers = {(server, row.internal): row.message for server, row, _ in rows if row.internal}
        unnamed = 0
        for each in sendings(logs, self.servers):
            letter = each.letter
            message = letter.message or numbers.get((each.server, letter.record), "")
            message = f"<{message}>" if f"<{message}>" in self.courses else message
            if message and not self._whose.get(message):
                self._left(message, each)
            unnamed += not message
        if unnamed:
            self.remarks.append(
                f"SmtpSend logs have a 250 for {unnamed} messages of which they do not tell the"
                " Message-ID"
            )

    def _left(self, message: str, sending: Sending) -> None:
        """Note that a server has sent a message on, unless its tracking log tells how it left."""
        server, letter = sending.server, sending.letter
        onward = self.servers.known(letter.host, sending.address)
        if onward == server or not (onward or is_of_one_host(sending.address)):
            return  # from one service of it to another
        to = letter.host or sending.address
        if is_direct(sending.connector) and not onward:
            self.absent.add(to)
        final = answered(letter.reply)
        does = final or (Does.MOVED if onward else Does.HANDED_ON)
        step = Step(
            letter.time,
            server,
            SENT,
            to=to,
            onward="" if final else onward,
            said=letter.reply,
            does=does,
            says="answered so in the SmtpSend log",
            source="SMTP",
            by="" if does is Does.MOVED else to,
            is_direct=is_direct(sending.connector),
            is_to_edge=is_to_edge(sending.connector),
        )
        for recipient in letter.recipients:
            key = (message, recipient)
            known = self.steps.get(key, ())
            is_told = any(each.server == server and each.does in _GONE for each in known)
            if is_told or is_system(recipient) or key in self.renamed:
                continue
            self.steps[key].append(step)
            self._promised.setdefault(key, letter)
            if message in self.courses:
                self.owed[message] |= {recipient}

    def _all_passages(self) -> Iterator[Passage]:
        yield from (
            (step.server, other.server, other.time - step.time)
            for steps in self.steps.values()
            for step in steps
            if step.onward and step.onward != step.server
            for other in steps
            if other.server == step.onward and other.event in ("RECEIVE", "DELIVER")
        )

    def _in_order(self) -> None:
        for key, steps in self.steps.items():
            timed = [(step.time - self.clocks.ahead(step.server), step) for step in steps]
            timed.sort(key=lambda each: each[0])
            steps[:] = [step for _, step in timed]
            if not self.is_copy(key):
                self.events += as_events(key, timed)

    def _select(self) -> None:
        """Leave out what was not asked for."""
        if self._selection.is_all:
            return
        before: dict[Key, set[str]] = defaultdict(set)
        for (message, old), new in self._became.items():
            for each in new:
                before[message, each].add(old)
        out = {
            key
            for key, steps in self.steps.items()
            if not self._selection.takes(
                key[1], tuple(before.get(key, ())), *self._seen_of(key, steps)
            )
        }
        self.left_out = len({key for key in out if not self.is_done_with(key)})
        self.steps = defaultdict(
            list, {key: steps for key, steps in self.steps.items() if key not in out}
        )
        self.events = [event for event in self.events if (event.message, event.recipient) in self]

    def _seen_of(self, key: Key, steps: list[Step]) -> tuple[str, float]:
        if letter := self._promised.get(key):
            return letter.sender, letter.time
        course = self.courses.get(key[0])
        if course is None:
            return "", steps[0].time if steps else 0.0
        return course.sender, course.begun

    def __contains__(self, key: Key) -> bool:
        """Whether the logs tell of a message for a recipient, and it was asked for."""
        return key in self.steps

    def _tell(self) -> None:
        for key, steps in self.steps.items():
            if self.is_copy(key) and any(step.does is not Does.RENAMED for step in steps):
                self.copies[key[1]] += 1

    def _unread(self, logs: Iterable[ExchangeLog]) -> tuple[str, ...]:
        said = [log.unread for log in logs if log.unread]
        said += [
            f"{log.path}: {log.blind} rows do not say for whom they are"
            for log in logs
            if log.blind
        ]
        nobodys = sum(
            not course.named and not self._whose[message] and course.begun < NEVER
            for message, course in self.courses.items()
        )
        if nobodys:
            said.append(f"{nobodys} messages have no recipient in any row")
        if self._nameless:
            count = self._nameless
            said.append(
                f"SmtpReceive logs have a 250 for {count} message{'s' * (count > 1)} of which they"
                " do not tell the Message-ID, or for whom it was"
            )
        if not self.coverage.is_whole:
            said += self.coverage.notes
        return tuple(said)

"""Message tracking logs of one or several servers as events of the ledger. Pure.

============================ ==============================================================
event in the log             for the ledger
============================ ==============================================================
RECEIVE                      ``accepted`` by the server that has written it
SEND                         ``relayed``
DELIVER                      ``relayed``, and ``arrived``: the mailbox has it
FAIL, BADMAIL                ``bounced``
DEFER                        ``deferred``
EXPAND, RESOLVE, REDIRECT    ``accepted`` for the new recipients; the old one is done with
============================ ==============================================================

All others say nothing of where a message is, and are counted: TRANSFER splits a message within one
server, the HA events are about shadow copies, a DUPLICATEDELIVER was thrown away by the store.

The servers' clocks are all there is, so an event's ``mono`` is its time of day. The ledger compares
times of one server only; clocks that differ between servers do no harm.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from relaydrill.exchange_logs import ExchangeLog, ProtocolRow, TrackingRow
from relaydrill.exchange_logs.servers import Servers
from relaydrill.exchange_logs.sessions import Session, sessions
from relaydrill.journal import Event

_KINDS: Final = {
    "RECEIVE": ("accepted",),
    "SEND": ("relayed",),
    "DELIVER": ("relayed", "arrived"),
    "FAIL": ("bounced",),
    "BADMAIL": ("bounced",),
    "DEFER": ("deferred",),
}
_RENAMING: Final = ("EXPAND", "RESOLVE", "REDIRECT")

Key = tuple[str, str]
"""Message-ID, and recipient in lower case."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one row says of one message for one recipient.

    Attributes:
        time: Seconds since the epoch. server: Whose log. event: As in the log.
        to: Where a SEND went, as it stands there; `onward` is that server's name if its log is at
            hand and it is another one.
        said: A reply, or a reason.
    """

    time: float
    server: str
    event: str
    to: str = ""
    onward: str = ""
    said: str = ""


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
        servers: Whose logs they are. tallies: By server.
        steps: By message and recipient, in the order of their times.
        events: For `relaydrill.ledger.join`.
        renamed: Recipients that became others. passed_over: Events that say nothing, by name.
        remarks: What could not be read, or was there twice.
    """

    def __init__(self, logs: Iterable[ExchangeLog]) -> None:
        logs = tuple(logs)
        self.servers = Servers(logs)
        self.tallies = {name: Tally() for name in self.servers.names}
        self.steps: dict[Key, list[Step]] = defaultdict(list)
        self.events: list[Event] = []
        self.renamed: set[Key] = set()
        self.passed_over: Counter[str] = Counter()
        self.remarks: list[str] = [remark for log in logs for remark in log.remarks]
        self._receipts: list[tuple[str, TrackingRow]] = []
        for server, row in self._rows(logs):
            self._take(server, row)
        for steps in self.steps.values():
            steps.sort(key=lambda step: step.time)
        self._listen(logs)

    @property
    def has_protocol(self) -> bool:
        """Whether there are sessions to speak of."""
        return any(tally.sessions for tally in self.tallies.values())

    def _rows(self, logs: tuple[ExchangeLog, ...]) -> Iterator[tuple[str, TrackingRow]]:
        """Every row once: a log that was fetched twice tells nothing twice."""
        seen: dict[int, ExchangeLog] = {}
        again = 0
        for log in logs:
            server = self.servers.of(log)
            for row in log.tracking:
                if seen.setdefault(hash((server, *row.values.values())), log) is log:
                    yield server, row
                else:
                    again += 1
        if again:
            self.remarks.append(f"{again} rows stand in more than one file; each counts once")

    def _take(self, server: str, row: TrackingRow) -> None:
        if not row.message or not row.recipients or row.event not in (*_KINDS, *_RENAMING):
            self.passed_over[row.event] += 1
            return
        if row.event in _RENAMING:
            self._rename(server, row)
            return
        if row.event == "RECEIVE":
            self._receipts.append((server, row))
        self.tallies[server].counts[row.event] += len(row.recipients)
        said = "; ".join(row.statuses) or (row.context if row.event == "DEFER" else "")
        to = (row.server or row.server_ip) if row.event == "SEND" else ""
        known = self.servers.known(row.server, row.server_ip) if to else ""
        onward = known if known != server else ""
        step = Step(row.time, server, row.event, to, onward, said)
        for recipient in row.recipients:
            self.steps[row.message, recipient.lower()].append(step)
            for kind in _KINDS[row.event]:
                self._add(kind, server, row, recipient, step)

    def _add(self, kind: str, server: str, row: TrackingRow, recipient: str, step: Step) -> None:
        detail: dict[str, str] = {}
        if kind == "accepted":
            detail = {"client": row.client_ip}
        elif kind in ("bounced", "deferred"):
            detail = {"reason": step.said}
        elif step.to:
            detail = {"to": step.to}
        self.events.append(Event(row.time, row.time, server, kind, row.message, recipient, detail))

    def _rename(self, server: str, row: TrackingRow) -> None:
        """A group's members, or another address, stand in for the recipient from here on."""
        new = {recipient.lower() for recipient in row.recipients}
        old = {related.lower() for related in row.related} - new
        if not old:
            self.passed_over[row.event] += 1
            return
        self.renamed |= {(row.message, each) for each in old}
        step = Step(row.time, server, row.event)
        for recipient in new:
            self.steps[row.message, recipient].append(step)
            self._add("accepted", server, row, recipient, step)

    def _listen(self, logs: tuple[ExchangeLog, ...]) -> None:
        """What the protocol logs add: whom the server owes a reply that it never gave."""
        rows: dict[str, list[ProtocolRow]] = defaultdict(list)
        for log in logs:
            rows[self.servers.of(log)] += log.protocol
        heard: dict[tuple[str, str], Session] = {}
        for server, said in rows.items():
            tally = self.tallies[server]
            for session in sessions(server, said):
                heard[server, session.identity] = session
                tally.sessions += 1
                tally.refused += len(session.refused)
                tally.broken_off += session.is_broken_off
        self._attempts(heard)

    def _attempts(self, heard: dict[tuple[str, str], Session]) -> None:
        """The senders' side of messages that were stored and not answered.

        Where all was answered, the servers' own word stands for what the senders saw. Here it must
        not: a message that nobody was promised cannot be lost. Its other tries count as well.
        """
        outside = [
            (server, row, heard.get((server, row.context.partition(";")[0])))
            for server, row in self._receipts
            if not self.servers.known(row.client, row.client_ip)
        ]
        unanswered = {
            row.message for _, row, session in outside if session and _owes_reply(session, row)
        }
        for server, row, session in outside:
            if row.message in unanswered:
                is_owed = session is not None and _owes_reply(session, row)
                self._attempt(server, row, "unanswered" if is_owed else "accepted")

    def _attempt(self, server: str, row: TrackingRow, result: str) -> None:
        outcome = {"result": result, "phase": "reply", "server": server}
        for recipient in row.recipients:
            for kind, detail in (("attempt", {}), ("outcome", outcome)):
                self.events.append(
                    Event(row.time, row.time, row.client, kind, row.message, recipient, detail)
                )


def _owes_reply(session: Session, row: TrackingRow) -> bool:
    return session.is_broken_off and row.message not in session.taken

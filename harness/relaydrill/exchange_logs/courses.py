"""What one message is: somebody's mail, a copy of it, or mail of the servers' own. Pure.

An agent that adds a recipient (a transport rule's Bcc, say) leaves no row that says so: the first
server's RECEIVE lacks that recipient, and its SEND has it. Hence all of a message's rows are needed
before it is known to whom it was owed, and for whom it was copied.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from relaydrill.exchange_logs import TrackingRow
from relaydrill.exchange_logs.events import SYSTEM_SOURCES, meaning
from relaydrill.exchange_logs.selection import is_journal_report, is_probe, is_system
from relaydrill.exchange_logs.servers import Servers
from relaydrill.mail_logs.deeds import Does

_MADE: Final = {"AGENT": "an agent", "MAILBOXRULE": "an inbox rule"}


@dataclass(frozen=True, slots=True)
class Receipt:
    """A server took a message for one recipient.

    Attributes:
        source: As in the log.
        peer: The server that gave it, if its log is at hand.
    """

    recipient: str
    server: str
    source: str
    peer: str


@dataclass(slots=True)
class Course:
    """What the rows of one message say of it.

    Attributes:
        begun: When it was first seen, seconds since the epoch.
        sender: As its rows say.
        origin: The source of its first RECEIVE.
        references: What those that made it refer to.
        receipts: Each RECEIVE, for each of its recipients.
        sent: By recipient: who sent it on, to whichever server.
        had: Servers that received it, for whomever.
        named: Everybody whom its rows name.
        renames: (old recipients, new ones).
    """

    begun: float = float("inf")
    sender: str = ""
    origin: str = ""
    references: set[str] = field(default_factory=set)
    receipts: list[Receipt] = field(default_factory=list)
    sent: dict[str, set[tuple[str, str]]] = field(default_factory=lambda: defaultdict(set))
    had: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)
    renames: list[tuple[frozenset[str], frozenset[str]]] = field(default_factory=list)

    @property
    def copied_by(self) -> str:
        """Who made it as a copy of another message; empty where it is none."""
        if self.references or self.origin == "MAILBOXRULE":
            return _MADE.get(self.origin, "")
        return ""

    def owed(self) -> frozenset[str]:
        """To whom it was sent, or who stands in for them: all others have copies."""
        found: set[str] = set()
        for each in self.receipts:
            if each.source not in _MADE:
                senders = self.givers(each.recipient, each.server, each.peer)
                # Where a sender's own RECEIVE is not at hand nobody knows for whom it was.
                if not senders or not senders <= self.had:
                    found.add(each.recipient)
        if not found:
            found |= self.named
        received = {each.recipient for each in self.receipts}
        grown = True
        while grown:
            size = len(found)
            for old, new in self.renames:
                if old & found or not old & (received | found):
                    found |= new
            grown = len(found) > size
        return frozenset(found)

    def givers(self, recipient: str, server: str, peer: str) -> set[str]:
        """The servers that sent it on for one recipient, and thereby to this server.

        Args:
            recipient: In lower case.
            server: Who got it.
            peer: Whom the server has it from: a balancer's name hides where others sent it.
        """
        return {
            sender
            for sender, to in self.sent.get(recipient, ())
            if sender != server and (to == server or sender == peer)
        }

    def whose(self, message: str) -> str:
        """Of which sort of the servers' own mail it is; empty where it is people's.

        Args:
            message: Its Message-ID.
        """
        if self.copied_by or is_journal_report(message):
            return ""
        recipients = [each.recipient for each in self.receipts] or self.named
        if is_probe(self.sender) or (recipients and all(is_probe(each) for each in recipients)):
            return "probes of HealthMailbox"
        if self.origin in SYSTEM_SOURCES or is_system(self.sender):
            return "reports and other mail of the servers' own"
        if recipients and all(is_system(each) for each in recipients):
            return "mail to system mailboxes"
        return ""


def courses(rows: Iterable[tuple[str, TrackingRow]], servers: Servers) -> dict[str, Course]:
    """Every message that the rows tell of, by its Message-ID.

    Args:
        rows: With the server whose log each stands in.
        servers: Who wrote the logs.
    """
    found: dict[str, Course] = {}
    for server, row in rows:
        if row.message:
            _take(found.setdefault(row.message, Course()), server, row, servers)
    return found


def _take(course: Course, server: str, row: TrackingRow, servers: Servers) -> None:
    means = meaning(row.event, row.source)
    recipients = frozenset(recipient.lower() for recipient in row.recipients)
    if means is None or means.does is not Does.NOTHING:
        if row.time < course.begun:
            course.begun = row.time
            course.sender = row.sender or course.sender
        course.sender = course.sender or row.sender
        course.named |= recipients
    if row.event == "RECEIVE":
        if not course.receipts or row.time <= course.begun:
            course.origin = row.source
        peer = servers.known(row.client, row.client_ip)
        course.receipts += [Receipt(each, server, row.source, peer) for each in recipients]
        course.had.add(server)
        reference = row.values.get("reference", "").strip()
        if row.source in _MADE and reference and reference != row.message:
            course.references.add(reference)
    elif means and means.does is Does.MOVED:
        to = servers.known(row.server, row.server_ip)
        for recipient in recipients:
            course.sent[recipient].add((server, to))
    elif means and means.does is Does.RENAMED:
        old = frozenset(related.lower() for related in row.related) - recipients
        if old and recipients:
            course.renames.append((old, recipients))

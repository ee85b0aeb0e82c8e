"""A model of a mail tier that writes the logs of its Postfix hosts, and knows what became of all.

It shares no code with what reads logs: lines are put together as postfix's manuals have them.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime

BEGIN = datetime(2025, 12, 31, 23, 50, tzinfo=UTC).timestamp()
"""Ten minutes before a year's end."""

ENDS = ("delivered", "discarded", "failed", "queued", "handed on", "duplicated", "alias", "filter")


@dataclass
class Mailer:
    """One host.

    Attributes:
        name: As its log has it.
        ahead: Of the true time, seconds.
        lines: With the times that it gives them.
        free: Queue ids that it gives out again.
    """

    name: str
    ahead: float = 0.0
    tag: str = "postfix"
    lines: list[tuple[float, str, str]] = field(default_factory=list)
    given: int = 0
    free: list[tuple[float, str]] = field(default_factory=list)

    def queue_id(self, now: float) -> str:
        """A free one, an old one if there is any: two hosts give out the same."""
        if self.free and self.free[0][0] < now - 5.0:
            return self.free.pop(0)[1]
        self.given += 1
        return f"{self.given:04X}00C0DE"

    def say(self, at: float, program: str, text: str) -> None:
        """Write one line."""
        self.lines.append((at + self.ahead, program, text))


@dataclass
class Tier:
    """Two hosts at the edge, two with mailboxes; what became of every message.

    Attributes:
        truth: By account, how many messages for recipients.
        fates: By message and recipient.
    """

    chance: random.Random
    hosts: dict[str, Mailer] = field(default_factory=dict)
    fates: dict[tuple[str, str], str] = field(default_factory=dict)
    now: float = BEGIN
    sent: int = 0

    @property
    def truth(self) -> Counter[str]:
        """How many of each."""
        return Counter(self.fates.values())

    def take(self, host: Mailer, message: str, client: str, count: int) -> str:
        """A host takes a message, and says so."""
        queue_id = host.queue_id(self.now)
        host.say(self.now, "smtpd", f"connect from {client}")
        host.say(self.now, "smtpd", f"{queue_id}: client={client}")
        host.say(self.now, "cleanup", f"{queue_id}: message-id={message}")
        self.now += 0.3
        active = f"from=<app@contoso.com>, size=2421, nrcpt={count} (queue active)"
        host.say(self.now, "qmgr", f"{queue_id}: {active}")
        host.say(self.now, "smtpd", f"disconnect from {client} ehlo=1 mail=1 quit=1 commands=5")
        return queue_id

    def deliver(
        self, host: Mailer, agent: str, queue_id: str, to: str, relay: str, said: str
    ) -> None:
        """One line of an agent's; ``to`` may have an ``orig_to`` behind it."""
        self.now += 0.4
        status = said.partition(" ")[0]
        rest = said.partition(" ")[2]
        host.say(
            self.now,
            agent,
            f"{queue_id}: to=<{to.partition('|')[0]}>,"
            + (f" orig_to=<{to.partition('|')[2]}>," if "|" in to else "")
            + f" relay={relay}, delay=0.4, delays=0.1/0/0/0.3, dsn=2.0.0, status={status} ({rest})",
        )

    def end(self, host: Mailer, queue_id: str) -> None:
        """A host is done with a message."""
        host.say(self.now, "qmgr", f"{queue_id}: removed")
        host.free.append((self.now, queue_id))

    def pass_on(self, source: Mailer, queue_id: str, message: str, to: str) -> None:
        """Hand a message on to a host with mailboxes, which delivers it."""
        box = self.hosts[self.chance.choice(("mbx1", "mbx2"))]
        there = self.take(box, message, f"{source.name}[10.0.0.1]", 1)
        reply = f"sent 250 2.0.0 Ok: queued as {there}"
        self.deliver(source, "smtp", queue_id, to, f"{box.name}[10.0.0.7]:25", reply)
        self.deliver(box, "virtual", there, to, "virtual", "sent delivered to maildir")
        self.end(box, there)

    def send(self, ends: list[str]) -> None:
        """Send a message, for one recipient for each end that is asked for."""
        self.sent += 1
        self.now += self.chance.choice((0.1, 2.0, 45.0))
        message = f"<{self.sent}.{self.chance.getrandbits(32):08x}@app.contoso.com>"
        edge = self.hosts[self.chance.choice(("mx1", "mx2"))]
        queue_id = self.take(edge, message, "app[192.0.2.9]", len(ends))
        is_open = False
        for number, end in enumerate(ends):
            to = f"user{number}@fabrikam.com"
            is_open |= end == "queued"
            self._end(edge, queue_id, message, to, end)
        if not is_open:
            self.end(edge, queue_id)

    def _end(self, edge: Mailer, queue_id: str, message: str, to: str, end: str) -> None:
        fate = {"alias": "delivered", "filter": "delivered"}.get(end, end)
        match end:
            case "delivered":
                self.pass_on(edge, queue_id, message, to)
            case "discarded":
                self.deliver(edge, "discard", queue_id, to, "none", "sent silently")
            case "failed":
                said = "bounced host far[192.0.2.1] said: 550 5.1.1 no such user"
                self.deliver(edge, "smtp", queue_id, to, "far[192.0.2.1]:25", said)
            case "queued":
                said = "deferred connect to far[192.0.2.1]:25: Connection timed out"
                self.deliver(edge, "smtp", queue_id, to, "none", said)
            case "handed on":
                said = "sent 250 2.0.0 Ok: queued as FFFF00C0DE"
                self.deliver(edge, "smtp", queue_id, to, "far[192.0.2.1]:25", said)
            case "duplicated":
                self.pass_on(edge, queue_id, message, to)
                again = self.take(edge, message, "app[192.0.2.9]", 1)
                self.pass_on(edge, again, message, to)
                self.end(edge, again)
            case "alias":
                self._alias(edge, queue_id, message, to)
                return
            case "filter":
                back = self.take(edge, message, "localhost[127.0.0.1]", 1)
                said = f"sent 250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 Ok: queued as {back}"
                self.deliver(edge, "smtp", queue_id, to, "127.0.0.1[127.0.0.1]:10024", said)
                self.pass_on(edge, back, message, to)
                self.end(edge, back)
        self.fates[message, to] = fate

    def _alias(self, edge: Mailer, queue_id: str, message: str, to: str) -> None:
        box = self.hosts["mbx1"]
        there = self.take(box, message, f"{edge.name}[10.0.0.1]", 1)
        said = f"sent 250 2.0.0 Ok: queued as {there}"
        self.deliver(edge, "smtp", queue_id, to, "mbx1[10.0.0.7]:25", said)
        for each in ("anna", "ben"):
            member = f"{each}.{to}"
            self.deliver(
                box, "virtual", there, f"{member}|{to}", "virtual", "sent delivered to maildir"
            )
            self.fates[message, member] = "delivered"
        self.end(box, there)


def tier(seed: int, ahead: float = 0.0) -> Tier:
    """A tier without mail.

    Args:
        seed: Seed of all random choices.
        ahead: How far the clocks of the hosts with mailboxes are ahead, seconds.
    """
    hosts = {name: Mailer(name) for name in ("mx1", "mx2")}
    hosts |= {name: Mailer(name, ahead) for name in ("mbx1", "mbx2")}
    return Tier(random.Random(seed), hosts)


def bsd(at: float, host: str, program: str, text: str) -> bytes:
    """A line of RFC 3164, of UTC."""
    when = datetime.fromtimestamp(at, UTC)
    stamp = f"{when:%b} {when.day:2d} {when:%H:%M:%S}"
    return f"{stamp} {host} postfix/{program}[{1000 + len(program)}]: {text}\n".encode()


def iso(at: float, host: str, program: str, text: str) -> bytes:
    """A line with rsyslog's high precision."""
    stamp = datetime.fromtimestamp(at, UTC).isoformat("T", "microseconds")
    return f"{stamp} {host} postfix/{program}[{1000 + len(program)}]: {text}\n".encode()


def log_of(mailer: Mailer, write: object = bsd) -> list[bytes]:
    """The lines of a host, by its clock."""
    assert callable(write)
    ordered = sorted(mailer.lines, key=lambda line: line[0])
    return [write(at, mailer.name, program, text) for at, program, text in ordered]

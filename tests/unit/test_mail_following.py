"""A model of servers that log: what is read of their lines is what they did, in any frame."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from relaydrill.mail_logs.deeds import Does
from relaydrill.mail_logs.following import Following
from relaydrill.mail_logs.framing import Framer

FATES = {
    Does.DELIVERED: ("virtual", "virtual", "sent", "delivered to maildir"),
    Does.DISCARDED: ("discard", "none", "sent", "silently"),
    Does.HANDED_ON: ("pipe", "spamcheck", "sent", "delivered via spamcheck service"),
    Does.FAILED: ("virtual", "virtual", "bounced", "unknown user"),
    Does.DEFERRED: ("smtp", "none", "deferred", "connect to h[10.0.0.9]:25: Connection refused"),
}
FRAMES = (
    "Nov 24 04:25:01 {host} {tag}/{program}[{pid}]: {text}",
    "2026-11-24T04:25:01.123456+01:00 {host} {tag}/{program}[{pid}]: {text}",
    "<22>1 2026-11-24T04:25:01Z {host} {tag}/{program} {pid} - - {text}",
    '{{"MESSAGE": "{text}", "SYSLOG_IDENTIFIER": "{tag}/{program}", "_HOSTNAME": "{host}"}}',
    "[pod/mx-0/postfix] Nov 24 04:25:01 {host} {tag}/{program}[{pid}]: {text}",
)
Line = tuple[str, str]
"""A program, and what it says."""


@dataclass
class Host:
    """A server's log: of each message its lines in order, among those of others."""

    name: str
    tag: str
    free: list[str] = field(default_factory=lambda: ["A1B2C3", "B2C3D4", "C3D4E5F6"])
    open: list[list[Line]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)

    def take(self, message: str, fates: list[tuple[str, Does]]) -> None:
        """Begin a message under a queue id that is free."""
        queue_id = self.free.pop()
        said = [
            ("smtpd", f"{queue_id}: client=h[10.0.0.1]"),
            ("cleanup", f"{queue_id}: message-id={message}"),
            ("qmgr", f"{queue_id}: from=<a@x>, size=9, nrcpt={len(fates)} (queue active)"),
        ]
        for recipient, does in fates:
            program, relay, status, why = FATES[does]
            text = (
                f"{queue_id}: to=<{recipient}>, relay={relay}, delay=1, dsn=2.0.0, status={status}"
            )
            said.append((program, f"{text} ({why})"))
        said.append(("qmgr", f"{queue_id}: removed"))
        self.open.append(said)
        self.ids.append(queue_id)

    def line(self, number: int) -> Line:
        """The next line of one of its messages."""
        found = self.open[number].pop(0)
        if not self.open[number]:
            del self.open[number]
            self.free.append(self.ids.pop(number))
        return found


@settings(deadline=None)
@given(st.integers(0, 2**32))
def test_what_servers_log_is_what_they_did(seed: int) -> None:
    """Queue ids that two hosts have and that come again, lines of many messages in between."""
    chance = random.Random(seed)
    hosts = [Host("mx1", "postfix"), Host("mx2", "postfix-out")]
    following, framer = Following(remembered=5), Framer("log", 1.796e9)
    truth: Counter[tuple[str, str, Does]] = Counter()
    found: Counter[tuple[str, str, Does]] = Counter()
    count = 0
    while count < 12 or any(host.open for host in hosts):
        host = chance.choice(hosts)
        if count < 12 and host.free and chance.random() < 0.3:
            fates = chance.choices(sorted(FATES), k=chance.randint(1, 3))
            named = [(f"u{number}@x.test", fate) for number, fate in enumerate(fates)]
            host.take(f"<{count}@app>", named)
            truth.update((f"<{count}@app>", to, does) for to, does in named)
            count += 1
        elif host.open:
            program, text = host.line(chance.randrange(len(host.open)))
            line = chance.choice(FRAMES).format(
                host=host.name, tag=host.tag, program=program, pid=7, text=text
            )
            for deed in following.take(framer.frame(line.encode())):
                if deed.recipient:
                    found[deed.message, deed.recipient, deed.does] += 1
    assert found == truth
    assert following.not_understood == 0
    assert list(following.rest()) == []

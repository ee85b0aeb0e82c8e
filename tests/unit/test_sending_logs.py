"""What Postfix and Exim log of a try, and what the sender has learnt from it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from relaydrill.kinds.exim import log as exim_log
from relaydrill.kinds.postfix import log as postfix_log
from relaydrill.kinds.postfix.sending import outcome
from relaydrill.nodes.sending.mta import Fact, Left, Named, PutOff, Tried
from relaydrill.smtp import Outcome, Phase, Reply, Result

AT = "172.30.0.14:25"
QUEUED = Reply(250, "2.6.0 <x> [InternalId=1] Queued mail for delivery")

POSTFIX: list[tuple[str, str, str, Outcome]] = [
    (
        "sent",
        "mail.contoso.com[172.30.0.14]:25",
        str(QUEUED),
        Outcome(Result.ACCEPTED, Phase.REPLY, QUEUED, address=AT),
    ),
    (
        "deferred",
        "none",
        "connect to mail.contoso.com[172.30.0.14]:25: Connection refused",
        Outcome(Result.UNREACHABLE, Phase.CONNECT, reason="Connection refused", address=AT),
    ),
    (
        "deferred",
        "mail.contoso.com[172.30.0.14]:25",
        "host mail.contoso.com[172.30.0.14] said: 452 4.3.1 Insufficient system resources"
        " (in reply to MAIL FROM command)",
        Outcome(
            Result.REFUSED,
            Phase.MAIL,
            Reply(452, "4.3.1 Insufficient system resources"),
            address=AT,
        ),
    ),
    (
        "bounced",
        "mail.contoso.com[172.30.0.14]:25",
        "host mail.contoso.com[172.30.0.14] said: 550 5.7.1 Unable to relay"
        " (in reply to RCPT TO command)",
        Outcome(Result.REFUSED, Phase.RCPT, Reply(550, "5.7.1 Unable to relay"), address=AT),
    ),
    (
        "bounced",
        "mail.contoso.com[172.30.0.14]:25",
        "host mail.contoso.com[172.30.0.14] said: 554 5.4.6 Loop (in reply to end of DATA command)",
        Outcome(Result.REFUSED, Phase.REPLY, Reply(554, "5.4.6 Loop"), address=AT),
    ),
    (
        "deferred",
        "mail.contoso.com[172.30.0.14]:25",
        "host mail.contoso.com[172.30.0.14] refused to talk to me: 421 4.3.2 Service not available",
        Outcome(
            Result.REFUSED, Phase.BANNER, Reply(421, "4.3.2 Service not available"), address=AT
        ),
    ),
    (
        "deferred",
        "mail.contoso.com[172.30.0.14]:25",
        "lost connection with mail.contoso.com[172.30.0.14] while receiving the initial server"
        " greeting",
        Outcome(
            Result.DROPPED,
            Phase.BANNER,
            reason="lost connection while receiving the initial server greeting",
            address=AT,
        ),
    ),
    (
        "deferred",
        "mail.contoso.com[172.30.0.14]:25",
        "conversation with mail.contoso.com[172.30.0.14] timed out while sending message body",
        Outcome(
            Result.DROPPED,
            Phase.BODY,
            reason="timed out while sending message body",
            address=AT,
        ),
    ),
    (
        "deferred",
        "mail.contoso.com[172.30.0.14]:25",
        "lost connection with mail.contoso.com[172.30.0.14] while sending end of data -- message"
        " may be sent more than once",
        Outcome(
            Result.UNANSWERED,
            Phase.REPLY,
            reason="lost connection while sending end of data",
            address=AT,
        ),
    ),
]


@pytest.mark.parametrize(("status", "relay", "said", "expected"), POSTFIX)
def test_postfix_tells_how_a_try_ended(
    status: str, relay: str, said: str, expected: Outcome
) -> None:
    """Each wording of Postfix's client is the outcome that a journalled sender would have had."""
    line = (
        f"Nov 24 04:25:01 pf postfix/smtp[85]: 4fFv8j6c: to=<u@contoso.com>, relay={relay},"
        f" delay=0.02, delays=0/0/0/0.01, dsn=0.0.0, status={status} ({said})"
    )
    passed = postfix_log.parse(line)
    assert isinstance(passed, postfix_log.Passed)
    assert outcome(passed) == expected


V4, V6 = "172.30.0.14", "2001:db8::14"


@pytest.mark.parametrize(("status", "relay", "said", "expected"), POSTFIX)
def test_postfix_tells_it_of_a_server_with_ipv6(
    status: str, relay: str, said: str, expected: Outcome
) -> None:
    """The same lines with an address of IPv6; before its port it has brackets, as everywhere."""
    test_postfix_tells_how_a_try_ended(
        status,
        relay.replace(V4, V6),
        said.replace(V4, V6),
        replace(expected, address=expected.address.replace(V4, f"[{V6}]")),
    )


H = "H=mail.contoso.com [172.30.0.14]:25"
ID = "1xVojD-00001Y-04"
TO = "u@contoso.com"


def tried(result: Result, phase: Phase, reply: Reply | None = None, reason: str = "") -> Tried:
    """A try at the one address that all lines name."""
    return Tried(ID, TO, Outcome(result, phase, reply, reason=reason, address=AT))


EXIM: list[tuple[str, Fact | None]] = [
    ("<= app@contoso.com H=(ex) [127.0.0.1] P=esmtp S=211 id=1.a@app", Named(ID, "<1.a@app>")),
    (
        f'=> {TO} R=everything T=out {H} C="{QUEUED}"',
        tried(Result.ACCEPTED, Phase.REPLY, QUEUED),
    ),
    (f'=> {TO} R=everything T=out {H}* C="{QUEUED}"', tried(Result.ACCEPTED, Phase.REPLY, QUEUED)),
    (
        f"== {TO} R=everything T=out defer (-45) {H}: SMTP error from remote mail server after MAIL"
        " FROM:<app@contoso.com> SIZE=1242: 452 4.3.1 Insufficient system resources",
        tried(Result.REFUSED, Phase.MAIL, Reply(452, "4.3.1 Insufficient system resources")),
    ),
    (
        f"** {TO} R=everything T=out {H}: SMTP error from remote mail server after pipelined RCPT"
        " TO:<u@contoso.com>: 550 5.7.1 Unable to relay",
        tried(Result.REFUSED, Phase.RCPT, Reply(550, "5.7.1 Unable to relay")),
    ),
    (
        f"** {TO} R=everything T=out {H}: SMTP error from remote mail server after initial"
        " connection: 554 no",
        tried(Result.REFUSED, Phase.BANNER, Reply(554, "no")),
    ),
    (
        f"== {TO} R=everything T=out defer (-18) {H}: Remote host closed connection in response to"
        " initial connection",
        tried(
            Result.DROPPED,
            Phase.BANNER,
            reason="Remote host closed connection in response to initial connection",
        ),
    ),
    (
        f"== {TO} R=everything T=out defer (110): Connection timed out {H}: SMTP timeout after end"
        " of data (224 bytes written)",
        tried(Result.UNANSWERED, Phase.REPLY, reason="SMTP timeout after end of data"),
    ),
    (
        f"== {TO} R=everything T=out defer (111): Connection refused",
        Tried(ID, TO, Outcome(Result.UNREACHABLE, Phase.CONNECT, reason="Connection refused")),
    ),
    (
        f"== {TO} R=everything T=out defer (-54): retry time not reached for any host for 'x'",
        PutOff(ID, TO, "retry time not reached for any host for 'x'"),
    ),
    ("Completed", Left(ID)),
    (f"{H} Connection refused", None),
    ("<= <> R=1xVojR-00002I-0U U=Debian-exim P=local S=1587", None),
]


@pytest.mark.parametrize(("rest", "fact"), EXIM)
def test_exim_tells_how_a_try_ended(rest: str, fact: Fact | None) -> None:
    """Each wording of Exim's log is the outcome that a journalled sender would have had."""
    assert exim_log.parse(f"2026-11-24 11:30:30.523 {ID} {rest}") == fact


@pytest.mark.parametrize(("rest", "fact"), EXIM)
def test_exim_tells_it_of_a_server_with_ipv6(rest: str, fact: Fact | None) -> None:
    """The same lines with an address of IPv6."""
    if isinstance(fact, Tried):
        address = fact.outcome.address.replace(V4, f"[{V6}]")
        fact = replace(fact, outcome=replace(fact.outcome, address=address))
    test_exim_tells_how_a_try_ended(rest.replace(V4, V6), fact)


@pytest.mark.parametrize("line", ["", "2026-11-24 11:30:30.523 Start queue run: pid=117", "noise"])
def test_other_lines_of_exim_say_nothing(line: str) -> None:
    """What is not about a message is passed over."""
    assert exim_log.parse(line) is None

"""What is read from Postfix's log."""

from __future__ import annotations

import pytest

from relaydrill.kinds.postfix.log import (
    Ended,
    Fact,
    Named,
    Opened,
    Passed,
    Queued,
    Refused,
    Removed,
    Took,
    parse,
)

STAMP = "Nov 24 04:25:01 ht1 "
CASES: list[tuple[str, Fact | None]] = [
    (
        "postfix/25/smtpd[81]: NOQUEUE: info: RCPT from unknown[172.20.0.16]: <u@contoso.com>:"
        " Recipient address relaydrill; from=<app@contoso.com> to=<u@contoso.com> proto=ESMTP"
        " helo=<app>",
        Took(81, 25, "172.20.0.16", "u@contoso.com"),
    ),
    (
        "postfix/587/smtpd[82]: 4fFv8j: info: RCPT from unknown[1.2.3.4]: <b@x.org>: Recipient"
        " address relaydrill; from=<> to=<b@x.org> proto=ESMTP helo=<app>",
        Took(82, 587, "1.2.3.4", "b@x.org"),
    ),
    ("postfix/25/smtpd[81]: 4fFv8j6c: client=unknown[172.20.0.16]", Opened(81, "4fFv8j6c")),
    (
        "postfix/587/smtpd[82]: 4fFv8j6c: client=unknown[1.2.3.4], sasl_method=PLAIN,"
        " sasl_username=app@ht1",
        Opened(82, "4fFv8j6c"),
    ),
    ("postfix/cleanup[83]: 4fFv8j6c: message-id=<1@app>", Named("4fFv8j6c", "<1@app>")),
    (
        "postfix/qmgr[84]: 4fFv8j6c: from=<app@contoso.com>, size=2316, nrcpt=1 (queue active)",
        Queued("4fFv8j6c"),
    ),
    ("postfix/qmgr[84]: 4fFv8j6c: removed", Removed("4fFv8j6c")),
    (
        "postfix/relay/smtp[85]: 4fFv8j6c: to=<u@contoso.com>, relay=10.0.0.5[10.0.0.5]:25,"
        " delay=0.02, delays=0/0/0/0.01, dsn=2.6.0, status=sent (250 2.6.0 <1@app> Queued)",
        Passed(
            "4fFv8j6c",
            "u@contoso.com",
            "sent",
            "10.0.0.5[10.0.0.5]:25",
            "250 2.6.0 <1@app> Queued",
        ),
    ),
    (
        "postfix/smtp[85]: 4fFv8j6c: to=<u@contoso.com>, relay=10.0.0.5[10.0.0.5]:25, conn_use=2,"
        " delay=0.02, delays=0/0/0/0.01, dsn=2.6.0, status=sent (250 2.6.0 Queued)",
        Passed(
            "4fFv8j6c",
            "u@contoso.com",
            "sent",
            "10.0.0.5[10.0.0.5]:25",
            "250 2.6.0 Queued",
            reused=True,
        ),
    ),
    (
        "postfix/relay/smtp[85]: 4fFv8j6c: to=<u@contoso.com>, orig_to=<v@contoso.com>,"
        " relay=none, delay=3, delays=0/0/3/0, dsn=4.4.1, status=deferred (connect to"
        " 10.0.0.5[10.0.0.5]:25: Connection timed out)",
        Passed(
            "4fFv8j6c",
            "u@contoso.com",
            "deferred",
            "none",
            "connect to 10.0.0.5[10.0.0.5]:25: Connection timed out",
        ),
    ),
    (
        "postfix/25/smtpd[81]: NOQUEUE: reject: RCPT from unknown[10.0.0.9]: 554 5.7.1"
        " <x@y.org>: Relay access denied; from=<a@b.c> to=<x@y.org> proto=ESMTP helo=<h>",
        Refused(25, "10.0.0.9", "rcpt", 554, "5.7.1 <x@y.org>: Relay access denied", "x@y.org"),
    ),
    (
        "postfix/25/smtpd[81]: NOQUEUE: reject: MAIL from unknown[10.0.0.9]: 452 4.3.1"
        " Insufficient system storage; proto=ESMTP helo=<app>",
        Refused(25, "10.0.0.9", "mail", 452, "4.3.1 Insufficient system storage", ""),
    ),
    (
        "postfix/25/smtpd[81]: disconnect from unknown[10.0.0.9] ehlo=1 mail=1 quit=1 commands=3",
        Ended(81),
    ),
    ("postfix/25/smtpd[81]: connect from unknown[10.0.0.9]", None),
    ("postfix/master[1]: daemon started -- version 3.7.11, configuration /etc/postfix", None),
    ("something else altogether", None),
    ("", None),
]


@pytest.mark.parametrize(("line", "fact"), CASES)
def test_a_line_tells_one_fact_or_none(line: str, fact: Fact | None) -> None:
    """Lines of Postfix 3.7, as it writes them, are understood; all others are passed over."""
    assert parse(STAMP + line) == fact

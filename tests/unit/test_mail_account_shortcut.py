"""The short way for ordinary lines comes to what the table of meanings says of them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.mail_logs_model import bsd, iso

from relaydrill.mail_account import reader
from relaydrill.mail_account.files import find_logs
from relaydrill.mail_account.reading import account_of

PROGRAMS = (
    *("smtpd", "cleanup", "qmgr", "smtp", "lmtp", "local", "virtual", "pipe", "discard", "error"),
    *("pickup", "postsuper", "bounce", "anvil", "relay", "retry", "scache", "qmqpd", "trace"),
)
IDS = ("4A9E60E1", "4A9E60E2", "3ZqW1x2yPz4Tk", "NOQUEUE", "warning", "AB", "0" * 30, "B C")
ADDRESSES = (
    *("anna@contoso.com", "Ben@Contoso.com", "", '"a b"@x.org', "x>y@z", "jürgen@x.org", "root"),
    *("a,b@x.org", "postmaster"),
)
SAID = (
    *("250 2.0.0 Ok: queued as 4A9E60E2", "250 2.0.0 Ok: queued as 4A9E60E2.", "silently"),
    *("delivered to maildir", "delivered to mailbox", "delivered to file: /dev/null", "250 OK"),
    *("delivered to command: /usr/bin/procmail", "forwarded as 4A9E60E2", "queued as x y"),
    *("250 2.0.0 <anna@contoso.com> LyJzGrN5DWeoAAAAoZ6R+Q Saved", "250 ok (really) queued as Z"),
    *("250 2.7.0 Ok, discarded, id=1-2", "250 OK id=1xXr4w-0005ss-1Y", "250 2.0.0 quarantined"),
    *("250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 4A9E60E1", ""),
    *("250 Ok, id=1, from MTA: 250 Ok: queued as 4A9E60E1", "delivered via scan service"),
    *("250 discarded: queued as 4A9E60E1", "250 2.0.0 <x> dropped/dropped== Saved"),
)
RELAYS = (
    *("mbx1[10.0.0.7]:25", "none", "local", "virtual", "scan", "127.0.0.1[127.0.0.1]:10024"),
    *("dovecot", "mbx1[private/dovecot-lmtp]", "x y", "mbx1[2001:db8::1]:25"),
)
OTHERS = (
    *("removed", "removed ", "client=app[192.0.2.1]", "client=a[1], orig_queue_id=4A9E60E2"),
    *("client=x[1.2.3.4], sasl_method=PLAIN, sasl_username=u", "message-id=<1@x>"),
    *("message-id=<1@x> ", "message-id=", "message-id=<>", "message-id=1@x", "message-id=<a <b>>"),
    *("resent-message-id=<2@x>", "from=<a@x>, size=1, nrcpt=2 (queue active)", "skipped, in mail"),
    *("from=<>, size=1, nrcpt=1 (queue active)", "from=<a>b@x>, size=1, nrcpt=1 (queue active)"),
    *("from=<a@x>, status=expired, returned to sender", "uid=0 from=<root>", "placed on hold"),
    *("from=<a@x>, size=1, nrcpt=9 (queue activ", "released from hold", "to=<cut"),
    "milter-discard: END-OF-MESSAGE from x[1]: milter triggers DISCARD action;"
    " from=<a@x> to=<b@x> proto=ESMTP helo=<x>",
    "hold: header Subject: x from y[1]; from=<a@x> to=<b@x> proto=ESMTP helo=<x>: wait",
    "discard: RCPT from x[1]: <b@x>: go away; from=<a@x> to=<b@x> proto=ESMTP helo=<x>",
    "hold: RCPT from x[1]: <b@x>: HOLD action; from=<a@x> to=<b@x> proto=ESMTP helo=<x>",
    "reject: RCPT from x[1]: 550 no; from=<a@x> to=<b@x> proto=ESMTP helo=<x>",
    *("removed\r", "client=a[1\0\0\0\0", "cut\0\0"),
    *("connect from x[1]", "hostname x does not resolve: Name or service not known"),
)

deliveries = st.builds(
    "to=<{}>,{} relay={}, delay=1, delays=0/0/0/1, dsn=2.0.0, status={} ({}){}".format,
    st.sampled_from(ADDRESSES),
    st.one_of(st.just(""), st.sampled_from(ADDRESSES).map(" orig_to=<{}>,".format)),
    st.sampled_from(RELAYS),
    st.sampled_from(("sent", "sent", "sent", "deferred", "bounced", "deliverable", "odd")),
    st.sampled_from(SAID),
    st.sampled_from(("", "", "", ")", " more")),
)
texts = st.one_of(deliveries, st.sampled_from(OTHERS), st.text(max_size=12))
lines = st.tuples(
    st.integers(0, 3),
    st.sampled_from(PROGRAMS),
    st.builds("{}: {}".format, st.sampled_from(IDS[:4] * 3 + IDS[4:]), texts),
)


def account(content: bytes, *, by_table: bool) -> dict[str, Any]:
    """The account of a log, of which nothing, or all, is left to the table."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        if by_table:
            patch.setattr(reader._Reading, "_learn", lambda *_: None)
        path = Path(folder) / "mail.log"
        path.write_bytes(content)
        os.utime(path, (1_767_300_000, 1_767_300_000))
        document = account_of(find_logs([path]).logs).document()
        text = repr(document).replace(folder, "")
        return {"text": text, **document["accounts"]}


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(lines, max_size=25), st.sampled_from((bsd, iso)))
@example(
    [(0, "virtual", "4A9E60E1: to=<x>, relay=virtual, status=sent (delivered to maildir)")], bsd
)
def test_the_short_way_says_what_the_table_says(
    told: list[tuple[int, str, str]], write: Callable[..., bytes]
) -> None:
    """Of any lines in any order, the two accounts are the same to the letter."""
    at, content = 1_767_225_000.0, b""
    for step, program, text in told:
        at += step
        content += write(at, "mx1", program, text.replace("\n", " "))
    assert account(content, by_table=False) == account(content, by_table=True)

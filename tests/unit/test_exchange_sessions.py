"""What SmtpReceive logs promise: for whom, by whom, and what of it they do not tell."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.unit.test_exchange_account import delivered, received, row
from tests.unit.test_exchange_events import Account, of_files

from relaydrill.exchange_logs import RECEIVE_FIELDS, RECEIVE_TYPE, header, to_line
from relaydrill.verdict import Status

__all__ = ["of_files"]

_RECV = "EX1/RECV20261124-1.LOG"
_USER = "user@contoso.com"
_COVERED = [
    row("AGENTINFO", at, client_hostname="EX1", source="AGENT", message="<tick@x>")
    for at in (-30, 3600)
]
_ARRIVED = [received(0, "EX1", message="<0@app>"), delivered(1, "EX1", message="<0@app>")]
_TRACKING = {"EX1/MSGTRK20261124-1.LOG": [*_COVERED, *_ARRIVED]}

Said = tuple[str, str]


def _rcpt(address: str = f"<{_USER}>") -> list[Said]:
    return [("<", f"RCPT TO:{address}"), (">", "250 2.1.5 Recipient OK")]


def _talk(
    *to: Said,
    message: str = "<1@app>",
    host: str = "",
    before: Sequence[Said] = (),
    session: str = "S1",
    server: str = "EX1",
    has_begin: bool = True,
) -> str:
    named = f", Hostname={host}" if host else ""
    rate = "1234 bytes in 0.101, 12.0 KB/sec "
    begin = [
        ("<", "EHLO app"),
        (">", f"250  {server} Hello [10.0.0.99] SIZE 37748736 PIPELINING"),
        *before,
        ("<", "MAIL FROM:<App@contoso.com> SIZE=1234"),
        (">", "250 2.1.0 Sender OK"),
        *to,
        ("<", "DATA"),
    ]
    said = [
        *(begin if has_begin else ()),
        (">", "354 Start mail input; end with <CRLF>.<CRLF>"),
        (">", f"250 2.6.0 {message} [InternalId=1{named}] {rate}Queued mail for delivery"),
    ]
    text = header(RECEIVE_TYPE, RECEIVE_FIELDS, "2026-11-24T12:00:00.000Z")
    for number, (event, data) in enumerate(said):
        ends = ("10.0.0.1:25", "10.0.0.99:4000", event, data, "")
        values = ("2026-11-24T12:00:02.000Z", f"{server}\\relay", session, str(number), *ends)
        text += to_line(values)
    return text


@pytest.mark.parametrize(
    "address", ["<user@contoso.com>", " user@contoso.com", "<@gw.contoso.com:User@contoso.com>"]
)
@pytest.mark.parametrize("message", ["<1@app>", "<1 of 2@app>", "1@app"])
def test_whatever_form_it_has_a_promise_is_one(
    of_files: Account, address: str, message: str
) -> None:
    """Addresses without brackets, ids with spaces or without brackets: the message is owed."""
    found = of_files({**_TRACKING, _RECV: _talk(*_rcpt(address), message=message)})
    assert found.counts == {"delivered": 1, "lost": 1}
    (fate,) = found.undelivered
    assert (fate.entry.message, fate.entry.recipient) == (message, _USER)


def test_an_id_without_brackets_is_the_same_in_both_logs(of_files: Account) -> None:
    """The reply names it as the header has it, and the tracking log as it should be."""
    talk = _talk(*_rcpt(), message="0@app")
    assert of_files({**_TRACKING, _RECV: talk}).counts == {"delivered": 1}


@pytest.mark.parametrize(
    "talk",
    [
        _talk(has_begin=False),
        _talk(*_rcpt()).replace("2.6.0 <1@app> [InternalId=1]", "2.6.0 message received"),
    ],
)
def test_a_promise_of_which_something_is_missing_is_no_pass(of_files: Account, talk: str) -> None:
    """For whom it was stood in a file that is not there, or the reply names no message."""
    found = of_files({**_TRACKING, _RECV: talk})
    assert (found.status, found.counts) == (Status.UNKNOWN, {"delivered": 1})
    assert "a 250 for 1 message of which" in found.tracking.unread[0]


def test_a_promise_to_a_system_mailbox_is_nobodys_mail(of_files: Account) -> None:
    """A probe's message may be named in no way: nothing is missing."""
    talk = _talk(*_rcpt("<HealthMailbox0123456789ab@contoso.com>"), message="CAT-250")
    assert of_files({**_TRACKING, _RECV: talk}).status is Status.PASS


def test_what_another_server_promised_for_somebody_else_is_owed(of_files: Account) -> None:
    """A message came to two servers, each for one recipient: one tracking log tells of one."""
    talk = _talk(*_rcpt("<ben@contoso.com>"), message="<0@app>", server="EX2")
    found = of_files({**_TRACKING, "EX2/RECV20261124-1.LOG": talk})
    assert found.counts == {"delivered": 1, "unobserved": 1}
    assert "ex2's MSGTRK" in found.undelivered[0].why


def test_a_group_that_a_server_was_asked_for_is_no_second_recipient(of_files: Account) -> None:
    """The tracking log of the server that promised it tells who stands in for whom."""
    rows = [
        received(0, "EX1", to="all@contoso.com"),
        row("EXPAND", 0.5, source="ROUTING", related_recipient_address="all@contoso.com"),
        delivered(1, "EX1"),
    ]
    logs = {"EX1/MSGTRK20261124-1.LOG": [*_COVERED, *rows]}
    found = of_files({**logs, _RECV: _talk(*_rcpt("<all@contoso.com>"))})
    assert found.counts == {"delivered": 1}


def test_a_server_that_is_named_and_not_at_hand_is_not_the_front_end(of_files: Account) -> None:
    """The transport service of another host took it: this host's log need not have it."""
    found = of_files({**_TRACKING, _RECV: _talk(*_rcpt(), host="EX9.contoso.com")})
    assert found.counts == {"delivered": 1, "unobserved": 1}
    assert "ex9.contoso.com's MSGTRK" in found.undelivered[0].why


@pytest.mark.parametrize(
    ("command", "counts"),
    [
        ("XSHADOWREQUEST EX2", {"delivered": 1}),
        ("XSHADOW EX2", {"delivered": 1, "lost": 1}),  # 2010: the other one keeps the copy
    ],
)
def test_a_shadow_copy_is_no_promise_to_deliver(
    of_files: Account, command: str, counts: dict[str, int]
) -> None:
    """A server keeps a copy of what another one has: that one answers for it."""
    before = [("<", command), (">", "250 XShadow accepted")]
    found = of_files({**_TRACKING, _RECV: _talk(*_rcpt(), before=before)})
    assert found.counts == counts


def test_a_shadow_copy_is_known_by_the_tracking_log_too(of_files: Account) -> None:
    """The begin of the session, with its command, may stand in a file that is not there."""
    copied = row("HARECEIVE", 2, client_hostname="EX2", server_hostname="EX1")
    logs = {"EX1/MSGTRK20261124-1.LOG": [*_COVERED, *_ARRIVED, copied]}
    assert of_files({**logs, _RECV: _talk(*_rcpt())}).counts == {"delivered": 1}


def test_a_promise_is_its_senders(of_files: Account) -> None:
    """Asked for one sender, what only the SmtpReceive log has of theirs is not left out."""
    logs = {**_TRACKING, _RECV: _talk(*_rcpt())}
    assert of_files(logs, senders=("app@contoso.com",)).counts == {"lost": 1}
    assert of_files(logs, senders=("else@contoso.com",)).counts == {}

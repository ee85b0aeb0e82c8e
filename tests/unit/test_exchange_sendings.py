"""What SmtpSend protocol logs add to the account: that a next hop has taken a message."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from tests.unit.test_exchange_account import Row, delivered, received, sent

from relaydrill.exchange_logs import (
    RECEIVE_FIELDS,
    SEND_TYPE,
    TRACKING_FIELDS,
    TRACKING_TYPE,
    header,
    to_line,
)
from relaydrill.exchange_logs.files import read_all
from relaydrill.exchange_logs.log_account import LogAccount, account
from relaydrill.exchange_logs.tracking import Tracking
from relaydrill.verdict import Status

STAMP = "2026-11-24T12:00:00.000Z"
TAKEN = "250 2.0.0 Ok: queued as 4XyzQ1"
BY_NAME = "sending message with RecordId 7001 and InternetMessageId <1@app>"
FAR = "192.0.2.25:25"


def session(
    reply: str = TAKEN,
    announced: tuple[str, str] = ("", BY_NAME),
    to: str = FAR,
    connector: str = "To the Internet",
    recipients: Iterable[str] = ("user@contoso.com",),
    first: str = "MAIL FROM:<app@contoso.com> SIZE=900",
) -> str:
    """One session of a server that sends a message on; its commands go out before replies come."""
    said: list[tuple[str, str, str]] = [("+", "", ""), ("<", "220 far ESMTP", "")]
    said += [
        (">", "EHLO ht1", ""),
        ("<", "250  far Hello", ""),
        ("*", *announced),
        (">", first, ""),
    ]
    said += [(">", f"RCPT TO:<{each}>", "") for each in recipients]
    said += [("<", "250 2.1.0 Ok", ""), *(("<", "250 2.1.5 Ok", "") for _ in recipients)]
    said += [(">", "DATA", ""), ("<", "354 End data", ""), ("<", reply, "")]
    said += [(">", "QUIT", ""), ("-", "", "Remote")]
    return "".join(
        to_line((STAMP, connector, "08DEA1", str(number), "10.0.0.1:4000", to, *each))
        for number, each in enumerate(said)
    )


Account = Callable[..., LogAccount]


@pytest.fixture
def of_logs(tmp_path: Path) -> Account:
    """The account of tracking logs, and of one SmtpSend log of ht1's."""

    def make(logs: dict[str, Iterable[Row]], *sessions: str, folder: str = "ht1") -> LogAccount:
        for server, rows in logs.items():
            text = header(TRACKING_TYPE, TRACKING_FIELDS, STAMP)
            for each in rows:
                text += to_line(each.get(field, "") for field in TRACKING_FIELDS)
            _put(tmp_path / server / "MSGTRK20261124-1.LOG", text)
        text = header(SEND_TYPE, RECEIVE_FIELDS, STAMP) + "".join(sessions)
        _put(tmp_path / folder / "SEND20261124-1.LOG", text)
        return account(Tracking(read_all([tmp_path])), ())

    return make


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(text, newline="")


@pytest.mark.parametrize(
    "announced",
    [("", BY_NAME), ("", "sending message with RecordId 7001"), ("7001", "sending message")],
)
def test_what_the_tracking_log_lacks_has_left(of_logs: Account, announced: tuple[str, str]) -> None:
    """A server that was killed wrote no SEND: its session with the next hop says that it left.

    Exchange 2007 and 2010 name a message by the server's own number.
    """
    taken = received(0, internal_message_id="7001")
    found = of_logs({"ht1": [taken]}, session(announced=announced))
    assert found.counts == {"handed on": 1}
    assert of_logs({"ht1": [taken]}).counts == {"queued": 1}


def test_without_any_tracking_log_the_next_hop_has_it(of_logs: Account) -> None:
    """For whom it was sent on, the session says."""
    found = of_logs({}, session(recipients=("user@contoso.com", "other@contoso.com")))
    assert found.counts == {"handed on": 2}


def test_what_the_next_server_delivered_is_delivered(of_logs: Account) -> None:
    """Whoever sent it on there, without a tracking log of its own."""
    next_hop = [
        received(0, "ht2", client_hostname="ht1", server_ip="10.0.0.2"),
        delivered(1, "ht2"),
    ]
    found = of_logs({"ht2": next_hop}, session(to="10.0.0.2:25"))
    assert found.counts == {"delivered": 1}


def test_what_the_next_server_does_not_have_is_lost(of_logs: Account) -> None:
    """It said 250, its log covers that time, and does not have the message."""
    other = {"message": "<2@app>", "server_ip": "10.0.0.2"}
    next_hop = [
        received(-60, "ht2", **other),
        delivered(-59, "ht2", message="<2@app>"),
        received(60, "ht2", **(other | {"message": "<3@app>"})),
        delivered(61, "ht2", message="<3@app>"),
    ]
    own = [received(-1), received(60, message="<4@app>"), delivered(61, message="<4@app>")]
    found = of_logs({"ht1": own, "ht2": next_hop}, session(to="10.0.0.2:25"))
    assert found.counts == {"delivered": 3, "lost": 1}


@pytest.mark.parametrize(
    ("reply", "account_"),
    [
        ("250 2.7.0 Ok, discarded, id=07-01", "discarded"),
        ("250 2.5.0 Ok, id=07-01, BOUNCE", "failed"),
        ("550 5.1.1 no", "queued"),
        ("451 4.3.0 later", "queued"),
    ],
)
def test_the_reply_tells_what_became_of_it(of_logs: Account, reply: str, account_: str) -> None:
    """Only a 250 takes it, and not every one is a promise."""
    assert of_logs({"ht1": [received(0)]}, session(reply)).counts == {account_: 1}


def test_what_the_tracking_log_tells_is_told_once(of_logs: Account) -> None:
    """The same message in both logs has left once; what was delivered here is not gone."""
    rows = [received(0), sent(1, "ht1", "far.example.com")]
    assert of_logs({"ht1": rows}, session()).counts == {"handed on": 1}


@pytest.mark.parametrize(
    ("connector", "to", "first"),
    [
        ("Inbound Proxy Internal Send Connector", FAR, "MAIL FROM:<app@contoso.com>"),
        ("Intra-Organization SMTP Send Connector", "127.0.0.1:475", "MAIL FROM:<app@contoso.com>"),
        ("Intra-Organization SMTP Send Connector", FAR, "XSHADOWREQUEST"),
    ],
)
def test_what_services_and_shadows_say_to_each_other_is_no_departure(
    of_logs: Account, connector: str, to: str, first: str
) -> None:
    """A front end passes on what others answer for, and a shadow copy is nobody's mail."""
    said = session(connector=connector, to=to, first=first)
    assert of_logs({"ht1": [received(0)]}, said).counts == {"queued": 1}


def test_a_log_of_nobody_takes_nothing_away(of_logs: Account) -> None:
    """Whose a log is that lies in a folder of its own nobody knows: no server's queue is empty."""
    logs = {"ht1": [received(0)], "ht2": [received(0, "ht2", message="<2@app>")]}
    assert of_logs(logs, session(), folder="sent").counts == {"queued": 2}


def test_a_log_that_was_copied_while_it_grew_takes_no_pass_away(of_logs: Account) -> None:
    """Its first row is cut off: it would only have added to what the tracking log tells."""
    found = of_logs({"ht1": [received(0), delivered(1)]}, f"{STAMP},To the Internet,08D")
    assert found.counts == {"delivered": 1}
    assert found.status is Status.PASS

"""The account of the mail in tracking logs: what counts as taken, gone, arrived, and promised."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.report.made_up import KILL, drill, outage, topology, write_run

from relaydrill.drills.judge import missing_of_senders
from relaydrill.drills.record import load
from relaydrill.exchange_logs import (
    RECEIVE_FIELDS,
    RECEIVE_TYPE,
    TRACKING_FIELDS,
    TRACKING_TYPE,
    header,
    to_line,
)
from relaydrill.exchange_logs.files import read_all
from relaydrill.exchange_logs.log_account import LogAccount, account
from relaydrill.exchange_logs.sessions import sessions
from relaydrill.exchange_logs.tracking import Tracking
from relaydrill.journal import Event
from relaydrill.verdict import Status

Row = dict[str, str]
_TO = "user@contoso.com"
_STAMP = "2026-11-24T12:00:00.000Z"


def _stamp(at: float) -> str:
    moment = datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp() + at
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def row(event: str, at: float, to: str = _TO, message: str = "<1@app>", **fields: str) -> Row:
    """A row of a tracking log, its other fields with underscores."""
    return {
        "date-time": _stamp(at),
        "event-id": event,
        "source": "SMTP",
        "message-id": message,
        "recipient-address": to,
    } | {name.replace("_", "-"): value for name, value in fields.items()}


def received(at: float, server: str = "ht1", **fields: str) -> Row:
    """A message comes in, by default from a client outside."""
    ends = {"client_ip": "10.0.0.99", "client_hostname": "app"}
    return row("RECEIVE", at, **(ends | {"server_hostname": server} | fields))


def sent(at: float, by: str, to_server: str, **fields: str) -> Row:
    """A message goes on to another server."""
    return row("SEND", at, client_hostname=by, server_hostname=to_server, **fields)


def delivered(at: float, by: str = "ht1", **fields: str) -> Row:
    """A message goes into a mailbox."""
    ends = {"client_hostname": by, "server_hostname": "mbx1", "source": "STOREDRIVER"}
    return row("DELIVER", at, **(ends | fields))


Account = Callable[..., LogAccount]


@pytest.fixture
def of_logs(tmp_path: Path) -> Account:
    """The account of one tracking log for each server, and protocol logs if there are any."""

    def make(
        logs: dict[str, Iterable[Row]],
        protocol: dict[str, Iterable[tuple[str, int, str, str]]] | None = None,
        journals: Iterable[Event] = (),
    ) -> LogAccount:
        for server, rows in logs.items():
            text = header(TRACKING_TYPE, TRACKING_FIELDS, _STAMP)
            for each in rows:
                text += to_line(each.get(field, "") for field in TRACKING_FIELDS)
            _put(tmp_path / server / "MSGTRK20261124-1.LOG", text)
        for server, lines in (protocol or {}).items():
            text = header(RECEIVE_TYPE, RECEIVE_FIELDS, _STAMP)
            for session, number, event, data in lines:
                ends = ("10.0.0.1:25", "10.0.0.99:4000")
                values = (_STAMP, f"{server}\\relay", session, str(number), *ends, event, data, "")
                text += to_line(values)
            _put(tmp_path / server / "RECV20261124-1.LOG", text)
        return account(Tracking(read_all([tmp_path])), journals)

    return make


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, newline="")


ANSWERS = {
    "250 2.6.0 <1@app> [InternalId=7] Queued mail for delivery": "handed on",
    "250 2.0.0 Ok: queued as 4XyzQ1": "handed on",
    "250 2.1.5 <quarantine@contoso.com> Recipient ok": "handed on",
    "250 2.7.0 Ok, discarded, id=07-01": "discarded",
    "250 Virus Detected; Discarded Email": "discarded",
    "250 2.5.0 Ok, id=07-01, BOUNCE": "failed",
}


@pytest.mark.parametrize("field", ["recipient_status", "source_context"])
@pytest.mark.parametrize("answer", ANSWERS)
def test_a_server_that_takes_mail_and_says_that_it_throws_it_away_has_it(
    of_logs: Account, answer: str, field: str
) -> None:
    """As in the logs of Postfix and Exim: its reply says what it makes of the message."""
    said = answer if field == "recipient_status" else f"08DEA1;{answer};ClientSubmitTime:"
    found = of_logs({"ht1": [received(0), sent(1, "ht1", "filter.contoso.com", **{field: said})]})
    assert found.counts == {ANSWERS[answer]: 1}


@pytest.mark.parametrize(
    ("rows", "expected", "status"),
    [
        ([received(0), delivered(1)], "delivered", Status.PASS),
        ([delivered(1)], "delivered", Status.PASS),
        ([received(0)], "queued", Status.UNKNOWN),
        ([received(0), row("DEFER", 1, client_hostname="ht1")], "queued", Status.UNKNOWN),
        ([received(0), delivered(1), delivered(2)], "duplicated", Status.FAIL),
        ([received(0), row("FAIL", 1, recipient_status="550 no")], "failed", Status.FAIL),
        ([received(0), sent(1, "ht1", "mx.fabrikam.com")], "handed on", Status.UNKNOWN),
        ([received(0), sent(1, "ht1", "HT1")], "handed on", Status.UNKNOWN),
        ([received(0), row("TRANSFER", 1), delivered(2)], "delivered", Status.PASS),
        ([received(0), row("TRANSFER", 1)], "queued", Status.UNKNOWN),
        ([received(0), delivered(1), row("DUPLICATEDELIVER", 2)], "delivered", Status.PASS),
    ],
)
def test_what_one_server_says(
    of_logs: Account, rows: list[Row], expected: str, status: Status
) -> None:
    """Each course of a message through one server ends in its account and status."""
    found = of_logs({"ht1": rows})
    assert found.counts == {expected: 1}
    assert found.status is status


def test_a_message_is_followed_through_several_servers(of_logs: Account) -> None:
    """What an Edge server sent and a hub received is one message, whatever their clocks say."""
    edge = [received(100, "edge1"), sent(101, "edge1", "HT1.contoso.com")]
    hub = [received(0, client_hostname="edge1.contoso.com"), delivered(1)]
    assert of_logs({"edge1": edge, "ht1": hub}).counts == {"delivered": 1}


def test_what_a_known_server_never_received_is_lost(of_logs: Account) -> None:
    """Sent to a server whose log is at hand and does not have it: lost, with where it went."""
    edge = [received(0, "edge1"), sent(1, "edge1", "ht1.contoso.com")]
    other = [received(0, message="<2@app>"), delivered(1, message="<2@app>")]
    found = of_logs({"edge1": edge, "ht1": other})
    assert found.counts == {"delivered": 1, "lost": 1}
    assert found.status is Status.FAIL
    (fate,) = found.undelivered
    assert fate.last
    assert (fate.last.server, fate.last.to) == ("edge1", "ht1.contoso.com")


def test_a_server_is_known_by_its_address_too(of_logs: Account) -> None:
    """A SEND that names its target by another name is told by the address that it received at."""
    edge = [received(0, "edge1"), sent(1, "edge1", "smarthost", server_ip="10.0.0.1")]
    hub = [
        received(0, message="<2@app>", server_ip="10.0.0.1"),
        delivered(1, message="<2@app>"),
    ]
    assert of_logs({"edge1": edge, "ht1": hub}).counts == {"delivered": 1, "lost": 1}


def test_a_short_name_and_a_long_one_are_one_server(of_logs: Account) -> None:
    """What one day's log calls HT1 and the next day's by its full name has one tally."""
    one = [received(0, "HT1"), row("DEFER", 1, client_hostname="HT1")]
    two = [delivered(90_000, "ht1.contoso.com")]
    found = of_logs({"monday": one, "tuesday": two})
    assert set(found.tracking.tallies) == {"ht1.contoso.com"}
    assert found.counts == {"delivered": 1}


def test_a_stranger_with_a_servers_short_name_is_a_stranger(of_logs: Account) -> None:
    """``ht1.fabrikam.com`` is not the ``ht1.contoso.com`` whose log is at hand."""
    edge = [received(0, "edge1"), sent(1, "edge1", "ht1.fabrikam.com")]
    hub = [received(0, "ht1.contoso.com", message="<2@app>")]
    assert of_logs({"edge1": edge, "ht1": hub}).counts == {"queued": 1, "handed on": 1}


def test_two_servers_with_one_short_name_are_two(of_logs: Account) -> None:
    """``ht1.a.com`` is not ``ht1.b.com``: a short name that fits both is nobody's."""
    one = [received(0, "ht1.a.com"), sent(1, "ht1.a.com", "ht1")]
    two = [received(0, "ht1.b.com", message="<2@app>")]
    found = of_logs({"one": one, "two": two})
    assert set(found.tracking.tallies) == {"ht1.a.com", "ht1.b.com"}
    assert found.counts == {"queued": 1, "handed on": 1}


def test_each_recipient_has_its_own_account(of_logs: Account) -> None:
    """A row for several recipients stands for each of them; their case makes no difference."""
    rows = [
        received(0, to="a@contoso.com;b@contoso.com;c@contoso.com"),
        delivered(1, to="A@contoso.com;b@contoso.com"),
        row("FAIL", 2, "c@contoso.com", recipient_status="550 5.1.1 User unknown"),
    ]
    found = of_logs({"ht1": rows})
    assert found.counts == {"delivered": 2, "failed": 1}
    (fate,) = found.undelivered
    assert fate.last
    assert (fate.entry.recipient, fate.last.said) == ("c@contoso.com", "550 5.1.1 User unknown")


@pytest.mark.parametrize("event", ["EXPAND", "RESOLVE", "REDIRECT"])
def test_a_recipient_that_became_others_is_done_with(of_logs: Account, event: str) -> None:
    """A group's members stand in for it: each is owed its copy, and the group none."""
    rows = [
        received(0, to="all@contoso.com"),
        row(event, 1, "a@contoso.com;b@contoso.com", related_recipient_address="all@contoso.com"),
        delivered(2, to="a@contoso.com"),
    ]
    found = of_logs({"ht1": rows})
    assert found.counts == {"delivered": 1, "queued": 1}
    assert found.undelivered[0].entry.recipient == "b@contoso.com"


def test_a_recipient_that_only_changed_its_case_is_still_owed(of_logs: Account) -> None:
    """RESOLVE to the same address takes nothing away."""
    rows = [received(0), row("RESOLVE", 1, _TO.upper(), related_recipient_address=_TO)]
    assert of_logs({"ht1": rows}).counts == {"queued": 1}


def test_what_arrived_under_its_old_name_arrived(of_logs: Account) -> None:
    """A DELIVER counts, whatever an EXPAND said before."""
    rows = [
        received(0),
        row("EXPAND", 1, "a@contoso.com", related_recipient_address=_TO),
        delivered(2),
        delivered(2, to="a@contoso.com"),
    ]
    assert of_logs({"ht1": rows}).counts == {"delivered": 2}


def test_what_says_nothing_is_counted(of_logs: Account) -> None:
    """Shadow copies and other events leave the account alone, and are told by name."""
    rows = [
        received(0),
        row("HARECEIVE", 1, server_hostname="ht1"),
        row("HADISCARD", 2),
        row("HADISCARD", 3),
        row("NOTIFYMAPI", 4, message=""),
        delivered(5),
    ]
    found = of_logs({"ht1": rows})
    assert found.counts == {"delivered": 1}
    assert found.tracking.passed_over == {"HARECEIVE": 1, "HADISCARD": 2, "NOTIFYMAPI": 1}


def test_a_log_that_was_fetched_twice_counts_once(of_logs: Account) -> None:
    """A row in two files is one row; it is told."""
    rows = [received(0), delivered(1)]
    found = of_logs({"fetched": rows, "again": [*rows, row("HADISCARD", 2)]})
    assert found.counts == {"delivered": 1}
    assert found.tracking.tallies["ht1"].counts == {"RECEIVE": 1, "DELIVER": 1}
    assert found.tracking.remarks == ["2 rows stand in more than one file; each counts once"]


def test_nothing_at_all_is_unknown(of_logs: Account) -> None:
    """Logs that tell of no message prove nothing."""
    assert of_logs({"ht1": [row("HADISCARD", 0)]}).status is Status.UNKNOWN


def _talk(*last: tuple[str, str], session: str = "S1") -> list[tuple[str, int, str, str]]:
    """A session up to the 354, and then ``last``."""
    lines = [
        ("+", ""),
        (">", "220 ht1 Microsoft ESMTP MAIL Service ready"),
        ("<", "EHLO app"),
        (">", "250-ht1 Hello [10.0.0.99]"),
        (">", "250 8BITMIME"),
        ("<", "MAIL FROM:<app@contoso.com>"),
        (">", "250 2.1.0 Sender OK"),
        ("<", f"RCPT TO:<{_TO}>"),
        (">", "250 2.1.5 Recipient OK"),
        ("<", "DATA"),
        (">", "354 Start mail input; end with <CRLF>.<CRLF>"),
        *last,
    ]
    return [(session, number, event, data) for number, (event, data) in enumerate(lines)]


_PROMISE = (">", "250 2.6.0 <1@app> [InternalId=1] Queued mail for delivery")


@pytest.mark.parametrize(
    ("last", "rows", "expected"),
    [
        ([_PROMISE, ("-", "")], [], "queued"),
        ([_PROMISE, ("-", "")], [sent(1, "ht1", "ht2")], "lost"),
        ([("-", "")], [sent(1, "ht1", "ht2")], "unknown"),
        ([], [sent(1, "ht1", "ht2")], "unknown"),
        ([("-", "")], [delivered(1)], "recovered"),
        ([], [], "queued"),
    ],
)
def test_what_was_never_answered_was_not_promised(
    of_logs: Account, last: list[tuple[str, str]], rows: list[Row], expected: str
) -> None:
    """A session cut between RECEIVE and its reply leaves the sender in the dark: never lost."""
    logs = {
        "ht1": [received(0, source_context="S1;x;0"), *rows],
        "ht2": [received(0, "ht2", message="<9@app>"), delivered(1, "ht2", message="<9@app>")],
    }
    found = of_logs(logs, {"ht1": _talk(*last)})
    (fate,) = [each for each in found.fates if each.entry.message == "<1@app>"]
    assert fate.account == expected


def test_a_second_try_that_was_answered_is_a_promise(of_logs: Account) -> None:
    """The best of all tries counts, also where the other's session stands in no log."""
    logs = {
        "ht1": [received(0, source_context="S1"), sent(1, "ht1", "ht2")],
        "ht2": [received(5, "ht2", source_context="S2"), sent(6, "ht2", "ht1")],
    }
    assert of_logs(logs, {"ht1": _talk(("-", ""))}).counts == {"lost": 1}


def test_what_servers_answer_each_other_is_no_promise_to_the_sender(of_logs: Account) -> None:
    """The Edge server owes its client a reply; that the hub gave one to the Edge does not help."""
    logs = {
        "ht1": [received(0, source_context="S1"), sent(1, "ht1", "ht2")],
        "ht2": [received(2, "ht2", client_hostname="ht1"), sent(3, "ht2", "ht1")],
    }
    assert of_logs(logs, {"ht1": _talk(("-", ""))}).counts == {"unknown": 1}


def test_a_message_in_chunks_is_taken_with_its_last(of_logs: Account) -> None:
    """The reply to a BDAT before the last one promises nothing."""
    chunks = [
        *_talk()[:9],
        ("S1", 9, "<", "BDAT 10"),
        ("S1", 10, ">", "250 2.6.0 <1@app> 10 bytes"),
    ]
    last = [("S1", 11, "<", "BDAT 5 LAST")]
    rows = [
        received(0, source_context="S1"),
        sent(1, "ht1", "ht2"),
        delivered(1, message="<2@app>"),
    ]
    other = [received(0, "ht2", message="<9@app>"), delivered(1, "ht2", message="<9@app>")]
    logs = {"ht1": rows, "ht2": other}
    cut = of_logs(logs, {"ht1": [*chunks, *last, ("S1", 12, "-", "")]})
    assert cut.counts["unknown"] == 1
    answered = of_logs(logs, {"ht1": [*chunks, *last, ("S1", 12, *_PROMISE)]})
    assert answered.counts["lost"] == 1


def test_a_session_tells_what_was_taken_refused_and_broken_off(tmp_path: Path) -> None:
    """Pipelined commands meet their replies; an end without ``-`` is one without a close."""
    lines = [
        *_talk(_PROMISE, ("<", "RSET"), ("<", "MAIL FROM:<x>"), ("<", "RCPT TO:<y>")),
    ]
    lines += [
        ("S1", len(lines) + number, ">", reply)
        for number, reply in enumerate(
            ["250 2.0.0 Resetting", "250 2.1.0 Sender OK", "550 5.7.1 Unable to relay"]
        )
    ]
    text = header(RECEIVE_TYPE, RECEIVE_FIELDS, _STAMP)
    for session, number, event, data in [*lines, *_talk(session="S2")]:
        ends = ("10.0.0.1:25", "[2001:db8::9]:4000")
        text += to_line((_STAMP, "HT1\\relay", session, str(number), *ends, event, data, ""))
    (tmp_path / "RECV.LOG").write_text(text, newline="")
    (log,) = read_all([tmp_path / "RECV.LOG"])
    first, second = sessions("ht1", log.protocol)
    assert first.taken == ["<1@app>"]
    assert first.refused == [("RCPT", "550 5.7.1 Unable to relay")]
    assert not first.is_broken_off
    assert first.client == "2001:db8::9"
    assert second.is_broken_off
    assert not second.is_closed


def test_senders_with_journals_say_what_they_saw(of_logs: Account) -> None:
    """With a run's attempts the account is the ledger's own: refused, recovered, phantom."""
    wall = datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp()

    def tried(message: str, result: str, **detail: object) -> list[Event]:
        began = {"flow": "relay", "digest": "f00", "scheduled": 4.0}
        return [
            Event(5.0, wall, "app", "attempt", message, _TO, began),
            Event(6.0, wall + 1, "app", "outcome", message, _TO, {"result": result, **detail}),
        ]

    journals = [
        *tried("<1@app>", "accepted"),
        *tried("<2@app>", "refused", code=452, phase="mail"),
        *tried("<3@app>", "unanswered"),
        *tried("<4@app>", "accepted"),
    ]
    rows = [
        *(received(0), delivered(1)),
        *(received(0, message="<3@app>"), delivered(1, message="<3@app>")),
    ]
    found = of_logs({"ht1": rows}, journals=journals)
    assert found.counts == {"delivered": 1, "recovered": 1, "lost": 1, "refused": 1}
    (attempt,) = next(f for f in found.fates if f.entry.message == "<1@app>").entry.attempts
    assert attempt.late_s == pytest.approx(1.0)


def test_what_a_run_says_of_its_senders_is_read_from_their_journals(tmp_path: Path) -> None:
    """A long run's hubs have journals of gigabytes, in which no sender tells what it saw."""
    run = write_run(tmp_path / "run", topology(), drill(KILL), outage().events)
    for hub in ("ht1", "ht2"):
        (run / "journals" / f"{hub}.jsonl").unlink()
        (run / "journals" / f"{hub}.jsonl").mkdir()  # whoever opens it fails
    sent = [*load(run).sent()]
    assert {event.kind for event in sent} == {"attempt", "outcome"}
    assert len(sent) == 240


def test_a_run_that_is_not_whole_passes_nothing(tmp_path: Path, of_logs: Account) -> None:
    """Of what its senders were promised a part is not known; what others wrote is not asked for."""
    run = write_run(tmp_path / "run", topology(), drill(KILL), outage().events)
    (run / "journals" / "ht1.jsonl").unlink()
    assert missing_of_senders(run) == ()
    journal = run / "journals" / "app.jsonl"
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:100]))
    missing = missing_of_senders(run)
    assert any("attempts of relay's schedule" in each for each in missing)
    rows = [received(0), delivered(1)]
    whole = of_logs({"ht1": rows})
    assert whole.status is Status.PASS
    assert replace(whole, missing=missing).status is Status.UNKNOWN

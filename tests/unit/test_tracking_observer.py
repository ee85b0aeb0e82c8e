"""What an observer of Exchange's tracking logs tells, and what it could not read."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tests.unit.test_exchange_account import delivered, received, row, sent
from tests.unit.test_exchange_events import FIELDS, log_of
from tests.unit.test_witness import Lab, design

from relaydrill.drivers.attach.observers import LogReader, Observer, observer_of
from relaydrill.errors import LabError, UsageError
from relaydrill.exchange_logs import to_line
from relaydrill.ledger import Account
from relaydrill.mail_logs.deeds import Deed, Does
from relaydrill.topology.attach import Arrivals

_OLD = log_of([delivered(0, "EX1", message="<old@x>")])


def add(path: Path, text: str) -> None:
    """Write at the end of a file."""
    path.parent.mkdir(exist_ok=True)
    with path.open("a", newline="") as file:
        file.write(text)


def line(fields: dict[str, str]) -> str:
    """One row of a log of 2013 or later."""
    return to_line(fields.get(name, "") for name in FIELDS)


def watch(folder: Path) -> Observer:
    """An observer of a folder."""
    return observer_of(Arrivals(tracking_logs=str(folder)), "")


def told(observer: Observer) -> list[tuple[Does, str, str]]:
    """What has happened since the last look: what, to which message, for whom."""
    deeds = [deed for deed in observer.new() if isinstance(deed, Deed)]
    return [(deed.does, deed.message, deed.recipient) for deed in deeds]


def unread(observer: Observer) -> str:
    """What was not read whole, a line each."""
    return "\n".join(getattr(observer, "unread")())  # noqa: B009


def test_rows_that_are_added_are_told_once(tmp_path: Path) -> None:
    """In old and new files, whole ones only, each once; what stood there before is not new."""
    log = tmp_path / "ex1" / "MSGTRK20261124-1.LOG"
    add(log, _OLD)
    observer = watch(tmp_path)
    assert told(observer) == []
    both = "a@x;b@x"
    add(log, line(delivered(1, "EX1", to=both)) + line(row("AGENTINFO", 1)))
    half = line(delivered(2, "EX1", message="<2@app>"))
    add(log, half[:30])
    assert told(observer) == [
        (Does.DELIVERED, "<1@app>", "a@x"),
        (Does.DELIVERED, "<1@app>", "b@x"),
    ]
    add(log, half[30:])
    add(tmp_path / "MSGTRK20261125-1.log", log_of([delivered(3, "EX1", message="<3@app>")]))
    assert {message for _, message, _ in told(observer)} == {"<2@app>", "<3@app>"}
    assert told(observer) == []
    assert unread(observer) == ""
    observer.close()


def test_every_end_is_told(tmp_path: Path) -> None:
    """Not deliveries alone: failures, what was dropped and by whom, what left, what is held."""
    observer = watch(tmp_path)
    rows = [
        received(0, "EX1"),
        row("DROP", 1, source="AGENT", source_context="Malware Agent"),
        row("FAIL", 1, recipient_status="550 no"),
        row("SENDEXTERNAL", 1, client_hostname="EX1", server_hostname="mx.partner.example"),
        row("POISONMESSAGE", 1),
        row("REDIRECT", 1, "quarantine@x", source="AGENT", related_recipient_address="u@x"),
        sent(2, "EX1", "EX1"),
    ]
    add(tmp_path / "MSGTRK20261124-1.LOG", log_of(rows))
    deeds = [deed for deed in observer.new() if isinstance(deed, Deed)]
    assert [(deed.does, deed.by) for deed in deeds] == [
        (Does.PROMISED, ""),
        (Does.DISCARDED, "Malware Agent"),
        (Does.FAILED, ""),
        (Does.HANDED_ON, "mx.partner.example"),
        (Does.HELD, "SMTP"),
        (Does.HELD, "a transport agent"),
        (Does.MOVED, "EX1"),
    ]
    assert deeds[5].recipient == "u@x"
    assert "550 no" in deeds[2].said


def test_members_are_told_with_their_groups_name(tmp_path: Path) -> None:
    """Whoever it was sent to stands with each delivery, through a group and an alternate name."""
    observer = watch(tmp_path)
    rows = [
        row("EXPAND", 1, "a@x;b@x", related_recipient_address="all@x"),
        row("RESOLVE", 2, "ben@x", related_recipient_address="b@x"),
        delivered(3, "EX1", to="a@x;ben@x;c@x"),
    ]
    add(tmp_path / "MSGTRK20261124-1.LOG", log_of(rows))
    deeds = [each for each in observer.new() if isinstance(each, Deed)]
    assert [(each.recipient, each.original) for each in deeds if each.does is Does.DELIVERED] == [
        ("a@x", "all@x"),
        ("ben@x", "all@x"),
        ("c@x", ""),
    ]


def test_a_journal_report_is_a_copy_of_what_it_refers_to(tmp_path: Path) -> None:
    """It is told under the Message-ID that was sent; its own delivery is another message's."""
    observer = watch(tmp_path)
    report = {"message": "<r@journal.report.generator>", "to": "archive@x"}
    rows = [received(1, "EX1", source="AGENT", reference="<1@app>", **report)]
    add(tmp_path / "MSGTRK20261124-1.LOG", log_of(rows))
    assert told(observer) == [(Does.COPIED, "<1@app>", "archive@x")]


def test_a_file_that_is_copied_anew_tells_nothing_twice(tmp_path: Path) -> None:
    """A copy begins at 0 again: what it held before is known, in another folder as well."""
    log = tmp_path / "MSGTRK20261124-1.LOG"
    add(log, _OLD)
    observer = watch(tmp_path)
    first = line(delivered(1, "EX1"))
    add(log, first)
    assert len(told(observer)) == 1
    log.write_text(_OLD, newline="")
    assert told(observer) == []
    add(log, first + line(delivered(2, "EX1", message="<2@app>")))
    add(tmp_path / "again" / log.name, _OLD + first)
    assert told(observer) == [(Does.DELIVERED, "<2@app>", "user@contoso.com")]


def test_utf_16_is_read_as_it_grows(tmp_path: Path) -> None:
    """Whoever copies the logs by a shell's redirection writes them so."""
    log = tmp_path / "MSGTRK20261124-1.LOG"
    log.write_bytes(_OLD.encode("utf-16"))
    observer = watch(tmp_path)
    added = line(delivered(1, "EX1")).encode("utf-16-le")
    for part in (added[:31], added[31:]):
        with log.open("ab") as file:
            file.write(part)
        seen = told(observer)
    assert seen == [(Does.DELIVERED, "<1@app>", "user@contoso.com")]


def test_what_was_not_read_is_told(tmp_path: Path) -> None:
    """A log without rows, one that is gone, one that lacks: each by its name."""
    observer = watch(tmp_path)
    assert "no row has come" in unread(observer)
    log = tmp_path / "MSGTRK2026112412-1.LOG"
    add(log, log_of([delivered(1, "EX1"), row("TELEPORT", 2)]))
    told(observer)
    assert "TELEPORT" in unread(observer)
    log.unlink()
    add(tmp_path / "MSGTRK2026112413-1.LOG", log_of([delivered(3, "EX1", message="<3@x>")]))
    add(tmp_path / "MSGTRK2026112413-3.LOG", log_of([delivered(4, "EX1", message="<4@x>")]))
    told(observer)
    assert f"{log} is gone" in unread(observer)
    assert "MSGTRK2026112413-2.LOG is missing" in unread(observer)
    assert isinstance(observer, LogReader)
    observer.begin()  # the next drill misses nothing of that
    assert unread(observer) == ""


def test_logs_that_went_quiet_are_told(tmp_path: Path) -> None:
    """A copy that is no longer brought up to date looks like mail that never came."""
    observer = watch(tmp_path)
    add(tmp_path / "MSGTRK20261124-1.LOG", log_of([delivered(1, "EX1")]))
    told(observer)
    quiet = observer.quiet  # type: ignore[attr-defined]
    now = time.monotonic()
    assert [*quiet([now + 9] * 4)] == []
    assert [*quiet([now - 9] * 9)] == []
    assert "the 6 messages of that time" in next(iter(quiet([now + 60] * 6)))


def test_old_logs_that_exchange_deletes_are_not_missed(tmp_path: Path) -> None:
    """They were read to their end, and newer ones stand beside them."""
    old, new = tmp_path / "MSGTRK2026112412-1.LOG", tmp_path / "MSGTRK2026112412-2.LOG"
    add(old, _OLD)
    add(new, _OLD)
    observer = watch(tmp_path)
    old.unlink()
    add(new, line(delivered(5, "EX1", message="<5@x>")))
    told(observer)
    assert unread(observer) == ""


@pytest.mark.parametrize("has_log", [True, False])
def test_without_the_log_of_deliveries_no_delivery_can_be_seen(
    tmp_path: Path, has_log: bool
) -> None:
    """From 2013 on a service of its own delivers; its log is named where it is not there."""
    observer = watch(tmp_path)
    rows = [received(0, "EX2"), sent(1, "EX2", "EX2.corp.example")]
    add(tmp_path / "MSGTRK20261124-1.LOG", log_of(rows))
    if has_log:
        add(tmp_path / "MSGTRKMD20261124-1.LOG", log_of([]))
    told(observer)
    assert ("ex2's log of deliveries" in unread(observer)) is not has_log


def test_what_is_no_tracking_log_is_told(tmp_path: Path) -> None:
    """A folder that is not there, and a file of another kind, are no empty mailboxes."""
    with pytest.raises(UsageError, match="there is no such folder"):
        watch(tmp_path / "nowhere")
    add(tmp_path / "MSGTRK1.LOG", "hello\n")
    with pytest.raises(LabError, match="no log of Exchange's"):
        watch(tmp_path)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([delivered(1, "EX1")], Account.DELIVERED),
        ([delivered(1, "EX1"), delivered(1, "EX1", to="archive@contoso.com")], Account.DELIVERED),
        ([delivered(1, "EX1", to="archive@contoso.com")], Account.UNOBSERVED),
        ([delivered(1, "EX1"), delivered(2, "EX1")], Account.DUPLICATED),
        (
            [
                row("DROP", 1, source="AGENT", source_context="Malware Agent"),
                delivered(2, "EX1", to="archive@contoso.com"),
            ],
            Account.DISCARDED,
        ),
        ([row("MODERATORREJECT", 1, to="", source="APPROVAL")], Account.DISCARDED),
        (
            [row("SENDEXTERNAL", 1, client_hostname="EX1", server_hostname="mx.fabrikam.com")],
            Account.HANDED_ON,
        ),
        (
            [
                row("EXPAND", 1, "a@x.org;b@x.org", related_recipient_address="user@contoso.com"),
                delivered(2, "EX1", to="a@x.org;b@x.org"),
            ],
            Account.DELIVERED,
        ),
        (
            [
                received(
                    1, "EX1", to="j@x.org", source="AGENT", reference="<1@app>", message="<r>"
                ),
                delivered(2, "EX1", to="j@x", message="<r>"),
                delivered(2, "EX1"),
            ],
            Account.DELIVERED,
        ),
        ([row("AGENTINFO", 1, source="AGENT")], Account.LOST),
    ],
)
def test_from_rows_to_the_account_of_a_drill(
    tmp_path: Path, rows: list[dict[str, str]], expected: Account
) -> None:
    """What Exchange's logs say becomes the account of our mail: copies and discards are no mail."""
    lab = Lab(tmp_path, design(arrivals="tracking_logs: /x"))
    logs = tmp_path / "logs"
    logs.mkdir()
    observer = watch(logs)
    lab.sent()
    lab.witness.look()
    add(logs / "MSGTRK20261124-1.LOG", log_of([received(0, "EX1"), *rows]))
    lab.mbx.deeds += [deed for deed in observer.new() if isinstance(deed, Deed)]
    assert lab.accounts() == {expected: 1}

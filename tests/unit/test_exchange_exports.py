"""Exports of Get-MessageTrackingLog: whatever culture, delimiter and list a person has chosen."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.test_exchange_account import delivered, received
from tests.unit.test_exchange_events import log_of

from relaydrill.errors import ExchangeLogError
from relaydrill.exchange_logs import exports
from relaydrill.exchange_logs.files import read_all
from relaydrill.exchange_logs.log_account import LogAccount, account
from relaydrill.exchange_logs.tracking import Tracking
from relaydrill.verdict import Status

_NAMES = (
    *("PSComputerName", "RunspaceId", "Timestamp", "ClientIp", "ClientHostname", "ServerIp"),
    *("ServerHostname", "SourceContext", "ConnectorId", "Source", "EventId", "InternalMessageId"),
    *("MessageId", "NetworkMessageId", "Recipients", "RecipientStatus", "TotalBytes"),
    *("RecipientCount", "RelatedRecipientAddress", "Reference", "MessageSubject", "Sender"),
    *("ReturnPath", "Directionality", "MessageInfo", "EventData"),
)
_TYPE = "#TYPE Deserialized.Microsoft.Exchange.Management.TransportLogSearchTasks.Event\r\n"
_AT = "11/24/2026 12:00:0{} PM"


def exported(event: str, at: int, **fields: str) -> dict[str, str]:
    """One row of an export."""
    return {
        "Timestamp": _AT.format(at),
        "ClientHostname": "EX1",
        "ServerHostname": "EX1",
        "Source": "STOREDRIVER" if event == "DELIVER" else "SMTP",
        "EventId": event,
        "MessageId": "<1@app>",
        "Recipients": "user@contoso.com",
        "MessageSubject": 'a "subject",\r\nin two lines',
    } | fields


def text_of(rows: Iterable[dict[str, str]], *, head: str = "", delimiter: str = ",") -> str:
    """The rows as Export-Csv writes them."""
    out = io.StringIO(newline="")
    out.write(head)
    writer = csv.DictWriter(
        out, _NAMES, restval="", delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\r\n"
    )
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


_BOTH = (exported("RECEIVE", 1), exported("DELIVER", 2))


def of_export(path: Path, content: bytes | str) -> LogAccount:
    """The account of one export."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return account(Tracking(read_all([path])))


@pytest.mark.parametrize("head", ["", _TYPE])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_an_export_is_read_however_it_was_written(
    tmp_path: Path, head: str, delimiter: str, encoding: str
) -> None:
    """With its type line or without, with any delimiter and encoding, a mark or none."""
    text = text_of(_BOTH, head=head, delimiter=delimiter)
    found = of_export(tmp_path / "mail.csv", text.encode(encoding))
    assert (found.counts, found.status) == ({"delivered": 1}, Status.PASS)


@pytest.mark.parametrize(
    "text",
    [
        "a@x.org b@x.org",
        "a@x.org;b@x.org",
        "a@x.org, b@x.org",
        "{a@x.org, b@x.org}",
        "a@x.org|b@x.org",
        " {a@x.org; b@x.org} ",
    ],
)
def test_recipients_are_told_apart(text: str) -> None:
    """However a list was made text; angle and other brackets are no part of an address."""
    assert exports.addresses(text) == ("a@x.org", "b@x.org")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"a;b"@x.org;c@x.org', ('"a;b"@x.org', "c@x.org")),
        ('"a, b"@x.org, c@x.org', ('"a, b"@x.org', "c@x.org")),
        ('{"a b"@x.org, "c|d"@x.org}', ('"a b"@x.org', '"c|d"@x.org')),
        (r'"a\";b"@x.org;c@x.org', (r'"a\";b"@x.org', "c@x.org")),
        (r'"a\"\";b"@x.org;c@x.org', (r'"a\"\";b"@x.org', "c@x.org")),
        ('"a@x.org;b@x.org', ('"a@x.org', "b@x.org")),
        ("/o=An Org/ou=x/cn=Recipients/cn=anna", ("/o=An Org/ou=x/cn=Recipients/cn=anna",)),
        ("/o=An Org/cn=a;b@x.org", ("/o=An Org/cn=a", "b@x.org")),
        ("", ()),
        ("{}", ()),
    ],
)
def test_what_stands_in_quotes_parts_no_addresses(text: str, expected: tuple[str, ...]) -> None:
    """A quoted local part may hold any of the separators, and an old name spaces."""
    assert exports.addresses(text) == expected


@pytest.mark.parametrize("text", ['"\\' * 30_000, '"' * 60_001, "a " * 30_000])
def test_no_recipients_take_long(text: str) -> None:
    """Whoever sends mail has a say in what a recipient is called."""
    began = time.process_time()
    exports.addresses(text)
    assert time.process_time() - began < 1.0


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_wide_characters_of_any_script_are_read_without_a_mark(
    tmp_path: Path, encoding: str
) -> None:
    """Of subjects in another script than Latin, few bytes are 0; of the heading half of them."""
    rows = [each | {"MessageSubject": "季度報告與預算" * 40} for each in _BOTH]
    found = of_export(tmp_path / "mail.csv", text_of(rows, delimiter=";").encode(encoding))
    assert (found.counts, found.status) == ({"delivered": 1}, Status.PASS)


@pytest.mark.parametrize(
    "text", ["System.String[]", "System.Object[]", "{a@x.org, b@x.org...}", "{a@x.org, …}"]
)
def test_a_list_that_is_none_any_more_is_unknown(tmp_path: Path, text: str) -> None:
    """For whom such a row is cannot be known: no pass, and what to do is told."""
    assert exports.addresses(text) is None
    rows = [*_BOTH, exported("RECEIVE", 3, MessageId="<2@app>", Recipients=text)]
    found = of_export(tmp_path / "mail.csv", text_of(rows))
    assert found.status is Status.UNKNOWN
    assert any("-join" in each for each in found.tracking.remarks)


def test_an_export_of_no_recipients_at_all_is_unknown(tmp_path: Path) -> None:
    """Every row is read, and says for nobody what became of it."""
    rows = [each | {"Recipients": "System.String[]"} for each in _BOTH]
    found = of_export(tmp_path / "mail.csv", text_of(rows))
    assert (found.counts, found.status) == ({}, Status.UNKNOWN)


def test_an_export_without_the_column_is_an_error_in_words(tmp_path: Path) -> None:
    """It says which column is missing, and how to export it."""
    path = tmp_path / "mail.csv"
    path.write_text("Timestamp,EventId,MessageId\n1,2,3\n")
    with pytest.raises(ExchangeLogError, match="without recipients; export with"):
        read_all([path])


_BOTH_HALVES = [(2, 13, 10, 0, 1), (2, 13, 13, 0, 1)]


@pytest.mark.parametrize(
    ("texts", "moments"),
    [
        (["2/3/2026 10:00:01 AM", "2/3/2026 1:00:02 PM"], [(2, 3, 10, 0, 1), (2, 3, 13, 0, 2)]),
        (["2/13/2026 12:00:01 AM"], [(2, 13, 0, 0, 1)]),
        (["13/02/2026 10:00:01"], [(2, 13, 10, 0, 1)]),
        (["03.02.2026 10:00:01"], [(2, 3, 10, 0, 1)]),
        (["3-2-2026 10:00:01"], [(2, 3, 10, 0, 1)]),
        (["2026-02-03 10:00:01"], [(2, 3, 10, 0, 1)]),
        (["2026/02/03 10:00:01"], [(2, 3, 10, 0, 1)]),
        (["2026. 02. 03. 10:00:01"], [(2, 3, 10, 0, 1)]),
        (["2026-02-03T10:00:01.0000000Z"], [(2, 3, 10, 0, 1)]),
        (["03/02/2026 10:00", "04/02/2026 10:00"], [(2, 3, 10, 0, 0), (2, 4, 10, 0, 0)]),
        (["2/3/2026 10:00:01 AM", "2/4/2026 10:00:01 AM"], [(2, 3, 10, 0, 1), (2, 4, 10, 0, 1)]),
        (["13/02/2026 10:00:01 a. m.", "13/02/2026 1:00:01 p. m."], _BOTH_HALVES),
        (["13/2/2026 10:00:01 π.μ.", "13/2/2026 1:00:01 μ.μ."], _BOTH_HALVES),
        (["2026/2/13 上午 10:00:01", "2026/2/13 下午 1:00:01"], _BOTH_HALVES),
        (["2026-02-13 오전 10:00:01", "2026-02-13 오후 1:00:01"], _BOTH_HALVES),
        (["13/2/2026 10:00:01\u202fAM", "13/2/2026 1:00:01\u202fPM"], _BOTH_HALVES),
        (["13.2.2026 \u0433. 10:00:01", "13.2.2026 \u0433. 13:00:01"], _BOTH_HALVES),
        (["13.2.2026 klo 10.00.01", "13.2.2026 klo 13.00.01"], _BOTH_HALVES),
        (["13/2/2569 10:00:01", "13/2/2569 13:00:01"], _BOTH_HALVES),
        (["13-Feb-26 10:00:01", "13-Feb-2026 1:00:01 PM"], _BOTH_HALVES),
        (["2/13/2026 10:00:01 AM UTC", "2/13/2026 1:00:01 PM UTC"], _BOTH_HALVES),
        (["13/2/2026 10:00:01 a. m. GMT", "13/2/2026 1:00:01 p. m. Z"], _BOTH_HALVES),
        (["2/13/2026 11:00:01 AM +01:00", "2/13/2026 8:00:01 AM -05:00"], _BOTH_HALVES),
        (["2026-02-13 10:00:01Z", "2026-02-13 14:00:01 (UTC+01:00)"], _BOTH_HALVES),
        (["Fri, 13 Feb 2026 10:00:01 GMT", "Friday, February 13, 2026 1:00:01 PM"], _BOTH_HALVES),
    ],
)
def test_times_of_any_culture(
    texts: list[str], moments: list[tuple[int, int, int, int, int]]
) -> None:
    """Which number is the month, all times of a file together tell."""
    read, _ = exports.clock_of(texts)
    expected = [datetime(2026, *each).replace(tzinfo=UTC).timestamp() for each in moments]
    assert [read(text) for text in texts] == expected


@pytest.mark.parametrize(
    "text",
    [
        # Central time, and who knows of which country.
        *(
            "13/2/2026 10:00:01 xyz",
            "2/13/2026 1:00:01 PM CST",
            "13-févr.-2026 10:00:01",
            "24/11/1404 10:00:01",
        ),
        # Tuesday in Spanish and Saturday in German; March and a Vietnamese morning look like them.
        *("mar 03 feb 2026 10:00:01", "Sa 14.02.2026 22:00:01"),
    ],
)
def test_a_time_of_an_unknown_word_or_calendar_is_none(text: str) -> None:
    """It may be an afternoon, another month, another year: that row is told, and not read wrong."""
    read, _ = exports.clock_of([text])
    with pytest.raises(ValueError, match=r"\d"):
        read(text)


def test_a_date_that_can_be_read_in_two_ways_is_told() -> None:
    """One day alone, whose numbers may both be months, leaves a doubt."""
    _, said = exports.clock_of(["2/3/2026 10:00:01 AM"])
    assert "two ways" in said
    _, said = exports.clock_of(["2/2/2026 10:00:01 AM"])
    assert "two ways" not in said


@pytest.mark.parametrize(
    ("texts", "is_told"),
    [
        (["11/30/2026 9:50:01 PM UTC"], False),
        (["11/30/2026 9:50:01 PM -05:00"], False),
        (["11/30/2026 9:50:01 PM"], True),
        (["11/30/2026 9:50:01 PM UTC", "11/30/2026 9:51:01 PM"], True),
    ],
)
def test_times_that_name_their_zone_are_in_no_doubt(texts: list[str], is_told: bool) -> None:
    """Where each says how far it is from UTC, nothing depends on the shell that wrote them."""
    _, said = exports.clock_of(texts)
    assert bool(said) is is_told


@settings(deadline=None)
@given(st.lists(st.text(max_size=30), max_size=5))
def test_no_text_is_too_odd_for_a_time(texts: list[str]) -> None:
    """What is no time is a ValueError, or an OverflowError, for the reader to tell of."""
    read, _ = exports.clock_of(texts)
    for text in texts:
        try:
            read(text)
        except (ValueError, OverflowError):
            continue


def test_what_an_export_lacks_is_not_lost(tmp_path: Path) -> None:
    """It holds what was asked for: the next server's rows may not have been."""
    rows = [
        exported("RECEIVE", 1),
        exported("SEND", 2, ServerHostname="EX2"),
        exported("RECEIVE", 1, MessageId="<2@x>", ServerHostname="EX2", ClientHostname="EX1"),
        exported("DELIVER", 9, MessageId="<2@x>", ServerHostname="EX2", ClientHostname="EX2"),
    ]
    found = of_export(tmp_path / "mail.csv", text_of(rows))
    assert found.counts == {"delivered": 1, "unobserved": 1}


@pytest.mark.parametrize("hours", [0, 2, -5])
def test_an_export_beside_its_log_says_nothing_twice(tmp_path: Path, hours: int) -> None:
    """The same rows in whole seconds and in another time zone are no second delivery."""
    log = log_of([received(1.25, "EX1"), delivered(2.5, "EX1", server_hostname="EX1")])
    (tmp_path / "MSGTRK20261124-1.LOG").write_text(log, newline="")
    rows = [
        each | {"Timestamp": f"11/24/2026 {(12 + hours):02}:00:0{at}"}
        for at, each in enumerate(_BOTH, start=1)
    ]
    (tmp_path / "mail.csv").write_text(text_of(rows), newline="")
    found = account(Tracking(read_all([tmp_path])))
    assert found.counts == {"delivered": 1}


def test_two_exports_that_overlap_say_nothing_twice(tmp_path: Path) -> None:
    """They may hold different columns, and the rows that both hold count once."""
    (tmp_path / "a.csv").write_text(text_of(_BOTH), newline="")
    (tmp_path / "b.csv").write_text(text_of(_BOTH, delimiter=";"), newline="")
    assert account(Tracking(read_all([tmp_path]))).counts == {"delivered": 1}


def test_two_deliveries_in_one_export_are_two(tmp_path: Path) -> None:
    """A duplicate is one, also where both stand in the same second."""
    rows = [*_BOTH, exported("DELIVER", 2, InternalMessageId="9")]
    assert of_export(tmp_path / "mail.csv", text_of(rows)).counts == {"duplicated": 1}


def test_recipients_with_quotes_are_delivered_to(tmp_path: Path) -> None:
    """Each of them, by the name that it has: from the export's column to the account."""
    to = r'"an;na"@x.org;"b\"e;n"@x.org;carl@x.org'
    found = of_export(tmp_path / "mail.csv", text_of(each | {"Recipients": to} for each in _BOTH))
    assert found.counts == {"delivered": 3}
    assert {fate.entry.recipient for fate in found.fates} == {
        '"an;na"@x.org',
        r'"b\"e;n"@x.org',
        "carl@x.org",
    }

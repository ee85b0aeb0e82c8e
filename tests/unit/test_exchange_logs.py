"""Reading Exchange's logs: by #Fields, whatever the version, however the file breaks off."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relaydrill.errors import ExchangeLogError
from relaydrill.exchange_logs import (
    RECEIVE_FIELDS,
    RECEIVE_TYPE,
    TRACKING_FIELDS,
    TRACKING_TYPE,
    ExchangeLog,
    header,
    parse_log,
    to_line,
)
from relaydrill.exchange_logs.files import read_all

Write = Callable[[str | bytes], Path]

# The field lists are those of Microsoft's documentation for each version; the rows are made up.
_2007 = """\
#Software: Microsoft Exchange Server
#Version: 8.0.0.0
#Log-type: Message Tracking Log
#Date: 2008-06-02T00:00:01.100Z
#Fields: date-time,client-ip,client-hostname,server-ip,server-hostname,source-context,\
connector-id,source,event-id,internal-message-id,message-id,recipient-address,recipient-status,\
total-bytes,recipient-count,related-recipient-address,reference,message-subject,sender-address,\
return-path,message-info
2008-06-02T10:00:00.250Z,10.1.0.9,app01,10.1.0.1,HT01,08CA93A1B2C3D4E5;\
2008-06-02T10:00:00.100Z;0,HT01\\Relay,SMTP,RECEIVE,17,<one@app01>,a@contoso.com;b@contoso.com,,\
2048,2,,,"Minutes, ""final"" one",app@contoso.com,app@contoso.com,
2008-06-02T10:00:01.000Z,10.1.0.1,HT01,10.1.0.7,MBX01,08CA93A1B2C3D4E6,,STOREDRIVER,DELIVER,17,\
<one@app01>,a@contoso.com;b@contoso.com,,2311,2,,,"Minutes, ""final"" one",app@contoso.com,\
app@contoso.com,2008-06-02T10:00:00.250Z
"""

_2010 = """\
#Software: Microsoft Exchange Server
#Version: 14.0.0.0
#Log-type: Message Tracking Log
#Date: 2011-03-01T00:00:00.000Z
#Fields: date-time,client-ip,client-hostname,server-ip,server-hostname,source-context,\
connector-id,source,event-id,internal-message-id,message-id,recipient-address,recipient-status,\
total-bytes,recipient-count,related-recipient-address,reference,message-subject,sender-address,\
return-path,message-info,directionality,tenant-id,original-client-ip,original-server-ip,\
custom-data
2011-03-01T08:30:00.000Z,10.2.0.9,app02,10.2.0.1,HT10,08CDA1,HT10\\Default HT10,SMTP,RECEIVE,5,\
<two@app02>,c@contoso.com,,900,1,,,Hello,x@fabrikam.com,x@fabrikam.com,0I: ,Incoming,,10.2.0.9,\
10.2.0.1,S:FirstForestHop=HT10.contoso.com
"""

_2013 = """\
#Software: Microsoft Exchange Server
#Version: 15.00.1104.000
#Log-type: Message Tracking Log
#Date: 2014-05-22T17:33:35.632Z
#Fields: date-time,client-ip,client-hostname,server-ip,server-hostname,source-context,\
connector-id,source,event-id,internal-message-id,message-id,network-message-id,\
recipient-address,recipient-status,total-bytes,recipient-count,related-recipient-address,\
reference,message-subject,sender-address,return-path,message-info,directionality,tenant-id,\
original-client-ip,original-server-ip,custom-data
2014-05-22T17:33:35.632Z,10.3.0.1,EX13A,10.3.0.2,EX13B,,Intra-Organization SMTP Send Connector,\
SMTP,SEND,98784247808,<three@app03>,13fad5b7-39c5-46e7-130e-08d4a138ac67,d@contoso.com,\
250 2.1.5 Recipient OK,7631,1,,,Hello again,y@contoso.com,y@contoso.com,2014-05-22T17:33:35.101Z,\
Originating,,,10.3.0.1,S:E2ELatency=0.531
"""

_2019 = """\
#Software: Microsoft Exchange Server
#Version: 15.02.0529.011
#Log-type: Message Tracking Log
#Date: 2020-01-15T12:00:00.000Z
#Fields: date-time,client-ip,client-hostname,server-ip,server-hostname,source-context,\
connector-id,source,event-id,internal-message-id,message-id,network-message-id,\
recipient-address,recipient-status,total-bytes,recipient-count,related-recipient-address,\
reference,message-subject,sender-address,return-path,message-info,directionality,tenant-id,\
original-client-ip,original-server-ip,custom-data,transport-traffic-type,log-id,schema-version
2020-01-15T12:00:00.500Z,,EX19A,,EX19A,"MDB:6191, Mailbox:279f, Event:1",,STOREDRIVER,DELIVER,\
4711,<four@app04>,7a4e,e@contoso.com,,5000,1,,,Budget,z@contoso.com,z@contoso.com,\
2020-01-15T12:00:00.100Z,Incoming,,,,S:MailboxDatabaseName=DB1,Email,01d5,15.02.0529.011
"""

_PROTOCOL = """\
#Software: Microsoft Exchange Server
#Version: 15.0.0.0
#Log-type: SMTP Receive Protocol Log
#Date: 2019-01-25T00:03:58.478Z
#Fields: date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,\
event,data,context
2019-01-25T00:03:58.478Z,EX1\\Relay,08D675E58CA1DA38,0,10.0.0.6:25,10.0.0.9:61061,+,,
2019-01-25T00:03:58.494Z,EX1\\Relay,08D675E58CA1DA38,1,10.0.0.6:25,10.0.0.9:61061,>,\
"220 ex1.contoso.com Microsoft ESMTP MAIL Service ready at Fri, 25 Jan 2019 01:03:58 +0100",
"""


def read_log(path: Path) -> ExchangeLog:
    """The log in one file."""
    return parse_log(path, path.read_bytes())


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Put a log into a file."""

    def put(content: str | bytes) -> Path:
        path = tmp_path / "MSGTRK20080602-1.LOG"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return put


@pytest.mark.parametrize(
    ("text", "event", "source", "message", "first", "server"),
    [
        (_2007, "RECEIVE", "SMTP", "<one@app01>", "a@contoso.com", "HT01"),
        (_2010, "RECEIVE", "SMTP", "<two@app02>", "c@contoso.com", "HT10"),
        (_2013, "SEND", "SMTP", "<three@app03>", "d@contoso.com", "EX13B"),
        (_2019, "DELIVER", "STOREDRIVER", "<four@app04>", "e@contoso.com", "EX19A"),
    ],
    ids=["2007", "2010", "2013", "2019"],
)
def test_every_version_is_read_by_its_own_fields(
    write: Write, text: str, event: str, source: str, message: str, first: str, server: str
) -> None:
    """Fields are found by name, wherever a version has put them."""
    log = read_log(write(text))
    assert log.remarks == ()
    row = log.tracking[0]
    assert (row.event, row.source, row.message) == (event, source, message)
    assert (row.recipients[0], row.server) == (first, server)


def test_a_row_has_its_lists_its_time_and_what_no_reader_knows(write: Write) -> None:
    """Recipients come apart at semicolons, quotes come off, and unknown fields are kept."""
    received, delivered = read_log(write(_2007)).tracking
    assert received.recipients == ("a@contoso.com", "b@contoso.com")
    assert received.values["message-subject"] == 'Minutes, "final" one'
    assert delivered.time - received.time == 0.75
    assert received.time == 1212400800.25
    assert received.where.endswith("MSGTRK20080602-1.LOG:6")
    (row,) = read_log(write(_2019)).tracking
    assert row.values["transport-traffic-type"] == "Email"
    assert row.context == "MDB:6191, Mailbox:279f, Event:1"


def test_a_quoted_recipient_is_one(write: Write) -> None:
    """A semicolon within the quotes of a local part is part of it; a quote may stay open."""
    both = _2007.replace("a@contoso.com;b@contoso.com", '"""a;c""@contoso.com;b@contoso.com"', 1)
    assert read_log(write(both)).tracking[0].recipients == ('"a;c"@contoso.com', "b@contoso.com")
    torn = _2007.replace("a@contoso.com;b@contoso.com", '"""a@contoso.com;b@contoso.com"', 1)
    assert read_log(write(torn)).tracking[0].recipients == ('"a@contoso.com', "b@contoso.com")


def test_a_session_is_read(write: Write) -> None:
    """A protocol log's rows come with their number, event and what was said."""
    begun, greeted = read_log(write(_PROTOCOL)).protocol
    assert (begun.session, begun.number, begun.event) == ("08D675E58CA1DA38", 0, "+")
    assert greeted.data.startswith("220 ex1.contoso.com Microsoft ESMTP MAIL Service ready at Fri,")
    assert greeted.remote == "10.0.0.9:61061"


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode(),
        lambda text: text.encode("utf-8-sig"),
        lambda text: text.encode("utf-16"),
        lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.rstrip("\n").encode(),
    ],
    ids=["plain", "utf-8 BOM", "utf-16-le BOM", "utf-16-be BOM", "CRLF", "no line end at the end"],
)
def test_encodings_and_line_ends_make_no_difference(
    write: Write, encode: Callable[[str], bytes]
) -> None:
    """A byte order mark of either encoding, CRLF and a missing last line end change nothing."""
    assert read_log(write(encode(_2007))).tracking == read_log(write(_2007)).tracking


def test_a_file_may_hold_several_headers(write: Write) -> None:
    """Each block of rows is read by the #Fields line above it, a BOM before the block or not."""
    log = read_log(write(_2007 + "\ufeff" + _2013 + _2010 + _PROTOCOL))
    assert [row.message for row in log.tracking] == [
        *("<one@app01>", "<one@app01>", "<three@app03>", "<two@app02>")
    ]
    assert len(log.protocol) == 2
    assert log.remarks == ()


@pytest.mark.parametrize("cut", range(1, 180, 7))
def test_a_torn_last_row_is_told_and_does_no_harm(write: Write, cut: int) -> None:
    """Wherever the last row is cut off, the others are read, and the cut is told with its line."""
    whole = _2007.rstrip("\n")
    log = read_log(write(whole[:-cut]))
    assert log.tracking[0].recipients == ("a@contoso.com", "b@contoso.com")
    if len(log.tracking) == 1:
        assert log.remarks == (f"{log.path}:7: the row is cut off; skipped",)
    else:
        # Only the end of the last field is gone: when the message came in.
        assert cut <= len("2008-06-02T10:00:00.250Z")


def test_a_row_cut_off_within_quotes_swallows_nothing(write: Write) -> None:
    """After a restart the log goes on behind half a row; only the half is lost."""
    lines = _2007.splitlines(keepends=True)
    half = lines[5][: lines[5].index("Minutes") + 4] + "\n"
    log = read_log(write("".join([*lines[:5], half, lines[6], half, *lines[:5], lines[5]])))
    assert [row.event for row in log.tracking] == ["DELIVER", "RECEIVE"]
    assert [remark.rpartition(": the")[0] for remark in log.remarks] == [
        *(f"{log.path}:6", f"{log.path}:8")
    ]


def test_a_value_may_hold_a_line_end(write: Write) -> None:
    """A quoted value goes on over the end of its line."""
    log = read_log(write(_2007.replace('Minutes, ""final""', 'Minutes\r\n""final""')))
    assert log.tracking[0].values["message-subject"] == 'Minutes\n"final" one'
    assert len(log.tracking) == 2


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda row: row + ",more", "22 values under 21 fields"),
        (lambda row: "yesterday" + row[24:], "time or number cannot be read"),
        (lambda row: row[:40], "the row is cut off"),
    ],
    ids=["too long", "no time", "too short"],
)
def test_a_row_that_makes_no_sense_is_told(
    write: Write, spoil: Callable[[str], str], said: str
) -> None:
    """It is passed over with file and line; the next row is read."""
    lines = _2007.splitlines()
    lines[5] = spoil(lines[5])
    log = read_log(write("\n".join(lines) + "\n"))
    assert [row.event for row in log.tracking] == ["DELIVER"]
    (remark,) = log.remarks
    assert f"{log.path}:6: " in remark
    assert said in remark


def test_empty_values_too_many_are_none(write: Write) -> None:
    """Commas at a row's end, as spreadsheets leave them, change nothing."""
    lines = _2007.splitlines()
    log = read_log(write("\n".join([*lines[:5], f"{lines[5]},,"])))
    assert [row.message for row in log.tracking] == ["<one@app01>"]
    assert log.remarks == ()


def test_an_open_quote_is_given_up_in_the_end(write: Write) -> None:
    """A file full of lines behind half a row is not read as one value without end."""
    lines = _2007.splitlines()
    half = lines[5][: lines[5].index("Minutes") + 4]
    log = read_log(write("\n".join([*lines[:5], half, *["words"] * 300, lines[6]])))
    assert [row.event for row in log.tracking] == ["DELIVER"]
    assert log.remarks[0].startswith(f"{log.path}:6: ")
    assert len(log.remarks) > 100


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a,b,c\n", ":1 is no log of Exchange's: a row, and no #Fields line above"),
        ("#Software: Microsoft Exchange Server\n1,2\n", ":2 is no log of Exchange's"),
        (
            "#Log-type: Message Tracking Log\n#Fields: date-time,source,event-id,message-id\n",
            ":2: the #Fields line of a Message Tracking Log lacks recipient-address",
        ),
        (
            _2007[: _2007.index("2008-06-02T10")] + "#Log-type: SMTP Receive Protocol Log\n1,2\n",
            ":7 is no log of Exchange's: a row, and no #Fields line above",
        ),
        (b"\x00\xff\x00 no text at all", "is no log of Exchange's"),
    ],
)
def test_what_is_no_log_is_an_error_in_words(write: Write, content: str | bytes, said: str) -> None:
    """It names the file, the line, and what is missing."""
    path = write(content)
    with pytest.raises(ExchangeLogError) as caught:
        read_log(path)
    assert str(caught.value).startswith(str(path))
    assert said in str(caught.value)


def test_a_folder_gives_its_logs_and_says_what_it_passes_over(tmp_path: Path) -> None:
    """Whatever is named like a log is read; an empty or strange one is told, and no error."""
    (tmp_path / "ht1").mkdir()
    (tmp_path / "ht1" / "MSGTRK20080602-1.LOG").write_text(_2007)
    (tmp_path / "ht1" / "RECV20190125-1.log").write_text(_PROTOCOL)
    (tmp_path / "ht1" / "MSGTRK20080603-1.LOG").write_text("")
    (tmp_path / "ht1" / "MSGTRK20080604-1.LOG").write_text("what is this?\n")
    send = "#Log-type: Connectivity Log\n#Fields: date-time,data\n2008-06-02T10:00:00Z,x\n"
    (tmp_path / "ht1" / "RECV20190126-1.log").write_text(send)
    (tmp_path / "ht1" / "notes.txt").write_text("not a log\n")
    logs = read_all([tmp_path])
    assert sum(len(log.tracking) + len(log.protocol) for log in logs) == 4
    remarks = " ".join(remark for log in logs for remark in log.remarks)
    assert "MSGTRK20080603-1.LOG is empty" in remarks
    assert "MSGTRK20080604-1.LOG:1 is no log of Exchange's" in remarks
    assert "a Connectivity Log is not read" in remarks
    assert "notes.txt" not in remarks


def test_a_folder_without_a_log_is_an_error(tmp_path: Path) -> None:
    """It says what names are looked for."""
    with pytest.raises(ExchangeLogError, match=r"holds no file named MSGTRK….LOG or RECV….LOG"):
        read_all([tmp_path])


_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def _plain(text: str) -> str:
    """What a log keeps of a value: line ends become one space."""
    return re.sub(r"[\r\n]+", " ", text)


def _read_back(path: Path, text: str) -> ExchangeLog:
    path.write_bytes(text.encode())
    return read_log(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.lists(_texts, min_size=20, max_size=20), max_size=5))
def test_whatever_is_written_is_read_back(tmp_path: Path, rows: list[list[str]]) -> None:
    """Any text comes back from a tracking log, but for line ends, which become a space."""
    stamp = "2026-11-24T12:00:00.000Z"
    text = header(TRACKING_TYPE, TRACKING_FIELDS, stamp)
    text += "".join(to_line((stamp, *row)) for row in rows)
    log = _read_back(tmp_path / "a.LOG", text)
    assert log.remarks == ()
    assert [list(row.values.values())[1:] for row in log.tracking] == [
        [_plain(value) for value in row] for row in rows
    ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=st.lists(st.tuples(_texts, _texts), max_size=8))
def test_whatever_is_said_in_a_session_is_read_back(
    tmp_path: Path, said: list[tuple[str, str]]
) -> None:
    """Any data and context come back from a protocol log."""
    stamp = "2026-11-24T12:00:00.000Z"
    text = header(RECEIVE_TYPE, RECEIVE_FIELDS, stamp)
    for number, (data, context) in enumerate(said):
        text += to_line((stamp, "ht1\\relay", "08D6", str(number), "", "", "<", data, context))
    log = _read_back(tmp_path / "a.LOG", text)
    assert [(row.data, row.context) for row in log.protocol] == [
        (_plain(data), _plain(context)) for data, context in said
    ]


_pieces = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([line.encode() for line in _2007.splitlines(keepends=True)]),
    st.sampled_from([line.encode() for line in _PROTOCOL.splitlines(keepends=True)]),
    st.sampled_from([b'"', b",", b"\n", b"\r\n", b"#", b"\xff\xfe", b"#Fields: a,b\n"]),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(_pieces, max_size=20))
def test_no_bytes_make_the_reader_fail(tmp_path: Path, pieces: list[bytes]) -> None:
    """Whatever stands in a file, it is read or refused in words."""
    path = tmp_path / "a.LOG"
    path.write_bytes(b"".join(pieces))
    try:
        log = read_log(path)
    except ExchangeLogError as error:
        assert str(path) in str(error)
    else:
        assert len(log.tracking) + len(log.protocol) <= b"".join(pieces).count(b"\n") + 1

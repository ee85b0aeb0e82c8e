"""What is taken off a log's line before it is read: the frame, whoever put it there."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relaydrill.mail_logs.framing import LONGEST, Framed, Framer

SAID = "A1B2C3: to=<u@x.test>, relay=virtual, status=sent (delivered to maildir)"
END = datetime(2026, 11, 30, tzinfo=UTC).timestamp()
AT = "2026-11-29T19:29:16"
JOURNALD = {
    "MESSAGE": SAID,
    "_HOSTNAME": "mx1",
    "SYSLOG_IDENTIFIER": "postfix/virtual",
    "SYSLOG_PID": "12",
    "__REALTIME_TIMESTAMP": "1795980556000000",
}
LINE = f"Nov 29 19:29:16 mx1 postfix/virtual[12]: {SAID}"

FILEBEAT = {
    "@timestamp": "2026-11-29T19:29:16Z",
    "message": LINE,
    "event": {"dataset": "system.syslog"},
    "fields": {"env": "production"},
}

RSYSLOG = {
    "msg": f" {SAID}",
    "timereported": f"{AT}+00:00",
    "hostname": "mx1",
    "syslogtag": "postfix/virtual[12]:",
    "programname": "postfix",
    "procid": "12",
}

FRAMES = {
    "syslog": LINE,
    "a day below ten": LINE.replace("29 ", " 9 "),
    "with its priority": f"<22>{LINE}",
    "with facility": LINE.replace("mx1 ", "mx1 mail.info "),
    "Solaris": LINE.replace("]: ", "]: [ID 197553 mail.info] "),
    "with a year": LINE.replace("Nov 29 ", "Nov 29 2026 "),
    "rsyslog": f"{AT}.123456+00:00 mx1 postfix/virtual[12]: {SAID}",
    "a space for the T": f"{AT.replace('T', ' ')} mx1 postfix/virtual[12]: {SAID}",
    "short-iso": f"{AT}+0000 mx1 postfix/virtual[12]: {SAID}",
    "short-full": f"Sun {AT.replace('T', ' ')} UTC mx1 postfix/virtual[12]: {SAID}",
    "short-unix": f"1795980556.123456 mx1 postfix/virtual[12]: {SAID}",
    "RFC 5424": f"<22>1 {AT}.1Z mx1 postfix/virtual 12 - - {SAID}",
    "RFC 5424 with data": f'<22>1 {AT}Z mx1 postfix/virtual 12 ID1 [a@1 b="]\\""][c] \ufeff{SAID}',
    "docker logs -t": f"{AT}.123456789Z {LINE}",
    "docker logs -t, ISO within": f"{AT}.1Z {AT}+00:00 mx1 postfix/virtual[12]: {SAID}",
    "docker's file": json.dumps({"log": LINE + "\n", "stream": "stdout", "time": f"{AT}.1Z"}),
    "CRI": f"{AT}.123456789Z stdout F {LINE}",
    "kubectl logs --prefix": f"[pod/mx-0/postfix] {LINE}",
    "docker compose logs": f"mta-1  | {LINE}",
    "journald": json.dumps(JOURNALD),
    "journald, no UTF-8": json.dumps(JOURNALD | {"MESSAGE": list(SAID.encode())}),
    "docker's journald driver": json.dumps(
        JOURNALD | {"MESSAGE": LINE, "SYSLOG_IDENTIFIER": "9f0a", "CONTAINER_ID": "9f0a"}
    ),
    "Filebeat": json.dumps(FILEBEAT),
    "Filebeat, with its log": json.dumps(
        FILEBEAT | {"host": {"name": "mx1"}, "log": {"offset": 12, "file": {"path": "mail.log"}}}
    ),
    "Elastic Common Schema": json.dumps(
        FILEBEAT
        | {"message": SAID, "host": {"hostname": "mx1"}, "log": {"offset": 1}}
        | {"process": {"name": "postfix/virtual", "pid": 12}}
    ),
    "Elasticsearch's search": json.dumps({"_index": "mail", "_source": FILEBEAT}),
    "rsyslog's jsonmesg": json.dumps(RSYSLOG),
    "rsyslog for Elasticsearch": json.dumps(
        {"@timestamp": f"{AT}+00:00", "host": "mx1", "tag": "postfix/virtual[12]:"}
        | {"severity": "info", "message": f" {SAID}"}
    ),
    "rsyslog's raw line": json.dumps({"rawmsg": f"<22>{LINE}", "msg": f" {SAID}"}),
    "rsyslog's RFC 5424": f"<22>1 {AT}.1+00:00 mx1 postfix/virtual 12 - -  {SAID}",
    "syslog-ng": json.dumps(
        {"PROGRAM": "postfix/virtual", "PID": "12", "MESSAGE": SAID, "HOST": "mx1"}
        | {"DATE": "Nov 29 19:29:16"}
    ),
    "Fluent Bit, of a file": json.dumps({"date": 1795980556.1, "log": LINE}),
    "Fluent Bit, of a pod": json.dumps(
        {"date": 1795980556.1, "time": f"{AT}Z", "stream": "stdout", "logtag": "F", "log": LINE}
    ),
    "Fluentd": f"{AT}+00:00\tmail.log\t"
    + json.dumps({"host": "mx1", "ident": "postfix/virtual", "pid": "12", "message": SAID}),
    "Vector": json.dumps(
        {"appname": "postfix/virtual", "procid": 12, "hostname": "mx1", "message": SAID}
        | {"timestamp": f"{AT}Z"}
    ),
    "GELF": json.dumps(
        {"version": "1.1", "host": "mx1", "short_message": SAID, "timestamp": 1795980556.1}
        | {"_application_name": "postfix/virtual", "_process_id": "12"}
    ),
    "Loki": json.dumps({"labels": {"host": "mx1"}, "line": LINE, "timestamp": f"{AT}Z"}),
    "Cloud Logging": json.dumps({"textPayload": LINE, "timestamp": f"{AT}Z"}),
    "logcli": f'{AT}Z {{host="mx1"}} {LINE}',
    "Swarm": f"mail_mta.1.x2k9@node1    | {LINE}",
    "Compose, in colours": f"\x1b[36mmta-1  |\x1b[0m {LINE}",
    "stern": f"mx-0 postfix {LINE}",
    "grep": f"/var/log/mail.log.1:{LINE}",
    "grep -n": f"12:{LINE}",
    "s6-log": f"{AT}.123456789  {LINE}",
    "a relay's time before its own": f"Nov 29 19:29:17 10.0.0.5 <22>{LINE}",
    "octets counted": f"140 <22>1 {AT}Z mx1 postfix/virtual 12 - - {SAID}",
    "AIX": LINE.replace("mx1 ", "mx1 mail:info "),
    "AIX, forwarded": LINE.replace("mx1 ", "loghost Message forwarded from mx1: "),
    "a day of one digit": LINE.replace("29 ", "1 "),
    "a day with a zero": LINE.replace("29 ", "01 "),
    "tabs": LINE.replace(" mx1 ", "\tmx1\t"),
    "a mark at the file's begin": f"\ufeff{LINE}",
    "after a crash": f"Nov 29 19:2\0\0\0{LINE}",
}


@pytest.mark.parametrize("kind", FRAMES)
def test_every_frame_comes_off(kind: str) -> None:
    """What is said, by which program of which host, is the same whoever wrote the line down."""
    framed = Framer("log", END).frame(FRAMES[kind].encode() + b"\n")
    assert framed is not None
    assert (framed.program, framed.process, framed.host) == ("postfix/virtual", 12, "mx1")
    assert (framed.text, framed.where) == (SAID, "log:1")
    assert framed.wall is not None


EXIM = {
    "2026-11-29 19:29:16 {}": ("exim", "", 0),
    "2026-11-29 19:29:16.123 {}": ("exim", "", 0),
    "2026-11-29 19:29:16.123 +0100 [44] {}": ("exim", "", 44),
    "Nov 29 19:29:16 mx exim[44]: 2026-11-29 19:29:16 {}": ("exim", "mx", 0),
    "Nov 29 19:29:16 mx exim4[44]: {}": ("exim4", "mx", 44),
}


@pytest.mark.parametrize("form", EXIM)
def test_exims_log_has_a_frame_of_its_own(form: str) -> None:
    """With or without milliseconds, zone and process; and when it goes to syslog."""
    said = "1xVojD-00001Y-04 => anna <a@x> R=local T=mail_spool"
    framed = Framer("log", END).frame(form.format(said).encode())
    assert framed is not None
    assert (framed.program, framed.host, framed.process, framed.text) == (*EXIM[form], said)


def test_pieces_become_a_line_again() -> None:
    """Container engines and Exim cut long lines, and say so."""
    framer = Framer("log", END)
    assert framer.frame(f"{AT}Z stdout P {LINE[:50]}".encode()) is None
    assert text_of(framer.frame(f"{AT}Z stdout F {LINE[50:]}".encode())) == SAID
    assert framer.frame(json.dumps({"log": LINE[:50], "stream": "stdout"}).encode()) is None
    assert text_of(framer.frame(json.dumps({"log": LINE[50:] + "\n", "stream": "stdout"}).encode()))
    at = "Nov 29 19:29:16 mx exim[1]: "
    assert framer.frame(f"{at}[1/2] 1xVojD-00001Y-04 => an".encode()) is None
    assert text_of(framer.frame(f"{at}[2\\2] na".encode())) == "1xVojD-00001Y-04 => anna"


def test_what_a_shipper_made_of_a_whole_line_is_whole() -> None:
    """Docker's own files alone end a line with a new line; engines mark what is cut otherwise."""
    framer = Framer("log", END)
    for line in (LINE[:50], LINE[50:]):
        cut = {"stream": "stdout", "logtag": "F" if line.endswith(")") else "P", "log": line}
        last = framer.frame(json.dumps(cut).encode())
    assert text_of(last) == SAID
    assert text_of(framer.frame(json.dumps({"log": LINE, "date": 1.5}).encode())) == SAID


def test_what_a_header_says_is_no_line() -> None:
    """An Exim's reject log holds headers of what it turned down: anybody's words."""
    framed = Framer("log", END).frame(f"  Subject: {LINE}".encode())
    assert framed is None or framed.program != "postfix/virtual"


def text_of(framed: Framed | None) -> str:
    """What a line says."""
    return framed.text if framed else ""


def test_years_that_are_not_told_are_told_by_the_order() -> None:
    """Over New Year, and in a log of long ago: the latest that is not beyond the log's end."""
    framer = Framer("log", datetime(2026, 1, 2, 12).timestamp())
    years = []
    for stamp in ("Dec 31 23:59:59", "Jan  1 00:00:00", "Dec 31 23:59:58", "Jan  1 00:00:01"):
        framed = framer.frame(f"{stamp} mx1 postfix/qmgr[1]: A1B2C3: removed".encode())
        assert framed is not None
        assert framed.wall is not None
        years.append(datetime.fromtimestamp(framed.wall).year)
    assert years == [2025, 2026, 2025, 2026]


def test_a_leap_day_is_of_a_leap_year() -> None:
    """A log that was written on a 29th of February is read in any year."""
    framed = Framer("log", datetime(2026, 11, 30).timestamp()).frame(
        b"Feb 29 10:00:00 mx1 postfix/qmgr[1]: A1B2C3: removed"
    )
    assert framed is not None
    assert framed.wall == datetime(2024, 2, 29, 10).timestamp()


def test_what_is_no_line_is_counted() -> None:
    """Lines that are too long, cut by zeroes, or half a JSON are torn: nothing is made of them."""
    framer = Framer("log", END)
    assert framer.frame(b"x" * (LONGEST + 1)) is None
    assert framer.frame(b'{"log": "Nov 2') is None
    assert text_of(framer.frame(b"half\0\0" + LINE.encode())) == SAID
    assert framer.count.torn == 3


@given(st.binary(max_size=200))
def test_no_bytes_are_too_strange(noise: bytes) -> None:
    """Whatever stands in a file, a line behind it is read."""
    framer = Framer("log", END)
    framer.frame(noise)
    assert text_of(framer.frame(LINE.encode())) == SAID


@given(st.text(max_size=60), st.sampled_from(sorted(FRAMES)))
def test_no_text_is_too_strange(noise: str, kind: str) -> None:
    """What is put anywhere into a line never ends in anything but a line or none."""
    line = FRAMES[kind]
    for at in (0, len(line) // 3, len(line)):
        Framer("log", END).frame((line[:at] + noise + line[at:]).encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize(
    "frame",
    ["2026-01-01 10:00:00 ", "Jan  1 10:00:00 ", "[pod/a] ", "a-1 | ", "<1>Jan  1 10:00:00 "],
)
def test_a_line_of_nothing_but_frames_is_none(frame: str) -> None:
    """Frames are taken off one after the other; there is an end to that, and it is no traceback."""
    assert Framer("log", 0.0).frame((frame * 3000).encode()) is None


@pytest.mark.parametrize("frame", ["", "2026-11-28T10:00:00Z ", "mx-1 | "])
@pytest.mark.parametrize("key", ["log", "message", "MESSAGE", "msg"])
def test_an_empty_line_in_a_frame_of_json_is_none(key: str, frame: str) -> None:
    """Where a program writes an empty line, its logger frames that; what stands behind is read."""
    framer = Framer("log", END)
    for end in ("\n", "\r\n"):
        assert framer.frame((frame + json.dumps({key: end})).encode()) is None
    assert text_of(framer.frame(LINE.encode())) == SAID

"""What was not read is not absent: logs that are missing, have gaps, end early; and clocks."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pytest
from tests.unit.test_exchange_account import delivered, received, row, sent
from tests.unit.test_exchange_events import Account, log_of, of_files

from relaydrill.exchange_logs import RECEIVE_FIELDS, RECEIVE_TYPE, header, to_line
from relaydrill.exchange_logs.files import read_all
from relaydrill.exchange_logs.log_account import LogAccount, account
from relaydrill.exchange_logs.tracking import Tracking
from relaydrill.verdict import Status

__all__ = ["of_files"]

_INTRA = {"connector_id": "Intra-Organization SMTP Send Connector"}
_LATER = row("AGENTINFO", 3600, client_hostname="EX2", source="AGENT", message="<tick@x>")
_EARLIER = row("AGENTINFO", -30, client_hostname="EX2", source="AGENT", message="<tick@x>")


def _why(found: LogAccount) -> str:
    (fate,) = found.undelivered
    assert fate.account == "unobserved", fate
    return fate.why


def _ex1(*more: dict[str, str]) -> list[dict[str, str]]:
    return [received(0, "EX1"), sent(1, "EX1", "EX2.corp.example", **_INTRA), *more]


def test_without_the_log_of_deliveries_nothing_is_lost(of_files: Account) -> None:
    """Exchange 2013 and later log a DELIVER elsewhere; which log is missing is told."""
    rest = {"EX2/MSGTRK20261124-1.LOG": [received(0, "EX2", message="<2@x>"), _LATER]}
    found = of_files({"EX1/MSGTRK20261124-1.LOG": _ex1(), **rest}, recipients=("user@contoso.com",))
    whys = {fate.entry.message: fate.why for fate in found.undelivered}
    assert "ex2's MSGTRKMD" in whys["<1@app>"]
    assert found.status is Status.UNKNOWN


def test_with_the_log_of_deliveries_it_is_lost(of_files: Account) -> None:
    """All of the next server's logs cover the moment, and none has the message."""
    found = of_files(
        {
            "EX1/MSGTRK20261124-1.LOG": _ex1(),
            "EX2/MSGTRK20261124-1.LOG": [_EARLIER, _LATER],
            "EX2/MSGTRKMD20261124-1.LOG": [
                delivered(0, "EX2", message="<0@x>"),
                delivered(9, "EX2", message="<9@x>"),
            ],
        }
    )
    assert found.counts == {"delivered": 2, "lost": 1}


def test_an_edge_server_has_no_log_of_deliveries(of_files: Account) -> None:
    """What a send connector gave it went to its transport service, whose log is there."""
    way = {"connector_id": "EdgeSync - Site to Internet"}
    edge = row("AGENTINFO", 9, client_hostname="EDGE1", source="AGENT", message="<tick@x>")
    rows = [received(0, "EX1"), sent(1, "EX1", "EDGE1.corp.example", **way)]
    found = of_files({"EX1/MSGTRK20261124-1.LOG": rows, "E/MSGTRK20261124-1.LOG": [edge]})
    assert found.counts == {"lost": 1}


@pytest.mark.parametrize("version", ["8.0.0.0", "14.0.0.0"])
def test_older_exchange_delivers_by_its_transport(of_files: Account, version: str) -> None:
    """A hub of 2007 or 2010 has one log, and what that lacks is lost."""
    found = of_files(
        {
            "EX1/MSGTRK20261124-1.LOG": log_of(_ex1(), version),
            "EX2/MSGTRK20261124-1.LOG": log_of([_EARLIER, _LATER], version),
        }
    )
    assert found.counts == {"lost": 1}


def test_a_log_that_tells_no_version_may_be_of_any(of_files: Account) -> None:
    """Whether another service delivers is not known then, so what is not seen is not lost."""
    rest = [log_of(_ex1()), log_of([_EARLIER, _LATER])]
    first, second = (text.replace("#Version: 15.02.1118.040\r\n", "") for text in rest)
    found = of_files({"EX1/MSGTRK20261124-1.LOG": first, "EX2/MSGTRK20261124-1.LOG": second})
    assert "MSGTRKMD" in _why(found)


def test_a_send_to_nobody_in_particular_is_no_loss(of_files: Account) -> None:
    """The row names no server: who has the message is not known."""
    rows = [received(0, "EX1"), row("SEND", 1, client_hostname="EX1")]
    found = of_files({"EX1/MSGTRK20261124-1.LOG": rows})
    assert found.counts == {"handed on": 1}
    assert "does not name" in found.undelivered[0].why


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"MSGTRK20261124-1.LOG": [_EARLIER]}, "ends before that"),
        ({"MSGTRK20261124-1.LOG": [_LATER]}, ""),
        (
            {"MSGTRK2026112411-1.LOG": [_EARLIER], "MSGTRK2026112411-3.LOG": [_LATER]},
            "MSGTRK2026112411-2.LOG is missing",
        ),
        (
            {"MSGTRK2026112410-1.LOG": [_EARLIER], "MSGTRK2026112413-1.LOG": [_LATER]},
            "no file between those of 2026-11-24 10:00 and 2026-11-24 13:00",
        ),
        (
            {"MSGTRK20261123-1.LOG": [_EARLIER], "MSGTRK20261124-2.LOG": [_LATER]},
            "MSGTRK20261124-1.LOG is missing",
        ),
        (
            {"MSGTRK20261124-1.LOG": log_of([_EARLIER]) + "2026-11-24T12:0\r\n" + "x" * 9},
            "ends before that",
        ),
        (
            {"MSGTRK20261124-1.LOG": log_of([_EARLIER]) + "2026-11-24T12:0\r\n" + log_of([_LATER])},
            "cannot be read",
        ),
        (
            {"MSGTRK20261124-1.LOG": log_of([_EARLIER]) + "\0" * 500 + "\r\n" + log_of([_LATER])},
            "cannot be read",
        ),
    ],
)
def test_what_may_stand_in_a_gap_is_unobserved(
    of_files: Account, files: dict[str, object], said: str
) -> None:
    """A missing file, rows cut off, NULs, an early end: told by name, and never lost."""
    way = {"connector_id": "to EX2"}
    rows = [received(0, "EX1"), sent(1, "EX1", "EX2", **way)]
    logs = {f"EX2/{name}": content for name, content in files.items()}
    found = of_files({"EX1/MSGTRK20261124-1.LOG": rows, **logs})
    if said:
        assert said in _why(found)
    else:
        assert found.counts == {"lost": 1}


def test_a_queue_whose_end_may_stand_in_a_gap_is_unobserved(of_files: Account) -> None:
    """It may have left in the hour whose file is missing; without a gap it is queued."""
    later = received(7200, "EX1", message="<2@x>")
    with_gap = of_files(
        {
            "MSGTRK2026112412-1.LOG": [received(0, "EX1")],
            "MSGTRK2026112414-2.LOG": [later, delivered(7201, "EX1", message="<2@x>")],
        }
    )
    assert with_gap.counts == {"delivered": 1, "unobserved": 1}
    assert "MSGTRK2026112414-1.LOG is missing" in _why(with_gap)


def test_all_delivered_and_a_file_missing_is_no_pass(of_files: Account) -> None:
    """What stood in the missing file is not known; an idle hour is no missing file."""
    one, two = [received(0, "EX1"), delivered(1, "EX1")], [row("AGENTINFO", 9000)]
    missing = {"MSGTRK2026112412-1.LOG": one, "MSGTRK2026112412-3.LOG": two}
    assert of_files(missing).status is Status.UNKNOWN


def test_an_idle_hour_is_no_missing_file(of_files: Account) -> None:
    """Exchange writes no file for an hour without mail: told, and no more."""
    one, two = [received(0, "EX1"), delivered(1, "EX1")], [row("AGENTINFO", 9000)]
    found = of_files({"MSGTRK2026112412-1.LOG": one, "MSGTRK2026112415-1.LOG": two})
    assert found.status is Status.PASS
    assert found.tracking.coverage.notes


def test_the_end_of_a_log_that_is_being_written_is_no_gap(of_files: Account) -> None:
    """Half a row at the very end is where the copy was made."""
    text = log_of([received(0, "EX1"), delivered(1, "EX1")]) + "2026-11-24T12:00:0"
    found = of_files({"MSGTRK2026112412-1.LOG": text})
    assert found.status is Status.PASS


def test_years_end_between_two_files(of_files: Account) -> None:
    """The last hour of a year and the first of the next stand side by side."""
    found = of_files(
        {
            "MSGTRK2026123123-1.LOG": [received(0, "EX1")],
            "MSGTRK2027010100-1.LOG": [delivered(1, "EX1")],
        }
    )
    assert (found.counts, found.tracking.coverage.notes) == ({"delivered": 1}, ())


# Protocol logs.


def _talk(
    server: str, *, host: str = "", message: str = "<1@app>", connector: str = "relay"
) -> str:
    named = f", Hostname={host}" if host else ""
    said = [
        ("<", "MAIL FROM:<app@contoso.com>"),
        (">", "250 2.1.0 Sender OK"),
        ("<", "RCPT TO:<user@contoso.com>"),
        (">", "250 2.1.5 Recipient OK"),
        ("<", "DATA"),
        (">", "354 Start mail input; end with <CRLF>.<CRLF>"),
        (">", f"250 2.6.0 {message} [InternalId=1{named}] Queued mail for delivery"),
    ]
    text = header(RECEIVE_TYPE, RECEIVE_FIELDS, "2026-11-24T12:00:00.000Z")
    for number, (event, data) in enumerate(said):
        ends = ("10.0.0.1:25", "10.0.0.99:4000")
        connector_id = f"{server}\\{connector}"
        text += to_line(
            ("2026-11-24T12:00:02.000Z", connector_id, "S1", str(number), *ends, event, data, "")
        )
    return text


def test_a_250_shows_that_the_server_had_it(of_files: Account) -> None:
    """Its tracking log is not at hand: what became of the message is unobserved, not lost."""
    found = of_files(
        {
            "EX1/MSGTRK20261124-1.LOG": [received(0, "EX1"), sent(1, "EX1", "EX2")],
            "EX2/RECV20261124-1.LOG": _talk("EX2"),
        }
    )
    assert "ex2's MSGTRK" in _why(found)


def test_a_250_alone_is_an_account(of_files: Account) -> None:
    """Nothing but an SmtpReceive log: each message that it promised is unobserved."""
    found = of_files({"EX2/RECV20261124-1.LOG": _talk("EX2")})
    assert "the 250" in _why(found)


def test_a_250_for_what_the_tracking_log_lacks_is_a_loss(of_files: Account) -> None:
    """The log covers that moment: the server promised a message and did not have it."""
    logs = {"EX2/RECV20261124-1.LOG": _talk("EX2"), "EX2/MSGTRK20261124-1.LOG": [_EARLIER, _LATER]}
    assert of_files(logs).counts == {"lost": 1}


def test_a_front_end_speaks_for_the_server_behind_it(of_files: Account) -> None:
    """The reply names the host that took it; a front end has no tracking log of its own."""
    logs = {
        "FE1/FrontEnd/RECV20261124-1.LOG": _talk(
            "FE1", host="EX2.corp.example", connector="Default Frontend FE1"
        ),
        "EX2/MSGTRK20261124-1.LOG": [_EARLIER, received(2, "EX2"), delivered(3, "EX2"), _LATER],
    }
    assert of_files(logs).counts == {"delivered": 1}


# Names and addresses.


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::1", "", "0.0.0.0", "fe80::1", "::ffff:127.0.0.1"]
)
def test_a_loopback_address_is_nobodys(of_files: Account, address: str) -> None:
    """A scanner on the same host is no server whose log is at hand."""
    rows = [
        received(0, "EX1", server_ip=address),
        sent(1, "EX1", "scanner", server_ip=address),
    ]
    assert of_files({"EX1/MSGTRK20261124-1.LOG": rows}).counts == {"handed on": 1}


@pytest.mark.parametrize("name", ["scanner", "scanner.contoso.com"])
def test_a_scanner_on_the_servers_own_host_is_not_the_server(of_files: Account, name: str) -> None:
    """It has the server's address, and its own name: what it made of the message is unknown."""
    here = {"server_ip": "10.0.0.1"}
    rows = [received(0, "EX1", **here), sent(1, "EX1", name, **here)]
    other = [
        *[received(0, "EX2", message="<2@x>"), sent(1, "EX2", "scanner.contoso.com", **here)],
        _LATER,
    ]
    other[1]["message-id"] = "<2@x>"
    files = {"EX1/MSGTRK20261124-1.LOG": rows, "EX2/MSGTRK20261124-1.LOG": other}
    assert of_files(files).counts == {"handed on": 2}


def test_an_address_of_two_servers_tells_neither(of_files: Account) -> None:
    """Both receive at the balancer's address."""
    shared = {"server_ip": "10.0.0.100"}
    files = {
        "EX1/MSGTRK20261124-1.LOG": [received(0, "EX1", **shared), sent(1, "EX1", "vip", **shared)],
        "EX2/MSGTRK20261124-1.LOG": [
            received(0, "EX2", message="<2@x>", **shared),
            delivered(9, "EX2", message="<2@x>"),
        ],
    }
    assert of_files(files).counts == {"delivered": 1, "handed on": 1}


# Clocks.


@pytest.mark.parametrize("apart", [-400, -90, 90, 400, 3600])
def test_clocks_that_differ_are_told_and_do_no_harm(of_files: Account, apart: int) -> None:
    """What is lost stays lost and what arrived stays so, however far one clock is off."""
    lost = "<lost@app>"
    sender = [
        *(received(at, "EX1", message=f"<{at}@app>") for at in range(20)),
        received(9, "EX1", message=lost),
        *(sent(at + 1, "EX1", "EX2", message=f"<{at}@app>") for at in range(20)),
        sent(10, "EX1", "EX2", message=lost),
    ]
    taker = [
        each
        for at in range(20)
        for each in (
            received(at + 1 + apart, "EX2", message=f"<{at}@app>", client_hostname="EX1"),
            delivered(at + 2 + apart, "EX2", message=f"<{at}@app>"),
        )
    ]
    found = of_files({"a/MSGTRK20261124-1.LOG": sender, "b/MSGTRK20261124-1.LOG": taker})
    assert found.counts == {"delivered": 20, "lost": 1}
    (note,) = found.tracking.clocks.notes
    assert f"{abs(apart)} s {'ahead of' if apart > 0 else 'behind'} ex1's" in note


# Packed, doubled, broken.


def _put(folder: Path, name: str, rows: list[dict[str, str]]) -> Path:
    path = folder / name
    path.write_text(log_of(rows), newline="")
    return path


_ONE = [received(0, "EX1"), delivered(1, "EX1")]


def test_packed_logs_are_read_and_counted_once(tmp_path: Path) -> None:
    """The same content plain, in a gz, and in a zip, is one log."""
    plain = _put(tmp_path, "MSGTRK20261124-1.LOG", _ONE)
    (tmp_path / "copy.LOG.gz").write_bytes(gzip.compress(plain.read_bytes()))
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(plain, "EX1/MSGTRK20261124-1.LOG")
        archive.writestr("readme.txt", "hello")
        archive.writestr("EX1/MSGTRK20261124-2.LOG", log_of([received(5, "EX1", message="<2@x>")]))
    found = account(Tracking(read_all([tmp_path])))
    assert found.counts == {"delivered": 1, "queued": 1}


@pytest.mark.parametrize("name", ["MSGTRK20261124-2.LOG.gz", "more.zip", "MSGTRK20261124-2.LOG"])
@pytest.mark.parametrize(
    "content", [b"\x1f\x8b\x08", b"PK\x03\x04 no archive", b"\0" * 100, b"hello"]
)
def test_a_file_that_cannot_be_read_is_no_pass(tmp_path: Path, name: str, content: bytes) -> None:
    """It is named, and as long as it is not read nothing shows that all was delivered."""
    _put(tmp_path, "MSGTRK20261124-1.LOG", _ONE)
    (tmp_path / name).write_bytes(content)
    found = account(Tracking(read_all([tmp_path])))
    told = [*found.tracking.unread, *found.tracking.remarks]
    is_empty = content.startswith((b"\0", b"\x1f"))
    assert any(name in each for each in told)
    assert found.status is Status.UNKNOWN or is_empty


def test_a_gz_that_is_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    """Its rows count, and that the rest is missing is told."""
    rows = [received(at, "EX1", message=f"<{at}@x>") for at in range(2000)]
    packed = gzip.compress(log_of([*_ONE, *rows]).encode())
    path = tmp_path / "MSGTRK20261124-1.LOG.gz"
    path.write_bytes(packed[: len(packed) // 2])
    _put(tmp_path, "MSGTRK20261124-2.LOG", [received(9000, "EX1", message="<z@x>")])
    found = account(Tracking(read_all([tmp_path])))
    assert found.counts["delivered"] == 1
    assert found.counts["unobserved"] > 100
    assert any("cut off or damaged" in each for each in found.tracking.remarks)


# Through a balancer, and behind a front end.


def test_a_balancers_name_between_servers_hides_nothing(of_files: Account) -> None:
    """The next server says whom it has the message from: lost there is lost, and a copy a copy."""
    both = "user@contoso.com;archive@contoso.com"
    way = {"connector_id": "to EX2"}
    files = {
        "E/MSGTRK20261124-1.LOG": [received(0, "EDGE1"), sent(1, "EDGE1", "vip", to=both)],
        "EX1/MSGTRK20261124-1.LOG": [
            received(1, "EX1", to=both, client_hostname="EDGE1.corp"),
            sent(2, "EX1", "EX2", to=both, **way),
        ],
        "EX2/MSGTRK20261124-1.LOG": [_EARLIER, _LATER],
    }
    found = of_files(files)
    assert found.counts == {"lost": 1}
    assert found.tracking.copies == {"archive@contoso.com": 1}


@pytest.mark.parametrize("is_cut", [True, False])
def test_a_client_that_a_front_end_never_answered_was_promised_nothing(
    of_files: Account, is_cut: bool
) -> None:
    """The front end's own session was cut: what it gave to the transport service is unknown."""
    talk = _talk("EX1", connector="Default Frontend EX1")
    if is_cut:
        talk = talk[: talk.rindex("2026-11-24T12:00:02.000Z")]
    found = of_files(
        {
            "EX1/FrontEnd/RECV20261124-1.LOG": talk,
            "EX1/MSGTRK20261124-1.LOG": [
                received(2, "EX1", client_hostname="EX1", client_ip="127.0.0.1"),
                sent(3, "EX1", "EX2", connector_id="to EX2"),
            ],
            "EX2/MSGTRK20261124-1.LOG": [_EARLIER, _LATER],
        }
    )
    assert found.counts == {"unknown" if is_cut else "lost": 1}


def test_messages_for_nobody_are_no_pass(of_files: Account) -> None:
    """Rows without recipients say nothing of anybody's mail: told, and nothing passes."""
    rows = [*_ONE, received(5, "EX1", message="<2@x>", to=""), row("DROP", 6, "", "<2@x>")]
    assert of_files({"MSGTRK20261124-1.LOG": rows}).status is Status.UNKNOWN


@pytest.mark.parametrize("has_other", [True, False])
def test_a_front_end_may_have_passed_it_on(of_files: Account, has_other: bool) -> None:
    """It chooses among all servers: lost is only what none of them has, and all are looked into."""
    other = sent(-10, "EX1", "EX3.corp.example", message="<3@x>", **_INTRA)
    edge = [received(0, "EDGE1"), sent(1, "EDGE1", "EX1", connector_id="EdgeSync - Inbound")]
    hub = [_EARLIER, _LATER] if has_other else [_LATER]
    hub = [{**each, "client-hostname": "EX1"} for each in hub]
    rows = [*hub, *([other] if has_other else [])]
    found = of_files({"E/MSGTRK20261124-1.LOG": edge, "EX1/MSGTRK20261124-1.LOG": rows})
    told = {fate.entry.message: str(fate.account) for fate in found.fates}
    assert told["<1@app>"] == ("unobserved" if has_other else "lost")

"""The fakes' own logs: every line but no password, and the same account as the journals'."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import ssl
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from relaydrill import topology_files
from relaydrill.drills import record
from relaydrill.drills.result import Judgement
from relaydrill.drivers.catalogue import lab_maker
from relaydrill.drivers.process import ProcessLab
from relaydrill.exchange_logs import ProtocolRow
from relaydrill.exchange_logs.files import read_all
from relaydrill.exchange_logs.log_account import LogAccount, account
from relaydrill.exchange_logs.tracking import Tracking
from relaydrill.faults import fault_called
from relaydrill.injection import deed_of
from relaydrill.journal import Event, read_events
from relaydrill.ledger import Account, Ledger, join
from relaydrill.topology import Topology
from relaydrill.verdict import Status
from relaydrill.wait import wait_for
from tests.docker_engine import why_no_docker
from tests.drills.test_command_line import run
from tests.mail import Mail

_HUBS: Final = ("ht1", "ht2", "ht3")
_LOGS: Final = {"nodes": {hub: {"logs": True} for hub in _HUBS}}
_PATIENCE_S: Final = 10.0

Make = Callable[[dict[str, Any]], Topology]


@pytest.fixture
def lab(sharepoint_but: Make, tmp_path: Path) -> Iterator[ProcessLab]:
    """The built-in topology with logs on all of its hubs, running."""
    with ProcessLab(sharepoint_but(_LOGS), tmp_path / "lab") as running:
        yield running


class Talk:
    """A client that says what it is told, and keeps every line of the dialogue."""

    def __init__(self, lab: ProcessLab, port: int = 25) -> None:
        where = lab.placement.seats["ht1"].endpoint(port)
        self._socket: socket.socket = socket.create_connection(
            (where.address, where.port), timeout=_PATIENCE_S
        )
        self.endpoint = "{}:{}".format(*self._socket.getsockname())
        self._replies = self._socket.makefile("rb")
        self.lines: list[tuple[str, str]] = []
        self._hear()

    def say(self, line: str, *, shown: str | None = None) -> str:
        """Send a command, and return the last line of its reply."""
        self._socket.sendall(line.encode() + b"\r\n")
        self.lines.append(("<", line if shown is None else shown))
        return self._hear()

    def send(self, content: bytes) -> str:
        """Send what no log holds, and return the reply."""
        self._socket.sendall(content)
        return self._hear()

    def start_tls(self, ca: str) -> None:
        """Go over to TLS."""
        self.say("STARTTLS")
        context = ssl.create_default_context(cafile=ca)
        context.check_hostname = False
        self._socket = context.wrap_socket(self._socket)
        self._replies = self._socket.makefile("rb")

    def reset(self) -> None:
        """Cut the connection as a dying host's kernel does."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        """Hang up."""
        with contextlib.suppress(OSError):
            self._replies.close()
            self._socket.close()

    def _hear(self) -> str:
        while line := self._replies.readline().decode().removesuffix("\r\n"):
            shown = "334 <authentication response>" if line.startswith("334") else line
            self.lines.append((">", shown))
            if line[3:4] != "-":
                return line
        return ""


Call = Callable[..., Talk]


@pytest.fixture
def call(lab: ProcessLab) -> Iterator[Call]:
    """Connect to ht1, on 25 or another port."""
    opened: list[Talk] = []

    def connect(port: int = 25) -> Talk:
        opened.append(Talk(lab, port))
        return opened[-1]

    yield connect
    for talk in opened:
        talk.close()


def session_of(lab: ProcessLab, endpoint: str) -> list[ProtocolRow]:
    """What ht1's log holds of the session with a client, once its end stands there."""
    found: list[ProtocolRow] = []

    def is_over() -> bool:
        rows = (row for log in read_all([lab.exchange_logs]) for row in log.protocol)
        found[:] = [row for row in rows if row.remote == endpoint]
        return bool(found) and found[-1].event == "-"

    wait_for(is_over, what="the session's end in the log", deadline_s=_PATIENCE_S)
    return found


def settle(lab: ProcessLab) -> None:
    """Wait until the hubs that live have delivered all that they have."""
    hubs = [hub for hub in _HUBS if lab.alive(hub)]
    wait_for(
        lambda: not any(lab.control(hub)("queue_length") for hub in hubs),
        what="the queues to drain",
        deadline_s=20.0,
    )


def journals(lab: ProcessLab) -> list[Event]:
    """All events of a lab."""
    return [event for node in lab.topology.nodes for event in read_events(lab.journal(node))]


def by_key(found: LogAccount) -> dict[tuple[str, str], str]:
    """The account of each message and recipient."""
    return {(fate.entry.message, fate.entry.recipient): fate.account for fate in found.fates}


def test_a_session_stands_in_the_log_as_it_was(lab: ProcessLab, call: Call) -> None:
    """Every line over the wire, both ways and in order, and of the message nothing."""
    talk = call()
    talk.say("EHLO app")
    talk.say("MAIL FROM:<app@contoso.com> SIZE=40")
    talk.say("RCPT TO:<user@contoso.com>")
    talk.say("RCPT TO:<someone@fabrikam.com>")
    talk.say('FAX, "please"')
    talk.say("DATA")
    talk.send(b'Subject: a secret, "quoted"\r\nMessage-ID: <1@app>\r\n\r\nMAIL FROM:<x>\r\n.\r\n')
    talk.say("QUIT")
    rows = session_of(lab, talk.endpoint)
    assert [(row.event, row.data) for row in rows] == [("+", ""), *talk.lines, ("-", "")]
    assert [row.number for row in rows] == list(range(len(rows)))
    assert rows[-1].context == "Local"
    assert {row.connector for row in rows} == {"ht1\\relay"}
    settle(lab)
    tracked = [row for log in read_all([lab.exchange_logs]) for row in log.tracking]
    assert tracked[0].event == "RECEIVE"
    ends = {row.recipients: row.event for row in tracked[1:]}
    assert ends == {("user@contoso.com",): "DELIVER", ("someone@fabrikam.com",): "FAIL"}
    assert tracked[0].context == rows[0].session
    assert tracked[0].recipients == ("user@contoso.com", "someone@fabrikam.com")
    assert tracked[0].values["message-subject"] == 'a secret, "quoted"'


def test_no_log_holds_a_password(lab: ProcessLab, call: Call) -> None:
    """However a login is sent, and whatever is answered, its secret is left out."""
    login = lab.placement.credentials
    secrets = [login.password, "hunter2"]
    plain = [base64.b64encode(f"\0app\0{each}".encode()).decode() for each in secrets]
    words = [base64.b64encode(each.encode()).decode() for each in secrets]
    in_clear = call()
    in_clear.say("EHLO app")
    in_clear.say(f"AUTH PLAIN {plain[0]}", shown="AUTH PLAIN <Binary Data>")
    in_clear.say("AUTH LOGIN")
    in_clear.say(words[0], shown="<Binary Data>")
    in_clear.say(f"auth\tplain {plain[0]}", shown="AUTH PLAIN <Binary Data>")
    in_clear.say(f" AUTH {plain[0]}", shown="AUTH <Binary Data>")
    in_clear.say(f"AUTH PLAIN {plain[0] * 5000}", shown="<Binary Data>")
    in_clear.say("QUIT")
    rows = session_of(lab, in_clear.endpoint)
    assert [(row.event, row.data) for row in rows[1:-1]] == in_clear.lines

    talk = call(587)
    talk.say("EHLO app")
    talk.start_tls(lab.placement.ca_file)
    talk.say("EHLO app")
    talk.say(f"AUTH PLAIN {plain[1]}", shown="AUTH PLAIN <Binary Data>")
    talk.say("AUTH LOGIN")
    talk.say(base64.b64encode(b"app").decode(), shown="<Binary Data>")
    talk.say(words[1], shown="<Binary Data>")
    talk.say("AUTH PLAIN")
    assert talk.say(plain[0], shown="<Binary Data>").startswith("235")
    talk.say("QUIT")
    talk.close()  # the server waits for it, as TLS wants
    rows = session_of(lab, talk.endpoint)
    remarks = [(row.data, row.context) for row in rows if row.event == "*"]
    assert remarks == [("", "TLS negotiation succeeded"), ("app", "authenticated")]
    assert [(row.event, row.data) for row in rows[1:-1] if row.event != "*"] == talk.lines
    text = "".join(path.read_text() for path in lab.exchange_logs.rglob("*.LOG"))
    assert not [each for each in (*secrets, *plain, *words) if each in text]


def test_who_cut_a_session_stands_in_the_log(lab: ProcessLab, call: Call) -> None:
    """A client that hangs up or resets is ``Remote``; a server that ends the session ``Local``."""
    polite, rude = call(), call()
    polite.say("EHLO app")
    polite.close()
    assert session_of(lab, polite.endpoint)[-1].context == "Remote"
    rude.say("EHLO app")
    rude.reset()
    assert session_of(lab, rude.endpoint)[-1].context == "Remote"


def test_what_a_service_fault_says_stands_in_the_log(lab: ProcessLab, call: Call) -> None:
    """A refusal under back pressure is a line like any other."""
    fault = deed_of(lab, fault_called("backpressure"))
    fault.inject(lab, "ht1")
    talk = call()
    talk.say("EHLO app")
    assert talk.say("MAIL FROM:<app@contoso.com>") == "452 4.3.1 Insufficient system resources"
    talk.say("QUIT")
    rows = session_of(lab, talk.endpoint)
    assert [(row.event, row.data) for row in rows[1:-1]] == talk.lines


def test_without_logs_none_is_written(sharepoint_but: Make, tmp_path: Path) -> None:
    """They are kept only where the topology asks for them."""
    nodes = {"ht1": {"logs": True}}
    with ProcessLab(sharepoint_but({"nodes": nodes}), tmp_path / "lab") as lab:
        talk = Talk(lab)
        talk.say("QUIT")
        talk.close()
        wait_for(lambda: lab.exchange_logs.exists(), what="ht1's log", deadline_s=_PATIENCE_S)
        assert [path.name for path in lab.exchange_logs.iterdir()] == ["ht1"]


def compare(found: LogAccount, ledger: Ledger) -> Counter[str]:
    """Hold the account from logs against that from journals; how many ended in each.

    Of what a hub has delivered it writes a row and a journal line, after the mailbox server has
    written its own. A hub that is killed between leaves a delivery that only the mailbox server
    knows of. So there are never more rows than arrivals; and where there are as many, the accounts
    are the same.
    """
    told = {(fate.entry.message, fate.entry.recipient): fate for fate in found.fates}
    counts: Counter[str] = Counter()
    for key, entry in ledger.entries.items():
        # What the sender was not promised may stand in either, or in none.
        if not any(attempt.accepted for attempt in entry.attempts):
            continue
        fate = told[key]
        counts[fate.account] += 1
        assert {node for _, node in fate.entry.accepted} == {node for _, node in entry.accepted}
        assert len(fate.entry.arrived) <= len(entry.arrived)
        if len(fate.entry.arrived) == len(entry.arrived):
            assert fate.account == str(entry.account), key
    return counts


def test_the_logs_alone_give_the_journals_account_of_a_killed_hub(
    sharepoint_but: Make, drill_on_processes: Callable[..., Judgement], tmp_path: Path
) -> None:
    """After a drill with a hub killed and healed, logs and journals tell the same of all mail."""
    drill_on_processes(sharepoint_but(_LOGS), "kill:ht2")
    ledger = join(record.load(tmp_path / "run").events())
    tracking = Tracking(read_all([tmp_path / "lab"]))
    counts = compare(account(tracking), ledger)
    assert counts[Account.DELIVERED] > 100
    sent = [
        event
        for event in record.load(tmp_path / "run").events()
        if event.kind in ("attempt", "outcome")
    ]
    assert compare(account(tracking, sent), ledger) == counts
    assert {name for name, tally in tracking.tallies.items() if tally.counts["RECEIVE"]} == {*_HUBS}


def test_what_a_dead_hub_holds_is_queued_there(sharepoint_but: Make, tmp_path: Path) -> None:
    """Mail that a killed hub took and could not deliver is queued, in logs as in journals."""
    with ProcessLab(sharepoint_but({**_LOGS, "clock": 60}), tmp_path / "lab") as lab:
        mail, refuses = Mail(lab), deed_of(lab, fault_called("backpressure"))
        refuses.inject(lab, "mbx")
        mail.start()
        wait_for(
            lambda: lab.control("ht1")("queue_length") > 5, what="mail on ht1", deadline_s=20.0
        )
        lab.kill("ht1")
        refuses.heal(lab, "mbx")
        mail.stop()
        ledger = mail.ledger()
        found = account(Tracking(read_all([lab.exchange_logs])))
        counts = compare(found, ledger)
        assert counts[Account.QUEUED] > 5
        assert counts[Account.DELIVERED] > 5
        assert {fate.entry.queued_on for fate in found.undelivered} == {("ht1",)}
        assert found.status is Status.UNKNOWN
        lab.restart("ht1")
        compare(account(Tracking(read_all([lab.exchange_logs]))), mail.ledger())


def test_mail_is_followed_from_edge_to_hub(tmp_path: Path) -> None:
    """An Edge server's SEND and a hub's RECEIVE are one way; the mailbox ends it."""
    known = topology_files.load("microsoft")
    wanted = {name: {"logs": True} for name in (*known.edges, *known.hubs)}
    path = tmp_path / "logged.yaml"
    path.write_text(yaml.safe_dump({"extends": "microsoft", "name": "logged", "nodes": wanted}))
    with ProcessLab(topology_files.load(path), tmp_path / "lab") as lab:
        mail = Mail(lab, next(iter(lab.topology.flows)))
        mail.start()
        wait_for(lambda: mail.accepted() > 60, what="mail to flow", deadline_s=20.0)
        mail.stop()
        queueing = (*lab.topology.edges, *lab.topology.hubs)
        wait_for(
            lambda: not any(lab.control(node)("queue_length") for node in queueing),
            what="the queues to drain",
            deadline_s=20.0,
        )
        found = account(Tracking(read_all([lab.exchange_logs])))
        assert set(by_key(found).values()) == {"delivered"}
        compare(found, mail.ledger())
        edges = account(Tracking(read_all([lab.exchange_logs / edge for edge in known.edges])))
        assert set(by_key(edges).values()) == {"handed on"}


def test_containers_give_their_logs_at_the_end(sharepoint_but: Make, tmp_path: Path) -> None:
    """In the Docker lab the logs are there when it has ended, a killed hub's as well."""
    if reason := why_no_docker("node"):
        pytest.skip(reason)
    with lab_maker("docker")(sharepoint_but(_LOGS), tmp_path / "lab") as lab:
        mail = Mail(lab)
        mail.start()
        wait_for(lambda: mail.accepted() > 20, what="mail to flow", deadline_s=20.0)
        mail.stop()
        ledger = mail.ledger()
        lab.kill("ht2")  # type: ignore[attr-defined]
    found = account(Tracking(read_all([tmp_path / "lab" / "exchange-logs"])))
    assert {name for name, tally in found.tracking.tallies.items() if tally.sessions} == {*_HUBS}
    assert compare(found, ledger) == {"delivered": mail.accepted()}


@pytest.fixture
def logs_of_a_lab(sharepoint_but: Make, tmp_path: Path) -> Path:
    """The folder of the logs of a lab in which mail was delivered."""
    with ProcessLab(sharepoint_but(_LOGS), tmp_path / "lab") as lab:
        mail = Mail(lab)
        mail.start()
        wait_for(lambda: mail.accepted() > 20, what="mail to flow", deadline_s=20.0)
        mail.stop()
        settle(lab)
    return tmp_path / "lab" / "exchange-logs"


def test_a_drill_that_passes_keeps_its_labs_logs(tmp_path: Path) -> None:
    """``relaydrill drill --out run``, then ``relaydrill account run.lab``, as the page says."""
    hubs = ", ".join(f"{hub}: {{logs: true}}" for hub in _HUBS)
    (tmp_path / "mine.yaml").write_text(f"extends: sharepoint\nname: mine\nnodes: {{{hubs}}}\n")
    run(tmp_path, "drill", "mine.yaml", "--out", "run", "--flow", "relay")
    assert "account: pass" in run(tmp_path, "account", "run.lab").stdout


def test_the_command_line_accounts_for_a_labs_logs(logs_of_a_lab: Path) -> None:
    """``relaydrill account`` ends with 0, 1 or 3, and says what it found in words or as JSON."""
    logs, folder = logs_of_a_lab, logs_of_a_lab.parents[1]
    done = run(folder, "account", "lab")
    assert "account: pass" in done.stdout
    document = json.loads(run(folder, "account", str(logs), "--json").stdout)["exchange"]
    assert list(document["accounts"]) == ["delivered"]
    assert {*document["servers"]} == {*_HUBS}

    # Two at midnight.
    tracking = next(
        path for path in (logs / "ht1").rglob("MSGTRK*") if ",DELIVER," in path.read_text()
    )
    lines = tracking.read_text().splitlines(keepends=True)
    gone = next(line for line in lines if ",DELIVER," in line)
    message = gone.split(",")[10]
    tracking.write_text("".join(line for line in lines if line != gone))
    queued = run(folder, "account", "lab", status=3)
    assert (
        f"queued: {message} to user@contoso.com, queued on ht1; last seen on ht1" in queued.stdout
    )
    tracking.write_text("".join([*lines, gone]))
    double = run(folder, "account", str(tracking), status=1)
    assert f"duplicated: {message}" in double.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["account"], "Missing argument"),
        (["account", "nowhere"], "nowhere is not there"),
        (["account", "."], "there is not one row in what was named"),
        (
            ["account", "MSGTRK.csv"],
            "MSGTRK.csv:1: the #Fields line of a Message Tracking Log lacks",
        ),
        (["account", "MSGTRK.log", "--run", "."], "is no run directory"),
        (["account", "MSGTRK.log", "--since", "noon"], "--since noon: no time; write it as"),
    ],
)
def test_wrong_input_exits_with_2_and_says_where(
    arguments: list[str], said: str, tmp_path: Path
) -> None:
    """A user's mistake is status 2 and a sentence with file and line."""
    (tmp_path / "notes.txt").write_text("dear diary\n")
    (tmp_path / "MSGTRK.log").write_text("#Software: Microsoft Exchange Server\n")
    (tmp_path / "MSGTRK.csv").write_text("#Fields: date-time,event-id\n")
    done = run(tmp_path, *arguments, status=2)
    assert said in " ".join(done.stderr.split())


def test_logs_are_refused_on_a_real_program(tmp_path: Path) -> None:
    """A real Postfix keeps its own log; the topology says so before anything starts."""
    (tmp_path / "bad.yaml").write_text(
        "extends: sharepoint\nname: bad\nnodes:\n  ht1: {kind: postfix, logs: true}\n"
    )
    done = run(tmp_path, "drill", "bad.yaml", status=2)
    assert "bad.yaml:4: " in done.stderr
    assert "keeps no logs as Exchange does" in done.stderr

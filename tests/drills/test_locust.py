"""Drills whose mail is sent by a real Locust master's workers, each a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from relaydrill import topology_files
from relaydrill.drills.drill_plan import plan
from relaydrill.drills.result import Judgement
from relaydrill.drills.runner import Step, run_drill
from relaydrill.drivers.process import ProcessLab
from relaydrill.errors import LabError
from relaydrill.journal import Event, Journal, read_events
from relaydrill.ledger import Account
from relaydrill.nodes import config
from relaydrill.nodes.sending.shared_sender import SharedSender
from relaydrill.topology import Topology
from relaydrill.verdict import Status
from relaydrill.wait import wait_for
from tests.locust_workers import free_port, needs_locust, workers
from tests.scripted_server import ScriptedServer
from tests.standing_lab import standing

pytestmark = needs_locust

_HANGING_S = 0.4
"""How long a hub has hung when a worker is killed: its balancer still believes in it."""

_STRANGER = """
from locust import User, task

class Stranger(User):
    @task
    def nothing(self):
        pass
"""


_RAMBLING = """
from relaydrill.locust import DrillUser, drilling

drilling.told = lambda outcome: {"result": "marvellous"}
"""

_OLD = """
import relaydrill

relaydrill.__version__ = "0.0.1"

from relaydrill.locust import DrillUser
"""


@pytest.fixture
def port() -> int:
    """Where the master is to listen."""
    return free_port()


@pytest.fixture
def shared(port: int, tmp_path: Path) -> Callable[..., Topology]:
    """Make the built-in topology, its application server's load shared among two workers."""

    def make(**more: object) -> Topology:
        path = tmp_path / "shared.yaml"
        app = {"load": {"workers": 2, "port": port}}
        whole = {"extends": "sharepoint", "name": "shared", "nodes": {"app": app}, **more}
        path.write_text(yaml.safe_dump(whole))
        return topology_files.load(path)

    return make


def of_sender(lab: ProcessLab, kind: str) -> list[Event]:
    """What the application server's journal says, of one kind."""
    return [event for event in read_events(lab.journal("app")) if event.kind == kind]


def said(found: Judgement) -> str:
    """All checks of a judgement, for the message of a test that fails."""
    return "\n".join(
        f"{f.flow} {c.check} {c.status}: {c.summary}" for f in found.flows for c in f.checks
    )


def test_two_workers_send_a_drill_of_a_killed_hub(
    shared: Callable[..., Topology], port: int, tmp_path: Path
) -> None:
    """One ledger holds both workers' mail: every message is accounted for, and nothing is lost.

    Both flows are sent, one with STARTTLS and a login. The two share the messages evenly; and at
    the lab's end they go home by themselves. Whether the tier holds is not this test's matter: a
    busy machine's checks may time out.
    """
    design = shared()
    with workers(2, port, tmp_path) as started:
        with ProcessLab(design, tmp_path / "lab") as lab:
            found = run_drill(lab, plan(design, faults=("kill:ht1",)), tmp_path / "run")
            came = [event.detail["worker"] for event in of_sender(lab, "worker")]
            outcomes = of_sender(lab, "outcome")
        statuses = [worker.ended() for worker in started]
    for flow in found.flows:
        checks = [flow.check(name) for name in ("harness", "account")]
        assert [each.status for each in checks if each] == [Status.PASS] * 2, said(found)
        assert flow.account["delivered"] > 50
    sent = Counter(event.detail["worker"] for event in outcomes)
    assert len(came) == 2
    assert set(sent) == set(came)
    assert abs(sent[came[0]] - sent[came[1]]) <= 2
    assert all(0.0 <= event.detail["slack_s"] < 5.0 for event in outcomes)
    assert statuses == [0, 0]


def test_a_killed_worker_leaves_its_messages_unknown(
    shared: Callable[..., Topology], port: int, tmp_path: Path
) -> None:
    """Every one of them is in the account, none as lost; the other worker sends on.

    It is killed while a hub hangs, so that it has sessions open. The harness is in doubt, and names
    the worker; nothing of it is blamed on the tier; and every message that arrived is one whose
    attempt is in the journal.
    """
    design = shared()
    with (
        workers(2, port, tmp_path) as started,
        ProcessLab(design, tmp_path / "lab") as lab,
    ):
        broken: list[float] = []

        def kill_in_the_middle(step: Step) -> None:
            if step.stage.startswith("ht1"):
                broken.append(time.monotonic())
            elif broken and time.monotonic() > broken[0] + _HANGING_S:
                started[0].end()

        planned = plan(design, faults=("pause:ht1",))
        found = run_drill(lab, planned, tmp_path / "run", kill_in_the_middle)
        left = [e for e in of_sender(lab, "worker") if e.detail["state"] == "gone"]
        later = [e for e in of_sender(lab, "outcome") if e.mono > left[0].mono]
    assert started[0].process.returncode == -signal.SIGKILL
    entries = found.ledger.entries.values()
    untold = [entry for entry in entries if any(a.result is None for a in entry.attempts)]
    assert untold
    assert {each.account for each in untold} <= {
        *(Account.UNKNOWN, Account.RECOVERED, Account.QUEUED)
    }
    assert Account.LOST not in {entry.account for entry in entries}
    assert all(entry.attempts for entry in entries)  # nobody else's mail: each was announced
    relay = found.flow("relay")
    blamed = {each.check for each in relay.checks if each.status is Status.FAIL}
    assert blamed.isdisjoint({"steady", "account", "gap", "degraded"}), said(found)
    harness = relay.check("harness")
    assert harness
    assert harness.status is Status.UNKNOWN
    assert left[0].detail["worker"] in harness.summary
    assert later
    assert {event.detail["worker"] for event in later}.isdisjoint({left[0].detail["worker"]})


def test_too_few_workers_are_told_in_one_sentence(
    shared: Callable[..., Topology], port: int, tmp_path: Path
) -> None:
    """The lab does not start; the error counts who came, and says how to start the others."""
    design = shared()
    with workers(1, port, tmp_path) as [only]:
        with pytest.raises(LabError) as told, ProcessLab(design, tmp_path / "lab"):
            pass
        assert f"1 of 2 Locust workers connected to 127.0.0.1:{port} within 10 s" in str(told.value)
        assert f"--master-port {port}" in str(told.value)
        assert "Traceback" not in str(told.value)
        assert only.ended() == 0


def test_a_worker_with_another_locustfile_is_told_of(
    shared: Callable[..., Topology], port: int, tmp_path: Path
) -> None:
    """Whoever connects without a DrillUser is no worker of ours, and that is the hint."""
    (tmp_path / "stranger.py").write_text(_STRANGER)
    with (
        workers(1, port, tmp_path, tmp_path / "stranger.py"),
        pytest.raises(LabError, match="1 more came whose locustfile has no DrillUser"),
        ProcessLab(shared(), tmp_path / "lab"),
    ):
        pass


def test_a_worker_of_another_version_is_refused(
    shared: Callable[..., Topology], port: int, tmp_path: Path
) -> None:
    """It might write other letters than the journal holds; told at once, and which is which."""
    (tmp_path / "old.py").write_text(_OLD)
    with (
        workers(1, port, tmp_path, tmp_path / "old.py"),
        pytest.raises(LabError, match=r"worker \S+ has relaydrill 0.0.1, and this is"),
        ProcessLab(shared(), tmp_path / "lab"),
    ):
        pass


def test_a_worker_that_talks_nonsense_ends_its_sender(
    shared: Callable[..., Topology], port: int, tmp_path: Path
) -> None:
    """Nobody waits for ever for outcomes that were told, and not understood."""
    (tmp_path / "rambling.py").write_text(_RAMBLING)
    with (
        workers(2, port, tmp_path, tmp_path / "rambling.py"),
        ProcessLab(shared(), tmp_path / "lab") as lab,
    ):
        lab.control("app")("start", **load_to("mail.contoso.com", most=1))
        wait_for(lab.deaths, what="the sender to end", deadline_s=20.0)
        assert "a worker sent an invalid message" in lab.deaths()[0]
        assert "Traceback" not in lab.deaths()[0]


def test_a_taken_port_is_told(shared: Callable[..., Topology], port: int, tmp_path: Path) -> None:
    """Another master, or any other program, on the port: said at once, without a traceback."""
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(
            LabError, match=f"listen on 127.0.0.1:{port}: another program has it"
        ) as told,
        ProcessLab(shared(), tmp_path / "lab"),
    ):
        pass
    assert "Traceback" not in str(told.value)


def test_a_worker_that_stood_still_ends_and_sends_nothing_more(
    shared: Callable[..., Topology], port: int, tmp_path: Path
) -> None:
    """Its master has given up what it was told; sent now, that would be mail without an account."""
    design = shared()
    with (
        workers(2, port, tmp_path) as started,
        ProcessLab(design, tmp_path / "lab") as lab,
    ):
        frozen = started[0]
        control = lab.control("app")
        control("start", **load_of(design, most=200))
        wait_for(lambda: len(of_sender(lab, "outcome")) > 20, what="mail", deadline_s=20.0)
        os.kill(frozen.process.pid, signal.SIGSTOP)
        wait_for(lambda: gone(lab) == 1, what="it to be given up", deadline_s=20.0)
        control("finish", timeout_s=60.0, flow="relay")
        arrived = Counter(e.kind for e in read_events(lab.journal("mbx")))["arrived"]
        os.kill(frozen.process.pid, signal.SIGCONT)
        assert frozen.ended() == 0
        assert "was blocked for" in frozen.said
        wait_for(lambda: not queued(lab), what="the queues to drain", deadline_s=20.0)
        told = len(of_sender(lab, "outcome"))
        assert 100 < told < 200
        still = Counter(e.kind for e in read_events(lab.journal("mbx")))["arrived"]
        # Sessions that were open when it froze may end with the dot already sent.
        assert still - arrived <= len(of_sender(lab, "attempt")) - told


def test_without_any_worker_mail_is_not_sent_and_says_so(
    shared: Callable[..., Topology], port: int, tmp_path: Path
) -> None:
    """When both are gone every further attempt has the outcome that nobody was there to make it."""
    design = shared()
    with (
        workers(2, port, tmp_path) as started,
        ProcessLab(design, tmp_path / "lab") as lab,
    ):
        for worker in started:
            worker.end()
        wait_for(lambda: gone(lab) == 2, what="both to be given up", deadline_s=20.0)
        lab.control("app")("start", **load_of(design, most=5))
        lab.control("app")("finish", flow="relay")
        outcomes = of_sender(lab, "outcome")
    assert [event.detail["result"] for event in outcomes] == ["unsent"] * 5
    assert {event.detail["reason"] for event in outcomes} == {"no Locust worker is left"}


def test_a_third_worker_takes_the_place_of_one_that_goes(
    shared: Callable[..., Topology], port: int, tmp_path: Path
) -> None:
    """A spare waits; from then on it has its half of the mail."""
    design = shared()
    with (
        workers(2, port, tmp_path) as started,
        ProcessLab(design, tmp_path / "lab") as lab,
        workers(1, port, spares(tmp_path)),
    ):
        wait_for(lambda: len(of_sender(lab, "worker")) == 3, what="the spare", deadline_s=30.0)
        started[1].end()
        wait_for(lambda: gone(lab) == 1, what="it to be given up", deadline_s=20.0)
        lab.control("app")("start", **load_of(design, most=40))
        lab.control("app")("finish", timeout_s=30.0, flow="relay")
        spare = of_sender(lab, "worker")[2].detail["worker"]
        sent = Counter(event.detail["worker"] for event in of_sender(lab, "outcome"))
    assert sent[spare] == 20


def test_nothing_arrives_that_is_not_in_the_journal_of_a_killed_sender(
    shared: Callable[..., Topology], port: int, tmp_path: Path
) -> None:
    """Killed in the middle of its load, it has noted each message that any worker has sent.

    And no worker is left behind that waits for ever.
    """
    design = shared()
    with (
        workers(2, port, tmp_path) as started,
        ProcessLab(design, tmp_path / "lab") as lab,
    ):
        lab.control("app")("start", **load_of(design, most=2000, rate=200.0))
        wait_for(lambda: len(of_sender(lab, "outcome")) > 100, what="mail", deadline_s=20.0)
        lab.kill("app")
        assert [worker.ended() for worker in started] == [0, 0]
        wait_for(lambda: not queued(lab), what="the queues to drain", deadline_s=20.0)
        attempted = {event.message for event in of_sender(lab, "attempt")}
        arrived = {e.message for e in read_events(lab.journal("mbx")) if e.kind == "arrived"}
    assert len(arrived) > 100
    assert arrived <= attempted


def test_a_master_that_dies_ends_its_sender(
    shared: Callable[..., Topology], port: int, tmp_path: Path
) -> None:
    """The lab tells it among the deaths, and the workers do not wait for a master for ever."""
    with (
        workers(2, port, tmp_path) as started,
        ProcessLab(shared(), tmp_path / "lab") as lab,
    ):
        [master] = psutil.Process(lab.pid("app")).children()
        master.kill()
        wait_for(lab.deaths, what="the sender to end", deadline_s=20.0)
        assert "the Locust master ended by itself (SIGKILL)" in lab.deaths()[0]
        assert [worker.ended() for worker in started] == [0, 0]
        assert all("nothing heard from the master" in worker.said for worker in started)


def test_workers_load_a_lab_that_runs_already(port: int, tmp_path: Path) -> None:
    """As with a lab of one's own: the inventory's fence and login hold for workers, too."""
    app = {"load": {"workers": 2, "port": port}}
    with standing(tmp_path) as lab, workers(2, port, tmp_path) as started:
        inventory_file = str(lab.inventory({"nodes": {"app": app}}))
        done = lab.run("drill", inventory_file, "--driver", "attach", "--json")
        assert [worker.ended() for worker in started] == [0, 0]
    flows = json.loads(done.stdout)["flows"]
    told = {flow: {c["check"]: c for c in found["checks"]} for flow, found in flows.items()}
    assert {"relay", "submission"} == set(told)
    for checks in told.values():
        assert checks["account"]["status"] == "pass"
        assert checks["account"]["figures"]["delivered"] > 50


@pytest.mark.parametrize(
    ("fence", "result", "connections"),
    [((), "accepted", 1), (("10.0.0.0/8",), "unsent", 0)],
    ids=["without", "within"],
)
def test_a_worker_keeps_to_the_fence(
    fence: tuple[str, ...], result: str, connections: int, port: int, tmp_path: Path
) -> None:
    """Where its sender may not connect, no worker of its does; without a fence it would.

    As on any other machine, the sender's address is none of the worker's own.
    """
    with ScriptedServer() as server, workers(1, port, tmp_path):
        settings = config.Sender(
            name="app",
            fqdn="app.contoso.com",
            address="192.0.2.7",
            control=config.Control(address="127.0.0.1", port=1, token="t"),
            journal="",
            hosts={"mail": ("127.0.0.1",)},
            ports={"127.0.0.1": {25: server.endpoint.port}},
            ca="",
            login=config.Login(user="", password=""),
            fence=fence,
            workers=1,
            master=config.Address(address="127.0.0.1", port=port),
        )
        asyncio.run(send_one(settings, tmp_path / "app.jsonl"))
        assert len(server.bodies) == connections
    [outcome] = [e for e in read_events(tmp_path / "app.jsonl") if e.kind == "outcome"]
    assert outcome.detail["result"] == result


async def send_one(settings: config.Sender, path: Path) -> None:
    """One letter of a sender whose load is shared."""
    journal = Journal.open(settings.name, path)
    sender = SharedSender(settings, journal)
    await sender.start()
    await sender.handle("start", load_to("mail", most=1))
    await sender.handle("finish", {"flow": "relay"})
    await sender.stop()
    journal.close()


def spares(folder: Path) -> Path:
    """A folder for the logs of workers that come later."""
    made = folder / "spares"
    made.mkdir()
    return made


def queued(lab: ProcessLab) -> int:
    """How many messages lie in the hubs' queues."""
    return sum(lab.control(hub)("queue_length") for hub in lab.topology.hubs)


def gone(lab: ProcessLab) -> int:
    """How many workers are gone."""
    return sum(event.detail["state"] == "gone" for event in of_sender(lab, "worker"))


def load_of(design: Topology, *, most: int, rate: float = 25.0) -> dict[str, Any]:
    """The relay flow's load, for the sender's control channel: it begins now."""
    return load_to(design.flows["relay"].to, most=most, rate=rate)


def load_to(host: str, *, most: int, rate: float = 25.0) -> dict[str, Any]:
    """A load to a host, a sender's that tries one address."""
    return {
        "drill": f"1.{time.monotonic_ns():x}",
        "flow": "relay",
        "persona": "single_host",
        "host": host,
        "port": 25,
        "rate": rate,
        "sender": "app@contoso.com",
        "recipient": "user@contoso.com",
        "size": 500,
        "begin": time.monotonic(),
        "most": most,
    }

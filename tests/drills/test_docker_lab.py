"""The Docker lab as a person meets it: real parts, bad luck, and what is left behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml

from pytest_relaydrill.asserting import assert_passed
from relaydrill import topology_files
from relaydrill.drills.drill_plan import plan
from relaydrill.drills.runner import run_drill
from relaydrill.drivers import configure
from relaydrill.drivers.docker import standing
from relaydrill.drivers.docker.lab import DockerLab
from relaydrill.drivers.docker.labels import NODE, RUN
from relaydrill.errors import LabError
from relaydrill.journal import read_events
from relaydrill.ledger import Account
from relaydrill.topology import Topology
from relaydrill.verdict import Status
from relaydrill.wait import wait_for
from tests.compose_lab import COMPOSE_TEST_S, NEEDS_COMPOSE, alone, standing_project
from tests.docker_engine import why_no_docker

_REPOSITORY = Path(__file__).parents[2]
_RUN = [sys.executable, "-c", "from relaydrill.cli import main; main()"]

pytestmark = pytest.mark.skipif(bool(why_no_docker("node")), reason=why_no_docker("node"))
needs_real_parts = pytest.mark.skipif(
    bool(why_no_docker("haproxy", "postfix")), reason=why_no_docker("haproxy", "postfix")
)


@pytest.fixture(scope="module")
def engine() -> Iterator[docker.DockerClient]:
    """The Docker engine."""
    client = docker.from_env()
    yield client
    client.close()


def environment(folder: Path, **more: str) -> dict[str, str]:
    """For a command with a registry of its own."""
    return {**os.environ, "XDG_STATE_HOME": str(folder / "state"), **more}


def run(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder of its own."""
    return subprocess.run(
        [*_RUN, *arguments],
        cwd=folder,
        env=environment(folder, **more),
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def start(folder: Path, *arguments: str, **more: str) -> subprocess.Popen[str]:
    """Start a command that goes on until it is ended."""
    return subprocess.Popen(
        [*_RUN, *arguments],
        cwd=folder,
        env=environment(folder, **more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def of_lab(engine: docker.DockerClient, lab: str) -> list[Any]:
    """All containers and networks of labs of that name, running or not."""
    wanted = {"label": f"org.relaydrill.lab={lab}"}
    containers = engine.containers.list(all=True, filters=dict(wanted), ignore_removed=True)
    return [*containers, *engine.networks.list(filters=dict(wanted))]


@pytest.fixture
def named(tmp_path: Path) -> Callable[..., Path]:
    """Write the built-in topology under another name, with changes; the name tells labs apart."""

    def make(name: str, **change: Any) -> Path:
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump({"extends": "sharepoint", "name": name, **change}))
        return path

    return make


HUBS = {hub: {"kind": "postfix"} for hub in ("ht1", "ht2", "ht3")}
REAL_PARTS = {
    # Real servers cost more than fakes: on two cores they get half the mail, and twice the time.
    "clock": 5,
    "flows": {"relay": {"rate": "30/s"}, "submission": {"rate": "15/s"}},
    "nodes": {**HUBS, "lb1": {"kind": "haproxy"}},
}


@needs_real_parts
@pytest.mark.parametrize("fault", ["kill:ht1", "refuse:ht2", "hang:ht3"])
def test_the_relay_goes_on_with_haproxy_and_postfix(
    fault: str, named: Callable[..., Path], tmp_path: Path
) -> None:
    """A tier of real parts rides out what one of fakes does, and says the same of who took what."""
    topology = topology_files.load(named("real-parts", **REAL_PARTS))
    with DockerLab(topology, tmp_path / "lab") as lab:
        found = run_drill(lab, plan(topology, faults=(fault,)), tmp_path / "run")
    assert_passed(found)
    assert who_took(tmp_path / "run", topology)


def who_took(directory: Path, topology: Topology) -> dict[str, str]:
    """The hub that took each message, by three witnesses that must agree.

    The banner that the sender saw, Postfix's own log, and the Received header at the mailbox.
    """
    journals = directory / "journals"
    banner = {
        event.message: str(event.detail["server"]).partition(".")[0]
        for event in read_events(journals / "app.jsonl")
        if event.kind == "outcome" and event.detail["result"] == "accepted"
    }
    logged = {
        event.message: hub
        for hub in topology.hubs
        for event in read_events(journals / f"{hub}.jsonl")
        if event.kind == "accepted"
    }
    header = {
        event.message: str(event.detail["via"]).partition(".")[0]
        for event in read_events(journals / "mbx.jsonl")
        if event.kind == "arrived"
    }
    for message, hub in banner.items():
        assert header[message] == hub
        assert logged.get(message, hub) == hub  # a killed Postfix may not have logged its last
    assert len(banner.keys() & logged.keys()) > 0.99 * len(banner)
    return banner


@needs_real_parts
def test_a_real_mailbox_server_receives(named: Callable[..., Path], tmp_path: Path) -> None:
    """Postfix at the end of the road: every body arrives, as it was sent.

    Killed between storing a message and saying so, it gets that message again: duplicates are real.
    """
    topology = topology_files.load(
        named("real-mailbox", **REAL_PARTS | {"nodes": {"mbx": {"kind": "postfix"}}})
    )
    with DockerLab(topology, tmp_path / "lab") as lab:
        found = run_drill(lab, plan(topology, faults=("kill:mbx",)), tmp_path / "run")
    assert_passed(found)
    accounts = found.ledger.accounts("relay")
    assert set(accounts) <= {Account.DELIVERED, Account.DUPLICATED}
    assert accounts[Account.DELIVERED] > 0.9 * sum(accounts.values())


@needs_real_parts
def test_a_real_hub_under_back_pressure_is_what_the_fake_is(
    named: Callable[..., Path], tmp_path: Path
) -> None:
    """Postfix without room answers 452 at MAIL, which a check by EHLO cannot see: degraded."""
    topology = topology_files.load(named("real-pressure", **REAL_PARTS))
    with DockerLab(topology, tmp_path / "lab") as lab:
        drill = plan(topology, faults=("backpressure:ht1",), flows=("relay",))
        found = run_drill(lab, drill, tmp_path / "run")
    degraded = found.flow("relay").check("degraded")
    assert degraded
    assert degraded.status is Status.FAIL
    assert "452 at mail" in degraded.summary
    assert not {Account.LOST, Account.PHANTOM} & set(found.ledger.accounts("relay"))


@needs_real_parts
def test_what_a_real_part_cannot_do_is_unknown(named: Callable[..., Path], tmp_path: Path) -> None:
    """Postfix cannot be made to drop after storing: not injected is unknown, never pass."""
    topology = topology_files.load(named("real-cannot", **REAL_PARTS))
    with DockerLab(topology, tmp_path / "lab") as lab:
        drill = plan(topology, faults=("drop-after-store:ht1",), flows=("relay",))
        found = run_drill(lab, drill, tmp_path / "run")
    assert found.status is Status.UNKNOWN
    bite = found.flow("relay").check("bite")
    assert bite
    assert "not injected" in bite.summary


def test_a_node_that_dies_at_its_start_says_why(
    engine: docker.DockerClient,
    named: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The end of the container's log is in the message, and nothing is left of the lab."""

    def broken(*arguments: Any) -> dict[str, Any]:
        made = configure.configure(*arguments)
        elsewhere = {"port": 25, "bind": {"address": "192.0.2.9", "port": 25}}
        return {**made, "ht2": {**made["ht2"], "listeners": [elsewhere]}}

    monkeypatch.setattr(standing, "configure", broken)
    topology = topology_files.load(named("dies-at-start"))
    with pytest.raises(LabError, match="ht2 ended at its start; the end of its log:") as told:
        DockerLab(topology, tmp_path / "lab").__enter__()
    assert "ht2 cannot listen" in str(told.value)
    assert of_lab(engine, "dies-at-start") == []


def test_a_missing_image_says_what_to_run(
    named: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lab never runs with images of other sources: one sentence names the command."""
    monkeypatch.setattr("relaydrill.images.digest", lambda _spec: "0" * 64)
    with pytest.raises(LabError, match="run: relaydrill images build node$"):
        DockerLab(topology_files.load(named("no-image")), tmp_path / "lab").__enter__()


def test_a_missing_engine_says_what_to_do(tmp_path: Path) -> None:
    """Without an engine the command ends with 4 and one sentence."""
    nowhere = f"unix://{tmp_path}/no.sock"
    done = run(tmp_path, "drill", "sharepoint", "--driver", "docker", DOCKER_HOST=nowhere)
    assert done.returncode == 4
    assert done.stderr.startswith(f"relaydrill: no Docker engine answers on {nowhere}")
    assert "--driver process" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_killed_harness_leaves_nothing_that_clean_does_not_remove(
    engine: docker.DockerClient, named: Callable[..., Path], tmp_path: Path
) -> None:
    """After kill -9 ``clean`` removes the run's containers and network, and no living run's."""
    lives = topology_files.load(named("lives"))
    with DockerLab(lives, tmp_path / "lab") as lab:
        up = start(tmp_path, "up", str(named("orphaned")), "--driver", "docker", "--out", "out")
        try:
            assert up.stdout
            assert "is up" in up.stdout.readline()
        finally:
            up.kill()
            up.communicate()
        assert len(of_lab(engine, "orphaned")) == 8
        cleaned = run(tmp_path, "clean")
        assert (
            "orphaned in the Docker engine: app, guest, ht1, ht2, ht3, lb1, mbx" in cleaned.stdout
        )
        assert of_lab(engine, "orphaned") == []
        assert len(of_lab(engine, "lives")) == 8
        assert lab.control("ht1")("ping") == "ht1"
    assert of_lab(engine, "lives") == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("after", [1, 4, 7])
def test_an_interrupted_start_leaves_nothing(
    number: signal.Signals,
    after: int,
    engine: docker.DockerClient,
    named: Callable[..., Path],
    tmp_path: Path,
) -> None:
    """Ctrl-C while the lab comes up, at whatever container: 130, and everything is taken down."""
    name = f"cut-short-{number}-{after}"
    up = start(tmp_path, "up", str(named(name)), "--driver", "docker", "--out", "out")
    try:
        wait_for(
            lambda: len(of_lab(engine, name)) >= after,
            what=f"{after} parts of the lab to be there",
            deadline_s=20.0,
            every_s=0.005,
        )
        up.send_signal(number)
        _, said = up.communicate(timeout=30)
    finally:
        up.kill()
        up.wait()
    assert up.returncode == 130, said
    assert "Traceback" not in said
    assert of_lab(engine, name) == []


class Relay:
    """An engine's socket by TCP, which can be cut: an engine that stops in the middle of a run."""

    def __init__(self, behind: str) -> None:
        self._behind = behind
        self._server = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self) -> None:
        """End every connection, and take no more."""
        for each in (self._server, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            engine = socket.socket(socket.AF_UNIX)
            engine.connect(self._behind)
            self._open += [client, engine]
            for pair in ((client, engine), (engine, client)):
                threading.Thread(target=self._pump, args=pair, daemon=True).start()

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


def test_an_engine_that_stops_in_the_middle_is_told_of(
    engine: docker.DockerClient, named: Callable[..., Path], tmp_path: Path
) -> None:
    """The harness has failed, says so in a line, and ``clean`` removes what it could not."""
    relay = Relay("/var/run/docker.sock")
    host = f"tcp://127.0.0.1:{relay.port}"
    topology = str(named("engine-stops"))
    arguments = ("drill", topology, "--driver", "docker", "--fault", "kill:ht1@10s", "--out", "out")
    drill = start(tmp_path, *arguments, DOCKER_HOST=host)
    try:
        journal = tmp_path / "out.lab" / "journals" / "app.jsonl"
        wait_for(
            lambda: journal.exists() and b"outcome" in journal.read_bytes(),
            what="mail to flow",
            deadline_s=30.0,
        )
        relay.cut()
        _, said = drill.communicate(timeout=60)
    finally:
        drill.kill()
        drill.wait()
    assert drill.returncode == 4, said
    assert "relaydrill: " in said
    assert "Traceback" not in said
    run(tmp_path, "clean")
    assert of_lab(engine, "engine-stops") == []


def test_the_compose_file_is_in_step_with_its_topology(tmp_path: Path) -> None:
    """What is in compose/ is what ``relaydrill compose`` writes now."""
    for path in sorted((_REPOSITORY / "compose").glob("*.yaml")):
        if path.name == "real-lab.yaml":  # none of ours: real programs alone, to attach to
            continue
        assert run(tmp_path, "compose", path.stem).stdout == path.read_text()


UNHURRIED = {
    # Whether it can be drilled is asked, and not how fast: at clock 10 an answer to a health check
    # has 100 ms, which real mail servers beside it on two cores have taken for many seconds.
    "clock": 4,
    "flows": {"relay": {"rate": "30/s"}, "submission": {"rate": "15/s"}},
}


@NEEDS_COMPOSE
@pytest.mark.timeout(COMPOSE_TEST_S)
def test_a_lab_that_compose_brought_up_can_be_drilled(
    engine: docker.DockerClient, named: Callable[..., Path], tmp_path: Path
) -> None:
    """A person's own ``docker compose up`` stands, is drilled, and still stands afterwards."""
    topology = str(named("compose-up", **UNHURRIED))
    file = tmp_path / "lab.yaml"
    subnet = next(f"10.213.{third}.0/24" for third in range(100, 200) if not taken(engine, third))
    file.write_text(run(tmp_path, "compose", topology, "--subnet", subnet).stdout)
    project = f"relaydrilltest{os.getpid()}"
    with alone(), standing_project(project, file):
        done = run(
            tmp_path,
            *("drill", topology, "--driver", "docker", "--project", project),
            *("--fault", "kill:ht2", "--json", "--out", "out"),
        )
        flows = json.loads(done.stdout)["flows"].values()
        checks = [check for flow in flows for check in flow["checks"]]
        assert [each["summary"] for each in checks if each["status"] != "pass"] == []
        assert done.returncode == 0, done.stderr
        standing_now = engine.containers.list(
            filters={"label": [NODE, f"com.docker.compose.project={project}"]}
        )
        assert len(standing_now) == 7
        assert {each.labels[RUN] for each in standing_now} == {"compose"}


def taken(engine: docker.DockerClient, third: int) -> bool:
    """Whether a network of the engine has that range."""
    return any(f"10.213.{third}." in json.dumps(net.attrs) for net in engine.networks.list())

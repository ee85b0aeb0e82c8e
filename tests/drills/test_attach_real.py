"""Real HAProxy and real Postfix, brought up by compose and attached to by address."""

from __future__ import annotations

import functools
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from relaydrill.wait import wait_for
from tests.docker_engine import why_no_docker
from tests.standing_lab import RUN, changed

_ROOT: Final = Path(__file__).parents[2]
_COMPOSE: Final = _ROOT / "compose" / "real-lab.yaml"
_DESIGN: Final = _ROOT / "docs" / "labs" / "real-labs" / "haproxy-postfix.yaml"
_BASES: Final = ("debian:bookworm-slim", "relaydrill/base:bookworm")
_ATTACH: Final = ("--driver", "attach", "--allow-faults", "--json")
_HUBS: Final = {"ht1": "10.213.26.11", "ht2": "10.213.26.12", "ht3": "10.213.26.13"}


@functools.cache
def base() -> str:
    """The Debian image that is there to build on; empty where none is."""
    if why_no_docker():
        return ""
    for image in _BASES:
        if not subprocess.run(
            ["docker", "image", "inspect", image], capture_output=True
        ).returncode:
            return image
    return ""


@functools.cache
def compose_command() -> tuple[str, ...]:
    """How compose is called here; empty where it is not installed."""
    if shutil.which("docker") is None:
        return ()
    if shutil.which("docker-compose"):
        return ("docker-compose",)
    plugin = ("docker", "compose")
    found = subprocess.run([*plugin, "version"], capture_output=True, check=False)
    return () if found.returncode else plugin


def why_not() -> str:
    """Why the lab cannot be brought up, with what would help; empty if it can."""
    if reason := why_no_docker():
        return reason
    if not compose_command():
        return "no docker-compose command; to run this: apt install docker-compose"
    return "" if base() else "no Debian image; to run this: relaydrill images build"


pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "."),
]


@dataclass
class RealLab:
    """The lab of ``compose/real-lab.yaml``.

    Attributes:
        folder: For what a command writes.
        shared: What the lab writes.
    """

    folder: Path
    shared: Path

    @property
    def environment(self) -> dict[str, str]:
        """With what compose and the inventory ask for."""
        return {
            **os.environ,
            "REAL_LAB_BASE": base(),
            "REAL_LAB_SHARED": str(self.shared),
            "REAL_LAB_USER": "app@contoso.com",
            "REAL_LAB_PASSWORD": "real-secret",
            "XDG_STATE_HOME": str(self.folder / "state"),
        }

    def compose(self, *arguments: str, **more: str) -> None:
        """Have compose do something."""
        done = subprocess.run(
            [*compose_command(), "-p", "real-lab", "-f", str(_COMPOSE), *arguments],
            env={**self.environment, **more},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def inventory(self, change: dict[str, Any] | None = None) -> str:
        """The documents' own inventory, with this lab's files, and something changed."""
        text = _DESIGN.read_text().replace("compose/real-lab/shared", str(self.shared))
        path = self.folder / "inventory.yaml"
        path.write_text(yaml.safe_dump(changed(yaml.safe_load(text), change or {})))
        return str(path)

    def drill(self, *faults: str, status: int, change: dict[str, Any] | None = None) -> Any:
        """Run a drill, check how it ends, and return what it came to."""
        named = [word for fault in faults for word in ("--fault", fault)]
        done = subprocess.run(
            [*RUN, "drill", self.inventory(change), *_ATTACH, *named],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        assert not list((self.folder / "state" / "relaydrill" / "undo").glob("*.json"))
        self.await_whole()
        return json.loads(done.stdout)

    def await_whole(self) -> None:
        """Return when every hub listens and HAProxy believes in it, on both ports.

        What HAProxy believes of a hub that was replaced just now may still be of the old one.
        """

        def is_whole() -> bool:
            if not all(listens(address, port) for address in _HUBS.values() for port in (25, 587)):
                return False
            rows = [line.split(",") for line in runtime_api("show stat").splitlines()]
            hubs = [row[17] for row in rows if len(row) > 17 and row[1] in _HUBS]
            return len(hubs) == 6 and set(hubs) <= {"UP", "no check"}

        wait_for(is_whole, what="HAProxy to believe in every hub", deadline_s=60)


def listens(address: str, port: int) -> bool:
    """Whether somebody takes a connection there."""
    try:
        with socket.create_connection((address, port), timeout=2):
            return True
    except OSError:
        return False


def runtime_api(command: str) -> str:
    """What HAProxy answers; empty where it is not up."""
    try:
        with socket.create_connection(("127.0.0.1", 21099), timeout=5) as asking:
            asking.sendall(f"{command}\n".encode())
            return b"".join(iter(lambda: asking.recv(65536), b"")).decode()
    except OSError:
        return ""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealLab]:
    """The lab, with a state of its own; gone afterwards."""
    folder = tmp_path_factory.mktemp("real")
    lab = RealLab(folder, folder / "shared")
    lab.shared.mkdir(mode=0o777)
    lab.shared.chmod(0o777)
    lab.compose("up", "-d", "--build")
    try:
        lab.await_whole()
        yield lab
    finally:
        lab.compose("down", "-v")


def checks(document: Any, flow: str) -> dict[str, tuple[str, str]]:
    """Status and summary of each check of a flow."""
    found = document["flows"][flow]["checks"]
    return {each["check"]: (each["status"], each["summary"]) for each in found}


@pytest.mark.parametrize("fault", ["kill:ht1", "drain:ht2"], ids=["engine", "runtime-api"])
def test_the_relay_survives_by_every_kind_of_hook(fault: str, lab: RealLab) -> None:
    """A hub killed by the engine, or taken out by HAProxy's runtime API; the suite has commands."""
    found = lab.drill(fault, status=0)
    for flow in ("relay", "submission"):
        told = checks(found, flow)
        assert "then none" in told["bite"][1]
        assert "delivered" in told["account"][1]
        assert told["return"][0] == "pass"


def test_the_bundled_relay_suite_passes(lab: RealLab) -> None:
    """``pytest --pyargs pytest_relaydrill.suite.test_relay`` as with labs of one's own.

    One fault of one hub, and the steady state; the whole suite takes twelve minutes.
    """
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout=0"),
            *("--pyargs", "pytest_relaydrill.suite.test_relay"),
            *("--relaydrill-topology", lab.inventory(), "--relaydrill-driver", "attach"),
            *(
                "--relaydrill-allow-faults",
                "-k",
                "broken or (ht2 and refuse)",
            ),
        ],
        cwd=lab.folder,
        env=lab.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout
    lab.await_whole()


def test_a_haproxy_without_checks_fails(lab: RealLab) -> None:
    """A third of the attempts fails for as long as the hub is dead."""
    lab.compose("up", "-d", "--no-deps", "lb1", REAL_LAB_HAPROXY="blind.cfg")
    try:
        lab.await_whole()
        found = lab.drill("kill:ht1", status=1)
    finally:
        lab.compose("up", "-d", "--no-deps", "lb1")
        lab.await_whole()
    assert checks(found, "relay")["degraded"][0] == "fail"


def test_a_hub_that_throws_mail_away_is_found(lab: RealLab) -> None:
    """What Postfix accepts and discards is in no mailbox and in no queue: lost, by its name."""
    lab.compose("up", "-d", "--no-deps", "ht1", REAL_LAB_DISCARD="discard:")
    try:
        lab.await_whole()
        found = lab.drill(status=1, change={"attach": {"settle": "20s"}})
    finally:
        lab.compose("up", "-d", "--no-deps", "ht1")
        lab.await_whole()
    status, said = checks(found, "relay")["account"]
    assert status == "fail"
    assert "lost" in said
    assert "accepted by ht1" in said


def test_a_sink_of_ones_own_sees_what_arrives(lab: RealLab) -> None:
    """The lab routes a test domain to the harness: its own mailbox node keeps the account."""
    change = {
        "nodes": {"mbx": {"domains": ["drill.test"]}},
        "flows": {
            "relay": {"recipient": "user@drill.test"},
            "submission": {"recipient": "user@drill.test"},
        },
        "attach": {
            "here": "10.213.26.1",
            "ports": {"25": 21025},
            "nodes": {"mbx": None},
            "allow": {"domains": ["drill.test"]},
        },
    }
    found = lab.drill("kill:ht3", status=0, change=change)
    status, said = checks(found, "relay")["account"]
    assert status == "pass"
    assert "delivered" in said

"""Whose lab it is, as seen from another process table than its harness's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import pytest

from relaydrill import topology_files
from relaydrill.drivers.docker import leftovers
from relaydrill.drivers.docker.lab import DockerLab
from relaydrill.drivers.docker.labels import NODE, RUN
from relaydrill.drivers.docker.lease import is_held
from relaydrill.wait import wait_for
from tests.docker_engine import why_no_docker

_RUN = [sys.executable, "-c", "from relaydrill.cli import main; main()"]
_LAB = """\
name: NAME
clock: 10
nodes:
  ht1: {role: hub}
  mbx: {role: mailbox, domains: [contoso.com]}
  app: {role: sender}
flows:
  relay: {from: app, to: ht1, rate: 20/s}
"""

pytestmark = [
    pytest.mark.skipif(bool(why_no_docker("node")), reason=why_no_docker("node")),
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("unshare") is None,
        reason="a process table of its own needs root and unshare; run as root on Linux",
    ),
]


@pytest.fixture(name="engine", scope="module")
def an_engine() -> Iterator[docker.DockerClient]:
    """The Docker engine."""
    client = docker.from_env()
    yield client
    client.close()


@contextmanager
def up_elsewhere(folder: Path, name: str) -> Iterator[subprocess.Popen[str]]:
    """A lab whose harness has a process table of its own, as in a container; killed at the end."""
    topology = folder / f"{name}.yaml"
    topology.write_text(_LAB.replace("NAME", name))
    command = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", *_RUN]
    harness = subprocess.Popen(
        [*command, "up", str(topology), "--driver", "docker", "--out", "out"],
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert harness.stdout
        assert "is up" in harness.stdout.readline()
        yield harness
    finally:
        harness.kill()
        harness.communicate()


def environment(folder: Path) -> dict[str, str]:
    """For a command with records of its own."""
    return {**os.environ, "XDG_STATE_HOME": str(folder / "state")}


def clean(folder: Path, *arguments: str) -> str:
    """What ``relaydrill clean`` says here."""
    done = subprocess.run(
        [*_RUN, "clean", *arguments],
        cwd=folder,
        env=environment(folder / "other"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def nodes_of(engine: docker.DockerClient, name: str) -> list[str]:
    """The nodes of a lab that have a container."""
    containers = engine.containers.list(all=True, filters={"label": f"org.relaydrill.lab={name}"})
    return sorted(each.labels[NODE] for each in containers)


def test_a_living_harness_elsewhere_keeps_its_lab(
    engine: docker.DockerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``clean`` leaves what a harness in another process table runs, says so, and can be forced."""
    monkeypatch.setattr(leftovers, "_STARTING_S", 0.0)
    with up_elsewhere(tmp_path, "owned"):
        said = clean(tmp_path)
        (line,) = (line for line in said.splitlines() if line.startswith("owned "))
        assert "left alone, 3 containers: process " in line
        assert nodes_of(engine, "owned") == ["app", "ht1", "mbx"]
        _, kept = leftovers.clean(engine)
        (remedy,) = (each.remedy for each in kept if each.lab == "owned")
        run = remedy.rpartition(" ")[2]
        assert line.endswith(f"relaydrill clean --force {run}")
        assert "owned in the Docker engine: app, ht1, mbx" in clean(tmp_path, "--force", run)
        assert nodes_of(engine, "owned") == []


def test_a_dead_harness_elsewhere_does_not(
    engine: docker.DockerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lease ends with it, in whatever way it ended; then ``clean`` removes what it left."""
    with up_elsewhere(tmp_path, "orphan"):
        containers = engine.containers.list(filters={"label": "org.relaydrill.lab=orphan"})
        assert is_held(engine, containers)
    wait_for(lambda: not is_held(engine, containers), what="the lease to end", deadline_s=10.0)
    assert "within the last 60 s" in clean(tmp_path)
    monkeypatch.setattr(leftovers, "_STARTING_S", 0.0)
    removed, _ = leftovers.clean(engine)
    assert ("app", "ht1", "mbx") in [each.containers for each in removed if each.lab == "orphan"]
    assert nodes_of(engine, "orphan") == []


def test_a_lease_is_held_until_the_end_of_the_lab_and_no_longer(
    engine: docker.DockerClient, tmp_path: Path
) -> None:
    """Through the kill and the restart of every node that can be broken, and a pause."""
    with DockerLab(
        topology_files.parse(_LAB.replace("NAME", "leased"), "x"), tmp_path / "lab"
    ) as lab:
        containers = engine.containers.list(filters={"label": f"{RUN}={lab.run}"})
        for node in ("ht1", "mbx"):
            lab.kill(node)
            assert is_held(engine, containers)
            lab.restart(node)
        lab.pause("ht1")
        assert is_held(engine, containers)
        lab.resume("ht1")
    assert nodes_of(engine, "leased") == []


def test_a_run_that_is_not_there_cannot_be_forced(tmp_path: Path) -> None:
    """A slip in its name is told, and is no success."""
    done = subprocess.run(
        [*_RUN, "clean", "--force", "nosuch"],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stdout
    assert "no run called nosuch" in done.stderr


def test_an_engine_that_cannot_be_asked_is_no_nothing(tmp_path: Path) -> None:
    """What is not known is said, with the reason; the command ends with 4."""
    done = subprocess.run(
        [*_RUN, "clean"],
        env={**environment(tmp_path), "DOCKER_HOST": f"unix://{tmp_path}/no.sock"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 4
    assert "What runs left in the Docker engine is not known: no Docker engine" in done.stderr
    assert "Nothing was left behind" not in done.stdout

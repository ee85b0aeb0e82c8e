"""A Docker lab wherever its engine and its harness are."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container
from testcontainers.core.config import testcontainers_config

from relaydrill import topology_files
from relaydrill.drivers.docker import way_in
from relaydrill.drivers.docker.lab import DockerLab
from relaydrill.errors import LabError
from relaydrill.images import IMAGES
from tests.docker_engine import TWO_HUBS, why_no_docker

_REPOSITORY = Path(__file__).parents[2]
_SOCKET = Path("/var/run/docker.sock")
_RUN = "from relaydrill.cli import main; main()"

pytestmark = pytest.mark.skipif(bool(why_no_docker("node")), reason=why_no_docker("node"))


@pytest.fixture(name="engine", scope="module")
def an_engine() -> Iterator[docker.DockerClient]:
    """This machine's engine."""
    client = docker.from_env()
    yield client
    client.close()


@pytest.fixture(name="job")
def a_job(engine: docker.DockerClient, tmp_path: Path) -> Iterator[Container]:
    """A container as CI systems run jobs in: the engine's socket mounted, and nothing else told.

    Python, its packages and the sources are this machine's own.
    """
    if not _SOCKET.exists():
        pytest.skip(f"the engine has no socket at {_SOCKET}; it runs where it has")
    same = {sys.base_prefix, sys.prefix, str(_REPOSITORY)}
    job = engine.containers.run(
        IMAGES["node"].exact_tag,
        entrypoint=["sleep", "300"],
        detach=True,
        volumes=[
            *(f"{folder}:{folder}:ro" for folder in same),
            f"{_SOCKET}:{_SOCKET}",
            f"{tmp_path}:{tmp_path}",
        ],
        working_dir=str(tmp_path),
        # The image has a node program of its own, which is no harness.
        environment={"HOME": "/nonexistent", "PYTHONPATH": str(_REPOSITORY / "harness")},
        user="0",
    )
    try:
        yield job
    finally:
        job.remove(force=True)


def in_the_job(job: Container, *arguments: str) -> tuple[int, str]:
    """What a command says in the job's container, and how it ends."""
    done = job.exec_run([sys.executable, "-c", _RUN, *arguments])
    assert done.exit_code is not None
    assert isinstance(done.output, bytes)
    return done.exit_code, done.output.decode()


def test_a_harness_in_a_container_drills_by_joining_the_network(
    engine: docker.DockerClient, job: Container, tmp_path: Path
) -> None:
    """With the socket mounted, as in a CI's job; and nothing is published anywhere."""
    (tmp_path / "job.yaml").write_text(TWO_HUBS.replace("NAME", "job"))
    code, said = in_the_job(
        job, "drill", "job.yaml", "--driver", "docker", "--fault", "refuse:ht1", "--out", "run"
    )
    assert code == 0, said
    assert re.search("^PASS", said, re.M), said
    job.reload()
    assert list(job.attrs["NetworkSettings"]["Networks"]) == ["bridge"]
    assert engine.containers.list(all=True, filters={"label": "org.relaydrill.lab=job"}) == []


def test_an_address_at_which_nothing_is_published_is_told_in_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the address that was tried and what to set; not after a minute, and not in silence."""
    # An address of this machine's, so that the engine can publish on it, and a name for it that
    # leads somewhere else.
    monkeypatch.setattr(
        way_in, "_published", lambda _host, _by: way_in.WayIn("127.99.99.99", "127.0.0.1")
    )
    monkeypatch.setattr(testcontainers_config, "tc_host_override", "elsewhere")
    lab = DockerLab(topology_files.parse(TWO_HUBS.replace("NAME", "astray"), "x"), tmp_path / "lab")
    with pytest.raises(LabError, match=r"127\.99\.99\.99:\d+.*TESTCONTAINERS_HOST_OVERRIDE"), lab:
        pass


def test_a_context_names_the_engine(tmp_path: Path) -> None:
    """``docker context use`` and DOCKER_CONTEXT count, as for every client of the engine."""
    nowhere = f"unix://{tmp_path}/no.sock"
    name = "elsewhere"
    digest = hashlib.sha256(name.encode()).hexdigest()
    meta = tmp_path / ".docker" / "contexts" / "meta" / digest
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(
        json.dumps({"Name": name, "Metadata": {}, "Endpoints": {"docker": {"Host": nowhere}}})
    )
    (tmp_path / ".docker" / "config.json").write_text(json.dumps({"currentContext": name}))
    environment = {
        **{key: value for key, value in os.environ.items() if key != "DOCKER_HOST"},
        "HOME": str(tmp_path),
        "DOCKER_CONFIG": str(tmp_path / ".docker"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }
    done = subprocess.run(
        [sys.executable, "-c", _RUN, "clean"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 4, done.stderr
    assert f"no Docker engine answers on {nowhere}" in done.stderr

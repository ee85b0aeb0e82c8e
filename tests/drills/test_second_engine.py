"""A Docker lab on another machine's engine, which is reached by TCP and by nothing else."""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container

from relaydrill import topology_files
from relaydrill.drivers.docker.engine import connect
from relaydrill.drivers.docker.lab import DockerLab
from relaydrill.drivers.docker.labels import LAB
from relaydrill.errors import LabError
from relaydrill.wait import wait_for
from tests.docker_engine import TWO_HUBS, why_no_docker
from tests.second_engine import Machine, another_machine, load_image, why_no_second_engine

_RUN = [sys.executable, "-c", "from relaydrill.cli import main; main()"]
_WHY_NOT = why_no_docker("node") or why_no_second_engine()

pytestmark = [
    pytest.mark.skipif(bool(_WHY_NOT), reason=_WHY_NOT or "there are engines"),
    pytest.mark.timeout(300),
]


@pytest.fixture(name="machine", scope="module")
def a_machine() -> Iterator[Machine]:
    """Another machine, whose engine has the image of the fakes."""
    with another_machine() as machine, closing(docker.from_env()) as engine:
        with machine.engine() as url:
            load_image(engine, machine, url)
        yield machine


def environment(folder: Path, **named: str) -> dict[str, str]:
    """For a user with a state directory of its own who has said where the engine is."""
    others = ("DOCKER_", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
    ours = {key: value for key, value in os.environ.items() if not key.startswith(others)}
    return ours | {"XDG_STATE_HOME": str(folder / "state")} | named


def containers(engine: docker.DockerClient, lab: str) -> list[Container]:
    """Those of a lab, by its name."""
    return engine.containers.list(filters={"label": f"{LAB}={lab}"}, ignore_removed=True)


def is_refused(address: str, port: int) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((address, port)) != 0


def test_an_engine_by_tcp_runs_drills(machine: Machine, tmp_path: Path) -> None:
    """Its machine is where ports are published: on the address that DOCKER_HOST names, no other.

    ``clean`` sees there that the drill lives; and nothing stays of it.
    """
    (tmp_path / "far.yaml").write_text(TWO_HUBS.replace("NAME", "far"))
    with machine.engine() as url, closing(machine.client(url)) as engine:
        env = environment(tmp_path, DOCKER_HOST=url)
        command = [*_RUN, "drill", "far.yaml", "--driver", "docker", "--fault", "kill:ht1"]
        with subprocess.Popen(
            command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as drill:
            wait_for(
                lambda: drill.poll() is not None or len(containers(engine, "far")) == 4,
                what="all containers of the lab to run",
                deadline_s=60,
            )
            published = [
                (each["HostIp"], int(each["HostPort"]))
                for container in containers(engine, "far")
                for bound in container.attrs["NetworkSettings"]["Ports"].values()
                for each in bound or ()
            ]
            assert {address for address, _ in published} == {machine.address}
            assert len(published) == 4
            assert all(is_refused("127.0.0.1", port) for _, port in published)
            cleaned = subprocess.run(
                [*_RUN, "clean"],
                env=environment(tmp_path / "other", DOCKER_HOST=url),
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert "far in the Docker engine is left alone, 4 containers" in cleaned.stdout
            said = drill.communicate(timeout=120)[0].decode()
        assert drill.returncode == 0, said
        assert re.search("^PASS", said, re.M), said
        assert engine.containers.list(all=True) == []
        assert [each for each in engine.networks.list() if "relaydrill" in str(each.name)] == []


def test_an_engine_with_tls_is_reached_by_its_context(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ``docker context create`` writes it; without the client's certificate nobody is served."""
    topology = topology_files.parse(TWO_HUBS.replace("NAME", "secret"), "x")
    for name in {*os.environ} - {*environment(tmp_path)}:
        monkeypatch.delenv(name)
    with machine.engine(with_tls=True) as url:
        _write_context(tmp_path / ".docker", "far", url, machine.certificates)
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / ".docker"))
        monkeypatch.setenv("DOCKER_CONTEXT", "far")
        with DockerLab(topology, tmp_path / "lab") as lab:
            assert lab.control("ht1")("ping") == "ht1"
            assert str(lab.reachable("ht1", 2500)).startswith(f"{machine.address}:")
        refused = subprocess.run(
            [*_RUN, "clean"],
            env=environment(tmp_path, DOCKER_HOST=url),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert refused.returncode == 4
        assert f"no Docker engine answers on {url}" in refused.stderr
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(machine.certificates / "cert.pem"))
        with pytest.raises(LabError, match="unset REQUESTS_CA_BUNDLE, or add .*ca.pem"):
            connect()


def _write_context(folder: Path, name: str, url: str, certificates: Path) -> None:
    """What the docker command line keeps of an engine (docker/cli, cli/context/store)."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    meta, tls = folder / "contexts" / "meta" / digest, folder / "contexts" / "tls" / digest
    meta.mkdir(parents=True)
    (tls / "docker").mkdir(parents=True)
    endpoint = {"Host": url, "SkipTLSVerify": False}
    (meta / "meta.json").write_text(
        json.dumps({"Name": name, "Metadata": {}, "Endpoints": {"docker": endpoint}})
    )
    for file in ("ca.pem", "cert.pem", "key.pem"):
        (tls / "docker" / file).write_bytes((certificates / file).read_bytes())

"""Locust workers on machines of their own: in containers, with an address and a name of theirs."""

from __future__ import annotations

import asyncio
import contextlib
import sysconfig
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.models.networks import Network

from relaydrill.drivers.docker.engine import connect
from relaydrill.images import IMAGES
from relaydrill.journal import Journal, read_events
from relaydrill.nodes import config
from relaydrill.nodes.sending.shared_sender import SharedSender
from tests.docker_engine import why_no_docker
from tests.locust_workers import ROOT, free_port, needs_locust
from tests.scripted_server import ScriptedServer

pytestmark = [
    needs_locust,
    pytest.mark.skipif(bool(why_no_docker("python")), reason=why_no_docker("python")),
]

_MESSAGES = 20


@pytest.fixture
def engine() -> Iterator[docker.DockerClient]:
    """The engine."""
    engine = connect()
    yield engine
    engine.close()


@pytest.fixture
def network(engine: docker.DockerClient) -> Iterator[Network]:
    """A bridge network of its own."""
    network = engine.networks.create(f"relaydrill-test-{uuid.uuid4().hex[:8]}")
    yield network
    network.remove()


@contextlib.contextmanager
def worker(
    engine: docker.DockerClient, network: Network, name: str, master: str, port: int
) -> Iterator[None]:
    """A container with a worker of this name.

    Its image has a Python and nothing else; what is installed here is lent to it.
    """
    packages = sysconfig.get_path("purelib")
    harness = str(ROOT / "harness")
    container = engine.containers.run(
        IMAGES["python"].tag,
        entrypoint=["python3", "-m", "locust", "-f", "/locust/drill.py", "--worker"],
        command=["--master-host", master, "--master-port", str(port)],
        hostname=name,
        network=network.name,
        environment={"PYTHONPATH": "/harness:/packages", "PYTHONDONTWRITEBYTECODE": "1"},
        volumes={
            packages: {"bind": "/packages", "mode": "ro"},
            harness: {"bind": "/harness", "mode": "ro"},
            str(ROOT / "docs" / "python" / "locust"): {"bind": "/locust", "mode": "ro"},
        },
        detach=True,
    )
    try:
        yield
    except BaseException:
        print(container.logs().decode())
        raise
    finally:
        container.remove(force=True)


def test_two_machines_share_a_load(
    engine: docker.DockerClient, network: Network, tmp_path: Path
) -> None:
    """Each sends its half, from its own address; the journal tells which did what."""
    network.reload()
    gateway = network.attrs["IPAM"]["Config"][0]["Gateway"]
    port = free_port()
    with (
        ScriptedServer(address=gateway) as server,
        worker(engine, network, "w1", gateway, port),
        worker(engine, network, "w2", gateway, port),
    ):
        settings = config.Sender(
            name="app",
            fqdn="app.contoso.com",
            address=gateway,
            control=config.Control(address="127.0.0.1", port=1, token="t"),
            journal="",
            hosts={"mail": (gateway,)},
            ports={gateway: {25: server.endpoint.port}},
            ca="",
            login=config.Login(user="", password=""),
            workers=2,
            master=config.Address(address=gateway, port=port),
        )
        asyncio.run(send(settings, tmp_path / "app.jsonl"))
        assert len(server.bodies) == _MESSAGES
        assert sorted(Counter(server.clients).values()) == [_MESSAGES // 2] * 2
    outcomes = [e.detail for e in read_events(tmp_path / "app.jsonl") if e.kind == "outcome"]
    assert {each["result"] for each in outcomes} == {"accepted"}
    assert Counter(each["worker"].partition("_")[0] for each in outcomes) == {
        "w1": _MESSAGES // 2,
        "w2": _MESSAGES // 2,
    }


async def send(settings: config.Sender, path: Path) -> None:
    """All messages of a small load."""
    journal = Journal.open(settings.name, path)
    sender = SharedSender(settings, journal)
    await sender.start()
    load = {
        "drill": f"1.{time.monotonic_ns():x}",
        "flow": "relay",
        "persona": "single_host",
        "host": "mail",
        "port": 25,
        "rate": 20.0,
        "sender": "app@contoso.com",
        "recipient": "user@contoso.com",
        "size": 500,
        "begin": time.monotonic(),
        "most": _MESSAGES,
    }
    await sender.handle("start", load)
    await sender.handle("finish", {"flow": "relay"})
    await sender.stop()
    journal.close()

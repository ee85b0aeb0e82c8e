"""How a harness reaches what an engine runs, wherever both are."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import docker
import pytest
from docker.errors import NotFound
from testcontainers.core.config import testcontainers_config

from relaydrill.drivers.docker import way_in as module
from relaydrill.drivers.docker.way_in import WayIn, way_in
from relaydrill.errors import LabError

_OWN = "c" * 64


@dataclass
class Engine:
    """As much of a client as is asked here.

    Attributes:
        base_url: Where it is.
        own: Containers that it knows.
        gateways: Its machine's addresses on its networks.
    """

    base_url: str = "http+docker://localhost"
    own: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ("172.17.0.1",)
    api: Any = field(init=False)
    containers: Any = field(init=False)
    networks: Any = field(init=False)

    def __post_init__(self) -> None:
        """Answer as the library does."""
        self.api = SimpleNamespace(base_url=self.base_url)
        self.containers = SimpleNamespace(get=self._get)
        self.networks = SimpleNamespace(list=self._networks)

    def _networks(self) -> list[Any]:
        ranges = [{"Subnet": "172.17.0.0/16", "Gateway": each} for each in self.gateways]
        return [
            SimpleNamespace(attrs={"IPAM": {"Config": ranges}}),
            SimpleNamespace(attrs={"IPAM": {"Config": None}}),  # the host's own
        ]

    def _get(self, name: str) -> Any:
        for each in self.own:
            if each.startswith(name):
                return SimpleNamespace(id=each)
        raise NotFound(f"no container {name}")


def found(engine: Engine) -> WayIn:
    """The way in to it."""
    return way_in(cast(docker.DockerClient, engine))


@pytest.fixture(autouse=True)
def _a_machine_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """No container, no settings, whatever runs these tests."""
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(module, "_IN_A_CONTAINER", ())
    monkeypatch.setattr(testcontainers_config, "tc_host_override", None)
    monkeypatch.setenv("DOCKER_CONFIG", "/nonexistent")
    monkeypatch.setattr(testcontainers_config, "tc_properties", {})
    monkeypatch.setattr(module, "_ids_among_mounts", list)


def in_a_container(monkeypatch: pytest.MonkeyPatch, *, gateway: str = "") -> None:
    """This process runs in one."""
    monkeypatch.setattr(module, "_IN_A_CONTAINER", (Path("/"),))
    monkeypatch.setattr(module, "_default_gateway", lambda: gateway)


def test_this_machines_engine_publishes_on_loopback() -> None:
    """So nobody else reaches the control ports."""
    assert found(Engine()) == WayIn("127.0.0.1", "127.0.0.1")
    assert found(Engine()).is_here


@pytest.mark.parametrize("url", ["http://192.0.2.7:2375", "https://192.0.2.7:2376"])
def test_an_engine_elsewhere_publishes_on_the_address_by_which_it_is_named(url: str) -> None:
    """And on no other of its addresses."""
    assert found(Engine(url)) == WayIn("192.0.2.7", "192.0.2.7")


def test_a_name_is_looked_up_and_never_means_every_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """As GitLab's service ``docker`` is named: what is published on is an address."""
    monkeypatch.setattr(socket, "gethostbyname", {"docker": "172.18.0.3"}.__getitem__)
    assert found(Engine("http://docker:2375")) == WayIn("docker", "172.18.0.3")


def test_a_name_that_leads_nowhere_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what said it, and what to set instead."""

    def nowhere(_name: str) -> str:
        raise socket.gaierror("Name or service not known")

    monkeypatch.setattr(socket, "gethostbyname", nowhere)
    with pytest.raises(LabError, match=r"docker\.internal, says DOCKER_HOST, .*_HOST_OVERRIDE"):
        found(Engine("http://docker.internal:2375"))


def test_an_override_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before what the engine's address says, and before a container of our own."""
    in_a_container(monkeypatch)
    monkeypatch.setattr(testcontainers_config, "tc_host_override", "192.0.2.9")
    assert found(Engine("http://192.0.2.7:2375", own=(_OWN,))) == WayIn("192.0.2.9", "192.0.2.9")


def test_an_engine_by_ssh_is_on_the_machine_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though its client says nothing of it."""
    monkeypatch.setenv("DOCKER_HOST", "ssh://me@192.0.2.8")
    assert found(Engine("http+docker://ssh")) == WayIn("192.0.2.8", "192.0.2.8")


@pytest.mark.parametrize("by", ["mount", "host name"])
def test_a_container_of_the_same_engine_joins_the_labs_network(
    by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is known by what is mounted into it, or by its host name, which is its short id."""
    in_a_container(monkeypatch, gateway="172.17.0.1")
    if by == "mount":
        monkeypatch.setattr(module, "_ids_among_mounts", lambda: [_OWN])
    else:
        monkeypatch.setattr(socket, "gethostname", lambda: _OWN[:12])
    assert found(Engine(own=(_OWN,))) == WayIn(joins=_OWN)


_INSIDE = [
    "56 36 254:0 /var/lib/docker/containers/ID/resolv.conf /etc/resolv.conf rw - ext4 /dev/vda rw",
    "812 790 0:25 /containers/overlay-containers/ID/userdata/hosts /etc/hosts rw - tmpfs tmpfs rw",
]
_OUTSIDE = [
    "53 27 0:42 / /var/lib/docker/containers/ID/mounts/shm rw,nosuid - tmpfs shm rw",
    "54 27 0:43 / /var/lib/containers/storage/overlay-containers/ID/userdata/shm rw - tmpfs shm rw",
    "55 27 254:0 /containers/ID/data /srv/data rw - ext4 /dev/vda rw",
]


@pytest.mark.parametrize(
    ("lines", "found"), [(_INSIDE[:1], [_OWN]), (_INSIDE[1:], [_OWN]), (_OUTSIDE, [])]
)
def test_what_an_engine_mounts_into_a_container_tells_its_id(
    lines: list[str], found: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not what it mounts on its own machine, where all containers' folders are seen.

    One that looks like a container took itself for a node of another lab, and put that on its
    network.
    """
    monkeypatch.undo()
    table = tmp_path / "mountinfo"
    table.write_text("".join(f"{line.replace('ID', _OWN)}\n" for line in lines))
    monkeypatch.setattr(module, "_MOUNTS", table)
    assert module._ids_among_mounts() == found


def test_a_container_that_the_engine_does_not_know_goes_by_its_gateway(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The engine's machine is the next router; published there, and on no other address."""
    in_a_container(monkeypatch, gateway="172.17.0.1")
    monkeypatch.setattr(socket, "gethostname", lambda: "job-7")
    assert found(Engine()) == WayIn("172.17.0.1", "172.17.0.1")
    in_a_container(monkeypatch)
    assert found(Engine()) == WayIn("127.0.0.1", "127.0.0.1")


def test_a_machine_that_only_looks_like_a_container_uses_its_loopback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As a virtual machine made from an image does: its router is no address of the engine's."""
    in_a_container(monkeypatch, gateway="192.0.2.1")
    monkeypatch.setattr(socket, "gethostname", lambda: "machine")
    assert found(Engine()) == WayIn("127.0.0.1", "127.0.0.1")


def test_the_kernels_own_table_tells_the_gateway() -> None:
    """Whatever it is here: an address, or none."""
    told = module._default_gateway()
    assert told == "" or socket.inet_aton(told)

"""How this process reaches the nodes of a lab: where the engine publishes their ports, or directly.

Decided here and nowhere else, and as testcontainers decides it, from the same settings:
``TESTCONTAINERS_HOST_OVERRIDE`` goes first; then the engine's own address; and a process that runs
in a container of that same engine joins the lab's network, and needs no published port.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import docker
from docker.errors import NotFound
from testcontainers.core.config import testcontainers_config

from relaydrill.drivers.docker.engine import engine_errors, engine_host
from relaydrill.errors import LabError

_LOOPBACK: Final = "127.0.0.1"
_IN_A_CONTAINER: Final = (Path("/.dockerenv"), Path("/run/.containerenv"))
"""What Docker, and Podman, put into every container."""
_OVERRIDE: Final = "TESTCONTAINERS_HOST_OVERRIDE"
_MOUNTS: Final = Path("/proc/self/mountinfo")
_MOUNTED_ID: Final = re.compile(r"containers/([0-9a-f]{64})/")
_GIVEN_FILES: Final = frozenset({"/etc/hostname", "/etc/hosts", "/etc/resolv.conf"})
"""What an engine mounts into every container, from a folder that bears its id."""


@dataclass(frozen=True, slots=True)
class WayIn:
    """How this process reaches nodes.

    Attributes:
        host: Where their published ports are; empty where they are reached directly.
        publish_on: The address of the engine's machine on which they are published: never all of
            its addresses, for whoever reaches a node's control port may break it.
        joins: The container that this process runs in, where that joins the lab's network.
    """

    host: str = ""
    publish_on: str = ""
    joins: str = ""

    @property
    def is_here(self) -> bool:
        """Whether ports are published on this machine's own loopback addresses."""
        return self.publish_on.startswith("127.")

    def __str__(self) -> str:
        if self.joins:
            return f"this container ({self.joins[:12]}) joins the lab's network"
        return f"the engine publishes ports on {self.publish_on}, which is reached as {self.host}"


def way_in(engine: docker.DockerClient) -> WayIn:
    """How this process reaches what an engine runs.

    Raises:
        LabError: The name of the engine's machine leads nowhere, or the engine cannot say.
    """
    if host := testcontainers_config.tc_host_override:
        return _published(host, _OVERRIDE)
    if host := _machine_of(engine):
        return _published(host, "DOCKER_HOST")
    if own := own_container(engine):
        return WayIn(joins=own)
    gateway = _default_gateway() if _is_in_a_container() else ""
    if gateway and gateway in _gateways_of(engine):
        return _published(gateway, "the default route")
    return WayIn(_LOOPBACK, _LOOPBACK)


def own_container(engine: docker.DockerClient) -> str:
    """The id of the container that this process runs in; empty where it is none of the engine's.

    Raises:
        LabError: The engine cannot say.
    """
    if not _is_in_a_container():
        return ""
    with engine_errors("look for the container that relaydrill runs in"):
        for candidate in (*_ids_among_mounts(), socket.gethostname()):
            try:
                return str(engine.containers.get(candidate).id)
            except NotFound:
                continue
    return ""


def _gateways_of(engine: docker.DockerClient) -> set[str]:
    """The addresses that the engine's machine has on the engine's networks.

    A router that is none of these is not the engine's machine: so it is in a virtual machine whose
    disk was made from an image, and which therefore looks like a container.
    """
    with engine_errors("list its networks"):
        ranges = [
            each
            for network in engine.networks.list()
            for each in ((network.attrs or {}).get("IPAM") or {}).get("Config") or ()
        ]
    return {str(each["Gateway"]).partition("/")[0] for each in ranges if each.get("Gateway")}


def _published(host: str, said_by: str) -> WayIn:
    """Ports published on the one address that a host has, as seen from here."""
    try:
        address = socket.gethostbyname(host)
    except OSError as error:
        raise LabError(
            f"the Docker engine's machine is {host}, says {said_by}, and that name leads nowhere"
            f" ({error}): name one that does with {_OVERRIDE}"
        ) from error
    return WayIn(host, address)


def _machine_of(engine: docker.DockerClient) -> str:
    """The machine that an engine is reached on by network; empty where that is by a socket file."""
    named = urlsplit(engine_host())
    if named.scheme == "ssh":
        return named.hostname or ""
    url = urlsplit(str(engine.api.base_url))
    is_file = "unix" in url.scheme or "docker" in url.scheme
    return "" if is_file else url.hostname or ""


def _is_in_a_container() -> bool:
    return any(path.exists() for path in _IN_A_CONTAINER)


def _ids_among_mounts() -> list[str]:
    """What may be this container's id: its name server's file is mounted from a folder of it.

    On the machine of an engine such folders are where something is mounted (the memory that a
    container shares), and say nothing of where this process runs.
    """
    try:
        lines = _MOUNTS.read_text().splitlines()
    except OSError:
        return []
    # The fourth field is what is mounted, the fifth where (proc_pid_mountinfo(5)).
    mounts = [line.split()[3:5] for line in lines]
    sources = [source for source, where in mounts if where in _GIVEN_FILES]
    return list(dict.fromkeys(found[1] for each in sources if (found := _MOUNTED_ID.search(each))))


def _default_gateway() -> str:
    """The address of the next router, from the kernel's table; empty where there is none."""
    try:
        lines = Path("/proc/net/route").read_text().splitlines()[1:]
    except OSError:
        return ""
    for line in lines:
        _, destination, gateway, *_ = line.split()
        if destination == "00000000":
            return socket.inet_ntoa(bytes.fromhex(gateway)[::-1])
    return ""

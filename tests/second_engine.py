"""A Docker engine of its own in a network namespace, reached by TCP alone: another machine's."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import docker
import trustme

from relaydrill.images import IMAGES
from relaydrill.wait import wait_for

_PROGRAMS: Final = ("dockerd", "docker", "ip", "nsenter", "setpriv")
_SYSTEM: Final = "/usr/sbin:/sbin"
_STARTS_S: Final = 60.0
_ENDS_S: Final = 30
_LOADED_S: Final = 240
_MEMORY: Final = "3g"
"""Bound on what its engine may store: an image is half a gigabyte, and packed once more."""


def why_no_second_engine() -> str:
    """Why none can be started here, with what would; empty where one can."""
    if os.geteuid() != 0:
        return "an engine in a network namespace needs root; run as root on Linux"
    path = f"{os.environ.get('PATH', '')}:{_SYSTEM}"
    missing = [each for each in _PROGRAMS if shutil.which(each, path=path) is None]
    if missing:
        return f"no {', '.join(missing)}; to run this: apt-get install docker.io iproute2"
    return ""


@dataclass(frozen=True)
class Machine:
    """A network namespace that stands for another machine, and its address as seen from here.

    Attributes:
        name: The namespace's.
        address: Where its engine listens.
        folder: For all that its engine has; short, for sockets lie in it.
    """

    name: str
    address: str
    folder: Path

    @property
    def certificates(self) -> Path:
        """What a client of its engine needs for TLS: ``ca.pem``, ``cert.pem`` and ``key.pem``."""
        return self.folder / "client"

    @contextlib.contextmanager
    def engine(self, *, with_tls: bool = False) -> Iterator[str]:
        """Run its engine; what it has stays for the next time.

        Args:
            with_tls: Whether it serves only those who show a certificate, and shows one itself.

        Yields:
            Where it is, as DOCKER_HOST says it.
        """
        url = f"tcp://{self.address}:{2376 if with_tls else 2375}"
        log, settings = self.folder / "dockerd.log", self.folder / "daemon.json"
        settings.write_text("{}")  # and not those of this machine's engine
        tls = self._tls_options() if with_tls else []
        command = [
            *("setpriv", "--pdeathsig", "TERM", "nsenter", f"--net=/run/netns/{self.name}"),
            *("dockerd", "--host", url, "--config-file", str(settings)),
            *("--data-root", str(self.folder / "data")),
            *("--exec-root", str(self.folder / "exec"), "--pidfile", str(self.folder / "pid")),
            # Where another engine's containerd runs, ours shares it and not what is in it.
            *("--containerd-namespace", self.name),
            *("--containerd-plugins-namespace", f"{self.name}-plugins"),
            *tls,
        ]
        with log.open("wb") as said:
            engine = subprocess.Popen(command, stdout=said, stderr=said, env=_environment())
        try:
            wait_for(
                lambda: engine.poll() is not None or self._listens(url),
                what=f"a second engine to answer on {url}",
                deadline_s=_STARTS_S,
                every_s=0.1,
                diagnosis=lambda: log.read_text()[-2000:],
            )
            assert engine.poll() is None, log.read_text()[-2000:]
            yield url
        finally:
            engine.terminate()
            try:
                engine.wait(_ENDS_S)
            finally:
                engine.kill()
                engine.wait()

    def _listens(self, url: str) -> bool:
        """Whether its engine does; asked without TLS: whom a client trusts is for tests to ask."""
        port = int(url.rpartition(":")[2])
        with socket.socket() as probe:
            probe.settimeout(2)
            return probe.connect_ex((self.address, port)) == 0

    def client(self, url: str) -> docker.DockerClient:
        """A client of its engine, where that serves without TLS."""
        return docker.DockerClient(base_url=url)

    def _tls_options(self) -> list[str]:
        authority, server = trustme.CA(), self.folder / "server"
        for folder, names in ((server, self.address), (self.certificates, "client.contoso.com")):
            folder.mkdir(exist_ok=True)
            issued = authority.issue_cert(names)
            authority.cert_pem.write_to_path(str(folder / "ca.pem"))
            issued.private_key_pem.write_to_path(str(folder / "key.pem"))
            issued.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
        files = {"cacert": "ca.pem", "cert": "cert.pem", "key": "key.pem"}
        return ["--tlsverify", *(f"--tls{what}={server / file}" for what, file in files.items())]


@contextlib.contextmanager
def another_machine() -> Iterator[Machine]:
    """A network namespace with a link to this one; what ran in it is ended, and all of it goes."""
    number = os.getpid() % 250
    name = f"rd{os.getpid()}"
    here, there = f"198.18.{number}.1", f"198.18.{number}.2"  # RFC 2544: nobody's
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(folder_in_memory())
        _ip("netns", "add", name)
        stack.callback(_ip, "netns", "delete", name)  # and with it both ends of the link
        _ip(*f"link add {name}h type veth peer name {name}m netns {name}".split())
        _ip(*f"address add {here}/30 dev {name}h".split())
        _ip(*f"link set {name}h up".split())
        _ip(*f"-n {name} address add {there}/30 dev {name}m".split())
        for each in (f"{name}m", "lo"):
            _ip("-n", name, "link", "set", each, "up")
        _ip(*f"-n {name} route add default via {here}".split())
        yield Machine(name, there, folder)


def load_image(engine: docker.DockerClient, machine: Machine, url: str) -> None:
    """Give its engine the image of the fakes that this machine's engine has."""
    image = engine.images.get(IMAGES["node"].exact_tag)
    with contextlib.closing(machine.client(url)) as other:
        other.api.timeout = _LOADED_S
        told = other.api.load_image(image.save(named=IMAGES["node"].exact_tag))  # type: ignore[no-untyped-call]
        assert not [each for each in told or () if "error" in each]


def _environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:{_SYSTEM}"}


@contextlib.contextmanager
def folder_in_memory() -> Iterator[Path]:
    """A folder for an engine, whose 20,000 files go at once; from a disk that may take minutes.

    Whatever is mounted in it goes with it. Its path is short, for sockets lie in it.
    """
    folder = Path(tempfile.mkdtemp(prefix="rd-", dir="/tmp"))
    _run("mount", "-t", "tmpfs", "-o", f"size={_MEMORY}", "relaydrill", str(folder))
    try:
        yield folder
    finally:
        mounted = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
        # What is mounted last lies innermost.
        for each in reversed([place for place in mounted if f"{place}/".startswith(f"{folder}/")]):
            _run("umount", "--lazy", each)
        folder.rmdir()


def _ip(*arguments: str) -> None:
    _run("ip", *arguments)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=30, env=_environment())

"""One node's container, from its creation to its removal."""

from __future__ import annotations

import contextlib
import io
import tarfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from docker.errors import APIError, NotFound
from docker.models.containers import Container
from docker.models.networks import Network as EngineNetwork
from docker.types import EndpointConfig, LogConfig
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network

from relaydrill.drivers.docker.engine import engine_errors, environment, moment_of
from relaydrill.drivers.docker.logs import LogFollower
from relaydrill.drivers.docker.seating import BINDS_ELSEWHERE
from relaydrill.errors import LabError
from relaydrill.images import image_for
from relaydrill.placement import Seat

_API_VERSION: Final = "1.41"
_LAST_LINES: Final = 8


class _Filled(DockerContainer):
    """A container into which files are put all at once, before it starts."""

    def _transfer_into_container(
        self, transferable: bytes | Path, destination_in_container: str, mode: int
    ) -> None:
        """Unpack an archive in it; testcontainers would make one of each file."""
        assert self._container
        assert isinstance(transferable, bytes)
        self._container.put_archive(destination_in_container, transferable)


def _packed(files: Mapping[str, bytes]) -> bytes:
    """An archive of files by path, which ends where an archive ends: with two blocks of zeros.

    Python's has more of them behind that, and Podman 4.3, which has read to the end, calls these a
    broken pipe.
    """
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size, member.mode = len(content), 0o644
            archive.addfile(member, io.BytesIO(content))
        end = archive.offset
    return packed.getvalue()[: end + 2 * tarfile.BLOCKSIZE]


@dataclass(eq=False)
class NodeContainer:
    """A node in a container.

    Attributes:
        name: The node's.
        address: On the lab's network.
        journal: File to which its standard output is copied.
        published: Port of this machine by port of the container.
        is_cut_off: Whether it was taken off the network, or may have been.
        is_paused: Whether it was frozen, or may have been.
        was_told_to_end: Whether its end is no accident.
        second: Its IPv6 address there; empty where it has none.
    """

    name: str
    address: str
    journal: Path
    published: Mapping[int, int]
    is_cut_off: bool = False
    is_paused: bool = False
    was_told_to_end: bool = False
    second: str = ""
    _made: DockerContainer | None = None
    _adopted: Container | None = None
    _follower: LogFollower | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def adopt(cls, name: str, container: Container, *, seat: Seat, journal: Path) -> NodeContainer:
        """A node whose container somebody else has made.

        Args:
            name: The node's.
            container: Its container.
            seat: Where it sits.
            journal: File to which its standard output is copied.
        """
        bindings = container.attrs["HostConfig"]["PortBindings"] or {}
        published = {
            int(inside.partition("/")[0]): int(outside[0]["HostPort"])
            for inside, outside in bindings.items()
        }
        return cls(name, seat.address, journal, published, second=seat.second, _adopted=container)

    def create(
        self,
        *,
        kind: str,
        network: Network,
        labels: Mapping[str, str],
        container_name: str,
        files: Mapping[str, bytes],
        publish_on: str,
        admin_of_its_network: bool = False,
        may_lack_its_vips: bool = False,
    ) -> None:
        """Create and start it.

        Args:
            kind: The node's.
            network: Where it shall have its address.
            labels: Its labels at the engine.
            container_name: Its name at the engine.
            files: Put into it before it starts, by path.
            publish_on: Address of the engine's machine on which its ports are published.
            admin_of_its_network: Whether it may change addresses and filters of its own.
            may_lack_its_vips: Whether it may listen on addresses that it does not have.

        Raises:
            LabError: The engine cannot.
        """
        made = _Filled(
            image_for(kind).exact_tag,
            docker_client_kw={"environment": environment()},
            name=container_name,
        )
        self._made = made
        # testcontainers would publish on every address of this machine.
        ports: dict[str, Any] = {
            f"{inside}/tcp": (publish_on, outside) for inside, outside in self.published.items()
        }
        made.ports.update(ports)
        made.with_copy_into_container(_packed(files), "/")
        made.with_kwargs(
            hostname=self.name,
            labels=dict(labels),
            cap_add=["NET_ADMIN"] if admin_of_its_network else [],
            sysctls=dict(BINDS_ELSEWHERE) if may_lack_its_vips else {},
            network=network.name,
            networking_config={
                network.name: EndpointConfig(
                    _API_VERSION, ipv4_address=self.address, ipv6_address=self.second or None
                )
            },
            # The engine's own settings may bound a log, and it is the journal.
            log_config=LogConfig(type="json-file", config={"max-size": "1t"}),
        )
        with engine_errors(f"start {self.name}"):
            made.start()
            self.follower.follow()

    @property
    def published_on(self) -> str:
        """The address of the engine's machine on which it is published; empty: on all, or none."""
        bindings = self.container.attrs["HostConfig"]["PortBindings"] or {}
        return next((str(each[0].get("HostIp", "")) for each in bindings.values()), "")

    @property
    def follower(self) -> LogFollower:
        """What copies its journal."""
        if self._follower is None:
            self._follower = LogFollower(self.container, self.journal)
        return self._follower

    def is_alive(self) -> bool:
        """Whether it runs, paused or not."""
        return self._status() in ("running", "paused")

    def unwanted_death(self) -> str:
        """How it ended by itself, with its last words; empty if it did not."""
        if self.was_told_to_end or self.is_alive():
            return ""
        code = self.container.attrs["State"].get("ExitCode")
        return f"exit status {code}{self.last_words()}"

    def has_said(self, words: bytes) -> bool:
        """Whether these are among what it has journalled since it was started."""
        with engine_errors(f"read the log of {self.name}"):
            self.container.reload()
            since = moment_of(self.container.attrs["State"].get("StartedAt"))
            return words in self.container.logs(stderr=False, since=since or 1)

    def last_words(self) -> str:
        """The end of what it said on its standard error."""
        with contextlib.suppress(Exception):  # this is for a message that matters more
            said = self.container.logs(stdout=False, stderr=True, tail=_LAST_LINES)
            if lines := said.decode(errors="replace").split("\n"):
                return "; the end of its log:\n  " + "\n  ".join(line for line in lines if line)
        return ""

    def kill(self) -> None:
        """End it without warning; one that ends just now has ended."""
        self.was_told_to_end = True
        with engine_errors(f"kill {self.name}"):
            try:
                self.container.kill()
            except APIError:
                if self.is_alive():
                    raise
            self.container.wait()
        self.is_paused = False

    def stop(self, patience_s: int) -> None:
        """End it in good order."""
        self.was_told_to_end = True
        with engine_errors(f"stop {self.name}"):
            self.resume()  # a frozen program could not hear it
            self.container.stop(timeout=patience_s)

    def start_again(self) -> None:
        """Start it after its end."""
        with engine_errors(f"start {self.name} again"):
            self.follower.finish()
            self.container.start()
            self.follower.follow()
        # Last: one whose start was cut short is started once more, and followed then.
        self.was_told_to_end = False

    def pause(self) -> None:
        """Freeze it."""
        self.is_paused = True  # already while it is being done: that may be cut short
        with engine_errors(f"pause {self.name}"):
            self.container.pause()

    def resume(self) -> None:
        """Let it go on, if it is paused."""
        if not self.is_paused:
            return
        with engine_errors(f"resume {self.name}"):
            if self._status() == "paused":
                self.container.unpause()
        self.is_paused = False

    def cut_off(self, network: EngineNetwork) -> None:
        """Take it off the network."""
        self.is_cut_off = True
        with engine_errors(f"cut {self.name} off"):
            network.disconnect(self.container)

    def reconnect(self, network: EngineNetwork) -> None:
        """Put it on the network again, with its old addresses, if it was cut off."""
        if not self.is_cut_off:
            return
        with engine_errors(f"connect {self.name} again"):
            if not self._is_on(network):
                network.connect(
                    self.container,
                    ipv4_address=self.address,
                    ipv6_address=self.second or None,
                )
        self.is_cut_off = False

    def fetch(self, folder: str, into: Path) -> None:
        """Copy the files of a folder out of it, whatever state it is in.

        Raises:
            LabError: It has no such folder, or the engine cannot.
        """
        with engine_errors(f"copy {folder} out of {self.name}"):
            chunks, _ = self.container.get_archive(folder)
            packed = io.BytesIO(b"".join(chunks))
        with tarfile.open(fileobj=packed) as archive:
            for member in archive:
                if content := archive.extractfile(member):
                    target = into / member.name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(content.read())

    def remove(self) -> None:
        """Take it away, whatever state it is in."""
        made = self._made
        if made is None:
            return
        try:
            if made._container is not None:
                with engine_errors(f"remove {self.name}"), contextlib.suppress(NotFound):
                    made._container.remove(force=True, v=True)
        finally:
            self.let_go()
            made.get_docker_client().client.close()

    def let_go(self) -> None:
        """Follow it no more, and leave it as it is."""
        if self._follower:
            self._follower.give_up()

    @property
    def container(self) -> Container:
        """What the engine knows.

        Raises:
            LabError: It was not started.
        """
        if self._adopted is not None:
            return self._adopted
        if self._made is None:
            raise LabError(f"{self.name} was not started")
        return self._made.get_wrapped_container()

    def _is_on(self, network: EngineNetwork) -> bool:
        self._status()
        return network.name in self.container.attrs["NetworkSettings"]["Networks"]

    def _status(self) -> str:
        try:
            with self._lock:
                self.container.reload()
        except NotFound:
            return "removed"
        return str(self.container.status)

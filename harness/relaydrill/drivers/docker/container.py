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

from docker.errors import NotFound
from docker.models.containers import Container
from docker.models.networks import Network as EngineNetwork
from docker.types import EndpointConfig, LogConfig
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network

from relaydrill.drivers.docker.engine import told
from relaydrill.drivers.docker.logs import LogFollower
from relaydrill.drivers.docker.seating import BINDS_ELSEWHERE
from relaydrill.errors import LabError
from relaydrill.images import image_for

_API_VERSION: Final = "1.41"
_LAST_LINES: Final = 8


@dataclass(eq=False)
class NodeContainer:
    """A node in a container.

    Attributes:
        name: The node's. address: On the lab's network.
        journal: File to which its standard output is copied.
        published: Port of this machine by port of the container.
    """

    name: str
    address: str
    journal: Path
    published: Mapping[int, int]
    is_cut_off: bool = False
    is_paused: bool = False
    _told_to_end: bool = False
    _made: DockerContainer | None = None
    _adopted: Container | None = None
    _follower: LogFollower | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def adopt(
        cls, name: str, container: Container, *, address: str, journal: Path
    ) -> NodeContainer:
        """A node whose container somebody else has made."""
        bindings = container.attrs["HostConfig"]["PortBindings"] or {}
        published = {
            int(inside.partition("/")[0]): int(outside[0]["HostPort"])
            for inside, outside in bindings.items()
        }
        return cls(name, address, journal, published, _adopted=container)

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
            kind: The node's. network: Where it shall have its address.
            labels, container_name: As the engine shall know it.
            files: Put into it before it starts, by path.
            publish_on: Address of the machine on which its ports are published.
            admin_of_its_network: Whether it may change addresses and filters of its own.
            may_lack_its_vips: Whether it may listen on addresses that it does not have.

        Raises:
            LabError: The engine cannot.
        """
        made = DockerContainer(image_for(kind).exact_tag, name=container_name)
        self._made = made
        # testcontainers would publish on every address of this machine.
        made.ports.update(self._port_bindings(publish_on))
        for path, content in files.items():
            made.with_copy_into_container(content, path)
        made.with_kwargs(
            hostname=self.name,
            labels=dict(labels),
            cap_add=["NET_ADMIN"] if admin_of_its_network else [],
            sysctls=dict(BINDS_ELSEWHERE) if may_lack_its_vips else {},
            network=network.name,
            networking_config={
                network.name: EndpointConfig(_API_VERSION, ipv4_address=self.address)
            },
            # The engine's own settings may bound a log, and it is the journal.
            log_config=LogConfig(type="json-file", config={"max-size": "1t"}),
        )
        with told(f"start {self.name}"):
            made.start()
            self.follower.follow()

    @property
    def follower(self) -> LogFollower:
        """What copies its journal."""
        if self._follower is None:
            self._follower = LogFollower(self._container, self.journal)
        return self._follower

    def is_alive(self) -> bool:
        """Whether it runs, paused or not."""
        return self._status() in ("running", "paused")

    def unwanted_death(self) -> str:
        """How it ended by itself, with its last words; empty if it did not."""
        if self._told_to_end or self.is_alive():
            return ""
        code = self._container.attrs["State"].get("ExitCode")
        return f"exit status {code}{self.last_words()}"

    def last_words(self) -> str:
        """The end of what it said on its standard error."""
        with contextlib.suppress(Exception):  # this is for a message that matters more
            said = self._container.logs(stdout=False, stderr=True, tail=_LAST_LINES)
            if lines := said.decode(errors="replace").split("\n"):
                return "; the end of its log:\n  " + "\n  ".join(line for line in lines if line)
        return ""

    def kill(self) -> None:
        """End it without warning."""
        self._told_to_end = True
        with told(f"kill {self.name}"):
            self._container.kill()
            self._container.wait()
        self.is_paused = False

    def stop(self, patience_s: int) -> None:
        """End it in good order."""
        self._told_to_end = True
        with told(f"stop {self.name}"):
            if self.is_paused:
                self._container.unpause()  # a frozen program could not hear it
                self.is_paused = False
            self._container.stop(timeout=patience_s)

    def start_again(self) -> None:
        """Start it after its end."""
        with told(f"start {self.name} again"):
            self.follower.finish()
            self._container.start()
            self._told_to_end = False
            self.follower.follow()

    def pause(self) -> None:
        """Freeze it."""
        with told(f"pause {self.name}"):
            self._container.pause()
        self.is_paused = True

    def resume(self) -> None:
        """Let it go on, if it is paused."""
        if not self.is_paused:
            return
        with told(f"resume {self.name}"):
            self._container.unpause()
        self.is_paused = False

    def cut_off(self, network: EngineNetwork) -> None:
        """Take it off the network."""
        with told(f"cut {self.name} off"):
            network.disconnect(self._container)
        self.is_cut_off = True

    def reconnect(self, network: EngineNetwork) -> None:
        """Put it on the network again, with its old address, if it was cut off."""
        if not self.is_cut_off:
            return
        with told(f"connect {self.name} again"):
            network.connect(self._container, ipv4_address=self.address)
        self.is_cut_off = False

    def fetch(self, folder: str, into: Path) -> None:
        """Copy the files of a folder out of it, whatever state it is in.

        Raises:
            LabError: It has no such folder, or the engine cannot.
        """
        with told(f"copy {folder} out of {self.name}"):
            chunks, _ = self._container.get_archive(folder)
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
        if made is None or made._container is None:
            return
        with told(f"remove {self.name}"), contextlib.suppress(NotFound):
            made._container.remove(force=True, v=True)
        self.let_go()
        made.get_docker_client().client.close()

    def let_go(self) -> None:
        """Follow it no more, and leave it as it is."""
        if self._follower:
            self._follower.give_up()

    @property
    def _container(self) -> Container:
        if self._adopted is not None:
            return self._adopted
        if self._made is None:
            raise LabError(f"{self.name} was not started")
        return self._made.get_wrapped_container()

    def _status(self) -> str:
        try:
            with self._lock:
                self._container.reload()
        except NotFound:
            return "removed"
        return str(self._container.status)

    def _port_bindings(self, publish_on: str) -> dict[str, Any]:
        is_here = publish_on.startswith("127.")
        return {
            f"{inside}/tcp": (publish_on, outside) if is_here else outside
            for inside, outside in self.published.items()
        }

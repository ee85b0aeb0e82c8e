"""What a lab is, and the small protocols of what a driver can do to a node."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

from relaydrill.errors import CapabilityMissing
from relaydrill.nodes.control import ControlClient
from relaydrill.placement import Endpoint, Placement
from relaydrill.topology import Topology


class Lab(Protocol):
    """A topology that is running."""

    @property
    def driver(self) -> str:
        """Name of the driver that runs it."""

    @property
    def topology(self) -> Topology:
        """The design."""

    @property
    def placement(self) -> Placement:
        """Where everything sits."""

    @property
    def directory(self) -> Path:
        """The lab's own directory; its journals lie under ``journals``."""

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a person should know of how it runs: ports that had to be mapped, say."""

    def control(self, node: str) -> ControlClient:
        """The control channel of a node."""

    def reachable(self, host: str, logical: int) -> Endpoint:
        """Where this machine reaches a logical port of a node or a VIP.

        Raises:
            LabError: It does not.
        """

    def journal(self, node: str) -> Path:
        """The file that holds a node's events, with all that it has written by now.

        Under a name that is no node's: where whoever drives the lab may journal by that name.
        """

    def alive(self, node: str) -> bool:
        """Whether a node's program runs; one that is paused counts as running."""

    def deaths(self) -> list[str]:
        """Nodes that ended without having been told to, with how: ``ht1: exit status 1``."""


@runtime_checkable
class CanKill(Protocol):
    """Ends a node's program without warning, as a crash does (SIGKILL)."""

    def kill(self, node: str) -> None:
        """Return when the program is gone."""


@runtime_checkable
class CanStop(Protocol):
    """Ends a node's program in good order (SIGTERM), as stopping its service does."""

    def stop(self, node: str) -> None:
        """Return when the program is gone."""


@runtime_checkable
class CanRestart(Protocol):
    """Starts a node's program again, on its old address and with its old disk."""

    def restart(self, node: str) -> None:
        """Return when it is ready."""


@runtime_checkable
class CanPause(Protocol):
    """Freezes a node's program: connections are still opened by its kernel, then silence."""

    def pause(self, node: str) -> None:
        """Return when it is frozen."""

    def resume(self, node: str) -> None:
        """Let it go on from where it was."""


@runtime_checkable
class CanBlackhole(Protocol):
    """Makes a node's host unreachable: packets to it vanish, nothing is refused."""

    def blackhole(self, node: str) -> None:
        """Return when connecting to it times out."""

    def unblackhole(self, node: str) -> None:
        """Bring it back, its memory as it was."""


@runtime_checkable
class CanIsolate(Protocol):
    """Cuts a node off the network while its program goes on."""

    def isolate(self, node: str) -> None:
        """Return when nothing reaches it any more."""

    def rejoin(self, node: str) -> None:
        """Connect it again, with its old address."""


Capability = TypeVar("Capability")


def require(lab: Lab, capability: type[Capability], verb: str, node: str) -> Capability:
    """The lab, seen through one of the protocols above.

    Raises:
        CapabilityMissing: The driver has no such power.
    """
    if not isinstance(lab, capability):
        raise CapabilityMissing(verb, f"the {lab.driver} driver", node)
    return lab

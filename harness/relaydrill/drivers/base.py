"""What a lab is, and the small protocols of what a driver can do to a node."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from relaydrill.disturbance import Flaw
from relaydrill.endpoint import Endpoint
from relaydrill.errors import CapabilityMissing
from relaydrill.impairment import Impairment
from relaydrill.placement import Placement
from relaydrill.topology import Topology


class Control(Protocol):
    """A node's control channel, or what stands in for it."""

    def __call__(self, op: str, *, timeout_s: float = 10.0, **args: Any) -> Any:
        """Ask, and return the result; see `relaydrill.nodes.control.ControlClient`.

        Raises:
            CapabilityMissing: The node knows no such request.
            ControlError: No connection, no answer within ``timeout_s``, or an error from the node.
        """

    def answers(self) -> bool:
        """Whether the node is up and ready."""


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

    @property
    def queueing(self) -> tuple[str, ...]:
        """The nodes that may hold mail back, and whose queues can be looked into."""

    def control(self, node: str) -> Control:
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
class CanLoseDisk(Protocol):
    """Ends a node's program without warning, and takes away what it had queued."""

    def lose_disk(self, node: str) -> None:
        """Return when the program is gone, and its queue.

        Raises:
            CapabilityMissing: It is a real program, whose queue is its own affair.
        """


@runtime_checkable
class CanStop(Protocol):
    """Ends a node's program in good order (SIGTERM), as stopping its service does."""

    def stop(self, node: str) -> None:
        """Return when the program is gone."""


@runtime_checkable
class CanRestart(Protocol):
    """Starts a node's program again, on its old address and with its old disk."""

    def restart(self, node: str) -> None:
        """Return when it is ready.

        Raises:
            LabError: It runs, and was not told to end; or it does not start.
        """


@runtime_checkable
class CanPause(Protocol):
    """Freezes a node's program: connections are still opened by its kernel, then silence."""

    def pause(self, node: str) -> None:
        """Return when it is frozen."""

    def resume(self, node: str) -> None:
        """Let it go on from where it was."""


@runtime_checkable
class CanCertify(Protocol):
    """Has the lab's own authority sign certificates with a flaw."""

    def certify(self, node: str, flaw: Flaw) -> tuple[str, str]:
        """A certificate of a hub with one thing wrong: its chain and its private key, PEM.

        Raises:
            CapabilityMissing: The authority's key is not at hand any more.
        """


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


@runtime_checkable
class CanImpair(Protocol):
    """Does something to the network between two nodes, one way; both run on."""

    def impair(self, ways: Sequence[tuple[str, str]], impairment: Impairment) -> None:
        """Return when it is done to what goes from the first to the second of each pair.

        Raises:
            CapabilityMissing: Not this; nothing has been done.
        """

    def unimpair(self, label: str) -> None:
        """Lift the impairment of that label, if there is one."""


@runtime_checkable
class KeepsHeals(Protocol):
    """May outlive its harness: how a fault is healed is on disk before the fault begins.

    Not of labs with hooks (`HasHooks`): to break and to heal one by its hook writes and forgets it.
    """

    def write_heal(self, node: str, fault: str, *, goes_on: bool) -> None:
        """Write down how a fault is healed that is about to begin.

        Args:
            node: Which node.
            fault: How it is broken: KIND[.PHASE][%SHARE].
            goes_on: Whether the program of a healed node is as it was: it was frozen, or cut off.

        Raises:
            LabError: It cannot be written; so nothing may be broken.
        """

    def forget_heal(self, node: str, fault: str) -> None:
        """The fault was healed, or did not begin."""


@runtime_checkable
class HasHooks(Protocol):
    """Breaks its nodes as their inventory says, and heals them so."""

    def why_not(self, node: str, fault: str) -> str:
        """Why a fault cannot be done to a node here; empty if it can."""

    def break_by_hook(self, node: str, fault: str) -> None:
        """Do a fault to a node.

        Raises:
            CapabilityMissing: There is no hook for it, or faults are not allowed.
            HarnessError: It failed.
        """

    def heal_by_hook(self, node: str, fault: str) -> None:
        """Put the node right again.

        Raises:
            HarnessError: It did not work.
        """

    def heal_what_is_broken(self) -> None:
        """Put right whatever was broken here and could not be healed.

        Raises:
            HarnessError: It did not work this time, either.
        """


@runtime_checkable
class RunsElsewhere(Protocol):
    """A real lab: not all of it can be seen, and nothing may be broken while it is unhealthy."""

    def begin(self) -> dict[str, Any]:
        """A drill begins: what could not be read until now concerns the drills before it.

        Returns:
            What can be seen of it before any mail; see the kind ``sight`` of `relaydrill.journal`.
        """

    def sight(self) -> dict[str, Any]:
        """What could be seen of it in the end; see the kind ``sight`` of `relaydrill.journal`."""

    def outstanding(self) -> int:
        """How many of this drill's messages were accepted, and have not been seen to arrive."""

    def unsteady(self, since: float, *, needs_mail: bool = True) -> str:
        """Why nothing may be broken now: mail did not flow since then; empty if it did.

        Args:
            since: Monotonic seconds.
            needs_mail: Whether some must have been accepted, or is it enough that none failed.
        """


@runtime_checkable
class FollowsLogs(Protocol):
    """Reads logs that others write, and must not fall behind."""

    def keep_up(self) -> None:
        """Read what has come since; quick, for it is called while faults have their times."""


Capability = TypeVar("Capability")


def require(lab: Lab, capability: type[Capability], verb: str, node: str) -> Capability:
    """The lab, seen through one of the protocols above.

    Raises:
        CapabilityMissing: The driver has no such power.
    """
    if not isinstance(lab, capability):
        raise CapabilityMissing(verb, f"the {lab.driver} driver", node)
    return lab

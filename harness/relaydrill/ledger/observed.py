"""What the journals tell besides the mail: traffic, faults, beliefs, stalls. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

ANY_PORT: Final = 0
"""The port of traffic that serves every flow: a name server's."""

UNSEEN: Final = "unseen"
"""The state of a server in a `Belief` from when on nobody can see what its balancer believes."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """A node took mail, or a connection: the proof that it was in the path.

    What a node passes on is no such proof: a hub that takes nothing may still empty its queue.
    """

    mono: float
    message: str
    port: int


@dataclass(slots=True)
class FaultWindow:
    """When one fault was injected and healed; monotonic seconds, None for what did not happen.

    Attributes:
        inject: Begin of the injection.
        injected: End of the injection.
        heal: Begin of the healing.
        healed: End of the healing.
        error: Why it could not be injected; empty if it was.
        by_hook: Whether the inventory's hook did it: the node then says nothing of it itself.
    """

    label: str
    kind: str
    node: str
    inject: float
    injected: float | None = None
    heal: float | None = None
    healed: float | None = None
    error: str = ""
    by_hook: bool = False

    @property
    def until(self) -> float:
        """When its heal began; infinite where it did not."""
        return float("inf") if self.heal is None else self.heal

    def is_in_force(self, moment: float) -> bool:
        """Whether a moment lies in it, its injection and its heal included."""
        return self.inject <= moment < (float("inf") if self.healed is None else self.healed)

    def overlaps(self, other: FaultWindow) -> bool:
        """Whether two faults were in force at once, a heal being over when it is done."""
        ends = [each.healed if each.healed is not None else float("inf") for each in (self, other)]
        return self.inject < ends[1] and other.inject < ends[0]


@dataclass(frozen=True, slots=True)
class Bite:
    """A service fault acted on a session, by the word of the node that suffers it.

    Attributes:
        fault: Its kind.
        port: The logical port of the session; `ANY_PORT`: it is not known.
        client: Whose session it was, by address; empty where it is not known.
        probe: Whether it was a health check's.
    """

    mono: float
    fault: str
    port: int = ANY_PORT
    client: str = ""
    probe: bool = False


@dataclass(frozen=True, slots=True)
class PutOff:
    """A healthy server put a client off for a limit of its own, by its own word.

    Attributes:
        node: Which server.
        limit: The setting of its connector; see `relaydrill.node_settings.Limit`.
        connector: The connector.
        port: The logical port of the session.
        phase: At which phase of it.
        code: Of the reply.
        client: Whom, by address.
    """

    mono: float
    node: str
    limit: str
    connector: str
    port: int
    phase: str
    code: int
    client: str


@dataclass(frozen=True, slots=True)
class Belief:
    """What a balancer came to believe of a backend: ``up``, ``down``, ``drain`` or ``maint``.

    Or `UNSEEN`.

    ``port`` is the logical port, for each is checked by itself.
    """

    mono: float
    balancer: str
    backend: str
    state: str
    port: int = 0


@dataclass(frozen=True, slots=True)
class Stall:
    """A time in which the machine itself stood still, or starved; monotonic seconds.

    Attributes:
        lost_s: What a program lost of it: the watch of the machine, which mostly sleeps, so that
            one that has to compute loses more; or a node.
    """

    begin: float
    end: float
    lost_s: float

"""What is told of one run: a tier, its flows, what breaks, and what is wrong. Pure data.

Times of the tier are field seconds, as a topology has them; those of faults count from the begin of
the workload.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final, Literal

DOMAIN: Final = "contoso.com"
RECIPIENT: Final = f"user@{DOMAIN}"
ARCHIVE: Final = f"archive@{DOMAIN}"

Archive = Literal["", "known", "unknown"]
Kind = Literal["vip", "mx"]
Persona = Literal["single_host", "rfc5321", "pinned_mx", "lowest_mx"]

SILENCING: Final = frozenset({"kill", "stop", "pause", "refuse"})
"""Faults after which a node takes nothing; all others act on the sessions that it has."""

CLOSING: Final = frozenset({"kill", "stop", "refuse"})
"""Faults after which nobody listens."""

PHASES: Final = (
    "banner",
    "ehlo",
    "starttls",
    "auth",
    "mail",
    "rcpt",
    "data",
    "body",
    "dot",
    "reply",
)
"""The steps of a session, in order."""


@dataclass(frozen=True)
class HealthCheck:
    """How a balancer looks at its backends."""

    kind: Literal["none", "tcp", "smtp", "mail"]
    interval: float
    timeout: float
    fall: int
    rise: int

    @property
    def longest(self) -> float:
        """Of one check: of its connecting (no longer than an interval), or of its answer."""
        return max(self.timeout, min(5.0, self.interval))

    @property
    def back(self) -> float:
        """How long a backend may take to be used again, as docs/ say."""
        return self.longest + self.interval * (self.rise + 1)


@dataclass(frozen=True)
class Balancer:
    """A balancer before hubs.

    Attributes:
        redispatch: Whether it tries the next backend where one refuses the connection.
        stuck: A defect: ``green`` never marks a backend down, though its check should; ``down``
            never brings one back; ``rare`` gives one that is back an eighth of its turns.
    """

    name: str
    vip: str
    backends: tuple[str, ...]
    check: HealthCheck
    redispatch: bool = False
    stuck: Literal["", "green", "down", "rare"] = ""


@dataclass(frozen=True)
class Promise:
    """What a flow promises."""

    gap: float
    degraded: float | None = None
    deferral: bool = False
    duplicated: int | None = None
    spread: tuple[str, ...] = ()

    @property
    def degraded_s(self) -> float:
        """How long attempts may fail after a fault, or its heal."""
        return self.gap if self.degraded is None else self.degraded


@dataclass(frozen=True)
class Flow:
    """Who sends what where.

    Attributes:
        balancer: By which it goes; empty where it goes by MX.
        pin: The MX host of a ``pinned_mx`` persona.
    """

    name: str
    sender: str
    persona: Persona
    port: int
    rate: float
    promise: Promise
    balancer: str = ""
    pin: str = ""
    population: int = 1


@dataclass(frozen=True)
class Fault:
    """One fault of the plan, and what truly came of it.

    Attributes:
        works: Whether it does anything; a fault that does nothing is injected and healed as any.
        possible: Whether the lab can do it at all; else the harness says that it cannot.
        after: What the node does once it is healed: ``whole``, or it still ``refuses`` all mail.
    """

    kind: str
    node: str
    start: float
    duration: float
    phase: str = ""
    works: bool = True
    possible: bool = True
    after: Literal["whole", "refuses"] = "whole"

    @property
    def kind_text(self) -> str:
        """``tempfail.mail``."""
        return f"{self.kind}.{self.phase}" if self.phase else self.kind

    @property
    def label(self) -> str:
        """As the harness journals it."""
        return f"{self.kind_text}:{self.node}"

    @property
    def for_good(self) -> bool:
        """Whether it is healed only when all is over."""
        return math.isinf(self.duration)

    @property
    def end(self) -> float:
        """When it is healed."""
        return self.start + self.duration

    def __str__(self) -> str:
        lasting = "forever" if self.for_good else f"{self.duration:g}s"
        return f"{self.label}@{self.start:g}s+{lasting}"


SlipKind = Literal[
    "lost",
    "lost-behind",
    "altered",
    "duplicated",
    "phantom",
    "stuck",
    "refused",
    "late",
    "discarded",
    "handed-on",
    "filtered",
    "discarded-by-filter",
    "released",
    "held",
    "archived-alone",
]

EXITS: Final[dict[str, tuple[str, ...]]] = {
    "discarded": ("discarded",),
    "handed-on": ("handed-on",),
    "filtered": ("handed-on", "stored"),
    "discarded-by-filter": ("handed-on", "discarded"),
    "released": ("discarded", "handed-on"),
}
"""Slips by which a hub's mail leaves by another way than to the mailbox, and by which ways."""


@dataclass(frozen=True)
class Slip:
    """Something that goes wrong without a fault.

    Attributes:
        begin: From when on the flow's attempts may suffer it, field seconds.
        end: Until when they may, field seconds.
        most: How many do, at most.
    """

    kind: SlipKind
    flow: str
    begin: float
    end: float
    most: int


@dataclass(frozen=True)
class Mx:
    """One MX record with its host's addresses."""

    host: str
    preference: int
    nodes: tuple[str, ...]


@dataclass(frozen=True)
class Acceptance:
    """A weakness that the author accepts."""

    node: str
    flows: tuple[str, ...]


@dataclass(frozen=True)
class Story:
    """All of one run. The same story is played the same way, always.

    Attributes:
        noise: Seed of the small delays.
        name_servers: In the order in which senders ask them.
        stalls: When the machine was a little busy, field seconds; it spoilt nothing.
        archive: Whether an archive gets a copy of all mail, and whether that is known of it.
        unread: Whether a log could not be read whole.
    """

    noise: int
    kind: Kind
    name_servers: tuple[str, ...]
    clock: float
    hubs: tuple[str, ...]
    edges: tuple[str, ...]
    balancers: tuple[Balancer, ...]
    exchangers: tuple[Mx, ...]
    flows: tuple[Flow, ...]
    faults: tuple[Fault, ...]
    slips: tuple[Slip, ...]
    length: float
    settle: float
    seed: int = 1
    stalls: tuple[float, ...] = ()
    accept: tuple[Acceptance, ...] = field(default=())
    archive: Archive = ""
    unread: bool = False

    def balancer(self, name: str) -> Balancer:
        """One by its name."""
        return next(each for each in self.balancers if each.name == name)

    @property
    def servers(self) -> tuple[str, ...]:
        """What senders are led to, behind balancers or not."""
        return self.edges if self.kind == "mx" else self.hubs

    def told(self) -> str:
        """For a person: what happens, in a few lines."""
        lines = [f"{self.kind}, clock {self.clock:g}, {self.length:g} s; hubs {self.hubs}"]
        lines += [f"  {each}" for each in (*self.balancers, *self.exchangers, *self.flows)]
        lines += [f"  {each} works={each.works} after={each.after}" for each in self.faults]
        lines += [f"  {each}" for each in (*self.slips, *self.accept)]
        lines += [f"  archive {self.archive or 'none'}, unread {self.unread}"]
        return "\n".join(lines)

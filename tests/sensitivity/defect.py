"""What a defect is: a design with one thing wrong, and the finding that it must give. Frozen data.

The change is YAML over a base topology, so that an entry reads as a person would write the mistake.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, Literal

from relaydrill import topology_files
from relaydrill.topology import Topology
from relaydrill.verdict import Status

from .course import Judged

Subject = Literal[
    "balancers",
    "health checks",
    "connectors",
    "DNS",
    "Edge",
    "hubs",
    "identity",
    "queues",
    "certificates",
    "capacity",
    "recovery",
    "WNLB",
    "sites",
    "durability",
    "evidence",
    "chance",
    "attribution",
    "time",
    "excuses",
    "causes",
    "arrivals",
    "gray failures",
]


@dataclass(frozen=True, slots=True)
class Finding:
    """What the harness must say.

    Attributes:
        check: Which check says it; ``policy``, ``plan``, or a rule of the linter; ``cause`` for
            what a person is told in words of what did not hold.
        says: Words that its summary must contain, each of them.
        never: Words that it must not.
        where: The flow; the question of a policy; what is gone in a plan; empty: anywhere.
        status: Fail, or unknown where nothing more can be known.
    """

    check: str
    says: tuple[str, ...]
    where: str = ""
    status: Status = Status.FAIL
    never: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Drilled:
    """Found by a drill: mail is sent while this is broken.

    Attributes:
        faults: As `relaydrill.drills.drill_plan.plan` takes them.
        flows: Which send.
    """

    faults: tuple[str, ...] = ()
    flows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """Found by ``relaydrill policy``: every entry point is asked."""


@dataclass(frozen=True, slots=True)
class Planned:
    """Found by ``relaydrill plan``: arithmetic alone."""


@dataclass(frozen=True, slots=True)
class Linted:
    """Found by ``relaydrill lint``: read off the design."""


@dataclass(frozen=True, slots=True)
class Tampered:
    """Found by judging the journals of a steady drill, into which the defect is written.

    For what no part of a lab can be made to do. Of ``node``'s events of ``kind`` each
    ``every``-th gets ``detail``; without any detail it is left out.
    """

    node: str
    kind: str
    every: int = 10
    detail: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    flows: tuple[str, ...] = ()


Way = Drilled | Asked | Planned | Linted | Tampered | Judged


@dataclass(frozen=True, slots=True)
class Renewal:
    """A certificate that somebody has put on a hub, which was then started anew.

    Attributes:
        node: The hub.
        names: What the certificate bears.
        trusted: Whether the clients know who issued it.
        expired: Whether it has run out.
    """

    node: str
    names: tuple[str, ...]
    trusted: bool = True
    expired: bool = False


@dataclass(frozen=True, slots=True)
class Defect:
    """One thing that is wrong with a tier.

    Attributes:
        id: For a person and for ``--only``.
        subject: What it is a matter of.
        wrong: What is wrong, in the words of the field.
        change: YAML over ``base``; without a base, a whole topology.
        way: How it is found.
        findings: What must be said of it, each of them.
        containers: Whether its lab is one of containers.
        renewed: Certificates that were put in its hubs.
        lints: Rules of the linter that name it, too, before anything runs.
    """

    id: str
    subject: Subject
    wrong: str
    change: str
    way: Way
    findings: tuple[Finding, ...]
    base: str = "sharepoint"
    containers: bool = False
    renewed: tuple[Renewal, ...] = ()
    lints: tuple[str, ...] = ()

    @property
    def needs_lab(self) -> bool:
        """Whether a lab has to run for it."""
        return isinstance(self.way, Drilled | Asked | Tampered)

    def read(self) -> Defect:
        """The same design as one for the linter."""
        findings = tuple(Finding(rule, ()) for rule in self.lints)
        return replace(
            self, id=f"lint-{self.id}", way=Linted(), findings=findings, renewed=(), lints=()
        )

    def topology(self) -> Topology:
        """The design with the defect in it.

        Raises:
            TopologyError: It is no valid design; such a mistake is not one for a drill.
        """
        head = f"extends: {self.base}\n" if self.base else ""
        return topology_files.parse(f"{head}name: defect\n{self.change}", f"{self.id}.yaml")


GONE: Final = "@10s+30s"
"""After a second of the wall clock, for twice as long as the built-in design may be degraded.

One that is hardly longer than the promise is undecided on a busy machine more often than not."""

"""What a rule is, and what it finds."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from relaydrill.marks import Path, dotted
from relaydrill.topology import Topology


class Severity(enum.StrEnum):
    """How bad a finding is, the worst first."""

    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 is the worst."""
        return [*Severity].index(self)

    def at_least(self, other: Severity) -> bool:
        """Whether it is as bad as another, or worse."""
        return self.rank <= other.rank


Found = tuple[Path, str]
"""Where, and what is wrong in words that name the nodes."""


@dataclass(frozen=True, slots=True)
class LintFinding:
    """A rule of the design that a topology breaks, or a file.

    Attributes:
        rule: The rule's id.
        severity: Of the rule.
        where: Path of keys in the topology; perhaps to a default that its file does not write. In
            another file, what stands there.
        summary: What is wrong.
        remedy: What to do.
        reason: Why its author lets it stand; empty if it is not suppressed.
    """

    rule: str
    severity: Severity
    where: Path
    summary: str
    remedy: str
    reason: str = ""

    @property
    def at(self) -> str:
        """The path as messages write it, and a suppression's ``at``: ``nodes.lb1.backends[2]``."""
        return dotted(self.where)

    @property
    def suppressed(self) -> bool:
        """Whether its author knows it and lets it stand."""
        return bool(self.reason)


Check = Callable[[Topology], Iterator[Found]]


@dataclass(frozen=True, slots=True)
class RuleText:
    """What a rule says, whatever it is read off.

    Attributes:
        id: Names it, in kebab-case.
        severity: Of what it finds.
        fact: The sentence behind it, with its source.
        remedy: What to do.
    """

    id: str
    severity: Severity
    fact: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Rule(RuleText):
    """A rule of the design that can be read off a topology.

    Attributes:
        check: Finds what breaks it.
        single_point: Whether it is about one node whose loss stops mail: then an ``accept`` of that
            node is a suppression, too.
    """

    check: Check
    single_point: bool = False

    def findings(self, topology: Topology) -> Iterator[LintFinding]:
        """What breaks it in a topology."""
        for where, summary in self.check(topology):
            yield LintFinding(self.id, self.severity, where, summary, self.remedy)


def rule(
    name: str, severity: Severity, *, fact: str, remedy: str, single_point: bool = False
) -> Callable[[Check], Rule]:
    """Make the function below it a `Rule`; the arguments are its attributes."""

    def made(check: Check) -> Rule:
        return Rule(name, severity, fact, remedy, check, single_point)

    return made


COLUMN: Final = "TechNet Magazine, Exchange Queue & A, 2008"
"""The column that asked for most of these rules."""

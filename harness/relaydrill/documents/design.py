"""What needs no lab: ``lint --json``, ``lint --rules --json``, ``plan --json`` and the lists."""

from __future__ import annotations

from typing import Final, Literal, NotRequired

from typing_extensions import TypedDict

from relaydrill.documents.formats import Format
from relaydrill.documents.yearly_cost import YearlyCostDocument
from relaydrill.lint.rule import Severity

LINT: Final = Format(
    "relaydrill.lint",
    1,
    what="What breaks the rules of the design, by topology and by file.",
    where="lint --json",
)
LINT_RULES: Final = Format(
    "relaydrill.lint-rules",
    1,
    what="The rules of the design, with the facts behind them.",
    where="lint --rules --json",
)
PLAN: Final = Format(
    "relaydrill.plan",
    1,
    what="Which server gets what share of the mail, for each loss.",
    where="plan --json",
)
FAULTS: Final = Format(
    "relaydrill.faults",
    1,
    what="What can be done to a node.",
    where="faults --json",
)
TOPOLOGIES: Final = Format(
    "relaydrill.topologies",
    1,
    what="The built-in topologies.",
    where="topologies --json",
)


class LintFindingDocument(TypedDict):
    """A rule of the design that a topology breaks, or a configuration file."""

    file: str
    """The file that says it: that of a built-in, where the topology extends one."""
    line: int
    """The line, from 1 on; 0: none."""
    rule: str
    """The rule's id; see the format lint-rules."""
    severity: Severity
    """Of the rule."""
    at: str
    """Where in the topology, as a suppression names it: `nodes.lb1.backends[2]`; in a file, what
    stands there: `backend.hubs.server.ht2`."""
    where: list[str | int]
    """The same as keys and positions from the top of the topology."""
    summary: str
    """What is wrong."""
    remedy: str
    """What to do."""
    suppressed: bool
    """Whether the topology's author lets it stand."""
    reason: str
    """Why; empty if it is not suppressed."""


class LintedDocument(TypedDict):
    """What was found in one topology."""

    source: str
    """As it was named on the command line."""
    topology: str
    """The topology's name."""
    findings: list[LintFindingDocument]
    """In the order of the lines."""


class LintNoteDocument(TypedDict):
    """What was not understood of a file."""

    file: str
    """The file."""
    line: int
    """The line, from 1 on; 0: none."""
    what: str
    """What it is, and what was done with it."""


class LintedFileDocument(TypedDict):
    """What was found in one configuration file of the user's own, or several of one program."""

    source: str
    """As it was named on the command line."""
    kind: str
    """The program, as `lint --as` names it: `haproxy`."""
    findings: list[LintFindingDocument]
    """In the order of the lines."""
    notes: list[LintNoteDocument]
    """What was not understood, in the order of the lines."""


LintStatus = Literal["pass", "fail", "unknown", "unreadable"]


class LintDocument(TypedDict):
    """What breaks the rules of the design, by topology and by file."""

    format: Literal["relaydrill.lint"]
    version: Literal[1]
    status: LintStatus
    """`fail`: something is as bad as `fail_on`; `unknown`: no rule found anything to look at;
    `unreadable`: a file could not be read."""
    fail_on: Severity
    """The mildest severity that fails."""
    topologies: list[LintedDocument]
    """Those that could be read, in the order of the command line."""
    files: NotRequired[list[LintedFileDocument]]
    """Configuration files of the user's own that could be read."""
    problems: list[str]
    """Why the others could not be read."""


class RuleDocument(TypedDict):
    """A rule of the design."""

    id: str
    """Its name, as a suppression has it."""
    severity: Severity
    """Of what it finds."""
    fact: str
    """The fact behind it, with its source."""
    remedy: str
    """What to do where it is broken."""


class LintRulesDocument(TypedDict):
    """The rules of the design, with the facts behind them."""

    format: Literal["relaydrill.lint-rules"]
    version: Literal[1]
    rules: list[RuleDocument]
    """All of them."""


class ShareDocument(TypedDict):
    """One node's part of the load."""

    rate_per_s: float
    """Attempts a second at the flows' peak."""
    share: float
    """Its part of all attempts: of 1."""
    deviation: float
    """Standard deviation of `share` over populations of this size."""
    capacity_per_s: float | None
    """Attempts a second that the node declares to bear; null: it says nothing."""
    overloaded: bool
    """Whether it gets more than that."""


class OutlookDocument(TypedDict):
    """What happens with something gone."""

    gone: str
    """What is gone, in words."""
    holds: bool
    """Whether all mail finds a way in, and no node gets more than it bears."""
    lost_per_s: float
    """Attempts a second that find no way in."""
    nodes: dict[str, ShareDocument]
    """By node that receives."""


class PlanDocument(TypedDict):
    """Which server gets what share of the mail, for each loss."""

    format: Literal["relaydrill.plan"]
    version: Literal[1]
    topology: str
    """The topology's name."""
    holds: bool
    """Whether it holds with each of them gone; true where there is no inbound flow."""
    outlooks: list[OutlookDocument]
    """First with nothing gone, then with each node and each site gone; none where there is no
    inbound flow."""
    yearly_cost: YearlyCostDocument | None
    """What failures cost a year by the design alone; null: the topology says of nothing how often
    it fails."""


class FaultDocument(TypedDict):
    """What can be done to a node."""

    fault: str
    """Its kind, as drill --fault takes it."""
    summary: str
    """What the node does then; continues "the node ..."."""
    roles: list[str]
    """The roles of nodes that it can be done to."""
    phases: list[str]
    """Phases of the session that it can be made to begin at; none: it takes no phase."""
    takes_share: bool
    """Whether it can be made to act on a share of the sessions alone."""


class FaultsDocument(TypedDict):
    """What can be done to a node."""

    format: Literal["relaydrill.faults"]
    version: Literal[1]
    faults: list[FaultDocument]
    """All of them."""


class BuiltinDocument(TypedDict):
    """A built-in topology."""

    name: str
    """As commands take it."""
    summary: str
    """What it is, in words."""


class TopologiesDocument(TypedDict):
    """The built-in topologies."""

    format: Literal["relaydrill.topologies"]
    version: Literal[1]
    topologies: list[BuiltinDocument]
    """All of them."""

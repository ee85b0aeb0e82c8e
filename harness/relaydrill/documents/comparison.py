"""What a change did to failover: ``compare --json``."""

from __future__ import annotations

from typing import Final, Literal

from typing_extensions import TypedDict

from relaydrill.documents.formats import Format
from relaydrill.documents.verdict import FindingStatus

COMPARISON: Final = Format(
    "relaydrill.comparison",
    1,
    what="Two runs side by side: what became worse, what better, and what cannot be told.",
    where="compare --json",
)

What = Literal["worse", "better", "same", "unclear"]

RowWhat = Literal["worse", "better", "mixed", "unclear", "same", "only in BASE", "only in CHANGE"]

ShownStatus = Literal["pass", "accepted", "unknown", "fail"]

State = Literal["new", "gone", "kept"]


class SideDocument(TypedDict):
    """One of the two."""

    directory: str
    """Where its evidence is."""
    topology: str
    """The topology's name."""
    driver: str
    """What ran the labs: `process`, `docker`, `attach`."""
    seed: int
    """Of every random choice."""


class TimeDocument(TypedDict):
    """A time that a check found, with what it may be wrong by."""

    found_s: float
    """How long it was, field seconds."""
    give_s: float
    """So much more or less it may be, with the play of health checks, field seconds."""
    excused_s: float
    """So much of it may be the machine's doing, which starved, field seconds."""
    until_heal: bool
    """Whether it ended only because the fault was healed, or not before the end of the drill."""


class OutcomeDocument(TypedDict):
    """How a row came out on one side."""

    status: ShownStatus
    """The flow's verdict; `accepted`: a failure that the topology's author accepts."""
    said: str
    """What decided, in words; empty of a pass."""
    gap: TimeDocument | None
    """The longest time without any acceptance; null where no check says."""
    degraded: TimeDocument | None
    """For how long after a change some attempts failed; null where no check says."""
    directory: str
    """Where its evidence is."""


class DifferenceDocument(TypedDict):
    """One thing that is not the same on both sides."""

    what: What
    """`unclear`: it cannot be told."""
    about: str
    """`status`, `gap`, `degraded`, the name of a check, or of an account (`lost`, and so on)."""
    told: str
    """In words."""


class RowDocument(TypedDict):
    """A fault and a flow."""

    fault: str
    """What was broken: `kill:ht1`; `steady` where nothing was."""
    title: str
    """The same in words."""
    flow: str
    """The flow."""
    what: RowWhat
    """`mixed`: the verdict is the same, one thing is worse and another better."""
    base: OutcomeDocument | None
    """How it came out before; null where it was not run."""
    change: OutcomeDocument | None
    """How it came out after; null where it was not run."""
    differences: list[DifferenceDocument]
    """What is not the same; empty where only one side was run."""


class FindingChangeDocument(TypedDict):
    """A finding of one side or of both; it is known by its kind, what was broken, and the flow."""

    state: State
    """Whether only CHANGE has it, only BASE, or both."""
    kind: str
    """The same for the same cause: `alone`, `lost`, and so on."""
    fault: str
    """What was broken."""
    title: str
    """The same in words."""
    flows: list[str]
    """The flows of which that is so."""
    status: FindingStatus
    """As of a finding; of one that both have, that of CHANGE."""
    sentence: str
    """What is wrong; of one that both have, in the words of CHANGE."""
    remedy: str
    """What would help; empty where there is nothing to mend."""


class ComparisonDocument(TypedDict):
    """Two runs side by side: what became worse, what better, and what cannot be told."""

    format: Literal["relaydrill.comparison"]
    version: Literal[1]
    exit_status: Literal[0, 1, 3]
    """0: nothing became worse; 1: something did; 3: that cannot be told."""
    summary: str
    """How many rows are worse, better and so on, in words."""
    base: SideDocument
    """What was before."""
    change: SideDocument
    """What is after."""
    remarks: list[str]
    """What makes the two poor company, a sentence each."""
    rows: list[RowDocument]
    """Every row of either side."""
    findings: list[FindingChangeDocument]
    """Every finding of either side."""

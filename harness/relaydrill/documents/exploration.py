"""What a search for plans that break a promise came to: ``explore --json``."""

from __future__ import annotations

from typing import Final, Literal

from typing_extensions import TypedDict

from relaydrill.documents.formats import Format
from relaydrill.documents.verdict import VerdictDocument
from relaydrill.verdict import Status

EXPLORATION: Final = Format(
    "relaydrill.exploration",
    1,
    what="Which plans of faults were tried, and the smallest that breaks a promise.",
    where="explore --json",
)


class FoundDocument(TypedDict):
    """A plan that breaks a promise."""

    faults: list[str]
    """Its faults: `KIND[.PHASE][%SHARE]:NODE@START+DURATION`."""
    first: list[str]
    """The faults of the plan that was found first, of which this is what is left."""
    is_smallest: bool
    """Whether all was tried that might make it smaller; otherwise the time was over."""
    command: str
    """The command that repeats it, in processes; with another `--driver` elsewhere."""
    verdict: VerdictDocument
    """Of that drill in the simulated lab."""


class ExplorationDocument(TypedDict):
    """Which plans of faults were tried, and the smallest that breaks a promise."""

    format: Literal["relaydrill.exploration"]
    version: Literal[1]
    topology: str
    """The topology's name."""
    directory: str
    """Where the evidence of what was found is."""
    status: Status
    """`fail`: a plan was found; `pass`: none was; `unknown`: nothing was proven of any."""
    seed: int
    """Of the search, and of every drill."""
    most_faults: int
    """Faults of a plan at most."""
    plans: int
    """How many were tried."""
    tried: dict[str, int]
    """How many of them came to which verdict: `pass`, `unknown`, `fail`."""
    elapsed_s: float
    """How long the search took, seconds of the wall clock."""
    is_exhausted: bool
    """Whether every plan that there is was tried."""
    untried: list[str]
    """Faults, `kill:ht1`, that stood in no plan that was tried."""
    pairs: int
    """Of how many pairs of nodes and sites both were broken in one plan."""
    all_pairs: int
    """How many pairs of nodes and sites there are."""
    left_out: list[str]
    """What was never drawn, and why, a sentence each."""
    found: FoundDocument | None
    """The smallest plan that breaks a promise; null: none of those that were tried does."""

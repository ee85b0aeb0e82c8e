"""What a search came to: the plan that it found, and what it tried. Pure."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from relaydrill.documents.exploration import ExplorationDocument, FoundDocument
from relaydrill.drills.result import Judgement
from relaydrill.verdict import Status

Plan = tuple[str, ...]
"""The texts of its faults, each ``KIND[.PHASE][%SHARE]:NODE@START+DURATION``, in their order."""


@dataclass(frozen=True)
class Found:
    """A plan that breaks a promise.

    Attributes:
        plan: The smallest that was found.
        first: The one that was found first.
        is_smallest: Whether all that Hypothesis knows to make it smaller was tried.
        judgement: Of the drill that it is.
    """

    plan: Plan
    first: Plan
    is_smallest: bool
    judgement: Judgement

    def document(self, command: str) -> FoundDocument:
        """Plain JSON values; the command is that which repeats it."""
        return {
            "faults": [*self.plan],
            "first": [*self.first],
            "is_smallest": self.is_smallest,
            "command": command,
            "verdict": self.judgement.document(),
        }


@dataclass(frozen=True)
class Exploration:
    """What was searched, and what was found.

    Attributes:
        topology: Its name.
        called: What a command line calls it: a file, or the same name.
        directory: Where the evidence of what was found is.
        flows: Which were to send; empty: those that pass what is broken.
        most: Faults of a plan at most.
        seed: Of the search, and of every drill.
        tried: How many plans came to what.
        survived: How many plans that break something were ridden out.
        elapsed_s: How long the search took, seconds of the wall clock.
        is_exhausted: Whether every plan that there is was tried.
        untried: Faults, ``kill:ht1``, that stood in no plan that was tried.
        pairs: Of how many pairs of nodes and sites there are both were broken in one plan.
        all_pairs: How many pairs of nodes and sites there are.
        left_out: What was never drawn, and why, a sentence each.
        found: The plan; None: none of those that were tried broke a promise.
    """

    topology: str
    called: str
    directory: Path
    flows: tuple[str, ...]
    most: int
    seed: int
    tried: dict[Status, int]
    survived: int
    elapsed_s: float
    is_exhausted: bool
    untried: tuple[str, ...]
    pairs: int
    all_pairs: int
    left_out: tuple[str, ...]
    found: Found | None

    @property
    def status(self) -> Status:
        """Fail: a plan was found. Pass: of those that break something some were ridden out.

        Else unknown: that mail flows while nothing is broken says nothing of any fault.
        """
        if self.found:
            return Status.FAIL
        return Status.PASS if self.survived else Status.UNKNOWN

    @property
    def plans(self) -> int:
        """How many were tried."""
        return sum(self.tried.values())

    @property
    def command(self) -> str:
        """The drill that repeats what was found, in processes; empty where nothing was."""
        if self.found is None:
            return ""
        words = ["relaydrill", "drill", self.called]
        for fault in self.found.plan:
            words += ["--fault", fault]
        for flow in self.flows:
            words += ["--flow", flow]
        return shlex.join([*words, "--seed", str(self.seed)])

    def document(self) -> ExplorationDocument:
        """What ``--json`` prints."""
        return {
            "format": "relaydrill.exploration",
            "version": 1,
            "topology": self.topology,
            "directory": str(self.directory),
            "status": self.status,
            "seed": self.seed,
            "most_faults": self.most,
            "plans": self.plans,
            "tried": {str(status): number for status, number in self.tried.items()},
            "elapsed_s": round(self.elapsed_s, 1),
            "is_exhausted": self.is_exhausted,
            "untried": [*self.untried],
            "pairs": self.pairs,
            "all_pairs": self.all_pairs,
            "left_out": [*self.left_out],
            "found": self.found.document(self.command) if self.found else None,
        }

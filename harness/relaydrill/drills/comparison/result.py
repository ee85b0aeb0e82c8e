"""What a comparison comes to: values, and the document that says the same to programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from relaydrill.documents.comparison import (
    ComparisonDocument,
    DifferenceDocument,
    FindingChangeDocument,
    OutcomeDocument,
    RowDocument,
    RowWhat,
    ShownStatus,
    SideDocument,
    State,
    What,
)
from relaydrill.documents.verdict import FindingStatus
from relaydrill.drills.measured import Measured

_FIRST_THAT_IS: Final[tuple[What, ...]] = ("worse", "better", "unclear")

ONLY_BASE: Final = "only in BASE"
ONLY_CHANGE: Final = "only in CHANGE"


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two.

    Attributes:
        directory: Where its evidence is.
        topology: The topology's name.
        driver: What ran its labs.
        seed: Of every random choice.
    """

    directory: str
    topology: str
    driver: str
    seed: int

    def document(self) -> SideDocument:
        """Plain JSON values."""
        return {
            "directory": self.directory,
            "topology": self.topology,
            "driver": self.driver,
            "seed": self.seed,
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a row came out on one side.

    Attributes:
        status: ``pass``, ``accepted``, ``fail`` or ``unknown``.
        said: What decided, in words.
        gap: The longest time without any acceptance; None where no check says.
        degraded: For how long after a change some attempts failed; None where no check says.
        directory: Where its evidence is.
    """

    status: ShownStatus
    said: str
    gap: Measured | None
    degraded: Measured | None
    directory: str

    def document(self) -> OutcomeDocument:
        """Plain JSON values."""
        return {
            "status": self.status,
            "said": self.said,
            "gap": None if self.gap is None else self.gap.document(),
            "degraded": None if self.degraded is None else self.degraded.document(),
            "directory": self.directory,
        }


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not the same on both sides of a row.

    Attributes:
        what: ``worse``, ``better``, or ``unclear``: it cannot be told.
        about: ``status``, ``gap``, ``degraded``, the name of a check, or of an account.
        told: In words.
        may_be_worse: Of what cannot be told, whether it may have become worse.
    """

    what: What
    about: str
    told: str
    may_be_worse: bool = False

    def document(self) -> DifferenceDocument:
        """Plain JSON values."""
        return {"what": self.what, "about": self.about, "told": self.told}


@dataclass(frozen=True, slots=True)
class Row:
    """A fault and a flow, on both sides or on one.

    Attributes:
        fault: What was broken: ``kill:ht1``; ``steady`` where nothing was.
        title: The same in words: ``ht1 killed``.
        flow: The flow.
        base: How it came out before; None where it was not run.
        change: And after.
        differences: What is not the same; nothing where only one side was run.
    """

    fault: str
    title: str
    flow: str
    base: Outcome | None
    change: Outcome | None
    differences: tuple[Difference, ...] = ()

    @property
    def what(self) -> RowWhat:
        """``worse``, ``better``, ``mixed``, ``unclear``, ``same``, or the side that alone has it.

        The verdict decides; where it is the same, the times and checks do.
        """
        if self.base is None:
            return ONLY_CHANGE
        if self.change is None:
            return ONLY_BASE
        kinds = {each.what for each in self._decisive}
        if {"worse", "better"} <= kinds:
            return "mixed"
        return next((each for each in _FIRST_THAT_IS if each in kinds), "same")

    @property
    def may_be_worse(self) -> bool:
        """Whether it may have become worse, and that cannot be told."""
        if self.base is None and self.change is not None:
            return self.change.status == "fail"
        return any(each.may_be_worse for each in self._decisive)

    @property
    def _decisive(self) -> tuple[Difference, ...]:
        """What decides: the verdict, or else everything else that differs."""
        of_status = tuple(each for each in self.differences if each.about == "status")
        return of_status or self.differences

    def document(self) -> RowDocument:
        """Plain JSON values."""
        return {
            "fault": self.fault,
            "title": self.title,
            "flow": self.flow,
            "what": self.what,
            "base": None if self.base is None else self.base.document(),
            "change": None if self.change is None else self.change.document(),
            "differences": [each.document() for each in self.differences],
        }


@dataclass(frozen=True, slots=True)
class FindingChange:
    """A finding of one side or of both.

    Attributes:
        state: ``new``, ``gone`` or ``kept``.
        kind: As of `Finding`.
        fault: What was broken.
        title: The same in words.
        flows: The flows of which the state is so.
        status: As of `Finding`, on the newest side that has it.
        sentence: What is wrong.
        remedy: What would help.
    """

    state: State
    kind: str
    fault: str
    title: str
    flows: tuple[str, ...]
    status: FindingStatus
    sentence: str
    remedy: str

    def document(self) -> FindingChangeDocument:
        """Plain JSON values."""
        return {
            "state": self.state,
            "kind": self.kind,
            "fault": self.fault,
            "title": self.title,
            "flows": list(self.flows),
            "status": self.status,
            "sentence": self.sentence,
            "remedy": self.remedy,
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a change did to failover.

    Attributes:
        base: What was before.
        change: What is after.
        rows: Every row of either side, in the order of BASE.
        findings: Every finding of either side.
        remarks: What makes the two poor company, a sentence each.
    """

    base: Side
    change: Side
    rows: tuple[Row, ...]
    findings: tuple[FindingChange, ...]
    remarks: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[RowWhat, int]:
        """How many rows are worse, better and so on; those of which there is none are left out."""
        found = Counter(row.what for row in self.rows)
        return {what: found[what] for what in _WORDS if found[what]}

    @property
    def is_unchanged(self) -> bool:
        """Whether nothing is worse, better or unclear, and no row is of one side only."""
        return {*self.counts} <= {"same"}

    @property
    def exit_status(self) -> Literal[0, 1, 3]:
        """1 if something became worse; 3 if that cannot be told; else 0."""
        if self.counts.keys() & {"worse", "mixed"}:
            return 1
        return 3 if any(row.may_be_worse for row in self.rows) else 0

    @property
    def summary(self) -> str:
        """``1 row worse, 2 better, 9 the same``."""
        return ", ".join(self._counted())

    def _counted(self) -> Iterator[str]:
        for number, (what, count) in enumerate(self.counts.items()):
            noun = ("row " if count == 1 else "rows ") if number == 0 else ""
            yield f"{count} {noun}{_WORDS[what]}{self._of_them(what)}"

    def _of_them(self, what: RowWhat) -> str:
        """What else is to be said of the rows that are so."""
        rows = [row for row in self.rows if row.what == what]
        if what == "same":
            blind = sum(row.change is not None and row.change.status == "unknown" for row in rows)
            return f" ({blind} unknown on both sides)" if blind else ""
        sides = [row.change or row.base for row in rows if what in (ONLY_BASE, ONLY_CHANGE)]
        told = Counter(each.status for each in sides if each)
        return f" ({', '.join(f'{told[each]} {each}' for each in sorted(told))})" if told else ""

    def document(self) -> ComparisonDocument:
        """What ``--json`` prints."""
        return {
            "format": "relaydrill.comparison",
            "version": 1,
            "exit_status": self.exit_status,
            "summary": self.summary,
            "base": self.base.document(),
            "change": self.change.document(),
            "remarks": list(self.remarks),
            "rows": [row.document() for row in self.rows],
            "findings": [each.document() for each in self.findings],
        }


_WORDS: Final[dict[RowWhat, str]] = {
    "worse": "worse",
    "mixed": "worse in one thing and better in another",
    "unclear": "cannot be told",
    "better": "better",
    "same": "the same",
    ONLY_BASE: ONLY_BASE,
    ONLY_CHANGE: ONLY_CHANGE,
}
"""What a summary says of rows, in its order."""

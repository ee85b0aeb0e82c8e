"""How drills came out from run to run, and what changed with the newest. Pure.

Runs are compared only with their like: the same drill of the same flow, on the same topology, under
the same driver.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from relaydrill.documents.history import (
    ChangeDocument,
    HistoryDocument,
    PastRunDocument,
    SeriesDocument,
    What,
)
from relaydrill.drills.figures import Figures
from relaydrill.verdict import Status, merge


class Likeness(NamedTuple):
    """What two runs must have in common to be compared."""

    topology: str
    driver: str
    drill: str
    flow: str

    def __str__(self) -> str:
        return f"{self.drill}, {self.flow} ({self.topology}, {self.driver})"


@dataclass(frozen=True, slots=True)
class Run:
    """How one flow of one drill came out.

    Attributes:
        likeness: With which others it can be compared.
        at: When it began.
        directory: Where its evidence is, or was.
        status: Its verdict.
        accepted: The reason for which a failure was accepted; empty if none.
        said: The first check that decided, in words.
        design: Differs where the topology does; empty where that is not known.
    """

    likeness: Likeness
    at: datetime
    directory: str
    seed: int
    status: Status
    accepted: str
    said: str
    figures: Figures
    design: str = ""

    @property
    def shown(self) -> str:
        """``pass``, ``fail``, ``unknown`` or ``accepted``."""
        return "accepted" if self.accepted and self.status is Status.PASS else str(self.status)

    def document(self) -> PastRunDocument:
        """Plain JSON values."""
        figures, worst = self.figures, self.figures.spread
        return {
            "at": self.at.isoformat(),
            "directory": self.directory,
            "seed": self.seed,
            "status": self.status,
            "accepted": self.accepted,
            "gap_s": figures.gap_s,
            "resolution_s": figures.resolution_s,
            "failed": figures.failed,
            "attempts": figures.attempts,
            "late": figures.late,
            "lost": figures.lost,
            "duplicated": figures.duplicated,
            "spread": None if worst is None else worst.document(),
        }


@dataclass(frozen=True, slots=True)
class Change:
    """What is not as it was in the run before.

    Attributes:
        what: ``worse``, ``better``, or ``note``: to be looked at, though the verdict holds.
        told: In words.
    """

    what: What
    told: str

    def document(self) -> ChangeDocument:
        """Plain JSON values."""
        return {"what": self.what, "told": self.told}


WORSE: Final = "worse"
BETTER: Final = "better"
NOTE: Final = "note"


@dataclass(frozen=True, slots=True)
class Series:
    """All runs that can be compared with each other, oldest first; at least one."""

    likeness: Likeness
    runs: tuple[Run, ...]

    @property
    def changes(self) -> tuple[Change, ...]:
        """What the newest run has changed."""
        return tuple(_changes(*self.runs[-2:])) if len(self.runs) > 1 else ()

    @property
    def is_worse(self) -> bool:
        """Whether the newest run's verdict is worse than the one before it."""
        return any(change.what == WORSE for change in self.changes)

    def document(self, last: int) -> SeriesDocument:
        """Plain JSON values, with the last runs."""
        topology, driver, drill, flow = self.likeness
        return {
            "topology": topology,
            "driver": driver,
            "drill": drill,
            "flow": flow,
            "worse": self.is_worse,
            "changes": [change.document() for change in self.changes],
            "runs": [run.document() for run in self.runs[-last:]],
        }


@dataclass(frozen=True, slots=True)
class History:
    """All series.

    Attributes:
        left_out: What could not be read, a line each.
    """

    series: tuple[Series, ...]
    left_out: tuple[str, ...] = ()

    @property
    def worse(self) -> tuple[Series, ...]:
        """Those whose newest run is worse than the one before it."""
        return tuple(each for each in self.series if each.is_worse)

    @property
    def exit_status(self) -> int:
        """0 if nothing got worse, or else 1."""
        return 1 if self.worse else 0

    def document(self, last: int) -> HistoryDocument:
        """What ``--json`` prints."""
        return {
            "format": "relaydrill.history",
            "version": 1,
            "worse": len(self.worse),
            "series": [each.document(last) for each in self.series],
            "left_out": list(self.left_out),
        }


def history_of(runs: Iterable[Run], left_out: Iterable[str] = ()) -> History:
    """Put runs side by side, each with its like, in the order of their times."""
    by_time = sorted(runs, key=lambda run: (run.likeness, run.at, run.directory))
    series = tuple(
        Series(likeness, tuple(alike))
        for likeness, alike in itertools.groupby(by_time, key=lambda run: run.likeness)
    )
    return History(series, tuple(left_out))


def _changes(before: Run, newest: Run) -> Iterable[Change]:
    if newest.shown != before.shown:
        if newest.status is before.status:
            what: What = NOTE
        else:
            what = WORSE if merge((before.status, newest.status)) is newest.status else BETTER
        told = f"{before.shown} → {newest.shown}{_design_between(before, newest)}"
        yield Change(what, told if what == BETTER else f"{told}: {_why(newest)}")
    old, new = before.figures, newest.figures
    if old.gap_s is None or new.gap_s is None:
        return
    if new.gap_s - new.resolution_s > old.gap_s + old.resolution_s:
        told = (
            f"gap {old.gap_s:.1f} s ± {old.resolution_s:.1f} s"
            f" → {new.gap_s:.1f} s ± {new.resolution_s:.1f} s"
            f"{_design_between(before, newest)}"
        )
        yield Change(NOTE, told)


def _design_between(before: Run, newest: Run) -> str:
    """What makes two runs poor company: one of them ran another design by the same name."""
    is_known = before.design and newest.design
    return ", of a design that has changed" if is_known and before.design != newest.design else ""


def _why(run: Run) -> str:
    return run.said + (f" (accepted: {run.accepted})" if run.accepted else "")

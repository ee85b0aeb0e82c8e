"""The results of a run: what was caught, what alarmed, and the two rates with their intervals."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import relaydrill
from relaydrill.errors import UsageError
from relaydrill.verdict import Status, interval

from .healthy import Quiet
from .running import CAUGHT, MISSED, UNDECIDED, Outcome

FORMAT: Final = 2
ERROR: Final = 0.05
"""Probability, at most, that an interval misses the true rate."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with its exact interval; of nothing, none."""

    count: int
    of: int

    @property
    def bounds(self) -> tuple[float, float]:
        """Exact 95 % interval."""
        return interval(self.count, self.of, ERROR) if self.of else (0.0, 1.0)

    def __str__(self) -> str:
        if not self.of:
            return "-"
        low, high = self.bounds
        return f"{self.count}/{self.of}  {low:.1%} to {high:.1%}"

    def document(self) -> dict[str, Any]:
        """Plain JSON values."""
        low, high = self.bounds
        return {"count": self.count, "of": self.of, "low": round(low, 5), "high": round(high, 5)}


@dataclass(frozen=True, slots=True)
class Caught:
    """What became of a group of defects.

    Attributes:
        runs: Of runs that decided.
        defects: Of defects with such a run, those that each run caught: runs of one defect are no
            independent samples of what there is to catch.
        undecided: Runs that a starving machine spoilt.
    """

    runs: Rate
    defects: Rate
    undecided: int


def caught_of(outcomes: Iterable[Outcome]) -> Caught:
    """The rates of a group."""
    every = [*outcomes]
    decided = [each for each in every if each.result != UNDECIDED]
    ids = {each.id for each in decided}
    missed = {each.id for each in decided if each.result == MISSED}
    return Caught(
        runs=Rate(sum(each.result == CAUGHT for each in decided), len(decided)),
        defects=Rate(len(ids - missed), len(ids)),
        undecided=len(every) - len(decided),
    )


def alarms_of(quiets: Iterable[Quiet]) -> tuple[Rate, int]:
    """False alarms among the healthy drills that decided, and how many were unknown."""
    every = [*quiets]
    decided = [each for each in every if each.status is not Status.UNKNOWN]
    alarms = sum(each.status is Status.FAIL for each in decided)
    return Rate(alarms, len(decided)), len(every) - len(decided)


@dataclass
class Results:
    """All outcomes so far.

    Attributes:
        path: Where they are written, after each.
        began: When.
        wall_s: For how long so far.
        cut_short: Why not everything was run; empty if it was.
    """

    path: Path
    began: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    wall_s: float = 0.0
    cut_short: str = ""
    outcomes: list[Outcome] = field(default_factory=list)
    quiets: list[Quiet] = field(default_factory=list)

    @property
    def exit_status(self) -> int:
        """1 where a defect was missed or a healthy design failed; 3 where nothing is proven.

        Of a defect no run decided, or no healthy drill did, or not everything was run.
        """
        if any(each.result == MISSED for each in self.outcomes):
            return 1
        if any(each.status is Status.FAIL for each in self.quiets):
            return 1
        decided = {each.id for each in self.outcomes if each.result != UNDECIDED}
        is_whole = decided == {each.id for each in self.outcomes} and not self.cut_short
        if self.quiets and all(each.status is Status.UNKNOWN for each in self.quiets):
            is_whole = False
        return 0 if is_whole and (self.outcomes or self.quiets) else 3

    def save(self) -> None:
        """Write them down; a reader never sees half of it."""
        draft = self.path.with_suffix(".new")
        draft.write_text(json.dumps(self.document(), indent=1) + "\n", encoding="utf-8")
        draft.replace(self.path)

    def document(self) -> dict[str, Any]:
        """Plain JSON values."""
        alarms, unknown = alarms_of(self.quiets)
        caught = caught_of(self.outcomes)
        return {
            "format": FORMAT,
            "relaydrill": relaydrill.__version__,
            "began": self.began,
            "wall_s": round(self.wall_s, 1),
            "cores": os.cpu_count(),
            "cut_short": self.cut_short,
            "status": self.exit_status,
            "sensitivity": {
                "runs": caught.runs.document(),
                "defects": caught.defects.document(),
                "undecided": caught.undecided,
            },
            "false_alarms": {**alarms.document(), "unknown": unknown},
            "defects": [each.document() for each in self.outcomes],
            "healthy": [each.document() for each in self.quiets],
        }


def load(path: Path) -> Results:
    """Read back what `Results.save` wrote, so that more can be added to it.

    Raises:
        UsageError: It is no such file.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["format"] != FORMAT:
            raise UsageError(f"{path} has format {data['format']}; this version reads {FORMAT}")
        return Results(
            path,
            began=str(data["began"]),
            wall_s=float(data["wall_s"]),
            outcomes=[Outcome(**each) for each in data["defects"]],
            quiets=[
                Quiet(**{**each, "status": Status(each["status"])}) for each in data["healthy"]
            ],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} holds no results: {error}") from None

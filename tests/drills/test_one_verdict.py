"""One drill, two worlds, one verdict: what is simulated is what processes do.

Processes take their time: a run has a few of the drills, always the same ones, so that a change is
not blamed for what another day brings. RELAYDRILL_DAY=today gives each day others, for every night;
RELAYDRILL_WORLDS=all drills them all, in a quarter of an hour on a quiet machine.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from relaydrill.drills.drill_plan import plan
from relaydrill.drills.result import FlowVerdict, Judgement
from relaydrill.ledger import Ledger
from relaydrill.verdict import Status, Verdict
from tests.both_worlds import CASES, Case, differences, disagreements
from tests.day_of_run import day_of_run

_EACH_DAY: Final = 6
_USUAL: Final = (
    *("sharepoint kill:lb1", "defect no-checks-submission", "defect stores-twice"),
    *("defect port-not-forwarded-under-a-fault", "defect single-hub"),
    "defect answers-before-storing",
)
"""Those of a run that names no day: short ones, which fail, or prove nothing, for many reasons."""


def of_day(day: int) -> list[Case]:
    """The drills of a day: from all over the list, and all of them in as many days as it needs."""
    stride = -(-len(CASES) // _EACH_DAY)
    return list(CASES[day % stride :: stride])


def _chosen() -> list[Case]:
    if os.environ.get("RELAYDRILL_WORLDS") == "all":
        return list(CASES)
    if os.environ.get("RELAYDRILL_DAY"):
        return of_day(day_of_run().toordinal())
    return [case for case in CASES if case.name in _USUAL]


@pytest.mark.timeout(240)  # where the machine starves the processes, they try again
@pytest.mark.parametrize("case", _chosen(), ids=lambda case: case.name)
def test_both_worlds_come_to_one_verdict(case: Case, tmp_path: Path) -> None:
    """The same checks say the same; gaps and counts differ by no more than waking and luck."""
    assert disagreements(case, tmp_path) == []


def test_every_drill_has_its_day() -> None:
    """There are at least sixty, each of another name; each has one day of a cycle, of a few."""
    assert len(CASES) >= 60
    days = -(-len(CASES) // _EACH_DAY)
    every = [of_day(day) for day in range(days)]
    assert Counter(case.name for day in every for case in day) == {each.name: 1 for each in CASES}
    assert max(map(len, every)) <= _EACH_DAY
    assert {*_USUAL} <= {each.name for each in CASES}


def told(status: Status, *, gap_s: float = 2.0, failed: int = 0, lost: int = 0) -> Judgement:
    """A judgement that was made up, of one flow."""
    gap = Verdict("gap", status, "", {"gap_s": gap_s, "resolution_s": 0.5})
    degraded = Verdict("degraded", Status.PASS, "", {"failed": failed})
    account = Verdict("account", Status.PASS, "", {"delivered": 100, "lost": lost})
    flow = FlowVerdict("relay", (account, gap, degraded))
    design = CASES[0].design()
    return Judgement(plan(design), design, "made up", Path(), (flow,), Ledger())


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (told(Status.PASS), []),
        (told(Status.PASS, gap_s=5.4, failed=6, lost=6), []),
        (told(Status.FAIL), ["relay: pass, and fail", "relay: gap: pass (), and fail ()"]),
        (told(Status.PASS, gap_s=5.6), ["relay: gap: 2.0 s, and 5.6 s (may be 3.5 s)"]),
        (told(Status.PASS, failed=8), ["relay: failed attempts: 0, and 8"]),
        (told(Status.PASS, lost=8), ["relay: lost: 0, and 8"]),
    ],
)
def test_what_differs_is_told(other: Judgement, said: list[str]) -> None:
    """By more than luck and waking account for: a verdict, a gap, failures, an account."""
    assert [*differences(told(Status.PASS), other)] == said

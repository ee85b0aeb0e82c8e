"""Whole audits of healthy tiers, by arithmetic: how often does chance alone fail one?

Every choice of every sender is drawn independently of all others, and each server is as likely as
its fair share; then the tests that the checks use decide, at the levels of the drills that the
audit plans, second looks included. Real tiers are more even than that (round robin, rotated DNS
answers): what is found here is the worst that a healthy tier can do.

    python -m tests.audit_chances [AUDITS]
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from relaydrill import topology_files
from relaydrill.drills.audit_plan import plan_again, plan_audit
from relaydrill.drills.audit_sets import Depth
from relaydrill.drills.drill_plan import plan
from relaydrill.drills.family import count_all
from relaydrill.drills.model import Drill
from relaydrill.drills.recovery import recovery_of
from relaydrill.drills.result import FlowVerdict, Judgement
from relaydrill.ledger import Ledger
from relaydrill.topology import Topology
from relaydrill.verdict import (
    Levels,
    ShareTest,
    SpreadTest,
    Status,
    interval,
    passed,
    spread_test,
)

BUILT_IN: Final = ("microsoft", "sharepoint", "twosites")
_CODE: Final = {Status.PASS: 0, Status.UNKNOWN: 1, Status.FAIL: 2}

Whole: TypeAlias = npt.NDArray[np.int64]


@dataclass
class Found:
    """What became of so many audits.

    Attributes:
        failed: Audits in which at least one row failed.
        unknown: Audits in which no row failed and at least one is unknown.
        again: Drills that ran twice, in all audits together.
        planned_s: Time for which the drills of one audit send.
        more_s: Time of all second looks.
    """

    audits: int
    tests: int = 0
    failed: int = 0
    unknown: int = 0
    again: int = 0
    planned_s: float = 0.0
    more_s: float = 0.0

    def told(self, name: str) -> str:
        """In words."""
        low, high = interval(self.failed, self.audits, 0.05)
        return (
            f"{name}: {self.tests} tests; of {self.audits} audits {self.failed} fail"
            f" ({low:.2%} to {high:.2%}), {self.unknown} unknown;"
            f" {self.again / self.audits:.2f} drills ran twice,"
            f" {self.more_s / self.audits / self.planned_s:+.1%} of time"
        )


def audits_of(topology: Topology, audits: int, seed: int, levels: Levels | None = None) -> Found:
    """Draw so many audits of a healthy tier, of up to two units at a time.

    Args:
        topology: The design.
        audits: How many audits to draw.
        seed: Seed of all random choices.
        levels: In place of those that are planned, and without a second look.
    """
    chance = np.random.default_rng(seed)
    alone = plan_audit(topology)
    rows = tuple(held(topology, drill) for drill in alone)
    two = Depth(topology).sets(rows, {}, 2).drills
    found = Found(audits)
    worst = np.zeros(audits, np.int64)
    for size, phase in enumerate((alone, two), 1):
        tests = count_all(topology, phase)
        found.tests += tests
        for planned in phase:
            drill = _replanned(topology, planned, levels) if levels else planned
            found.planned_s += drill.length_s
            row = _statuses(topology, drill, audits, chance)
            doubt = np.flatnonzero(row == _CODE[Status.UNKNOWN])
            if doubt.size and not levels:
                second = plan_again(topology, drill, tests, size)
                row[doubt] = _statuses(topology, second, doubt.size, chance)
                found.again += doubt.size
                found.more_s += doubt.size * second.length_s
            worst = np.maximum(worst, row)
    found.failed = int((worst == _CODE[Status.FAIL]).sum())
    found.unknown = int((worst == _CODE[Status.UNKNOWN]).sum())
    return found


def _replanned(topology: Topology, drill: Drill, levels: Levels) -> Drill:
    faults = tuple(fault.label for fault in drill.faults)
    return plan(topology, faults=faults, flows=drill.flows, seed=drill.seed, levels=levels)


def held(topology: Topology, drill: Drill) -> Judgement:
    """A row in which every flow holds, so that there are as many sets as there can be."""
    flows = tuple(FlowVerdict(flow, (passed("gap", "made up"),)) for flow in drill.flows)
    return Judgement(drill, topology, "process", Path(), flows, Ledger())


def _statuses(topology: Topology, drill: Drill, audits: int, chance: np.random.Generator) -> Whole:
    """What one row comes to in each of so many audits."""
    row = np.zeros(audits, np.int64)
    for flow in drill.flows:
        for shares, after_s, decide in _tests(topology, drill, flow):
            wall_s = (drill.length_s - after_s) / topology.clock
            choices = int(wall_s * topology.flows[flow].wanted_rate)
            counts = chance.multinomial(choices, [*shares, max(0.0, 1 - sum(shares))], size=audits)
            for number in range(len(shares)):
                row = np.maximum(row, _table(decide, choices)[counts[:, number]])
    return row


def _tests(
    topology: Topology, drill: Drill, flow: str
) -> Iterator[tuple[tuple[float, ...], float, _Decide]]:
    """Of one flow: the shares that are tested, from when on, and how."""
    levels = drill.levels
    promised = topology.expectation(flow).spread
    if not drill.faults and promised:
        spread = spread_test(len(promised), alarm=levels.doubt, miss=levels.miss)
        yield (spread.fair,) * len(promised), 0.0, _Decide(spread, levels)
    for fault in drill.faults:
        back = recovery_of(topology, fault.node, flow, levels)
        if back.test and not fault.for_good:
            yield (back.test.fair,), fault.end_s + back.allowance_s, _Decide(back.test, levels)


@dataclass(frozen=True, slots=True)
class _Decide:
    """As the checks do."""

    test: ShareTest | SpreadTest
    levels: Levels


@functools.cache
def _table(decide: _Decide, n: int) -> Whole:
    """What 0 to n of n choices come to."""
    test, levels = decide.test, decide.levels
    if n < test.choices:
        return np.full(n + 1, _CODE[Status.UNKNOWN])
    return np.array([_CODE[levels.status(test.p(k, n))] for k in range(n + 1)])


def main() -> None:
    """Draw audits of every built-in topology, and say what became of them."""
    audits = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    for name in BUILT_IN:
        topology = topology_files.load(name)
        each = audits_of(topology, audits, seed=1, levels=Levels())
        found = audits_of(topology, audits, seed=1)
        print(each.told(f"{name}, each drill for itself at 1 %"))
        print(found.told(name), f"after {found.planned_s / each.planned_s - 1:+.1%} planned")


if __name__ == "__main__":
    main()

"""The built-in designs, on both drivers: what they promise of a dead node holds in either.

All rows of their audits take half an hour on each. So every day has one row, with a seed of its
own, and each row its turn: RELAYDRILL_DAY=today, for every night. Without it the row is always the
same, so that a change is not blamed for what another day brings; RELAYDRILL_DAY=2026-12-24 repeats
that day's.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Final

import pytest

from pytest_relaydrill.asserting import assert_passed
from relaydrill import topology_files
from relaydrill.drills.audit import run_audit
from relaydrill.drills.audit_plan import plan_audit
from relaydrill.drills.model import Drill
from relaydrill.drivers.catalogue import DRIVERS, lab_maker
from relaydrill.topology import Topology
from tests.day_of_run import day_of_run
from tests.docker_engine import why_no_docker

_SEEDS: Final = 1000
_SHORT_WALL_S: Final = 25.0
"""A row that takes no longer runs on both drivers on its day, another on one at each turn."""


def rows(seed: int) -> list[tuple[Topology, Drill]]:
    """Every row of every built-in audit, with its design."""
    designs = [topology_files.load(name) for name in topology_files.builtins()]
    return [(design, drill) for design in designs for drill in plan_audit(design, seed=seed)]


def turn_of(day: int, every: list[tuple[Topology, Drill]]) -> tuple[Topology, Drill, list[str]]:
    """The row of a day, and the drivers that run it."""
    cycle, place = divmod(day, len(every))
    topology, drill = every[place]
    is_short = drill.length_s / topology.clock <= _SHORT_WALL_S
    return topology, drill, [*DRIVERS] if is_short else [DRIVERS[cycle % len(DRIVERS)]]


def test_every_row_has_its_turn_on_every_driver() -> None:
    """Two cycles of days bring each row of each built-in audit, on each of the drivers."""
    every = rows(seed=1)
    today = date.today().toordinal()
    turns = {
        (topology.name, drill.name, driver)
        for day in range(today, today + len(every) * len(DRIVERS))
        for topology, drill, drivers in (turn_of(day, every),)
        for driver in drivers
    }
    assert turns == {(each.name, drill.name, name) for each, drill in every for name in DRIVERS}


@pytest.mark.timeout(240)  # a row left in doubt is looked at again
@pytest.mark.parametrize("driver", DRIVERS)
def test_the_row_of_the_day_holds(driver: str, tmp_path: Path) -> None:
    """A built-in design keeps its promise whatever runs it, or says that it accepts the weakness.

    A dead process's address refuses, and a dead container's is silent: a promise must bear both.
    """
    if driver == "docker" and (why := why_no_docker("node")):
        pytest.skip(why)
    day = day_of_run().toordinal()
    topology, drill, drivers = turn_of(day, rows(seed=day % _SEEDS))
    if driver not in drivers:
        pytest.skip(f"{topology.name} {drill.name} runs on {drivers[0]} today, for it takes long")
    found = run_audit(topology, (drill,), lab_maker(driver), tmp_path / "audit")
    assert_passed(found.rows[0])

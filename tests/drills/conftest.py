"""Labs for the drills: made anew for each test, gone after it.

What a design does of itself is the same whatever runs it (`test_one_verdict.py`), so it is drilled
in a simulated world, which waits for nothing. A few of each kind stay on processes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from relaydrill import topology_files
from relaydrill.drills.drill_plan import plan
from relaydrill.drills.result import Judgement
from relaydrill.drills.runner import run_drill
from relaydrill.drivers.catalogue import SIMULATE, LabMaker, lab_maker
from relaydrill.drivers.process import ProcessLab
from relaydrill.topology import Topology
from tests.sensitivity.catalogue import BY_ID
from tests.sensitivity.running import CAUGHT, drill_once, outcome_of, said_by

Change = dict[str, Any]


@pytest.fixture
def sharepoint_but(tmp_path: Path) -> Callable[[Change], Topology]:
    """Make the built-in topology, with something changed."""

    def make(change: Change) -> Topology:
        path = tmp_path / "changed.yaml"
        path.write_text(yaml.safe_dump({"extends": "sharepoint", "name": "changed", **change}))
        return topology_files.load(path)

    return make


def _drilled_in(make_lab: LabMaker, folder: Path) -> Callable[..., Judgement]:
    def run(topology: Topology, *faults: str, **options: Any) -> Judgement:
        planned = plan(topology, faults=faults, **options)
        with make_lab(topology, folder / "lab") as lab:
            return run_drill(lab, planned, folder / "run")

    return run


@pytest.fixture
def drill(tmp_path: Path) -> Callable[..., Judgement]:
    """Run one drill on a simulated lab of its own."""
    return _drilled_in(lab_maker(SIMULATE), tmp_path)


@pytest.fixture
def drill_on_processes(tmp_path: Path) -> Callable[..., Judgement]:
    """Run one drill on a lab of its own, of processes."""
    return _drilled_in(ProcessLab, tmp_path)


@pytest.fixture
def caught(tmp_path: Path) -> Callable[[str], Judgement]:
    """Drill a defect of the catalogue, simulated, and make sure that it is found as it must be."""

    def drilled(name: str) -> Judgement:
        found = drill_once(BY_ID[name], tmp_path)
        assert found.driver == SIMULATE, f"{name} cannot be simulated"
        outcome = outcome_of(BY_ID[name], 1, said_by(found), found.ledger)
        assert outcome.result == CAUGHT, outcome.said
        return found

    return drilled

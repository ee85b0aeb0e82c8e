"""Labs for the drills: made anew for each test, gone after it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from relaydrill import inventory
from relaydrill.drills.judgement import Judgement
from relaydrill.drills.model import plan
from relaydrill.drills.runner import run_drill
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
        return inventory.load(path)

    return make


@pytest.fixture
def drill(tmp_path: Path) -> Callable[..., Judgement]:
    """Run one drill on a lab of its own."""

    def run(topology: Topology, *faults: str, **options: Any) -> Judgement:
        planned = plan(topology, faults=faults, **options)
        with ProcessLab(topology, tmp_path / "lab") as lab:
            return run_drill(lab, planned, tmp_path / "run")

    return run


@pytest.fixture
def caught(tmp_path: Path) -> Callable[[str], Judgement]:
    """Drill a defect of the catalogue, and make sure that it is found as it must be."""

    def drilled(defect: str) -> Judgement:
        found = drill_once(BY_ID[defect], tmp_path)
        outcome = outcome_of(BY_ID[defect], 1, said_by(found), found.ledger)
        assert outcome.result == CAUGHT, outcome.said
        return found

    return drilled

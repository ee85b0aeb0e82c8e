"""The search finds what no single fault shows, in simulated labs, and makes it small."""

from __future__ import annotations

import json
import os
import resource
from pathlib import Path
from typing import Final

import pytest

import relaydrill
from relaydrill.cli.commands import run
from relaydrill.drills.exploring import Limits, explore
from relaydrill.drills.exploring.space import space_of
from relaydrill.drills.exploring.trials import SideBySide
from relaydrill.faults import FaultSpec
from relaydrill.verdict import Status
from tests.documents import misfits
from tests.explore.designs import COMBINATIONS, Combination

_ALL: Final = os.environ.get("RELAYDRILL_COMBINATIONS") == "all"
"""Whether every design is looked at, and not only those that tests always look at."""

_ALWAYS: Final = ("site-pair",)

_WHY: Final = (
    "all designs take 10 minutes of processor time; to search them: RELAYDRILL_COMBINATIONS=all"
)

_SEED: Final = 3

_BUDGET_S: Final = 300.0
"""The default, and here of processor time: whatever else the machine does, and on one core."""

_LONGEST_S: Final = 1100.0

_EACH = pytest.mark.parametrize(
    "design",
    [
        pytest.param(
            each,
            id=each.name,
            marks=pytest.mark.skipif(each.name not in _ALWAYS and not _ALL, reason=_WHY),
        )
        for each in COMBINATIONS
    ],
)

only_all = pytest.mark.skipif(not _ALL, reason=_WHY)


def test_there_are_ten_of_them() -> None:
    """At least ten designs, each with a name of its own and a reason."""
    assert len({each.name for each in COMBINATIONS}) == len(COMBINATIONS) >= 10
    assert all(each.why for each in COMBINATIONS)


@_EACH
@pytest.mark.timeout(1200)
def test_each_fault_alone_breaks_nothing(design: Combination) -> None:
    """As it is the design passes, and so it does with any of its faults in force alone.

    Only of a spare that nothing has turned to nothing can be proven: that is unknown.
    """
    topology = design.topology
    space = space_of(
        topology, kinds=design.kinds, units=design.nodes, most=1, for_good=design.for_good
    )
    lasting = ["forever"] if design.for_good else []
    singles = {
        f"{aim.label}@{aim.start_s:g}s+{duration}": aim.unit
        for aims in space.aims.values()
        for aim in aims
        for duration in (f"{aim.duration_s:g}s", *lasting)
    }
    plans = [(), *((text,) for text in singles)]
    with SideBySide(topology, flows=(), seed=1, at_once=1) as trials:
        found = {tried: outcome.status for tried, outcome in trials.outcomes(plans)}
    assert [*found] == plans
    assert {
        tried: status
        for tried, status in found.items()
        if status is not Status.PASS
        and not (status is Status.UNKNOWN and tried and singles[tried[0]] in design.spares)
    } == {}


def processor_s() -> float:
    """Processor time of this program and of those that it has waited for."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in both)


@_EACH
@pytest.mark.timeout(1200)
def test_the_combination_is_found_and_made_small(design: Combination, tmp_path: Path) -> None:
    """Within the default budget, of at most three faults and at least two; and its drill fails."""
    space = space_of(
        design.topology, kinds=design.kinds, units=design.nodes, for_good=design.for_good
    )
    before_s = processor_s()
    found = explore(
        design.topology, space, Limits(_LONGEST_S), tmp_path / "run", seed=_SEED, at_once=2
    )
    assert processor_s() - before_s < _BUDGET_S
    assert found.found is not None, found.tried
    assert found.found.is_smallest
    assert 2 <= len(found.found.plan) <= 3
    judgement = found.found.judgement
    assert judgement.status is Status.FAIL
    failed = {
        check.check
        for flow in judgement.flows
        for check in flow.checks
        if check.status is Status.FAIL
    }
    assert failed & {*design.breaks}
    assert (found.directory / "found" / "verdict.json").is_file()


def test_the_command_tells_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its document fits its schema; without a name server the smallest plan breaks nothing."""
    file = tmp_path / "pair.yaml"
    pair = next(each for each in COMBINATIONS if each.name == "site-pair")
    file.write_text(f"name: pair\nclock: 10\n{pair.text}".replace("  ns1: {role: dns}\n", ""))
    words = ["explore", str(file), "--faults", "1", "--plans", "1", "--jobs", "1", "--kind", "kill"]
    assert run([*words, "--out", str(tmp_path / "run"), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert misfits(document) == []
    assert document["status"] == "fail"
    assert document["found"]["command"] == f"relaydrill drill {file} --seed 1"
    assert document["found"]["verdict"]["status"] == "fail"
    assert document["untried"] == ["kill:ht1", "kill:ht2", "kill:mbx"]


@only_all
@pytest.mark.timeout(1800)
def test_of_single_faults_search_and_audit_say_the_same(tmp_path: Path) -> None:
    """The audit of sharepoint passes, and the search finds no fault that breaks a promise alone."""
    design = relaydrill.load("sharepoint")
    audit = relaydrill.audit(design, driver="simulate", directory=tmp_path / "audit")
    assert audit.status is Status.PASS
    searched = relaydrill.explore(
        design, faults=1, plans=60, budget_s=1500.0, directory=tmp_path / "run"
    )
    assert searched.status is Status.PASS, searched.command
    assert {FaultSpec.parse(f"{each}@0s+1s").node for each in searched.untried} <= {"mbx"}

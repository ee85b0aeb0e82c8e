"""The catalogue itself: whole, valid, and each of its static defects found; an excerpt drilled."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import get_args

import pytest

from relaydrill.drills.drill_plan import plan
from relaydrill.drills.policy import questions
from relaydrill.verdict import Status
from tests.docker_engine import why_no_docker

from .catalogue import BY_ID, CATALOGUE
from .claims import CLAIMS
from .course import Judged
from .defect import Asked, Defect, Drilled, Subject, Tampered
from .healthy import DESIGNS, Design, shares
from .running import CAUGHT, no_longer_than_needed, run_defect
from .twins import TWINS, Twin, judge_twin
from .worlds import told, world_of_defect

_STATIC = [each for each in CATALOGUE if not each.needs_lab]

_REAL = ("snat-open-relay-haproxy", "tcp-check-of-a-busy-server-haproxy")
"""Of those with a real HAProxy, one that is asked and one that is drilled."""

_EXCERPT = (
    # One for each kind of finding that no other test of the drills makes.
    "snat-open-relay",
    "tcp-check-of-a-busy-server",
    "certificate-expired",
    "certificate-without-the-name-policy",
    "message-size-too-small",
    "one-name-server",
    "stores-and-refuses",
    "alters-the-body",
    "mailbox-server-forgets",
    "broken-again-before-it-is-back",
    "connector-missing-on-one-hub",
)


def test_every_subject_has_defects_and_every_defect_a_name_of_its_own() -> None:
    """The catalogue spans what it says, and ``--only`` names one of it."""
    assert len(BY_ID) == len(CATALOGUE) >= 150
    assert sum(each.needs_lab for each in CATALOGUE) >= 30
    assert set(Counter(each.subject for each in CATALOGUE)) == set(get_args(Subject))


@pytest.mark.parametrize("claim", CLAIMS)
def test_each_claim_of_a_verdict_is_tried_by_three_defects(claim: str) -> None:
    """At the least, and each of them is in the catalogue."""
    assert len(set(CLAIMS[claim])) >= 3
    assert {*CLAIMS[claim]} <= {*BY_ID}


@pytest.mark.parametrize("defect", CATALOGUE, ids=lambda each: each.id)
def test_a_defect_can_be_run_and_its_findings_can_be_given(defect: Defect) -> None:
    """Its design is valid, its drill can be planned, and each finding is about something of it."""
    topology = defect.topology()
    assert defect.findings
    if isinstance(defect.way, Judged):
        drilled = plan(topology, faults=defect.way.faults, flows=defect.way.flows).flows
        flows = {each.where for each in defect.findings if each.check != "cause"}
        assert flows <= {"", *drilled}
        assert {each.flow for each in defect.way.happens} <= {"", *drilled}
        assert {each.turn for each in defect.way.happens} <= {"", *topology.nodes}
    if isinstance(defect.way, Drilled | Tampered):
        faults = defect.way.faults if isinstance(defect.way, Drilled) else ()
        whole = plan(topology, faults=faults, flows=defect.way.flows)
        drill = no_longer_than_needed(defect, whole)
        assert 0 < drill.length_s <= whole.length_s
        flows = {each.where for each in defect.findings if each.check != "cause"}
        assert flows <= {*drill.flows}
    if isinstance(defect.way, Asked):
        asked = {str(question) for question in questions(topology)}
        assert {finding.where for finding in defect.findings} <= asked


@pytest.mark.parametrize("defect", _STATIC, ids=lambda each: each.id)
def test_a_static_defect_is_found(defect: Defect, tmp_path: Path) -> None:
    """Without any lab."""
    [outcome] = run_defect(defect, tmp_path, (1,))
    assert outcome.result == CAUGHT, outcome.said


@pytest.mark.parametrize("twin", TWINS, ids=lambda each: each.id)
def test_a_healthy_twin_passes(twin: Twin, tmp_path: Path) -> None:
    """What differs from a defect in one thing, and is as it should be in that, too."""
    assert twin.of in BY_ID
    found = judge_twin(twin, tmp_path / "run")
    doubts = [f"{each.check}: {each.summary}" for flow in found.flows for each in flow.doubtful]
    assert found.status is Status.PASS, doubts


@pytest.mark.parametrize("name", _EXCERPT)
def test_a_defect_is_found_in_a_simulated_lab(name: str, tmp_path: Path) -> None:
    """By the check that must find it, in the words of the field."""
    [outcome] = run_defect(BY_ID[name], tmp_path, (1,))
    assert (outcome.result, outcome.world) == (CAUGHT, "simulate"), outcome.said


@pytest.mark.skipif(not shutil.which("haproxy"), reason="to run this: apt-get install haproxy")
@pytest.mark.parametrize("name", _REAL)
def test_a_defect_is_found_behind_a_real_balancer(name: str, tmp_path: Path) -> None:
    """The same in a lab of processes, for a real program cannot be simulated."""
    [outcome] = run_defect(BY_ID[name], tmp_path, (1,))
    assert (outcome.result, outcome.world) == (CAUGHT, "process"), outcome.said


def test_what_stays_out_of_the_simulated_world_says_why() -> None:
    """Real parts and WNLB alone, each in a sentence; all other labs are simulated."""
    elsewhere = {
        each.id: told(each)
        for each in CATALOGUE
        if each.needs_lab and world_of_defect(each) != "simulate"
    }
    assert len(elsewhere) < sum(each.needs_lab for each in CATALOGUE) / 5
    assert elsewhere["snat-open-relay-haproxy"].startswith("process: the simulate driver cannot")
    assert elsewhere["open-relay-of-postfix"].startswith("docker: the simulate driver cannot")
    for name, why in elsewhere.items():
        assert any(part in why for part in ("haproxy", "postfix", "WNLB")), name


def test_labs_of_processes_are_still_to_be_had() -> None:
    """For whoever asks for them; and what needs containers has them in any case."""
    assert world_of_defect(BY_ID["single-hub"], "process") == "process"
    assert world_of_defect(BY_ID["open-relay-of-postfix"], "process") == "docker"
    assert world_of_defect(BY_ID["relay-for-all-but-one-network"], "process") is None


@pytest.mark.skipif(bool(why_no_docker("postfix")), reason=why_no_docker("postfix"))
def test_an_open_relay_of_a_real_postfix_is_found(tmp_path: Path) -> None:
    """As that of a fake is: the probe has a route there, so the answer is one on who may relay."""
    [outcome] = run_defect(BY_ID["open-relay-of-postfix"], tmp_path, (1,))
    assert outcome.result == CAUGHT, outcome.said


@pytest.mark.parametrize("count", [1, 7, 200])
def test_so_many_healthy_drills_are_run_as_were_asked_for(count: int) -> None:
    """Whatever the number, each drill belongs to one design."""
    assert sum(shares(count).values()) == count
    assert min(shares(count).values()) >= 0


@pytest.mark.parametrize("design", DESIGNS, ids=lambda each: each.name)
def test_each_healthy_design_can_be_drilled(design: Design) -> None:
    """With each of the faults that it is to ride out."""
    topology = design.topology()
    for case in design.cases:
        assert plan(topology, faults=case.faults, flows=case.flows).length_s > 0

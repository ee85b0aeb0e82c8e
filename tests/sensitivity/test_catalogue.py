"""The catalogue itself: whole, valid, and each of its static defects found; an excerpt drilled."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import get_args

import pytest

from relaydrill.drills.model import plan
from relaydrill.drills.policy import questions
from tests.docker_engine import why_no_docker

from .catalogue import BY_ID, CATALOGUE
from .defect import Asked, Defect, Drilled, Subject, Tampered
from .healthy import DESIGNS, shares
from .running import CAUGHT, no_longer_than_needed, run_defect

_STATIC = [each for each in CATALOGUE if not each.needs_lab]

_EXCERPT = (
    # One for each kind of finding that no other test of the drills makes.
    "snat-open-relay-haproxy",
    "tcp-check-of-a-busy-server-haproxy",
    "certificate-expired",
    "certificate-without-the-name-policy",
    "message-size-too-small",
    "one-name-server",
    "stores-and-refuses",
    "alters-the-body",
    "mailbox-server-forgets",
    "service-not-started-with-its-host",
    "connector-missing-on-one-hub",
)


def test_every_subject_has_defects_and_every_defect_a_name_of_its_own() -> None:
    """The catalogue spans what it says, and ``--only`` names one of it."""
    assert len(BY_ID) == len(CATALOGUE) >= 40
    assert sum(each.needs_lab for each in CATALOGUE) >= 30
    assert set(Counter(each.subject for each in CATALOGUE)) == set(get_args(Subject))


@pytest.mark.parametrize("defect", CATALOGUE, ids=lambda each: each.id)
def test_a_defect_can_be_run_and_its_findings_can_be_given(defect: Defect) -> None:
    """Its design is valid, its drill can be planned, and each finding is about something of it."""
    topology = defect.topology()
    assert defect.findings
    if isinstance(defect.way, Drilled | Tampered):
        faults = defect.way.faults if isinstance(defect.way, Drilled) else ()
        whole = plan(topology, faults=faults, flows=defect.way.flows)
        drill = no_longer_than_needed(defect, whole)
        assert 0 < drill.length_s <= whole.length_s
        assert {finding.where for finding in defect.findings} <= {*drill.flows}
    if isinstance(defect.way, Asked):
        asked = {str(question) for question in questions(topology)}
        assert {finding.where for finding in defect.findings} <= asked


@pytest.mark.parametrize("defect", _STATIC, ids=lambda each: each.id)
def test_a_static_defect_is_found(defect: Defect, tmp_path: Path) -> None:
    """Without any lab."""
    [outcome] = run_defect(defect, tmp_path, (1,))
    assert outcome.result == CAUGHT, outcome.said


@pytest.mark.parametrize("name", _EXCERPT)
def test_a_defect_is_found_in_a_lab(name: str, tmp_path: Path) -> None:
    """By the check that must find it, in the words of the field."""
    [outcome] = run_defect(BY_ID[name], tmp_path, (1,))
    assert outcome.result == CAUGHT, outcome.said


@pytest.mark.skipif(bool(why_no_docker("postfix")), reason=why_no_docker("postfix"))
def test_an_open_relay_of_a_real_postfix_is_found(tmp_path: Path) -> None:
    """As that of a fake is: the probe has a route there, so the answer is one on who may relay."""
    [outcome] = run_defect(BY_ID["open-relay-of-postfix"], tmp_path, (1,))
    assert outcome.result == CAUGHT, outcome.said


@pytest.mark.parametrize("count", [1, 7, 200])
def test_so_many_healthy_drills_are_run_as_were_asked_for(count: int) -> None:
    """Whatever the number, each drill belongs to one design; and each design can be drilled."""
    assert sum(shares(count).values()) == count
    assert min(shares(count).values()) >= 0
    for design in DESIGNS:
        for case in design.cases:
            assert plan(design.topology(), faults=case.faults, flows=case.flows).length_s > 0

"""Users' own haproxy.cfg, run as it is in a container: whole files hold, spoilt ones are named."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

from relaydrill.drills.drill_plan import plan
from relaydrill.drills.findings import findings
from relaydrill.drills.result import Judgement
from relaydrill.drills.runner import run_drill
from relaydrill.drivers.docker.lab import DockerLab
from relaydrill.verdict import Status
from tests.docker_engine import why_no_docker
from tests.own_balancers import STYLES, Style, topology_of

_ALL: Final = os.environ.get("RELAYDRILL_OWN_STYLES") == "all"
"""Each of these runs for half a minute of real time, for a file of one's own has no clock."""

_ALWAYS: Final = ("smtpchk",)
_WHOLE_ALWAYS: Final = ("smtpchk", "resolvers and server-template")
_WHY: Final = "it takes half a minute; to run all styles: RELAYDRILL_OWN_STYLES=all"

pytestmark = pytest.mark.skipif(
    bool(why_no_docker("node", "haproxy")), reason=why_no_docker("node", "haproxy")
)


def _among(always: tuple[str, ...]) -> list[object]:
    return [
        pytest.param(name, marks=pytest.mark.skipif(name not in always and not _ALL, reason=_WHY))
        for name in STYLES
    ]


def drilled(style: Style, text: str, folder: Path, lasts: str = "") -> Judgement:
    """A drill of a style's fault with a file; it lasts as long as it must, or as is said."""
    topology = topology_of(style, text, folder)
    with DockerLab(topology, folder / "lab") as lab:
        return run_drill(lab, plan(topology, faults=(style.fault + lasts,)), folder / "run")


@pytest.mark.parametrize("name", _among(_WHOLE_ALWAYS))
def test_a_whole_file_holds(name: str, tmp_path: Path) -> None:
    """The real program with the user's own file takes a dead server out, and mail flows on."""
    found = drilled(STYLES[name], STYLES[name].text, tmp_path)
    assert found.status is Status.PASS, findings(found)


@pytest.mark.parametrize("name", _among(_ALWAYS))
def test_a_spoilt_file_fails_and_its_line_is_named(name: str, tmp_path: Path) -> None:
    """With the line that spoils it, and what to write there."""
    style = STYLES[name]
    # Long enough that no stutter of the machine excuses it.
    found = drilled(style, style.spoilt, tmp_path, "+30s")
    assert found.status is Status.FAIL, findings(found)
    [finding] = [each for each in findings(found) if each.status == "fail"]
    assert f"haproxy.cfg:{style.number}: " in finding.sentence
    assert "stayed in rotation for" in finding.sentence
    assert finding.remedy

"""A lab with both IP versions that ``docker compose`` has brought up, and how it is reached."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from testcontainers.core.config import testcontainers_config

from relaydrill import topology_files
from relaydrill.drills.drill_plan import plan
from relaydrill.drills.runner import run_drill
from relaydrill.drivers.docker import way_in
from relaydrill.drivers.docker.lab import DockerLab
from relaydrill.errors import LabError, UsageError
from relaydrill.topology import Topology
from relaydrill.verdict import Status
from tests.compose_lab import COMPOSE_TEST_S, NEEDS_COMPOSE, brought_up
from tests.docker_engine import why_no_docker

_SOON_S = 30.0
_LAB = """\
name: dual
clock: 10
nodes:
  ht1: {role: hub, ip: dual}
  ht2: {role: hub, ip: dual}
  mbx: {role: mailbox, domains: [contoso.com]}
  app: {role: sender, ip: dual}
names:
  hubs.contoso.com: [ht1, ht2]
flows:
  relay: {from: app, persona: rotated_list, to: hubs.contoso.com, rate: 20/s}
# The two addresses of a dead hub may stand side by side in a list: its mail waits for both.
expect: {gap: 60s, late: 90s}
"""

pytestmark = [
    pytest.mark.skipif(bool(why_no_docker("node")), reason=why_no_docker("node")),
    NEEDS_COMPOSE,
    pytest.mark.timeout(COMPOSE_TEST_S),
]


@pytest.fixture(name="standing", scope="module")
def a_project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Topology, str]]:
    """The topology, and the name of the project that has been brought up of it."""
    source = tmp_path_factory.mktemp("dual") / "dual.yaml"
    source.write_text(_LAB)
    with brought_up(source) as project:
        yield topology_files.load(source), project


@pytest.fixture(autouse=True)
def _own_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def test_mail_goes_by_ipv6_before_a_node_was_cut_off_and_after(
    standing: tuple[Topology, str], tmp_path: Path
) -> None:
    """Both hubs are met by both versions, by their addresses in the compose file."""
    topology, project = standing
    with DockerLab(topology, tmp_path / "lab", project=project) as lab:
        seats = lab.placement.seats
        found = run_drill(lab, plan(topology, faults=("isolate:ht1",)), tmp_path / "run")
    assert found.status is Status.PASS, [each.doubtful for each in found.flows]
    (window,) = found.ledger.faults
    assert window.healed
    attempts = [*found.ledger.attempts("relay")]
    for phase in (
        [each for each in attempts if (each.ended or 0.0) < window.inject],
        [each for each in attempts if each.started > window.healed],
    ):
        met = {each.address.rpartition(":")[0].strip("[]") for each in phase if each.accepted}
        assert met == {each for hub in ("ht1", "ht2") for each in seats[hub].addresses}


def told(standing: tuple[Topology, str], folder: Path, way: way_in.WayIn, patch: Any) -> str:
    """Why a project is not drilled by whoever reaches its engine's machine so."""
    patch.setattr(way_in, "_published", lambda _host, _by: way)
    patch.setattr(testcontainers_config, "tc_host_override", "elsewhere")
    topology, project = standing
    lab, begun = DockerLab(topology, folder, project=project), time.monotonic()
    with pytest.raises((LabError, UsageError)) as refused, lab:
        pass
    assert time.monotonic() - begun < _SOON_S
    return str(refused.value)


def test_a_project_that_is_not_reached_is_told_in_seconds(
    standing: tuple[Topology, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the address that was tried, and what to do; not after a minute."""
    astray = way_in.WayIn("127.99.99.99", "127.0.0.1")
    said = told(standing, tmp_path / "astray", astray, monkeypatch)
    assert "runs, and cannot be reached from here: " in said
    assert "127.99.99.99:2100" in said
    assert "TESTCONTAINERS_HOST_OVERRIDE" in said
    elsewhere = way_in.WayIn("192.0.2.7", "192.0.2.7")
    said = told(standing, tmp_path / "elsewhere", elsewhere, monkeypatch)
    assert f"the compose project {standing[1]} publishes its ports on 127.0.0.1 of the" in said
    assert "write 192.0.2.7 in place of 127.0.0.1" in said

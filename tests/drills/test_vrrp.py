"""Drills of a balancer with a standby: what the loss of either costs, and how soon."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from pytest_relaydrill.asserting import assert_passed
from relaydrill import topology_files
from relaydrill.drills.drill_plan import plan
from relaydrill.drills.findings import findings
from relaydrill.drills.result import Judgement
from relaydrill.drills.runner import run_drill
from relaydrill.drivers.docker.lab import DockerLab
from relaydrill.topology import Topology
from relaydrill.verdict import Status
from tests.docker_engine import why_no_docker

from .conftest import Change

SharepointBut = Callable[[Change], Topology]
RunDrill = Callable[..., Judgement]


@pytest.fixture
def drill(drill_on_processes: RunDrill) -> RunDrill:
    """A pair of balancers has no simulated twin."""
    return drill_on_processes


STANDBY: Final[dict[str, Any]] = {"role": "standby", "standby_of": "lb1"}


@pytest.mark.parametrize("fault", ["kill", "stop", "pause", "blackhole"])
def test_the_loss_of_a_balancer_with_a_standby_costs_a_takeover(
    fault: str, sharepoint_but: SharepointBut, drill: RunDrill
) -> None:
    """It fails without one, whose loss is accepted in the built-in topology; with one it passes."""
    topology = sharepoint_but({"nodes": {"lb2": STANDBY}, "accept": []})
    found = drill(topology, f"{fault}:lb1", flows=("relay",))
    assert_passed(found)
    gap = found.flow("relay").check("gap")
    assert gap
    takeover_s = topology.balancers["lb1"].vrrp.takeover_s
    assert gap.figures["gap_s"] <= takeover_s + 2 * gap.figures["resolution_s"], gap.summary
    took = {each: found.ledger.took(each, "relay", 25) for each in ("lb1", "lb2")}
    assert min(took.values()) > 0, took


def test_a_standby_that_waits_too_long_is_found(
    sharepoint_but: SharepointBut, drill: RunDrill
) -> None:
    """With an advertisement each 10 s mail stands still for too long, and one is told why."""
    nodes = {"lb1": {"vrrp": {"advert": "10s"}}, "lb2": STANDBY}
    # For good: half a minute after a heal lb1 would take the address back, and might cut off a
    # session by that, which is a finding of its own.
    topology = sharepoint_but({"nodes": nodes, "accept": []})
    found = drill(topology, "kill:lb1+forever", flows=("relay",))
    gap = found.flow("relay").check("gap")
    assert gap
    assert gap.status is Status.FAIL, gap.summary
    told, *others = findings(found)
    assert not others, [each.sentence for each in others]
    assert "lb1 was killed while lb2 was there" in told.sentence
    assert "lb2 waits up to 36.1 s for a sign of lb1 (an advertisement every 10 s)" in told.sentence
    assert told.remedy == "advertisements more often than every 10 s"


def test_the_loss_of_an_idle_standby_proves_nothing(
    sharepoint_but: SharepointBut, drill: RunDrill
) -> None:
    """Mail flows on, for it never passed the standby: unknown, and no pass."""
    topology = sharepoint_but({"nodes": {"lb2": STANDBY}})
    found = drill(topology, "kill:lb2", flows=("relay",))
    bite = found.flow("relay").check("bite")
    assert bite
    assert bite.status is Status.UNKNOWN
    assert "lb2 took no relay mail before the fault" in bite.summary


def test_who_does_not_preempt_owes_nothing_after_its_return(
    sharepoint_but: SharepointBut, drill: RunDrill
) -> None:
    """The standby goes on, and that is what was wanted."""
    nodes = {"lb1": {"vrrp": {"preempt": False}}, "lb2": STANDBY}
    found = drill(sharepoint_but({"nodes": nodes, "accept": []}), "kill:lb1", flows=("relay",))
    assert_passed(found)
    back = found.flow("relay").check("return")
    assert back
    assert "lb1's return, which does not preempt" in back.summary


@pytest.mark.skipif(bool(why_no_docker("haproxy")), reason=why_no_docker("haproxy"))
@pytest.mark.parametrize("fault", ["kill", "blackhole"])
def test_haproxy_and_keepalived_pass_the_same_drill(fault: str, tmp_path: Path) -> None:
    """The real pair, each in a container, rides out the loss of the first."""
    change = {
        # Real servers cost more than fakes: on two cores they get half the mail.
        "clock": 5,
        "flows": {"relay": {"rate": "30/s"}, "submission": {"rate": "15/s"}},
        "nodes": {"lb1": {"kind": "haproxy"}, "lb2": STANDBY},
        "accept": [],
    }
    path = tmp_path / "pair.yaml"
    path.write_text(yaml.safe_dump({"extends": "sharepoint", "name": "real-pair", **change}))
    topology = topology_files.load(path)
    with DockerLab(topology, tmp_path / "lab") as lab:
        found = run_drill(lab, plan(topology, faults=(f"{fault}:lb1",)), tmp_path / "run")
    assert_passed(found)
    assert min(found.ledger.took(each, "relay", 25) for each in ("lb1", "lb2")) > 0

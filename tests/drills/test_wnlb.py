"""Drills of a WNLB cluster: it outlives a host, and does not see that a service is gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from pytest_relaydrill.asserting import assert_passed
from relaydrill.drills.result import Judgement
from relaydrill.topology import Topology
from relaydrill.verdict import Status

from .conftest import Change

SharepointBut = Callable[[Change], Topology]
RunDrill = Callable[..., Judgement]


@pytest.fixture
def drill(drill_on_processes: RunDrill) -> RunDrill:
    """A cluster has no simulated twin."""
    return drill_on_processes


WNLB: Final[dict[str, Any]] = {
    "mode": "wnlb",
    "check": {"kind": "none"},
    "cluster": {"rules": [{"affinity": "none"}]},
}
"""The hubs as a cluster, each connection a choice of its own."""


@pytest.mark.parametrize("flow", ["relay", "submission"])
def test_a_stopped_service_is_refused_all_the_time_and_the_verdict_says_why(
    flow: str, sharepoint_but: SharepointBut, drill: RunDrill
) -> None:
    """WNLB gives a third to the host whose service is stopped for as long as it lasts."""
    found = drill(sharepoint_but({"nodes": {"lb1": WNLB}}), "refuse:ht2", flows=(flow,))
    degraded = found.flow(flow).check("degraded")
    assert degraded
    assert degraded.status is Status.FAIL, degraded.summary
    assert "by ht2, which the balancer believed to be up all the time" in degraded.summary
    assert "WNLB watches hosts, not services" in degraded.summary
    assert not [belief for belief in found.ledger.beliefs if belief.state == "down"]
    account = found.flow(flow).account
    assert set(account) == {"delivered", "not accepted"}
    told = degraded.figures["false_green"]
    assert told["node"] == "ht2"
    [window] = found.ledger.faults
    assert window.injected
    assert window.heal
    # Some that began as the listeners closed, or opened again, may count as before it, or after.
    during = [
        each for each in found.ledger.attempts(flow) if window.injected < each.started < window.heal
    ]
    failed = sum(not each.accepted for each in during)
    assert failed <= told["failed"] <= account["not accepted"], degraded.summary


@pytest.mark.parametrize("flow", ["relay", "submission"])
def test_a_balancer_that_checks_services_passes_the_same_drill(
    flow: str, sharepoint_but: SharepointBut, drill: RunDrill
) -> None:
    """It marks the hub down, and its third goes to the others."""
    found = drill(sharepoint_but({}), "refuse:ht2", flows=(flow,))
    assert_passed(found, flow)
    degraded = found.flow(flow).check("degraded")
    assert degraded
    assert "WNLB" not in degraded.summary
    down = [each for each in found.ledger.beliefs if each.state == "down"]
    assert "ht2" in {each.backend for each in down}


@pytest.mark.parametrize("fault", ["kill", "blackhole"])
def test_a_lost_host_is_noticed_and_its_share_goes_to_the_others(
    fault: str, sharepoint_but: SharepointBut, drill: RunDrill
) -> None:
    """Within five heartbeats and a convergence; what came for it meanwhile had to wait."""
    topology = sharepoint_but({"nodes": {"lb1": WNLB}})
    found = drill(topology, f"{fault}:ht2", flows=("relay",))
    assert_passed(found, "relay")
    [down] = [e for e in found.ledger.beliefs if (e.state, e.port) == ("down", 25)]
    [window] = found.ledger.faults
    assert window.injected
    cluster = topology.balancers["lb1"].cluster
    earliest_s = cluster.detection_s - cluster.heartbeat
    assert (down.mono - window.inject) * found.topology.clock >= earliest_s
    # A quarter of a second of the wall clock for a busy machine.
    assert (down.mono - window.injected) * found.topology.clock <= cluster.detection_s + 2.5
    meanwhile = [
        attempt
        for attempt in found.ledger.attempts("relay")
        if window.injected < attempt.started < down.mono - 0.1
    ]
    assert [each for each in meanwhile if each.ended and each.ended > down.mono - 0.1]
    degraded = found.flow("relay").check("degraded")
    assert degraded
    assert "false_green" not in degraded.figures


def test_with_affinity_single_one_sender_is_one_hosts_alone(
    sharepoint_but: SharepointBut, drill: RunDrill
) -> None:
    """All mail of one address goes to one host: the loss of another tests nothing, and says so."""
    single = {"mode": "wnlb", "check": {"kind": "none"}}
    found = drill(sharepoint_but({"nodes": {"lb1": single}}), flows=("relay",))
    assert_passed(found, "relay")
    [busy] = {event for entry in found.ledger.of_flow("relay") for _, event in entry.accepted}
    idle = next(hub for hub in ("ht1", "ht2", "ht3") if hub != busy)
    assert not found.ledger.traffic_of(idle, "relay", 25)

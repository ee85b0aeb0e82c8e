"""Designs with one thing wrong: each drill must say so, with the right verdict and account."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from relaydrill.drills.judge import Judgement
from relaydrill.topology import Topology
from relaydrill.verdict import Status

from .conftest import Change

SharepointBut = Callable[[Change], Topology]
RunDrill = Callable[..., Judgement]


def check_of(judgement: Judgement, flow: str, check: str) -> Status:
    """The status of one check."""
    found = judgement.flow(flow).check(check)
    assert found is not None, f"{flow} was not checked for {check}"
    return found.status


@pytest.mark.parametrize("flow", ["relay", "submission"])
def test_a_balancer_without_health_checks_fails(
    flow: str, sharepoint_but: SharepointBut, drill: RunDrill
) -> None:
    """Without checks a dead hub's third of the connections fails until it is back."""
    blind = sharepoint_but({"nodes": {"lb1": {"check": {"kind": "none"}}}})
    found = drill(blind, "kill:ht1", flows=(flow,))
    assert found.status is Status.FAIL
    assert check_of(found, flow, "degraded") is Status.FAIL
    assert check_of(found, flow, "gap") is Status.PASS, "two hubs of three still took mail"
    assert check_of(found, flow, "account") is Status.PASS
    account = found.flow(flow).account
    assert account["not accepted"] >= 0.8 / 3 * 24 / 10 * found.topology.flows[flow].rate
    assert set(account) == {"delivered", "not accepted"}


@pytest.mark.parametrize("flow", ["relay", "submission"])
def test_a_check_that_cannot_see_back_pressure_fails(
    flow: str, sharepoint_but: SharepointBut, drill: RunDrill
) -> None:
    """A check by EHLO stays green while MAIL is refused: a third of the mail is refused with it."""
    found = drill(sharepoint_but({}), "backpressure:ht2", flows=(flow,))
    assert found.status is Status.FAIL
    degraded = found.flow(flow).check("degraded")
    assert degraded
    assert degraded.status is Status.FAIL
    assert "452 at mail" in degraded.summary
    account = found.flow(flow).account
    assert set(account) == {"delivered", "refused"}
    assert not [belief for belief in found.ledger.beliefs if belief.backend == "ht2"]


def test_a_draining_hub_is_a_false_green(sharepoint_but: SharepointBut, drill: RunDrill) -> None:
    """It greets and refuses at MAIL; the verdict says what the balancer believed meanwhile."""
    found = drill(sharepoint_but({}), "drain:ht2", flows=("relay",))
    degraded = found.flow("relay").check("degraded")
    assert degraded
    assert degraded.status is Status.FAIL
    assert "421 at mail" in degraded.summary
    assert "by ht2, which the balancer believed to be up all the time" in degraded.summary
    assert degraded.figures["false_green"]["refused"] == degraded.figures["failed"]


def test_a_check_that_goes_on_to_mail_sees_back_pressure(
    sharepoint_but: SharepointBut, drill: RunDrill
) -> None:
    """The same fault passes on 25 once the check goes as far as MAIL: the defect was in the check.

    On 587 it goes on failing: there MAIL wants STARTTLS, which the check does not speak.
    """
    seeing = sharepoint_but({"nodes": {"lb1": {"check": {"kind": "mail"}}}})
    found = drill(seeing, "backpressure:ht2")
    assert found.flow("relay").status is Status.PASS
    assert found.flow("submission").status is Status.FAIL
    down = {each.port for each in found.ledger.beliefs if each.state == "down"}
    assert down == {25}


def test_a_hub_that_answers_before_storing_loses_mail(
    sharepoint_but: SharepointBut, drill: RunDrill
) -> None:
    """What a hub promised and held in memory only is lost with it, and each one is named."""
    lying = sharepoint_but({"nodes": {"ht1": {"ack": "before_store", "ack_lag": "5s"}}})
    found = drill(lying, "kill:ht1", flows=("relay",))
    assert found.status is Status.FAIL
    account = found.flow("relay").check("account")
    assert account
    assert account.status is Status.FAIL
    lost = account.figures["lost"]
    # 5 s of field time at clock 10 and a third of 50 messages a second: about eight.
    assert 2 <= lost <= 20, account.summary
    assert "accepted by ht1" in account.summary
    for entry in found.ledger.of_flow("relay"):
        if entry.account == "lost":
            assert [node for _, node in entry.accepted] == ["ht1"]
            assert not entry.arrived


def test_a_hub_that_stores_first_loses_nothing_in_the_same_drill(
    sharepoint_but: SharepointBut, drill: RunDrill
) -> None:
    """The same kill, with the queue written before the 250: not one message is lost."""
    found = drill(sharepoint_but({}), "kill:ht1", flows=("relay",))
    assert found.status is Status.PASS
    assert "lost" not in found.flow("relay").account


def test_a_hub_that_stores_twice_is_found(sharepoint_but: SharepointBut, drill: RunDrill) -> None:
    """Messages through that hub arrive twice; the topology that forbids duplicates fails."""
    twice = sharepoint_but({"nodes": {"ht3": {"copies": 2}}, "expect": {"duplicated": 0}})
    found = drill(twice, flows=("relay",))
    assert found.status is Status.FAIL
    account = found.flow("relay").account
    assert set(account) == {"delivered", "duplicated"}
    taken = sum(account.values())
    assert account["duplicated"] in range(taken // 3 - 1, taken // 3 + 2)
    for entry in found.ledger.of_flow("relay"):
        assert (entry.account == "duplicated") == (entry.accepted[0][1] == "ht3")


def test_duplicates_are_only_reported_where_the_topology_does_not_forbid_them(
    sharepoint_but: SharepointBut, drill: RunDrill
) -> None:
    """A duplicate is no loss: without ``duplicated: 0`` it is in the account, and passes."""
    found = drill(sharepoint_but({"nodes": {"ht3": {"copies": 2}}}), flows=("relay",))
    assert found.status is Status.PASS
    assert found.flow("relay").account["duplicated"] > 0


def test_a_port_that_is_missing_from_the_port_rules_fails(
    sharepoint_but: SharepointBut, drill: RunDrill
) -> None:
    """With nothing broken and 587 not forwarded, submission fails and relay passes."""
    half = sharepoint_but({"nodes": {"lb1": {"vips": {"mail": {"ports": [25]}}}}})
    found = drill(half)
    assert found.flow("relay").status is Status.PASS
    assert found.flow("submission").status is Status.FAIL
    steady = found.flow("submission").check("steady")
    assert steady
    assert "connection refused" in steady.summary
    assert set(found.flow("submission").account) == {"not accepted"}


def test_a_fault_on_a_flow_that_never_worked_proves_nothing(
    sharepoint_but: SharepointBut, drill: RunDrill
) -> None:
    """Killing a hub under a flow that was refused all along is unknown, never pass."""
    half = sharepoint_but({"nodes": {"lb1": {"vips": {"mail": {"ports": [25]}}}}})
    found = drill(half, "kill:ht1", flows=("submission",))
    checks = {check.check: check.status for check in found.flow("submission").checks}
    assert checks["steady"] is Status.UNKNOWN
    assert checks["bite"] is Status.UNKNOWN
    assert checks["account"] is Status.UNKNOWN
    assert found.status is not Status.PASS


def test_a_single_hub_fails(sharepoint_but: SharepointBut, drill: RunDrill) -> None:
    """One hub behind the balancer: while it is dead nothing is accepted, and the gap says so."""
    single = sharepoint_but({"nodes": {"ht2": None, "ht3": None, "lb1": {"backends": ["ht1"]}}})
    found = drill(single, "kill:ht1", flows=("relay",))
    assert found.status is Status.FAIL
    gap = found.flow("relay").check("gap")
    assert gap
    assert gap.status is Status.FAIL
    # Dead for as long as planned, and up again only after two good checks.
    dead_s, recovery_s = found.drill.faults[0].duration_s, single.balancers["lb1"].check.recovery_s
    resolution_s = gap.figures["resolution_s"]
    assert dead_s - resolution_s <= gap.figures["gap_s"] <= dead_s + recovery_s + 2 * resolution_s
    # What was under way when the hub was killed may have been stored, or not, without an answer.
    accounts = set(found.flow("relay").account)
    assert {"delivered", "not accepted"} <= accounts
    assert accounts <= {"delivered", "not accepted", "recovered", "unknown"}


def test_a_fault_that_the_lab_cannot_inject_is_unknown(
    sharepoint_but: SharepointBut, drill: RunDrill
) -> None:
    """A balancer has no service to disturb: the drill is unknown, and says that nothing broke."""
    found = drill(sharepoint_but({}), "backpressure:lb1", flows=("relay",))
    assert found.status is Status.UNKNOWN
    bite = found.flow("relay").check("bite")
    assert bite
    assert "not injected" in bite.summary


def test_a_fault_on_a_node_that_carries_nothing_is_unknown(
    sharepoint_but: SharepointBut, drill: RunDrill
) -> None:
    """Killing a hub that the balancer does not know proves nothing about the design."""
    spare = sharepoint_but({"nodes": {"ht9": {"role": "hub"}}})
    found = drill(spare, "kill:ht9", flows=("relay",))
    assert found.status is Status.UNKNOWN
    bite = found.flow("relay").check("bite")
    assert bite
    assert "took no relay mail before the fault" in bite.summary

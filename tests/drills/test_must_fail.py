"""Designs with one thing wrong: each drill must say so, with the right verdict and account.

The designs are the catalogue's (`tests.sensitivity`), which also says what must be found. Here they
are looked at more closely, and beside them what the same design must not be blamed for.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from relaydrill.drills.result import Judgement
from relaydrill.topology import Topology
from relaydrill.verdict import Status
from tests.sensitivity.catalogue import BY_ID

from .conftest import Change

SharepointBut = Callable[[Change], Topology]
RunDrill = Callable[..., Judgement]
Caught = Callable[[str], Judgement]


def check_of(judgement: Judgement, flow: str, check: str) -> Status:
    """The status of one check."""
    found = judgement.flow(flow).check(check)
    assert found is not None, f"{flow} was not checked for {check}"
    return found.status


@pytest.mark.parametrize("flow", ["relay", "submission"])
def test_a_balancer_without_health_checks_fails(flow: str, caught: Caught) -> None:
    """Without checks a dead hub's third of the connections fails until it is back."""
    found = caught(f"no-checks-{flow}")
    assert found.status is Status.FAIL
    assert check_of(found, flow, "gap") is Status.PASS, "two hubs of three still took mail"
    assert check_of(found, flow, "account") is Status.PASS
    account = found.flow(flow).account
    dead_s = found.drill.faults[0].duration_s / found.topology.clock
    assert account["not accepted"] >= 0.8 / 3 * dead_s * found.topology.flows[flow].rate * 0.8
    assert set(account) == {"delivered", "not accepted"}


@pytest.mark.parametrize("flow", ["relay", "submission"])
def test_a_check_that_cannot_see_back_pressure_fails(flow: str, caught: Caught) -> None:
    """A check by EHLO stays green while MAIL is refused: a third of the mail is refused with it."""
    found = caught(f"ehlo-check-under-back-pressure-{flow}")
    assert found.status is Status.FAIL
    account = found.flow(flow).account
    assert set(account) == {"delivered", "refused"}
    assert not [belief for belief in found.ledger.beliefs if belief.backend == "ht2"]


def test_a_draining_hub_is_a_false_green(caught: Caught) -> None:
    """It greets and refuses at MAIL; the verdict says what the balancer believed meanwhile."""
    degraded = caught("ehlo-check-of-a-draining-hub").flow("relay").check("degraded")
    assert degraded
    assert degraded.figures["false_green"]["refused"] == degraded.figures["failed"]


def test_a_check_that_goes_on_to_mail_sees_back_pressure(drill: RunDrill) -> None:
    """The same fault passes on 25 once the check goes as far as MAIL: the defect was in the check.

    On 587 it goes on failing: there MAIL wants STARTTLS, which the check does not speak.
    """
    found = drill(BY_ID["mail-check-cannot-log-in"].topology(), "backpressure:ht2")
    assert found.flow("relay").status is Status.PASS
    assert found.flow("submission").status is Status.FAIL
    down = {each.port for each in found.ledger.beliefs if each.state == "down"}
    assert down == {25}


def test_a_hub_that_answers_before_storing_loses_mail(caught: Caught) -> None:
    """What a hub promised and held in memory only is lost with it, and each one is named."""
    found = caught("answers-before-storing")
    assert found.status is Status.FAIL
    account = found.flow("relay").check("account")
    assert account
    # 5 s of field time at clock 10 and a third of 50 messages a second: about eight.
    assert 2 <= account.figures["lost"] <= 20, account.summary
    for entry in found.ledger.of_flow("relay"):
        if entry.account == "lost":
            assert [node for _, node in entry.accepted] == ["ht1"]
            assert not entry.arrived


def test_a_hub_that_stores_first_loses_nothing_in_the_same_drill(
    sharepoint_but: SharepointBut, drill_on_processes: RunDrill
) -> None:
    """The same kill, with the queue written before the 250: not one message is lost."""
    found = drill_on_processes(sharepoint_but({}), "kill:ht1", flows=("relay",))
    assert found.status is Status.PASS
    assert "lost" not in found.flow("relay").account


def test_a_hub_that_stores_twice_is_found(caught: Caught) -> None:
    """Messages through that hub arrive twice; the topology that forbids duplicates fails."""
    found = caught("stores-twice")
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


def test_a_port_that_is_missing_from_the_port_rules_fails(caught: Caught) -> None:
    """With nothing broken and 587 not forwarded, submission fails and relay passes."""
    found = caught("port-not-forwarded")
    assert found.flow("relay").status is Status.PASS
    assert found.flow("submission").status is Status.FAIL
    assert set(found.flow("submission").account) == {"not accepted"}


def test_a_fault_on_a_flow_that_never_worked_proves_nothing(caught: Caught) -> None:
    """Killing a hub under a flow that was refused all along is unknown, never pass."""
    assert caught("port-not-forwarded-under-a-fault").status is not Status.PASS


def test_a_single_hub_fails(caught: Caught) -> None:
    """One hub behind the balancer: while it is dead nothing is accepted, and the gap says so."""
    found = caught("single-hub")
    assert found.status is Status.FAIL
    gap = found.flow("relay").check("gap")
    assert gap
    # Dead for as long as planned, and up again only after two good checks.
    recovery_s = found.topology.balancers["lb1"].check.recovery_s
    dead_s = found.drill.faults[0].duration_s
    resolution_s = gap.figures["resolution_s"]
    assert dead_s - resolution_s <= gap.figures["gap_s"] <= dead_s + recovery_s + 2 * resolution_s
    # What was under way when the hub was killed may have been stored, or not, without an answer;
    # and what the mailbox had just taken from the hub goes there once more when the hub is back.
    accounts = set(found.flow("relay").account)
    assert {"delivered", "not accepted"} <= accounts
    assert accounts <= {"delivered", "not accepted", "recovered", "duplicated", "unknown"}


@pytest.mark.parametrize("defect", ["fault-that-the-lab-cannot-do", "hub-forgotten"])
def test_a_fault_that_breaks_nothing_is_unknown(defect: str, caught: Caught) -> None:
    """What was not injected, or broke what carries no mail, proves nothing about the design."""
    assert caught(defect).status is Status.UNKNOWN

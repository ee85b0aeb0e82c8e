"""Mailbox servers hand mail to the hubs without a balancer: a rotated list, the next on failure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from relaydrill import topology_files
from relaydrill.drills.result import Judgement
from relaydrill.ledger import Account
from relaydrill.topology import Topology
from relaydrill.verdict import Status
from tests.simulated_drills import INTRA_ORG

RunDrill = Callable[..., Judgement]


def design() -> Topology:
    """Two mailbox servers that send: one with hubs to choose from, one that is a hub itself."""
    return topology_files.parse(INTRA_ORG, "intra-org.yaml")


@pytest.mark.parametrize("fault", ["kill:ht1", "stop:ht1", "refuse:ht1", "busy:ht1"])
def test_the_next_hub_in_the_list_takes_a_lost_one_s_turn(fault: str, drill: RunDrill) -> None:
    """One of three hubs lost costs no message and no time; the others share its turns."""
    found = drill(design(), fault, flows=("intra-org",))
    assert found.status is Status.PASS
    assert set(found.ledger.accounts("intra-org")) == {Account.DELIVERED}
    degraded = found.flow("intra-org").check("degraded")
    assert degraded
    assert degraded.figures["failed"] == 0


def test_a_server_that_insists_on_its_own_hub_stands_still_with_it(drill: RunDrill) -> None:
    """A mailbox server that holds the hub role, too, never asks another hub."""
    found = drill(design(), "kill:ht1")
    assert found.flow("intra-org").status is Status.PASS
    gap = found.flow("own-hub").check("gap")
    assert gap
    assert gap.status is Status.FAIL


def test_the_list_is_turned_by_one_for_each_connection(drill_on_processes: RunDrill) -> None:
    """Over a steady drill each hub gets a third, to within one turn of the list."""
    found = drill_on_processes(design(), flows=("intra-org",))
    counts = Counter(attempt.choice for attempt in found.ledger.attempts("intra-org"))
    assert set(counts) == {"ht1", "ht2", "ht3"}
    assert max(counts.values()) - min(counts.values()) <= 1

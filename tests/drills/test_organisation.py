"""Servers among themselves: hub to hub across sites, and out by the Edge servers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from relaydrill import topology_files
from relaydrill.drills.result import Judgement
from relaydrill.ledger import Account
from relaydrill.topology import Topology
from relaydrill.verdict import Status

RunDrill = Callable[..., Judgement]


def design(change: str = "") -> Topology:
    """The built-in topology of two sites, with something changed.

    Processes that are gone refuse at once: a promise without room for silence makes drills short.
    """
    head = "extends: twosites\nname: changed\nexpect: {degraded: 15s}\n"
    return topology_files.parse(f"{head}{change}", "changed.yaml")


def takers(found: Judgement, flow: str) -> Counter[str]:
    """Which servers took a flow's mail, and how often."""
    entries = found.ledger.of_flow(flow)
    return Counter(node for entry in entries for _, node in entry.accepted)


def test_mail_for_another_site_goes_over_the_hubs_there(drill_on_processes: RunDrill) -> None:
    """Each message passes one hub of either site; the next hops' turns are even."""
    found = drill_on_processes(design(), flows=("cross-site",))
    assert found.status is Status.PASS
    for entry in found.ledger.of_flow("cross-site"):
        near, far = (node for _, node in sorted(entry.accepted))
        assert near in ("ht1", "ht2")
        assert far in ("ht3", "ht4")
    shares = takers(found, "cross-site")
    assert min(shares.values()) > 0.2 * max(shares.values())


def test_outbound_mail_leaves_by_the_edge_servers(drill: RunDrill) -> None:
    """Hubs relay to the Internet only over an Edge server, and nothing else gets there."""
    found = drill(design(), flows=("outbound", "intra-site"))
    assert found.status is Status.PASS
    assert set(takers(found, "outbound")) == {"ht1", "ht2", "edge1", "edge2"}
    assert set(takers(found, "intra-site")) == {"ht1", "ht2"}


@pytest.mark.parametrize(
    ("lost", "flow"), [("ht3", "cross-site"), ("edge1", "outbound"), ("ht1", "outbound")]
)
def test_the_next_server_takes_what_a_lost_one_would_have(
    lost: str, flow: str, drill: RunDrill
) -> None:
    """One of two next hops lost costs no message; what it held arrives when it is back."""
    found = drill(design(), f"kill:{lost}", flows=(flow,))
    assert found.status is Status.PASS
    assert found.ledger.accounts(flow).get(Account.LOST, 0) == 0
    assert not found.ledger.accounts(flow).get(Account.QUEUED, 0)


def test_a_stuck_destination_holds_up_no_other(drill: RunDrill) -> None:
    """With all Edge servers gone for good, mail for both sites arrives, and outbound is queued."""
    faults = ("kill:edge1@10s+forever", "kill:edge2@10s+forever")
    flows = ("intra-site", "cross-site", "outbound")
    found = drill(design(), *faults, flows=flows)
    for flow in ("intra-site", "cross-site"):
        assert set(found.ledger.accounts(flow)) == {Account.DELIVERED}
    queued = [
        entry
        for entry in found.ledger.of_flow("outbound")
        if entry.account is Account.QUEUED and not set(entry.queued_on) & {"edge1", "edge2"}
    ]
    assert queued
    assert {node for entry in queued for node in entry.queued_on} <= {"ht1", "ht2"}


def test_mail_that_no_route_leads_to_is_lost_and_told(drill: RunDrill) -> None:
    """What a hub takes for a domain that nobody has bounces, and the account says so."""
    flow = "flows:\n  outbound: {recipient: user@nobody.example}\n"
    nodes = "nodes:\n  fabrikam: {domains: [fabrikam.com]}\n"
    found = drill(design(nodes + flow), flows=("outbound",))
    account = found.flow("outbound").check("account")
    assert account
    assert account.status is Status.FAIL
    entry = next(found.ledger.of_flow("outbound"))
    (_, where, reason) = entry.bounced[0]
    assert where in ("edge1", "edge2")
    assert reason == "554 5.4.4 no route to nobody.example"


def test_filters_of_an_edge_server_do_not_act_on_outbound_mail(drill: RunDrill) -> None:
    """The recipient filter knows the own recipients only, and must not refuse all others."""
    edges = "".join(
        f"  {edge}: {{filters: {{recipients: [user@contoso.com]}}}}\n"
        for edge in ("edge1", "edge2")
    )
    found = drill(design(f"nodes:\n{edges}"), flows=("outbound",))
    assert found.status is Status.PASS
    assert set(found.ledger.accounts("outbound")) == {Account.DELIVERED}

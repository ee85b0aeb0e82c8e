"""What a flow wants of a node after its heal: by its own way, and in its own time."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from relaydrill import topology_files
from relaydrill.drills.recovery import Recovery, recovery_of
from relaydrill.topology import Topology

QUICK = {"interval": "1s", "timeout": "1s", "fall": 2, "rise": 1}
SLOW = {"interval": "2s", "timeout": "1s", "fall": 3, "rise": 30}


def tier(to: Any, persona: str = "rfc5321", **flow: Any) -> Topology:
    """Hubs behind ``lb1`` (a, two of them; quick) and behind ``lb2`` (b, all three; slow).

    Args:
        to: A target, or a list of the addresses of each MX host.
        persona: The sender's persona.
        **flow: Settings of the flow.
    """
    mx = [{"host": f"mx{n}.contoso.com", "addresses": each} for n, each in enumerate(to)]
    zones = {"contoso.com": {"mx": mx}} if isinstance(to, list) else {}
    target = "contoso.com" if zones else to
    check = {"a": (["ht1", "ht2"], QUICK), "b": (["ht1", "ht2", "ht3"], SLOW)}
    return topology_files.parse(
        yaml.safe_dump(
            {
                "name": "tier",
                "nodes": {
                    **{name: {"role": "hub"} for name in ("ht1", "ht2", "ht3")},
                    **{
                        f"lb{number}": {
                            "role": "balancer",
                            "backends": backends,
                            "vips": {vip: {"ports": [25]}},
                            "check": settings,
                        }
                        for number, (vip, (backends, settings)) in enumerate(check.items(), 1)
                    },
                    "mbx": {"role": "mailbox", "domains": ["contoso.com"]},
                    "ns1": {"role": "dns", "order": "rotate"},
                    "app": {"role": "sender"},
                },
                "zones": zones,
                "flows": {"relay": {"from": "app", "to": target, "persona": persona, **flow}},
            }
        )
    )


def fair(topology: Topology, node: str) -> float | None:
    """The share that is wanted of a node; None where none is."""
    test = recovery_of(topology, node, "relay").test
    return test.fair if test else None


def test_a_node_behind_two_balancers_is_wanted_back_by_the_flow_s_own() -> None:
    """Its backends, its share, its time."""
    by_a = recovery_of(tier("a", "single_host"), "ht2", "relay")
    by_b = recovery_of(tier("b", "single_host"), "ht2", "relay")
    assert (by_a.peers, by_b.peers) == (("ht1", "ht2"), ("ht1", "ht2", "ht3"))
    assert (by_a.allowance_s, by_b.allowance_s) == (3.0, 64.0)
    assert fair(tier("a", "single_host"), "ht2") == 0.5
    assert fair(tier("a", "single_host"), "ht3") is None


def test_over_two_balancers_both_parts_and_the_longer_time_count() -> None:
    """MX hosts that are VIPs: half of the mail each."""
    topology = tier([["a"], ["b"]])
    assert fair(topology, "ht2") == pytest.approx(1 / 4 + 1 / 6)
    assert fair(topology, "ht3") == pytest.approx(1 / 6)
    assert recovery_of(topology, "ht2", "relay").allowance_s == 64.0
    assert not recovery_of(topology, "ht2", "relay").of_choices


def test_a_node_both_direct_and_balanced_owes_both() -> None:
    """An MX host of its own, and one of three behind the VIP of another."""
    assert fair(tier([["ht3"], ["b"]]), "ht3") == pytest.approx(1 / 2 + 1 / 6)


def test_senders_that_keep_to_their_choice_owe_no_share_of_unlike_ways() -> None:
    """How many of them have picked which host nobody knows; but like ways make no difference."""
    assert recovery_of(tier([["a"], ["ht3"]], "pinned_mx"), "ht2", "relay") == Recovery(3.0)
    assert fair(tier([["a"], ["a"]], "pinned_mx"), "ht2") == 0.5
    assert fair(tier([["ht1", "ht3"]], "pinned_mx", pin="mx0.contoso.com"), "ht3") == 0.5


def test_where_senders_choose_they_owe_the_share_that_dns_leads_to() -> None:
    """Promised to be even or not: the second host of two addresses takes half."""
    topology = tier([["ht1", "ht2"], ["ht3"]])
    wanted = recovery_of(topology, "ht3", "relay")
    assert wanted.of_choices
    assert fair(topology, "ht3") == pytest.approx(0.5)
    assert fair(topology, "ht1") == pytest.approx(0.25)
    assert wanted.peers == ("ht1", "ht2", "ht3")

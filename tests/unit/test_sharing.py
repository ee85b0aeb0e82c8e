"""Fair shares: what DNS and balancers come to together, against senders that are acted out."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from relaydrill import topology_files
from relaydrill.sharing import keeps_clients, parts_by_target, spans, taken
from relaydrill.topology import Topology
from relaydrill.topology.naming import exchangers
from relaydrill.topology.paths import balancers_of

HUBS = ("ht1", "ht2", "ht3", "ht4")


def design(
    backends: dict[str, list[str]], to: Any, *, persona: str = "rfc5321", **more: Any
) -> Topology:
    """Four hubs behind balancers, each with one VIP called after it.

    Args:
        backends: By balancer.
        to: Addresses of the MX hosts, or a name or node.
        persona: The sender's persona.
        more: Of balancers.
    """
    nodes: dict[str, Any] = {name: {"role": "hub"} for name in HUBS}
    for name, names in backends.items():
        vips = {f"vip-{name}": {"ports": [25]}}
        nodes[name] = {"role": "balancer", "backends": names, "vips": vips, **more}
    nodes |= {"mbx": {"role": "mailbox", "domains": ["contoso.com"]}, "app": {"role": "sender"}}
    data: dict[str, Any] = {"name": "shared", "nodes": nodes}
    flow = {"from": "app", "persona": persona, "to": to}
    if isinstance(to, list):
        mx = [{"host": f"mx{at}.contoso.com", "addresses": each} for at, each in enumerate(to)]
        data["zones"] = {"contoso.com": {"mx": mx}}
        data["nodes"]["ns1"] = {"role": "dns", "order": "rotate"}
        flow["to"] = "contoso.com"
    data["flows"] = {"relay": flow}
    return topology_files.parse(yaml.safe_dump(data))


some_hubs = st.lists(st.sampled_from(HUBS), min_size=1, unique=True)


@st.composite
def designs(draw: st.DrawFn) -> Topology:
    """MX hosts of VIPs and hubs, the balancers' backends drawn at will."""
    backends = {name: draw(some_hubs) for name in ("lb1", "lb2")}
    targets = draw(
        st.lists(
            st.sampled_from([*HUBS, "vip-lb1", "vip-lb2"]), min_size=1, max_size=4, unique=True
        )
    )
    return design(backends, [[each] for each in targets])


gone = st.frozensets(st.sampled_from([*HUBS, "lb1"]), max_size=3)


@given(designs(), gone)
@settings(deadline=None)
def test_shares_add_up_and_fall_on_those_who_are_there(
    topology: Topology, lost: frozenset[str]
) -> None:
    """All of the accepted mail is taken, by live servers that the flow is led to."""
    found = taken(topology, "relay", lost)
    assert not found or sum(found.values()) == pytest.approx(1.0)
    assert not {*found} & lost
    assert {*found} <= {*HUBS}


@given(designs(), gone)
@settings(deadline=None)
def test_nobody_gets_less_because_another_server_is_gone(
    topology: Topology, lost: frozenset[str]
) -> None:
    """What a hub does not take the others take: their parts grow, or stay."""
    hubs = lost & {*HUBS}
    before, after = taken(topology, "relay"), taken(topology, "relay", hubs)
    for node in {*before} - hubs:
        assert not after or after.get(node, 0.0) >= before[node] * (1 - 1e-9)


@given(designs(), gone, st.sampled_from(HUBS))
@settings(deadline=None)
def test_a_span_holds_every_case(topology: Topology, lost: frozenset[str], node: str) -> None:
    """Whoever of the doubtful is there, the part lies between the bounds that are told."""
    low, high = spans(topology, "relay", node, frozenset(), lost)
    for some in (frozenset[str](), lost):
        if found := taken(topology, "relay", some):
            assert low - 1e-9 <= found.get(node, 0.0) <= high + 1e-9


@given(designs(), st.integers(0, 99))
@settings(deadline=None, max_examples=25)
def test_it_is_what_senders_and_balancers_do(topology: Topology, seed: int) -> None:
    """Senders that pick an MX host, and balancers that give their backends turns."""
    tries, chance = 3000, random.Random(seed)
    turns = dict.fromkeys(topology.balancers, 0)
    counts = Counter[str]()
    hosts = exchangers(topology, "contoso.com")
    for _ in range(tries):
        target = chance.choice(hosts).addresses[0]
        if target in topology.vips:
            balancer = topology.vips[target][0]
            backends = topology.balancers[balancer].backends
            target = backends[turns[balancer] % len(backends)]
            turns[balancer] += 1
        counts[target] += 1
    for node, share in taken(topology, "relay").items():
        assert counts[node] / tries == pytest.approx(share, abs=0.05)


def test_a_node_both_direct_and_behind_a_balancer_gets_both_parts() -> None:
    """Half of the mail comes to it itself, and a half of the other half by its balancer."""
    topology = design({"lb1": ["ht1", "ht2"]}, [["vip-lb1"], ["ht1"]])
    assert taken(topology, "relay") == pytest.approx({"ht1": 0.75, "ht2": 0.25})
    assert parts_by_target(topology, "relay", "ht1") == pytest.approx({"vip-lb1": 0.5, "ht1": 1.0})


def test_only_the_balancers_of_the_flow_count() -> None:
    """What another balancer has behind it is nothing to a flow that does not pass it."""
    topology = design(
        {"lb1": ["ht1", "ht2", "ht3"], "lb2": ["ht2", "ht4"]}, "vip-lb2", persona="single_host"
    )
    assert taken(topology, "relay") == pytest.approx({"ht2": 0.5, "ht4": 0.5})
    assert balancers_of(topology, "relay", "ht2") == ("lb2",)
    assert balancers_of(topology, "relay", "ht1") == ()


def wnlb(**rule: Any) -> Topology:
    """Two hosts of unlike weights."""
    cluster = {"rules": [rule]}
    return design(
        {"lb1": ["ht1", "ht2"]}, "vip-lb1", persona="single_host", mode="wnlb", cluster=cluster
    )


def test_a_cluster_shares_by_weight_or_not_at_all() -> None:
    """As its port rule says; the host with the lowest number takes what is not shared."""
    weighted = wnlb(affinity="none", weights={"ht1": 30, "ht2": 10})
    assert taken(weighted, "relay") == pytest.approx({"ht1": 0.75, "ht2": 0.25})
    assert not keeps_clients(weighted, "vip-lb1", 25)
    single = wnlb(filtering="single", priorities={"ht1": 2, "ht2": 1})
    assert taken(single, "relay") == {"ht2": 1.0}
    assert taken(single, "relay", frozenset({"ht2"})) == {"ht1": 1.0}
    assert keeps_clients(wnlb(affinity="single"), "vip-lb1", 25)
    assert taken(wnlb(filtering="disabled"), "relay") == {}

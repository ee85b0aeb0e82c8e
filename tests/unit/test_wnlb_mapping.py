"""Whose connection it is, and the same told to the kernel."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relaydrill.nodes import config
from relaydrill.nodes.wnlb.kernel import group_address, setup, share
from relaydrill.nodes.wnlb.mapping import owner, rule_for, slots, stages
from relaydrill.verdict import interval

HOSTS = ("ht1", "ht2", "ht3", "ht4")
EVERYONE = frozenset(HOSTS)


def rule(**change: Any) -> config.PortRule:
    """A rule of port 25 with affinity None and equal weights, but for what is changed."""
    plain: dict[str, Any] = {
        "vip": "mail",
        "address": "10.0.0.9",
        "ports": (25,),
        "filtering": "multiple",
        "affinity": "none",
        "weights": dict.fromkeys(HOSTS, 50),
        "priorities": {host: number for number, host in enumerate(HOSTS, 1)},
    }
    return config.PortRule(**{**plain, **change})


def cluster(*rules: config.PortRule) -> config.Cluster:
    """A cluster of four hosts."""
    return config.Cluster(
        name="lb1",
        token="x",
        observer=config.Address(address="10.0.0.5", port=2504),
        hosts=tuple(
            config.ClusterHost(
                name=host,
                beats=config.Address(address=f"10.0.0.{number}", port=2504),
                priority=number,
            )
            for number, host in enumerate(HOSTS, 1)
        ),
        vips={"mail": "10.0.0.9"},
        rules=rules,
        heartbeat=0.1,
        missed=5,
        convergence=0.25,
        kernel=True,
    )


def owners(of: config.PortRule | None, live: frozenset[str], count: int = 4000) -> list[str]:
    """Whose the connections of so many clients are: many ports of each of many addresses."""
    rules = (of,) if of else ()
    clients = [(f"10.{n % 7}.{n % 191}.{n % 251}", 32768 + n % 28000) for n in range(count)]
    return [owner(cluster(*rules), of, live, client) for client in clients]


lives = st.sets(st.sampled_from(HOSTS)).map(frozenset)
weights = st.fixed_dictionaries({host: st.integers(0, 100) for host in HOSTS})
clients = st.tuples(st.ip_addresses(v=4).map(str), st.integers(1, 65535))


@pytest.mark.parametrize("live", [EVERYONE, EVERYONE - {"ht2"}, frozenset({"ht1", "ht3"})])
@pytest.mark.parametrize("weights", [{}, {"ht1": 100, "ht2": 30, "ht3": 20, "ht4": 0}])
def test_shares_are_own_weight_over_the_sum(live: frozenset[str], weights: dict[str, int]) -> None:
    """Of the live hosts alone, whatever the weights of the others."""
    of = rule(weights=weights) if weights else rule()
    counts = Counter(owners(of, live))
    total = sum(of.weights[host] for host in live)
    for host in HOSTS:
        low, high = interval(counts[host], 4000, 1e-6)
        assert low <= (of.weights[host] / total if host in live else 0.0) <= high, counts


def test_nobodys_clients_move_when_another_host_comes_or_goes() -> None:
    """A host that is live before and after keeps every client that it had."""
    before, after = owners(rule(), EVERYONE), owners(rule(), EVERYONE - {"ht2"})
    for old, new in zip(before, after, strict=True):
        assert new == old or old == "ht2"


@settings(deadline=None)
@given(clients, st.integers(1, 65535), lives, weights)
def test_affinity_single_looks_at_the_address_alone(
    client: tuple[str, int], port: int, live: frozenset[str], weights: dict[str, int]
) -> None:
    """The port changes nothing; with affinity Network nor does the last byte."""
    address = client[0]
    for affinity, other in (
        ("single", (address, port)),
        ("network", (f"{address.rpartition('.')[0]}.{port % 256}", port)),
    ):
        of = rule(affinity=affinity, weights=weights)
        assert owner(cluster(of), of, live, client) == owner(cluster(of), of, live, other)


@settings(deadline=None)
@given(clients, lives, weights, st.sampled_from(["multiple", "single", "disabled"]))
def test_the_owner_is_live_and_bears_weight(
    client: tuple[str, int], live: frozenset[str], weights: dict[str, int], filtering: str
) -> None:
    """And there is one exactly where somebody may answer."""
    of = rule(filtering=filtering, weights=weights)
    found = owner(cluster(of), of, live, client)
    able = {host for host in live if filtering == "single" or weights[host]}
    assert (found in able) if able and filtering != "disabled" else found == ""


def test_single_host_and_no_rule_are_different_priorities() -> None:
    """Filtering Single goes by the rule's handling priorities, no rule by the hosts' own."""
    single = rule(filtering="single", priorities={"ht1": 4, "ht2": 3, "ht3": 2, "ht4": 1})
    assert {*owners(single, EVERYONE, 50)} == {"ht4"}
    assert {*owners(single, EVERYONE - {"ht4"}, 50)} == {"ht3"}
    assert {*owners(None, EVERYONE, 50)} == {"ht1"}
    assert {*owners(None, EVERYONE - {"ht1"}, 50)} == {"ht2"}
    assert rule_for(cluster(single), "mail", 587) is None


@settings(deadline=None)
@given(weights)
def test_slots_lie_side_by_side(weights: dict[str, int]) -> None:
    """From 0 to the sum of the weights, without a hole."""
    made = slots(weights)
    assert [part.first for part in made] == [0, *(part.end for part in made)][: len(made)]
    assert {part.host: part.end - part.first for part in made} == {
        host: weight for host, weight in weights.items() if weight
    }


_MAP = re.compile(r"mod (\d+) seed (0x[0-9a-f]+) vmap \{ (.*) \}")


@settings(deadline=None)
@given(lives, weights)
def test_the_kernels_of_all_hosts_share_every_number_once(
    live: frozenset[str], weights: dict[str, int]
) -> None:
    """At each choice one live host accepts a number and the others drop it, or all pass it on.

    At the last choice nothing is passed on.
    """
    of = rule(weights=weights)
    for step, choice in enumerate(stages(cluster(of), of, live)):
        total = choice[-1].end
        verdicts = [_verdicts(cluster(of), me, live, step, total) for me in sorted(live)]
        for number in range(total):
            said = Counter(each.get(number, "continue") for each in verdicts)
            everyone_else = len(live) - 1
            assert said in (
                Counter(accept=1, drop=everyone_else) if everyone_else else Counter(accept=1),
                Counter({"continue": len(live)}) if step == 0 else None,
            )


def _verdicts(
    of: config.Cluster, me: str, live: frozenset[str], step: int, total: int
) -> dict[int, str]:
    """What a host's kernel is told to do with each number at one choice."""
    text = share(of, me, live, is_stopped=False)
    line = [each for each in text.splitlines() if "dport { 25 }" in each][step]
    found = _MAP.search(line)
    if found is None:  # one number, or one that is nobody's
        return dict.fromkeys(range(total), line.split()[-1])
    assert int(found[1]) == total
    verdicts: dict[int, str] = {}
    for part in found[3].split(", "):
        numbers, verdict = part.split(" : ")
        first, _, last = numbers.partition("-")
        verdicts |= dict.fromkeys(range(int(first), int(last or first) + 1), verdict)
    return verdicts


@pytest.mark.parametrize(
    ("affinity", "key"),
    [("none", "ip saddr . tcp sport"), ("single", "ip saddr"), ("network", "@nh,96,24")],
)
def test_the_kernel_hashes_what_the_affinity_says(affinity: str, key: str) -> None:
    """Address and port, address, or its first three bytes."""
    text = share(cluster(rule(affinity=affinity)), "ht1", EVERYONE, is_stopped=False)
    assert f" jhash {key} mod 200 " in text


def test_a_host_outside_the_view_takes_nothing_new() -> None:
    """It keeps what it has, unless it was stopped."""
    for me, stopped, kept in (("ht2", False, "accept"), ("ht1", True, "drop")):
        text = share(cluster(rule()), me, EVERYONE - {"ht2"}, is_stopped=stopped)
        rules = [line for line in text.splitlines() if line.startswith("add rule")]
        assert rules == [
            f"add rule ip relaydrill kept {kept}",
            "add rule ip relaydrill share drop",
        ]


def test_a_vips_group_address_is_that_of_multicast_mode() -> None:
    """03-BF and the address; the ARP answers bear it."""
    assert group_address("10.0.0.9") == "03:bf:0a:00:00:09"
    text = setup(cluster(rule()), "ht1")
    assert "arp saddr ip 10.0.0.9 arp saddr ether set 03:bf:0a:00:00:09" in text
    assert "timeout 500ms" in text

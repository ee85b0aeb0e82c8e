"""Whether silence is proof or chance, which share a node has, and plans that can tell."""

from __future__ import annotations

import itertools
import json
import math
import random
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relaydrill import topology_files
from relaydrill.drills.audit_plan import plan_audit
from relaydrill.drills.drill_plan import plan
from relaydrill.drills.expected_share import expected_share
from relaydrill.drills.model import Drill
from relaydrill.drills.opportunity import (
    LEVEL,
    attempts_to_meet,
    attempts_to_plan,
    attempts_to_tell,
    silence_by_chance,
)
from relaydrill.schedule import moments
from relaydrill.topology import Topology

BUILTINS = {
    name: topology_files.parse(topology_files.builtin_text(name), name)
    for name in ("sharepoint", "twosites", "microsoft")
}
MX6 = topology_files.parse(
    """\
name: mx6
clock: 10
nodes:
  ht1: {role: hub}
  ht2: {role: hub}
  ht3: {role: hub}
  ht4: {role: hub}
  ht5: {role: hub}
  ht6: {role: hub}
  mbx: {role: mailbox, domains: [contoso.com]}
  ns1: {role: dns}
  world: {role: sender}
zones:
  contoso.com:
    mx:
      - {host: a.contoso.com, preference: 10, addresses: [ht1]}
      - {host: b.contoso.com, preference: 10, addresses: [ht2]}
      - {host: c.contoso.com, preference: 10, addresses: [ht3]}
      - {host: d.contoso.com, preference: 10, addresses: [ht4]}
      - {host: e.contoso.com, preference: 10, addresses: [ht5]}
      - {host: f.contoso.com, preference: 10, addresses: [ht6]}
flows:
  inbound: {from: world, persona: rfc5321, to: contoso.com, rate: 5/s, expect: {gap: 15s}}
""",
    "mx6.yaml",
)

counts = st.integers(0, 60)


@given(counts, counts, counts)
def test_silence_by_chance_is_what_counting_says(before: int, more: int, attempts: int) -> None:
    """Of all ways to choose who was taken, the part that leaves the later attempts out."""
    of = before + more
    exact = Fraction(math.comb(of, before), math.comb(of + attempts, before))
    assert silence_by_chance(before, of, attempts) == pytest.approx(float(exact), rel=1e-9)


def test_counts_that_cannot_be_are_refused() -> None:
    """More taken than attempted is no share."""
    for wrong in ((2, 1, 3), (-1, 1, 3), (1, 1, -3)):
        with pytest.raises(ValueError, match="before"):
            silence_by_chance(*wrong)


@given(st.integers(1, 40), st.integers(0, 60))
def test_the_attempts_that_tell_are_the_fewest(before: int, more: int) -> None:
    """With one less, silence may still be chance."""
    of = before + more
    enough = attempts_to_tell(before, of)
    assert silence_by_chance(before, of, enough) < LEVEL
    assert silence_by_chance(before, of, enough - 1) >= LEVEL


def test_what_took_nothing_proves_nothing() -> None:
    """No number of attempts makes the silence of an idle node a proof."""
    assert attempts_to_tell(0, 40) == 0


@pytest.mark.parametrize("share", [0.02, 0.1, 1 / 6, 1 / 3, 0.5, 0.9])
@pytest.mark.parametrize(("of", "attempts"), [(10, 30), (40, 12), (60, 300)])
def test_an_injection_that_does_nothing_passes_in_one_of_a_hundred_at_most(
    share: float, of: int, attempts: int
) -> None:
    """Whatever the share: exactly, over everything that may be seen before."""
    by_luck = sum(
        math.comb(of, before) * share**before * (1 - share) ** (of - before + attempts)
        for before in range(1, of + 1)
        if silence_by_chance(before, of, attempts) < LEVEL
    )
    assert by_luck < LEVEL


@pytest.mark.parametrize("share", [1.0, 0.5, 1 / 3, 1 / 6, 0.1])
@pytest.mark.parametrize("even", [True, False])
def test_what_is_planned_tells(share: float, even: bool) -> None:
    """A node that has its share before the fault is proven to be silent in it."""
    of, during = attempts_to_plan(share, even=even)
    assert silence_by_chance(math.floor(of * share + 1e-9), of, during) < LEVEL
    assert (1 - share) ** attempts_to_meet(share) <= 0.001


def undecided(drill: Drill, design: Topology, flow: str, node: str, seed: int) -> bool:
    """Whether a drill of a node that senders choose by chance ends without a proof."""
    share = expected_share(design, flow, node).share
    spec = next(spec for spec in drill.faults if spec.node == node)
    chance = random.Random(f"{seed} {node} {flow}")
    rate, clock = design.flows[flow].wanted_rate, design.clock
    due = moments(f"{seed}", begin=0.0, rate=rate)
    met = [
        at * clock >= spec.start_s
        for at in itertools.takewhile(lambda at: at * clock < spec.end_s, due)
        if chance.random() < share
    ]
    return all(met) or not any(met)


@pytest.mark.parametrize("design", [*BUILTINS.values(), MX6], ids=lambda design: design.name)
def test_the_default_drill_of_every_node_is_decided(design: Topology) -> None:
    """By chance at most one in two hundred is not, of any node that the flow's mail comes to.

    One of a pair of name servers is only asked where the other is silent: it is a spare.
    """
    for drill in plan_audit(design):
        for flow, spec in itertools.product(drill.flows, drill.faults):
            if not expected_share(design, flow, spec.node).share:
                continue
            missed = sum(undecided(drill, design, flow, spec.node, seed) for seed in range(400))
            assert missed <= 2, (drill.name, flow, spec.node)


@pytest.mark.parametrize("backends", [2, 6, 12])
@pytest.mark.parametrize(("rate", "gap_s"), [(0.5, 5), (2.0, 120), (2.0, 230), (20.0, 15)])
@pytest.mark.parametrize("by_senders", [False, True])
def test_a_default_drill_meets_what_fails_for_too_long(
    backends: int, rate: float, gap_s: int, by_senders: bool
) -> None:
    """Where a tier does nothing about a fault, an attempt comes to it once none may fail any more.

    Of those that are made later than the flow's promise after the fault, by more than what is not
    known of the times: in 99 of 100 drills at the least, whatever the share and the rate.
    """
    hubs = [f"ht{number}" for number in range(1, backends + 1)]
    mx = [{"host": f"{hub}.contoso.com", "preference": 10, "addresses": [hub]} for hub in hubs]
    nodes: dict[str, dict[str, object]] = {hub: {"role": "hub"} for hub in hubs}
    nodes |= {"mbx": {"role": "mailbox", "domains": ["contoso.com"]}, "ns1": {"role": "dns"}}
    nodes |= {"app": {"role": "sender"}}
    balancer: dict[str, object] = {
        "role": "balancer",
        "backends": hubs,
        "vips": {"vip": {"ports": [25]}},
    }
    flow = {"from": "app", "persona": "rfc5321", "to": "contoso.com"}
    if not by_senders:
        nodes["lb1"] = balancer
        flow = {"from": "app", "to": "vip"}
    design = topology_files.parse(
        json.dumps(
            {
                "name": "any",
                "clock": 10,
                "nodes": nodes,
                "zones": {"contoso.com": {"mx": mx}},
                "flows": {"relay": {**flow, "rate": f"{rate}/s", "expect": {"gap": f"{gap_s}s"}}},
            }
        ),
        "any.yaml",
    )
    [spec] = plan(design, faults=("tempfail.mail:ht2",)).faults
    sure_s = (2.0 / rate + 0.01) * 10
    begin, end = (each / 10 for each in (spec.start_s + gap_s + sure_s, spec.end_s))
    missed = 0
    for seed in range(300):
        chance = random.Random(seed)
        turn = chance.randrange(backends)
        made = itertools.takewhile(lambda due: due < end, moments(str(seed), begin=0.0, rate=rate))
        chosen = [
            chance.randrange(backends) if by_senders else (turn + number) % backends
            for number, due in enumerate(made)
            if due >= begin
        ]
        missed += 1 not in chosen
    assert missed <= 2


def test_every_node_on_a_way_has_a_share() -> None:
    """What the plan thinks that nothing comes to is no more than the spare name server."""
    for design in BUILTINS.values():
        for drill in plan_audit(design):
            for spec in drill.faults:
                found = [expected_share(design, flow, spec.node).share for flow in drill.flows]
                assert any(found) or spec.node == "ns2", (design.name, spec)


def test_the_shares_of_the_builtins() -> None:
    """By MX and address, by balancer, by a list of next hops, by the first name server."""
    sharepoint, twosites, microsoft = BUILTINS.values()
    wanted = [
        (sharepoint, "relay", "lb1", 1.0),
        (sharepoint, "relay", "ht2", 1 / 3),
        (sharepoint, "relay", "mbx", 1.0),
        (twosites, "cross-site", "ht1", 1 / 2),
        (twosites, "cross-site", "ht4", 1 / 2),
        (twosites, "cross-site", "mbx-d", 1.0),
        (twosites, "outbound", "edge1", 1 / 2),
        (twosites, "own-hub", "ht2", 1.0),
        (microsoft, "inbound", "edge3", 1 / 6),
        (microsoft, "pinned", "edge4", 1 / 2),
        (microsoft, "pinned", "edge3", 0.0),
        (microsoft, "inbound", "ht1", 1 / 2),
        (microsoft, "inbound", "ns1", 1.0),
        (microsoft, "inbound", "ns2", 0.0),
    ]
    for design, flow, node, share in wanted:
        assert expected_share(design, flow, node).share == pytest.approx(share), (flow, node)


def test_a_plan_follows_the_share_of_what_it_breaks() -> None:
    """Only a drill of one of six takes longer; one of what all mail passes does not."""
    one, all_of_it = plan(MX6, faults=("kill:ht2",)), plan(MX6, faults=("kill:mbx",))
    assert one.faults[0].start_s > 5 * all_of_it.faults[0].start_s
    assert plan(MX6, faults=("kill:ht2@10s+30s",)).faults[0].start_s == 10.0


def test_a_population_that_keeps_its_choices_has_no_more_of_them_than_members() -> None:
    """Three senders that keep to a host are seen in three attempts, or never."""
    flows = {
        "inbound": MX6.flows["inbound"].model_copy(update={"persona": "pinned_mx", "population": 3})
    }
    pinned = MX6.model_copy(update={"flows": flows})
    assert expected_share(pinned, "inbound", "ht2").choices == 3
    begin_s = plan(pinned, faults=("kill:ht2",)).faults[0].start_s
    assert begin_s < plan(MX6, faults=("kill:ht2",)).faults[0].start_s / 3

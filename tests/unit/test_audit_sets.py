"""An audit of several units at a time: all smallest sets whose loss breaks a flow's promise."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import relaydrill
from relaydrill import topology_files
from relaydrill.drills.alike import swapped, swaps_of
from relaydrill.drills.audit_plan import plan_audit
from relaydrill.drills.audit_sets import (
    CutSet,
    Depth,
    Nodes,
    StandsFor,
    cut_sets,
    nodes_of,
    remarks_on_depth,
)
from relaydrill.drills.model import Drill
from relaydrill.drills.result import FlowVerdict, Judgement
from relaydrill.errors import UsageError
from relaydrill.ledger import Ledger
from relaydrill.topology import Topology
from relaydrill.verdict import Status, Verdict, failed, passed, unknown

SHAREPOINT = topology_files.load("sharepoint")
TWOSITES = topology_files.load("twosites")

Truth = dict[str, frozenset[Nodes]]
"""By flow: the sets whose loss breaks its promise; so does the loss of more."""


def nodes(*names: str) -> Nodes:
    """A set."""
    return frozenset(names)


def row(topology: Topology, drill: Drill, truth: Truth) -> Judgement:
    """What a drill comes to where this is the truth."""

    def check(flow: str) -> Verdict:
        broke = any(each <= nodes_of(drill) for each in truth.get(flow, ()))
        return (failed if broke else passed)("gap", "made up")

    flows = tuple(FlowVerdict(flow, (check(flow),)) for flow in drill.flows)
    return Judgement(drill, topology, "process", Path(), flows, Ledger())


def audited(
    topology: Topology, truth: Truth, depth: int, *, with_swaps: bool = True
) -> tuple[tuple[Judgement, ...], StandsFor]:
    """The rows of an audit, and what they stand for."""
    rows = tuple(row(topology, drill, truth) for drill in plan_audit(topology))
    deeper, stands_for = (
        Depth(topology, with_swaps=with_swaps),
        dict[str, tuple[tuple[str, ...], ...]](),
    )
    for size in range(2, depth + 1):
        sets = deeper.sets(rows, stands_for, size)
        rows = (*rows, *(row(topology, drill, truth) for drill in sets.drills))
        stands_for |= sets.stands_for
    return rows, stands_for


def told(found: tuple[CutSet, ...], flow: str) -> set[Nodes]:
    """The smallest sets of one flow."""
    return {each.nodes for each in found if each.flow == flow}


def names(drills: tuple[Judgement, ...], size: int) -> list[str]:
    """The rows that break so many nodes."""
    return [each.drill.name for each in drills if len(each.drill.faults) == size]


_SETS = st.sets(st.sampled_from([*SHAREPOINT.tier]), min_size=1, max_size=3).map(frozenset)


@settings(max_examples=6, deadline=None)
@given(st.sets(_SETS, max_size=4))
def test_all_smallest_sets_are_found_and_no_others(some: set[Nodes]) -> None:
    """Whatever the truth is that keeps to the symmetry: as counted out over all sets of nodes."""
    swaps = swaps_of(SHAREPOINT)
    for _ in range(3):
        some = some | {swapped(each, swap) for each in some for swap in swaps}
    truth: Truth = {"relay": frozenset(some)}
    every = [nodes(*each) for size in (1, 2, 3) for each in combinations(SHAREPOINT.tier, size)]
    breaking = [each for each in every if any(cut <= each for cut in some)]
    smallest = {each for each in breaking if not any(other < each for other in breaking)}
    for with_swaps in (True, False):
        rows, stands_for = audited(SHAREPOINT, truth, 3, with_swaps=with_swaps)
        found = cut_sets(rows, stands_for)
        assert told(found, "relay") == smallest
        assert told(found, "submission") == set()
        assert len(found) == len({(each.flow, each.nodes) for each in found})
        assert bool(stands_for) is with_swaps


def test_one_row_for_all_sets_that_are_alike() -> None:
    """Three hubs behind a balancer: any two of them are one row, which names the others."""
    rows, stands_for = audited(SHAREPOINT, {"relay": frozenset({nodes("lb1")})}, 2)
    assert names(rows, 2)[:1] == ["kill:ht1+kill:ht2"]
    assert stands_for["kill:ht1+kill:ht2"] == (("ht1", "ht3"), ("ht2", "ht3"))
    plain, none = audited(SHAREPOINT, {"relay": frozenset({nodes("lb1")})}, 2, with_swaps=False)
    assert not none
    assert len(names(plain, 2)) == 10
    assert len(names(rows, 2)) + sum(map(len, stands_for.values())) == 10


def test_a_set_that_holds_one_that_breaks_is_not_tried_for_that_flow() -> None:
    """It would show nothing new; another flow that rides it out is drilled, alone."""
    truth: Truth = {"relay": frozenset({nodes("lb1"), nodes("ht1", "ht2")})}
    rows, _ = audited(SHAREPOINT, truth, 3, with_swaps=False)
    by_nodes = {nodes_of(each.drill): each.drill.flows for each in rows}
    assert by_nodes[nodes("ht1", "lb1")] == ("submission",)
    assert by_nodes[nodes("ht1", "ht2")] == ("relay", "submission")
    assert by_nodes[nodes("ht1", "ht2", "ht3")] == ("submission",)
    assert by_nodes[nodes("ht1", "ht3", "mbx")] == ("relay", "submission")


def test_nodes_that_did_not_do_alike_alone_do_not_stand_for_one_another() -> None:
    """What was measured goes before what the design says."""
    _, stands_for = audited(SHAREPOINT, {"relay": frozenset({nodes("ht2")})}, 2)
    assert not stands_for


def test_what_was_not_seen_to_hold_is_in_no_set_and_is_told() -> None:
    """An unknown is not taken for held; the remark says what is in none."""
    rows, stands_for = audited(SHAREPOINT, {"relay": frozenset({nodes("lb1")})}, 2)
    open_one = tuple(
        Judgement(
            each.drill,
            SHAREPOINT,
            "process",
            Path(),
            tuple(FlowVerdict(flow, (unknown("gap", "made up"),)) for flow in each.drill.flows)
            if each.drill.name == "kill:mbx"
            else each.flows,
            Ledger(),
        )
        for each in rows[:6]
    )
    drills = Depth(SHAREPOINT).sets(open_one, {}, 2).drills
    assert all("mbx" not in nodes_of(drill) for drill in drills)
    told_of = remarks_on_depth(SHAREPOINT, open_one, {}, 2)
    assert told_of[0].startswith("up to 2 at a time: no set was drilled; for relay none that holds")
    assert "lb1 or mbx" in told_of[0]
    whole = remarks_on_depth(SHAREPOINT, rows, stands_for, 2)
    assert "ht1 and ht2 for ht1 and ht3 or ht2 and ht3" in whole[1]
    assert cut_sets(open_one, {})[0].units == ("lb1",)


def test_an_acceptance_breaks_the_promise_all_the_same() -> None:
    """It is a smallest set, shown as accepted, and no set holds it."""
    rows, _ = audited(SHAREPOINT, {}, 1)
    accepted = tuple(
        Judgement(
            each.drill,
            SHAREPOINT,
            "process",
            Path(),
            tuple(
                FlowVerdict(flow, (failed("gap", "made up").accept("known and agreed"),))
                for flow in each.drill.flows
            )
            if each.drill.name == "kill:lb1"
            else each.flows,
            Ledger(),
        )
        for each in rows
    )
    assert {(each.units, each.status) for each in cut_sets(accepted, {})} == {
        (("lb1",), "accepted")
    }
    drills = Depth(SHAREPOINT).sets(accepted, {}, 2).drills
    assert drills
    assert all("lb1" not in nodes_of(drill) for drill in drills)


_TWO_HUBS = """\
name: two
clock: 10
nodes:
  ht1: {role: hub}
  ht2: {role: hub}
  lb1:
    role: balancer
    backends: [ht1, ht2]
    check: {interval: 1s, timeout: 1s, fall: 2, rise: 1}
    vips: {mail: {ports: [25]}}
  mbx: {role: mailbox, domains: [contoso.com]}
  app: {role: sender}
flows:
  relay: {from: app, to: mail, rate: 20/s}
expect: {lost: 0, gap: 5s}
"""


def test_a_simulated_audit_finds_what_two_lose_together(tmp_path: Path) -> None:
    """Neither of two hubs is missed alone; both are, and the index of the run keeps it."""
    design = topology_files.parse(_TWO_HUBS, "two.yaml")
    nodes = ("ht1", "ht2")
    audit = relaydrill.audit(design, nodes=nodes, depth=2, driver="simulate", directory=tmp_path)
    assert [each.status for each in audit.rows] == [*[Status.PASS] * 3, Status.FAIL]
    assert [(each.flow, each.units) for each in audit.cut_sets] == [("relay", nodes)]
    assert audit.remarks == (
        "up to 2 at a time: 1 set drilled; for relay none that holds ht1 and ht2, for it was not"
        " seen to ride that out",
    )
    assert relaydrill.judge_audit(tmp_path).document() == audit.document()


def test_what_is_accepted_of_two_together_fails_no_audit_and_covers_neither_alone(
    tmp_path: Path,
) -> None:
    """It stays among the smallest sets, as accepted; a loss of one is nobody's agreement."""
    accept = "accept: [{nodes: [ht1, ht2], reason: known and agreed}]\n"
    design = topology_files.parse(_TWO_HUBS + accept, "two.yaml")
    nodes = ("ht1", "ht2")
    audit = relaydrill.audit(design, nodes=nodes, depth=2, driver="simulate", directory=tmp_path)
    assert audit.status is Status.PASS
    assert [(each.units, each.status) for each in audit.cut_sets] == [(nodes, "accepted")]
    lone = _TWO_HUBS.replace("backends: [ht1, ht2]", "backends: [ht1]") + accept
    alone = relaydrill.audit(topology_files.parse(lone, "x"), nodes=("ht1",), driver="simulate")
    assert alone.status is Status.FAIL


def test_a_flow_is_in_the_sets_whose_every_unit_it_passes() -> None:
    """A flow that passes one of two nodes alone was drilled already; of a site, so is a part."""
    rows, stands_for = audited(TWOSITES, {}, 2, with_swaps=False)
    flows = {nodes_of(each.drill): each.drill.flows for each in rows}
    assert flows[nodes("ht1", "ht3")] == ("cross-site",)
    assert nodes("ht3", "edge1") not in flows
    assert flows[nodes("ht3", "ht4")] == ("cross-site",)
    assert "kill:ht3+kill:dublin" not in {each.drill.name for each in rows}
    assert not stands_for


def test_a_site_stays_beside_two_of_its_nodes_that_break_together() -> None:
    """It is lost as one; but not beside a node in it that breaks the promise alone."""
    both: Truth = {"cross-site": frozenset({nodes("ht3", "ht4")})}
    found = cut_sets(*audited(TWOSITES, both, 2))
    units = {each.units for each in found if each.flow == "cross-site"}
    assert units == {("ht3", "ht4"), ("dublin",)}
    one: Truth = {"cross-site": frozenset({nodes("mbx-d")})}
    found = cut_sets(*audited(TWOSITES, one, 2))
    assert {each.units for each in found if each.flow == "cross-site"} == {("mbx-d",)}


def test_a_balancer_and_its_standby_are_a_set_of_two() -> None:
    """Alone the standby is nobody's loss; it is lost with the balancer that it takes over from."""
    design = topology_files.parse(
        """\
name: pair
nodes:
  ht1: {role: hub}
  lb1: {role: balancer, backends: [ht1], vips: {mail: {ports: [25]}}}
  lb2: {role: standby, standby_of: lb1}
  mbx: {role: mailbox, domains: [contoso.com]}
  app: {role: sender}
flows:
  relay: {from: app, to: mail, rate: 20/s}
""",
        "pair.yaml",
    )
    rows, _ = audited(design, {"relay": frozenset({nodes("ht1")})}, 2)
    assert {nodes_of(each.drill) for each in rows if len(each.drill.faults) > 1} == {
        nodes("lb1", "lb2"),
        nodes("lb1", "mbx"),
    }


def test_levels_of_deeper_sets_add_up_with_those_before() -> None:
    """Each drill is planned for the part of its size, so that a whole audit keeps to its rate."""
    rows, _ = audited(SHAREPOINT, {}, 3)
    by_size = {len(each.drill.faults): each.drill.levels.alarm for each in rows}
    assert by_size[3] < by_size[1]
    assert all(each.status is Status.PASS for each in rows)


def test_an_index_that_names_what_is_not_there_shows_nothing() -> None:
    """A file that was changed by hand makes no set of nodes that the design lacks."""
    rows, _ = audited(SHAREPOINT, {"relay": frozenset({nodes("lb1")})}, 1)
    wrong = {"kill:lb1": (("mars",),), "steady": (("ht1",),), "kill:venus": (("ht1",),)}
    assert told(cut_sets(rows, wrong), "relay") <= {nodes("lb1"), nodes()}


@pytest.mark.parametrize("depth", [0, 6, -1])
def test_a_depth_that_makes_no_sense_is_refused(depth: int) -> None:
    """Before anything is run."""
    with pytest.raises(UsageError, match=f"depth is {depth}; an audit breaks 1 to 5 at a time"):
        relaydrill.audit(SHAREPOINT, depth=depth)


@pytest.mark.parametrize("depth", [1, 2])
def test_a_depth_without_anything_to_try_says_so(depth: int) -> None:
    """One hub, by name: there are no two."""
    rows = tuple(row(SHAREPOINT, each, {}) for each in plan_audit(SHAREPOINT, units=("ht1",)))
    assert not Depth(SHAREPOINT).sets(rows, {}, depth + 1).drills
    (remark,) = remarks_on_depth(SHAREPOINT, rows, {}, depth + 1)
    assert remark.endswith(
        "there are no two that a flow passes both of, and that are no row already"
    )

"""Which parts of a design may stand for others."""

from __future__ import annotations

from itertools import combinations

import pytest

from relaydrill import topology_files
from relaydrill.drills.alike import Swap, swapped, swaps_of
from relaydrill.planning import shares
from relaydrill.topology import Topology

_TIER = """\
name: four
nodes:
  ht1: {role: hub}
  ht2: {role: hub}
  ht3: {role: hub}
  ht4: {role: hub}
  lb1: {role: balancer, backends: [ht1, ht2, ht3, ht4], vips: {mail: {ports: [25]}}}
  mbx: {role: mailbox, domains: [contoso.com]}
  app: {role: sender}
flows:
  relay: {from: app, to: mail, rate: 20/s}
"""


def tier(old: str = "", new: str = "", more: str = "") -> Topology:
    """Four hubs behind a balancer, with something written otherwise."""
    assert old in _TIER
    return topology_files.parse(_TIER.replace(old, new, 1) + more, "four.yaml")


def reached(nodes: set[str], swaps: tuple[Swap, ...]) -> set[frozenset[str]]:
    """All that some nodes become by any number of swaps."""
    found, ahead = {frozenset(nodes)}, [frozenset(nodes)]
    while ahead:
        more = {swapped(ahead[-1], swap) for swap in swaps} - found
        ahead.pop()
        found |= more
        ahead += more
    return found


def test_servers_of_a_balancer_are_alike_by_who_follows_whom() -> None:
    """After two dead neighbours one server has three turns of four; after two apart none has."""
    swaps = swaps_of(tier())
    assert reached({"ht1"}, swaps) == {frozenset({f"ht{number}"}) for number in range(1, 5)}
    beside, apart = reached({"ht1", "ht2"}, swaps), reached({"ht1", "ht3"}, swaps)
    assert (len(beside), len(apart)) == (4, 2)
    assert not beside & apart
    assert len(reached({"ht1", "ht2", "ht3"}, swaps)) == 4


@pytest.mark.parametrize(
    ("old", "new", "more"),
    [
        ("ht2: {role: hub}", "ht2: {role: hub, capacity: 5/s}", ""),
        ("ht2: {role: hub}", "ht2: {role: hub, site: dublin}", ""),
        ("vips:", "method: leastconn, vips:", ""),
        ("to: mail,", "to: ht1,", ""),
        ("", "", "accept: [{node: ht1, reason: it is to be replaced}]\n"),
        ("", "", "connectors: {relay: {port: 25, nodes: [ht1], relay: true}}\n"),
        ("", "", "names: {first.contoso.com: [ht1], all.contoso.com: [ht1, ht2, ht3, ht4]}\n"),
    ],
)
def test_what_the_design_tells_apart_is_not_alike(old: str, new: str, more: str) -> None:
    """A setting, a site, a place in an order that counts, a flow, an acceptance, a name."""
    assert len(reached({"ht1"}, swaps_of(tier(old, new, more)))) == 1


def test_two_of_a_site_may_be_alike_where_the_third_is_not() -> None:
    """Two mailbox servers' hubs apart: what stands elsewhere is not taken for them."""
    design = topology_files.load("twosites")
    assert reached({"ht3"}, swaps_of(design)) == {frozenset({"ht3"}), frozenset({"ht4"})}
    assert reached({"edge1"}, swaps_of(design)) == {frozenset({"edge1"}), frozenset({"edge2"})}
    assert reached({"ht1"}, swaps_of(design)) == {frozenset({"ht1"})}  # own-hub insists on ht2


def test_the_first_name_server_is_not_the_second() -> None:
    """A resolver asks the first; that they have the same settings does not make them alike."""
    swaps = swaps_of(topology_files.load("microsoft"))
    assert reached({"ns1"}, swaps) == {frozenset({"ns1"})}


def test_mx_hosts_and_sites_are_swapped_with_all_of_theirs() -> None:
    """Not the one to which a flow is pinned; an Edge server alone changes places with none."""
    design = topology_files.load("microsoft")
    swaps = swaps_of(design)
    assert reached({"edge2", "edge5"}, swaps) == {
        frozenset({"edge2", "edge5"}),
        frozenset({"edge3", "edge6"}),
    }
    assert reached({"edge1", "edge4"}, swaps) == {frozenset({"edge1", "edge4"})}
    assert reached({"edge1"}, swaps) == {frozenset({"edge1"}), frozenset({"edge4"})}


def test_in_a_fixed_order_of_answers_no_address_is_like_another() -> None:
    """Every sender takes the first that lives: the first is not the second."""
    text = topology_files.load("microsoft").model_dump_json().replace('"rotate"', '"fixed"')
    swaps = swaps_of(Topology.model_validate_json(text))
    assert all("edge1" not in swap for swap in swaps)


def test_a_flow_that_is_called_as_a_node_is_not_swapped_with_it() -> None:
    """Else a row would stand for one of another flow, whose promise is its own."""
    flows = "  ht1: {from: app, to: ht1}\n  ht2: {from: app, to: ht2}\n"
    assert len(reached({"ht1"}, swaps_of(tier(more=flows)))) == 1


@pytest.mark.parametrize("name", ["microsoft"])
def test_a_swap_changes_names_and_nothing_else(name: str) -> None:
    """With any two gone, who gets which share is the same as under the swap, under other names."""
    design = topology_files.load(name)
    swaps = swaps_of(design)
    assert swaps
    edges = tuple(design.edges)
    for swap in swaps:
        for gone in (frozenset(two) for two in combinations(edges, 2)):
            for flow in ("inbound", "pinned"):
                here = shares(design, flow, gone)
                there = shares(design, flow, swapped(gone, swap))
                assert there == pytest.approx({swap.get(n, n): part for n, part in here.items()})

"""What is lost as one, what is left then, and the drills that an audit makes of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from relaydrill import topology_files
from relaydrill.drills.audit_plan import plan_audit
from relaydrill.drills.audit_sets import Depth
from relaydrill.drills.findings import row_title
from relaydrill.drills.model import Drill
from relaydrill.drills.result import FlowVerdict, Judgement
from relaydrill.errors import TopologyError, UsageError
from relaydrill.ledger import Ledger
from relaydrill.topology import Topology
from relaydrill.topology.acceptances import acceptance_of
from relaydrill.topology.paths import takers_of
from relaydrill.topology.units import units_of
from relaydrill.verdict import failed, passed


@pytest.fixture(scope="module")
def microsoft() -> Topology:
    """Three MX hosts of two addresses each, in two sites."""
    return topology_files.load("microsoft")


@pytest.fixture(scope="module")
def twosites() -> Topology:
    """Two sites, whose senders all stand in the first."""
    return topology_files.load("twosites")


def rows(topology: Topology, *drills: Drill, fails: tuple[str, ...] = ()) -> tuple[Judgement, ...]:
    """Judgements in which every flow holds, but in drills named in ``fails``."""
    return tuple(
        Judgement(
            drill,
            topology,
            "process",
            Path(),
            tuple(
                FlowVerdict(flow, ((failed if drill.name in fails else passed)("gap", "made up"),))
                for flow in drill.flows
            ),
            Ledger(),
        )
        for drill in drills
    )


def names(drills: tuple[Drill, ...]) -> list[str]:
    """What the drills are called."""
    return [drill.name for drill in drills]


def test_mx_hosts_and_sites_are_lost_as_one(microsoft: Topology) -> None:
    """After the nodes: both addresses of every MX host, and every site."""
    found = {unit.name: unit.nodes for unit in units_of(microsoft)}
    assert list(found)[-5:] == [
        *(f"mail{letter}.contoso.com" for letter in "abc"),
        *("redmond", "dublin"),
    ]
    assert found["maila.contoso.com"] == {"edge1", "edge4"}
    assert found["dublin"] == {"edge4", "edge5", "edge6"}


def test_the_same_nodes_are_one_unit() -> None:
    """A site of one node, or two MX hosts of the same addresses, are not broken twice."""
    design = topology_files.parse(
        """\
name: one
nodes:
  ht1: {role: hub, site: here}
  mbx: {role: mailbox, domains: [contoso.com]}
""",
        "one.yaml",
    )
    assert [unit.name for unit in units_of(design)] == ["ht1", "mbx"]


def test_an_audit_breaks_them_all(microsoft: Topology) -> None:
    """Each is a drill that breaks all of its nodes at once."""
    drills = {drill.name: drill for drill in plan_audit(microsoft)}
    assert next(iter(drills)) == "steady"
    site = drills["kill:dublin"]
    assert [spec.node for spec in site.faults] == ["edge4", "edge5", "edge6"]
    assert len({spec.start_s for spec in site.faults}) == 1


def test_a_site_does_not_count_for_senders_that_stand_in_it(twosites: Topology) -> None:
    """Their mail is gone with them; a site that leaves nobody to send is no row."""
    drills = {drill.name: drill for drill in plan_audit(twosites)}
    assert "kill:redmond" not in drills
    assert drills["kill:dublin"].flows == ("cross-site",)


def test_some_of_them_by_name(microsoft: Topology) -> None:
    """``--node`` takes nodes, MX hosts and sites; what is none of them is refused by name."""
    chosen = plan_audit(microsoft, units=("maila.contoso.com", "dublin", "ns1"))
    assert names(chosen)[1:] == ["kill:maila.contoso.com", "kill:dublin", "kill:ns1"]
    with pytest.raises(UsageError, match="nothing of the tier is called 'mars'; there are: edge1"):
        plan_audit(microsoft, units=("mars",))


def test_titles_name_what_was_broken(microsoft: Topology) -> None:
    """A site, an MX host, two at once: by their names, not by those of all their nodes."""
    drills = {drill.name: drill for drill in plan_audit(microsoft)}
    [dublin, maila] = rows(microsoft, drills["kill:dublin"], drills["kill:maila.contoso.com"])
    assert row_title(dublin) == "dublin killed"
    assert row_title(maila) == "maila.contoso.com killed"
    every = rows(microsoft, *drills.values())
    pairs = {drill.name: drill for drill in Depth(microsoft).sets(every, {}, 2).drills}
    [two] = rows(microsoft, pairs["kill:ns1+kill:redmond"])
    assert set(row_title(two).removesuffix(" killed").split(" and ")) == {"ns1", "redmond"}
    odd = replace(drills["kill:dublin"], faults=drills["kill:dublin"].faults[:2])
    assert row_title(rows(microsoft, odd)[0]) == "edge4 and edge5 killed"


@pytest.mark.parametrize(
    ("lost", "left"),
    [
        ({"edge1"}, 5),
        ({"ht1", "ht2", "mbx"}, 6),
        ({"ns1"}, 6),
        ({"ns1", "ns2"}, 0),
        ({f"edge{number}" for number in range(1, 7)}, 0),
    ],
)
def test_who_is_left_to_take_mail(lost: set[str], left: int, microsoft: Topology) -> None:
    """Every server that a sender's entry point leads to; none without a name server."""
    assert len(takers_of(microsoft, "inbound", frozenset(lost))) == left


def test_a_balancer_is_the_entry_point_to_its_backends() -> None:
    """Without it nobody is left; without a hub, the others."""
    design = topology_files.load("sharepoint")
    assert takers_of(design, "relay", frozenset({"lb1"})) == frozenset()
    assert takers_of(design, "relay", frozenset({"ht1"})) == {"ht2", "ht3"}


def test_a_weakness_may_be_of_several_things_together(tmp_path: Path) -> None:
    """Only while all of all of them are broken, and for its flows."""
    path = tmp_path / "mine.yaml"
    text = "extends: microsoft\nname: mine\naccept: [{nodes: NODES, reason: known and agreed}]\n"
    path.write_text(text.replace("NODES", "[maila.contoso.com, ns1], flows: [pinned]"))
    design = topology_files.load(path)
    assert acceptance_of(design, frozenset({"edge1", "edge4", "ns1", "mbx"}), "pinned")
    assert acceptance_of(design, frozenset({"edge1", "edge4", "ns1"}), "spread") is None
    for part in ({"edge1", "edge4"}, {"ns1"}, {"edge1", "ns1"}):
        assert acceptance_of(design, frozenset(part), "pinned") is None


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (
            "nodes: [edge1, mars]",
            r"accept\[0\]\.nodes\[1\].*no node, MX host or site is called 'mars'",
        ),
        ("node: edge1, nodes: [edge1, edge2]", "a weakness has either node, or nodes"),
        ("flows: [pinned]", "a weakness has either node, or nodes"),
        ("nodes: [edge1]", "two things at least, each named once"),
        ("nodes: [edge1, edge1]", "two things at least, each named once"),
        ("nodes: [edge1, edge2, edge1]", "two things at least, each named once"),
    ],
)
def test_a_weakness_that_makes_no_sense_is_refused(entry: str, told: str, tmp_path: Path) -> None:
    """With its place, and what is to be written."""
    path = tmp_path / "mine.yaml"
    text = f"extends: microsoft\nname: mine\naccept: [{{{entry}, reason: known and agreed}}]\n"
    path.write_text(text)
    with pytest.raises(TopologyError, match=f"(?s){told}"):
        topology_files.load(path)


def test_a_weakness_may_be_accepted_of_an_mx_host_or_a_site(tmp_path: Path) -> None:
    """Only where all of it is broken; a name that is none of them is refused."""
    path = tmp_path / "mine.yaml"
    text = "extends: microsoft\nname: mine\naccept: [{node: NODE, reason: known and agreed}]\n"
    path.write_text(text.replace("NODE", "maila.contoso.com"))
    design = topology_files.load(path)
    assert acceptance_of(design, frozenset({"edge1", "edge4"}), "pinned")
    assert acceptance_of(design, frozenset({"edge1", "edge4", "ns1"}), "pinned")
    assert acceptance_of(design, frozenset({"edge1"}), "pinned") is None
    path.write_text(text.replace("NODE", "mars"))
    with pytest.raises(TopologyError, match="no node, MX host or site is called 'mars'"):
        topology_files.load(path)

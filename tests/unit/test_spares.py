"""What stands by in a tier, and what an audit makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from relaydrill import topology_files
from relaydrill.drills.audit_plan import plan_audit, remarks_on_spares
from relaydrill.drills.audit_sets import Depth
from relaydrill.drills.drill_plan import plan
from relaydrill.drills.expected_share import expected_share
from relaydrill.drills.result import FlowVerdict, Judgement
from relaydrill.drills.spares import spares_of, standing_by
from relaydrill.errors import UsageError
from relaydrill.ledger import Ledger
from relaydrill.topology import Topology
from relaydrill.verdict import passed

_TIER = """\
name: preferences
nodes:
  ht1: {role: hub}
  ht2: {role: hub}
  ht3: {role: hub}
  lb1: {role: balancer, backends: [ht3], vips: {vip1: {ports: [25]}}}
  mbx: {role: mailbox, domains: [contoso.com]}
  ns1: {role: dns}
  ns2: {role: dns}
  world: {role: sender}
zones:
  contoso.com:
    mx:
      - {host: maila, preference: 10, addresses: [ht1, ht2]}
      - {host: mailb, preference: 20, addresses: [vip1]}
flows:
  inbound: {from: world, persona: PERSONA, to: contoso.com, rate: 20/s}
"""


def tier(persona: str = "rfc5321", more: str = "") -> Topology:
    """Two hubs, and a third behind a balancer, whose mail exchanger has a higher preference."""
    return topology_files.parse(_TIER.replace("PERSONA", persona) + more, "two.yaml")


def told(topology: Topology) -> dict[str, set[str]]:
    """The names of all spares, each with what it stands in for."""
    return {
        spare.unit.name: set(spare.principals)
        for spare in spares_of(topology, standing_by(topology))
    }


@pytest.mark.parametrize("persona", ["rfc5321", "postfix", "exim"])
def test_a_server_of_a_higher_preference_stands_by_with_what_is_behind_it(persona: str) -> None:
    """Senders go there only when all of the best preference are gone; so of a second resolver."""
    preferred = {"ht1", "ht2"}
    assert told(tier(persona)) == {"ns2": {"ns1"}, "lb1": preferred, "ht3": preferred}


def test_what_nobody_ever_goes_to_is_no_spare() -> None:
    """A sender that never looks past the best preference has no use of the other: a weakness."""
    assert told(tier("pinned_mx")) == {"ns2": {"ns1"}}
    assert "kill:ht3" in [drill.name for drill in plan_audit(tier("pinned_mx"))]


def test_a_spare_of_one_flow_may_carry_another() -> None:
    """It has a row, under the flow that it carries and no other."""
    design = tier(more="  relay: {from: world, to: ht3, rate: 20/s}\n")
    assert "ht3" not in told(design)
    (row,) = (drill for drill in plan_audit(design) if drill.name == "kill:ht3")
    assert row.flows == ("relay",)


def test_an_audit_breaks_no_spare_alone_and_says_why() -> None:
    """Its loss alone shows nothing: it has no row, a remark, and its turn in a set."""
    design = tier()
    drills = plan_audit(design)
    assert {drill.name for drill in drills}.isdisjoint({"kill:ns2", "kill:lb1", "kill:ht3"})
    remarks = {remark.split()[0]: remark for remark in remarks_on_spares(design, drills)}
    assert remarks.keys() == {"ht3", "lb1", "ns2"}
    assert remarks["ns2"] == (
        "ns2 has nothing to do while ns1 lives, and is no row: the loss of ns1 shows whether ns2"
        " takes over, and --depth 2 breaks both"
    )
    assert "the loss of ht1 and ht2 shows whether ht3 takes over" in remarks["ht3"]
    assert remarks_on_spares(design, plan_audit(design, units=("mbx",))) == ()
    rows = tuple(
        Judgement(
            drill,
            design,
            "process",
            Path(),
            tuple(FlowVerdict(flow, (passed("gap", "made up"),)) for flow in drill.flows),
            Ledger(),
        )
        for drill in drills
    )
    pairs = {drill.name for drill in Depth(design).sets(rows, {}, 2).drills}
    assert {"kill:ns1+kill:ns2", "kill:ht3+kill:maila", "kill:lb1+kill:maila"} <= pairs
    assert not any("ns2" in name for name in pairs - {"kill:ns1+kill:ns2"})


def test_a_spare_that_no_row_tries_is_a_row_after_all() -> None:
    """What stands in for two of which no row breaks both is unknown: an audit cannot pass it."""
    two_hosts = _TIER.replace(
        "addresses: [ht1, ht2]}",
        "addresses: [ht1]}\n      - {host: mailc, preference: 10, addresses: [ht2]}",
    )
    design = topology_files.parse(two_hosts.replace("PERSONA", "rfc5321"), "two.yaml")
    drills = plan_audit(design)
    assert {"kill:ht1", "kill:ht2"} <= {drill.name for drill in drills}
    remarks = {remark.split()[0]: remark for remark in remarks_on_spares(design, drills)}
    assert remarks["ht3"] == (
        "ht3 has nothing to do while ht1 and ht2 live: whether ht3 takes over was not tried, for"
        " no row breaks all of ht1 and ht2 under its mail; a drill can (relaydrill drill, with a"
        " --fault for each)"
    )
    rows = {drill.name: drill.flows for drill in drills}
    assert rows["kill:ht3"] == rows["kill:lb1"] == ("inbound",)
    assert "kill:ns2" not in rows
    assert [drill.name for drill in plan_audit(design, units=("ht3",))][1:] == ["kill:ht3"]
    both = plan(design, faults=("kill:ht1", "kill:ht2"))
    (told_then,) = (
        each for each in remarks_on_spares(design, (*drills, both)) if each.startswith("ht3")
    )
    assert told_then.endswith("the loss of ht1 and ht2 shows whether ht3 takes over")


def test_a_row_shows_nothing_of_a_spare_whose_mail_it_does_not_send() -> None:
    """A site is not broken under the flow of its own sender: its loss tries nothing for that."""
    site = "{role: ROLE, site: dublin}"
    text = _TIER.replace("PERSONA", "rfc5321")
    for name, role in (("ht1", "hub"), ("ht2", "hub"), ("world", "sender")):
        text = text.replace(f"{name}: {{role: {role}}}", f"{name}: {site.replace('ROLE', role)}")
    text = text.replace(
        "addresses: [ht1, ht2]}",
        "addresses: [ht1]}\n      - {host: mailc, preference: 10, addresses: [ht2]}",
    )
    text += "  relay: {from: app, to: ht1, rate: 20/s}\n"
    text = text.replace("nodes:\n", "nodes:\n  app: {role: sender}\n")
    design = topology_files.parse(text, "two.yaml")
    drills = plan_audit(design)
    (row,) = (drill for drill in drills if drill.name == "kill:dublin")
    assert row.flows == ("relay",)
    remarks = {remark.split()[0]: remark for remark in remarks_on_spares(design, drills)}
    assert "whether ht3 takes over was not tried" in remarks["ht3"]
    assert "kill:ht3" in {drill.name for drill in drills}


def test_a_spare_by_name_is_refused_with_what_to_audit() -> None:
    """Who asks for its loss is told whose loss would be its trial."""
    with pytest.raises(UsageError, match=r"ns2 has nothing to do while ns1 lives; audit that"):
        plan_audit(tier(), units=("ns2",))
    with pytest.raises(UsageError, match=r"ht3 has nothing to do while ht1 and ht2 live; audit"):
        plan_audit(tier(), units=("ht3",))


@pytest.mark.parametrize("name", [*topology_files.builtins()])
def test_every_row_of_a_built_in_breaks_what_carries_something(name: str) -> None:
    """So no row of theirs is unknown because its node had nothing to do."""
    design = topology_files.load(name)
    for drill in plan_audit(design)[1:]:
        for flow in drill.flows:
            shares = [expected_share(design, flow, spec.node).share for spec in drill.faults]
            assert max(shares) > 0, (drill.name, flow)

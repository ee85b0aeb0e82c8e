"""What failures cost a year: read off designs and audits, and told with what it does not hold."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tests.documents import misfits

import relaydrill
from relaydrill import topology_files
from relaydrill.cli.commands import run
from relaydrill.drills.audit_plan import plan_audit
from relaydrill.drills.audit_sets import Depth, StandsFor, nodes_of
from relaydrill.drills.drill_plan import plan
from relaydrill.drills.model import Drill
from relaydrill.drills.result import FlowVerdict, Judgement
from relaydrill.drills.yearly_by_design import yearly_cost_by_design
from relaydrill.drills.yearly_cost import yearly_cost
from relaydrill.errors import TopologyError
from relaydrill.ledger import Ledger
from relaydrill.report.yearly_cost import duration, percent, show_yearly_cost, told
from relaydrill.topology import YEAR_S, Topology
from relaydrill.topology.failures import parse_span
from relaydrill.verdict import Verdict, failed, passed, unknown
from relaydrill.yearly_cost.cost import FlowCost, YearlyCost

USUAL = {"every": "91.25d", "repair": "1h"}
"""Four failures a year, of an hour."""

Q = 4 * 3600 / YEAR_S
"""The part of all time for which such a node is away."""


def design(of: str = "sharepoint", **more: Any) -> Topology:
    """A built-in design whose nodes all fail."""
    return relaydrill.load(
        {"extends": of, "name": "mine", "failures": {"default": USUAL}, "accept": [], **more}
    )


def gap(seconds: float, after_heal_s: float | None = None) -> tuple[Verdict, ...]:
    """The check of a flow that was without service for so long."""
    more = {} if after_heal_s is None else {"after_heal_s": after_heal_s}
    found = passed if seconds <= 15 else failed
    return (
        found("gap", "made up", gap_s=seconds, resolution_s=0.0, wall_s=seconds, begin_s=0, **more),
    )


OUT = gap(32.0, after_heal_s=2.0)
"""What a loss does that stops a flow until the heal, and for two seconds more."""


def row(topology: Topology, drill: Drill, seen: dict[str, tuple[Verdict, ...]]) -> Judgement:
    """What a drill comes to where the loss of nodes does this to a flow; of several the worst."""

    def checks() -> tuple[Verdict, ...]:
        found = [seen[node] for node in nodes_of(drill) if node in seen]
        gapless = gap(0.0)
        return max(found, default=gapless, key=lambda each: each[0].figures.get("gap_s", 0.0))

    flows = tuple(FlowVerdict(flow, checks()) for flow in drill.flows)
    return Judgement(drill, topology, "process", Path(), flows, Ledger())


def audited(
    topology: Topology, seen: dict[str, tuple[Verdict, ...]], depth: int = 1
) -> tuple[tuple[Judgement, ...], StandsFor]:
    """The rows of a made-up audit, and what they stand for."""
    rows = tuple(row(topology, drill, seen) for drill in plan_audit(topology))
    stands_for: dict[str, tuple[tuple[str, ...], ...]] = {}
    for size in range(2, depth + 1):
        sets = Depth(topology).sets(rows, stands_for, size)
        rows = (*rows, *(row(topology, drill, seen) for drill in sets.drills))
        stands_for |= sets.stands_for
    return rows, stands_for


def cost(
    topology: Topology, seen: dict[str, tuple[Verdict, ...]], depth: int = 1, flow: str = "relay"
) -> FlowCost:
    """What a year costs one flow by a made-up audit."""
    found = yearly_cost(topology, *audited(topology, seen, depth))
    assert found
    return next(each for each in found.flows if each.flow == flow)


HUBS = {f"ht{number}": gap(6.0) for number in (1, 2, 3)}


def test_an_outage_costs_the_repair_and_a_failover_its_gap() -> None:
    """By hand: four repairs of the balancer, two seconds more each, and a gap for each hub's."""
    found = cost(design(), {"lb1": OUT, **HUBS}, depth=5)
    outage_s, gaps_s = 4 * (3600 + 2), 3 * 4 * 6
    assert found.out_s.low == pytest.approx(outage_s + gaps_s, rel=1e-3)
    assert found.out_s.high == pytest.approx(found.out_s.low, rel=1e-3)
    [lb1, *hubs] = [each for each in found.contributors if each.saved_s]
    assert lb1.part == "lb1"
    assert lb1.saved_s == pytest.approx(outage_s, rel=1e-2)
    assert {each.part for each in hubs} == {"ht1", "ht2", "ht3"}
    assert not found.not_counted


@pytest.mark.parametrize("seen", [gap(0.0), OUT])
def test_what_only_its_senders_could_not_reach_has_shown_nothing_of_its_own_failures(
    seen: tuple[Verdict, ...],
) -> None:
    """A balancer that was whole may cost nothing or a whole repair, whatever its senders met."""
    topology = design()
    drills = (plan(topology, faults=faults) for faults in ((), ("unreachable:lb1",)))
    rows = [row(topology, each, {"lb1": seen}) for each in drills]
    found = yearly_cost(topology, rows, {})
    assert found
    relay = found.flows[0]
    assert relay.out_s.low == 0
    assert relay.out_s.high > 4 * 3600 * 0.99
    assert not relay.standbys
    assert any(each.startswith("lb1: it was whole") for each in relay.open)
    assert not any("(unreachable)" in each for each in found.assumptions)


def test_a_gap_that_was_too_long_is_no_outage_until_the_repair() -> None:
    """A flow that fails its promise and is served again before the heal is out for the gap."""
    found = cost(design(), {"lb1": gap(40.0)}, depth=5)
    assert found.out_s.low == pytest.approx(4 * 40, rel=1e-2)
    assert found.standbys == ()


def test_what_was_not_drilled_is_a_lower_bound_and_is_named() -> None:
    """Of pairs that nobody tried nothing is claimed: they are in the upper bound alone."""
    shallow, deep = (cost(design(), {"lb1": OUT}, depth) for depth in (1, 5))
    assert shallow.out_s.low <= deep.out_s.low + 1e-6
    assert shallow.out_s.high > deep.out_s.high + 1
    # Any two of three hubs and a mailbox server: six pairs, each away at once for Q².
    assert shallow.out_s.high - shallow.out_s.low == pytest.approx(6 * Q**2 * YEAR_S, rel=0.02)
    [pairs] = shallow.open
    assert "ht1 and ht2" in pairs
    assert "3 more pairs" in pairs
    assert not deep.open


def test_a_row_that_ended_as_unknown_is_no_zero() -> None:
    """Its node may stop the flow for each whole repair: it is named, and it is in the bound."""
    blind = (unknown("gap", "made up", gap_s=1.0, resolution_s=0.0, wall_s=1.0, begin_s=0.0),)
    found = cost(design(), {"lb1": OUT, "ht2": blind})
    assert found.out_s.high - found.out_s.low > 4 * 3600 * 0.99
    assert any(each.startswith("ht2: ") for each in found.open)


def test_a_part_that_was_not_asked_for_is_open() -> None:
    """An audit of some nodes says nothing of the others."""
    topology = design()
    rows = tuple(row(topology, each, {"lb1": OUT}) for each in plan_audit(topology, units=("lb1",)))
    found = yearly_cost(topology, rows, {})
    assert found
    assert found.flows[0].open[0] == "ht1, ht2, ht3 and mbx were not drilled"
    assert found.flows[0].out_s.high > 4 * 4 * 3600


def test_what_fails_in_part_is_between_its_gap_and_the_repair() -> None:
    """Attempts that go on failing while others are served: more than the gap, no whole outage."""
    partly = (*gap(5.0), failed("degraded", "made up", last_s=99.0))
    found = cost(design(), {"ht1": partly}, depth=1)
    assert found.out_s.low == pytest.approx(4 * 5, rel=0.01)
    assert found.out_s.high > 4 * 3600
    assert any(each.startswith("ht1: some of its attempts") for each in found.open)


def test_what_says_nothing_of_failing_is_left_out_aloud() -> None:
    """Then there is no upper bound, and the sentence says at least."""
    topology = relaydrill.load(
        {"extends": "sharepoint", "name": "mine", "nodes": {"lb1": {"failure": USUAL}}}
    )
    found = yearly_cost(topology, *audited(topology, {"lb1": OUT}))
    assert found
    [relay, _] = found.flows
    assert relay.most_s is None
    assert relay.document()["at_most_s"] is None
    assert "ht1 says nothing of how often it fails" in relay.not_counted
    [line, _] = told(found)
    assert line.text.startswith("at most 99.954 %, at least 4 h a year; 4 h of it lb1;")
    assert yearly_cost(relaydrill.load("sharepoint"), *audited(topology, {})) is None


def test_a_tier_that_does_not_work_whole_has_no_figure() -> None:
    """Where the steady state does not pass, nothing is said."""
    topology = design()
    rows, stands_for = audited(topology, {})
    broken = replace(rows[0], flows=tuple(replace(f, checks=OUT) for f in rows[0].flows))
    found = yearly_cost(topology, (broken,), stands_for)
    assert found
    assert all(each.unknown for each in found.flows)
    assert told(found)[0].text.startswith("unknown: mail does not flow as it is")


def test_a_site_takes_all_of_its_nodes_at_once() -> None:
    """By hand, where only sites fail: both together for the product, and a gap for each alone."""
    site = {"every": "365d", "repair": "10h"}
    topology = design("microsoft", failures={"site_default": site})
    found = yearly_cost_by_design(topology)
    assert found
    inbound = found.flows[0]
    away = 10 / 8760
    expected_s = away**2 * YEAR_S + 2 * (1 - away) * topology.expectation("inbound").gap
    assert inbound.out_s.low == pytest.approx(expected_s, rel=1e-6)
    assert {each.part for each in inbound.contributors} == {"redmond", "dublin"}
    assert all(each.is_default for each in inbound.contributors)
    assert "edge1 says nothing of how often it fails" in inbound.not_counted


def test_a_site_does_not_count_for_a_sender_that_stands_in_it() -> None:
    """Its mail is gone with it; that is said."""
    failures = {"default": USUAL, "site_default": USUAL}
    found = yearly_cost_by_design(design("twosites", failures=failures))
    assert found
    assert all(each.part != "redmond" for flow in found.flows for each in flow.contributors)
    assert "redmond for intra-site, cross-site, outbound and own-hub." in found.assumptions[-1]


def test_by_design_a_standby_is_what_the_sentence_said_of_it() -> None:
    """What a standby would leave is what the design with one costs."""
    alone = yearly_cost_by_design(design())
    paired = yearly_cost_by_design(design(nodes={"lb2": {"role": "standby", "standby_of": "lb1"}}))
    assert alone
    assert paired
    [said] = alone.flows[0].standbys
    assert said.out_s.low == pytest.approx(paired.flows[0].out_s.low, rel=1e-6)
    assert not paired.flows[0].standbys
    assert alone.flows[0].out_s.low > 20 * said.out_s.low


def test_by_design_a_sender_that_cannot_choose_loses_its_part() -> None:
    """Half of the senders that stick to one MX host are out while both its addresses are."""
    found = relaydrill.plan_yearly_cost(design("microsoft"))
    assert found
    assert all(each.availability.high < 1 for each in found.flows if not each.unknown)
    assert all(each.out_s.low == each.out_s.high for each in found.flows)


def test_no_failure_no_figure() -> None:
    """A design that says nothing has none: no mean time between failures is made up."""
    assert relaydrill.plan_yearly_cost(relaydrill.load("sharepoint")) is None


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A file whose nodes fail, of a tier without inbound mail."""
    file = tmp_path / "mine.yaml"
    file.write_text(
        "extends: sharepoint\nname: mine\nfailures:\n  default: {every: 91.25d, repair: 1h}\n"
    )
    return file


def test_plan_tells_it(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a tier without inbound mail, too, for which there is no table of shares."""
    assert run(["plan", str(mine)]) == 0
    shown = capsys.readouterr().out
    assert "relay       99.954 %, 4 h a year; 4 h of it lb1 (by default);" in shown
    assert "with a standby for lb1 4.1 min" in shown
    assert "by itself: one failure brings on no other" in shown
    assert "Nothing was drilled" in shown
    assert run(["plan", str(mine), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert misfits(document) == []
    [relay, _] = document["yearly_cost"]["flows"]
    assert relay["at_least_s"] == relay["at_most_s"] == pytest.approx(4 * 3600 + 180, rel=1e-2)


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_it_is_whole_at_any_width(width: int) -> None:
    """Every flow's figure stands there, and only assumptions are left to the terminal to wrap."""
    found = yearly_cost(design(), *audited(design(), {"lb1": OUT, **HUBS}))
    assert found
    into = io.StringIO()
    show_yearly_cost(found, Console(file=into, width=width))
    lines = into.getvalue().splitlines()
    assert max(len(each) for each in lines if not each.startswith("Assumed: ")) <= width
    text = " ".join(" ".join(lines).split())
    for each in told(found):
        assert f"{each.flow} {each.text}" in text
        assert all(remark in text for remark in each.remarks)


@pytest.mark.parametrize(
    ("failures", "where", "what"),
    [
        ("default: {every: 0d, repair: 4h}", "failures.default.every", "out of range"),
        ("default: {every: -9d, repair: 4h}", "failures.default.every", "not a span of time"),
        ("default: {every: 90, repair: 4h}", "failures.default.every", "not a span of time"),
        ("default: {every: 3 weeks, repair: 4h}", "failures.default.every", "not a span"),
        ("default: {every: 9d, repair: 0h}", "failures.default.repair", "out of range"),
        ("default: {every: 4h, repair: 4h}", "failures.default.repair", "as long as"),
        ("default: {every: 2000y, repair: 4h}", "failures.default.every", "up to 1000y"),
        ("default: {every: 9d}", "failures.default.repair", "missing"),
        ("sites: {mars: {every: 9d, repair: 4h}}", "failures.sites.mars", "no site is called"),
    ],
)
def test_a_mistake_is_told_by_its_line(failures: str, where: str, what: str) -> None:
    """A sentence with the place, and what would be right."""
    with pytest.raises(TopologyError) as error:
        topology_files.parse(f"extends: sharepoint\nname: mine\nfailures:\n  {failures}\n")
    [mistake] = error.value.mistakes
    assert str(mistake).count(":4: ") == 1
    assert where in str(mistake)
    assert what in str(mistake)


def test_a_design_is_read_back_as_it_was_written() -> None:
    """A run directory's topology has the same failures."""
    topology = design(nodes={"lb1": {"failure": {"every": "3y", "repair": "90min"}}})
    again = topology_files.parse(json.dumps(topology.model_dump(mode="json", by_alias=True)))
    assert again.nodes["lb1"].failure == topology.nodes["lb1"].failure
    assert again.failures == topology.failures
    assert parse_span("1.5y") == 1.5 * YEAR_S


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.01, "under 0.1 s"),
        (6.04, "6 s"),
        (359, "6 min"),
        (4.4 * 3600, "4.4 h"),
        (17.2 * 3600, "17 h"),
        (12 * 86400, "12 d"),
    ],
)
def test_durations_have_two_digits(seconds: float, text: str) -> None:
    """What is something is never shown as nothing."""
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (1.0, "100 %"),
        (0.9995, "99.95 %"),
        (0.99949772, "99.95 %"),
        (0.9999988, "99.99988 %"),
        (0.5, "50 %"),
        (0.0, "0 %"),
    ],
)
def test_nines_are_told_by_what_is_missing(share: float, text: str) -> None:
    """Two digits of that, so that no outage is rounded away."""
    assert percent(share) == text


def test_nodes_that_fail_otherwise_are_alike_in_a_lab() -> None:
    """How often something fails is nothing that a drill sees: it splits no sets that are alike."""
    plain = audited(design(), {"lb1": OUT}, 2)[1]
    other = design(nodes={"ht1": {"failure": {"every": "1y", "repair": "2h"}}})
    assert audited(other, {"lb1": OUT}, 2)[1] == plain != {}


def test_an_audit_has_it_everywhere(tmp_path: Path) -> None:
    """On real rows: the document fits its schema, the page has the line, judging repeats it."""
    folder = tmp_path / "audit"
    audit = relaydrill.audit(
        design(), nodes="lb1", flows="relay", driver="simulate", directory=folder
    )
    assert isinstance(audit.yearly_cost, YearlyCost)
    assert misfits(json.loads(json.dumps(audit.document()))) == []
    [relay] = audit.yearly_cost.flows
    assert relay.out_s.low == pytest.approx(4 * 3600, rel=1e-3)
    assert relaydrill.judge_audit(folder).yearly_cost == audit.yearly_cost
    page = relaydrill.html_report(audit)
    assert "What it costs a year" in page
    assert "not shown: ht1, ht2, ht3 and mbx were not drilled" in page
    assert audit.yearly_cost.assumptions[0] in page


def test_a_flow_that_nothing_was_seen_to_stop_is_not_called_perfect() -> None:
    """Where only what nobody tried may stop it, the sentence has the bound and no 100 %."""
    found = yearly_cost(design(), *audited(design(), {}))
    assert found
    [line, _] = told(found)
    assert line.text.startswith("99.99")
    assert " at least, at most " in line.text
    assert "none of it was shown" in line.text


def test_a_node_that_was_only_lost_with_its_site_is_bounded_by_that() -> None:
    """It is ridden out, as more was; its own gap is no longer, and is not taken for none."""
    site = {"ht1": {"site": "north"}, "ht2": {"site": "north"}}
    topology = design(nodes=site)
    units = ("lb1", "ht3", "mbx", "north")
    rows = tuple(
        row(topology, each, {"lb1": OUT, **HUBS}) for each in plan_audit(topology, units=units)
    )
    found = yearly_cost(topology, rows, {})
    assert found
    [relay, _] = found.flows
    assert "ht1 and ht2 were not drilled" in relay.open
    low, high = (4 * (3602 + ends) for ends in (6, 18))
    assert relay.out_s.low == pytest.approx(low, rel=1e-3)
    assert relay.out_s.high >= high - 1e-3
    assert "nothing is said of how often all of site north fails" in relay.not_counted

"""Faults of the network between two nodes: how they are written, and what they do to a drill.

What the simulated network does with each packet is held by ``test_impaired_paths.py``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from tests.simulated_drills import TWO_MX, RunDrill

from relaydrill import topology_files
from relaydrill.cli.options import maker
from relaydrill.drills.drill_plan import plan
from relaydrill.drills.findings import findings
from relaydrill.drivers.simulate.lab import SimulatedLab
from relaydrill.errors import UsageError
from relaydrill.faults import FaultSpec, FaultText
from relaydrill.impairment import Way
from relaydrill.journal import Event
from relaydrill.ledger.soundness import unsound
from relaydrill.topology import Topology
from relaydrill.topology_files.located import Located
from relaydrill.verdict import Status

BALANCED: Final = """\
name: balanced
clock: 10
nodes:
  lb1:
    role: balancer
    backends: [ht1, ht2]
    vips: {vip1: {ports: [25]}}
    check: {kind: smtp, interval: 2s, fall: 3}
  ht1: {role: hub}
  ht2: {role: hub}
  mbx: {role: mailbox, domains: [contoso.com]}
  app: {role: sender}
  mfp: {role: sender}
flows:
  relay: {from: app, persona: single_host, to: vip1, rate: 40/s, expect: {gap: 10s, degraded: 15s}}
  scans: {from: mfp, persona: single_host, to: vip1, rate: 20/s, expect: {gap: 10s, degraded: 15s}}
"""

DIRECT: Final = (
    TWO_MX.replace("  world: {role: sender}", "  world: {role: sender}\n  app: {role: sender}")
    + "  alerts: {from: app, persona: single_host, to: ht1, rate: 20/s, expect: {gap: 10s}}\n"
)


@pytest.fixture
def drill(tmp_path: Path) -> RunDrill:
    """Run one drill."""
    return RunDrill(tmp_path)


def balanced() -> Topology:
    """The one in which senders come to a balancer."""
    return topology_files.parse(BALANCED, "balanced.yaml")


def design() -> Topology:
    """The one in which senders come to their hub themselves."""
    return topology_files.parse(DIRECT, "direct.yaml")


@pytest.mark.parametrize(
    ("text", "origin", "way", "label"),
    [
        ("cut:app>ht1", "app", Way.TO, "cut:app>ht1"),
        ("cut:app<ht1", "app", Way.BACK, "cut:app<ht1"),
        ("cut:app<>ht1", "app", Way.BOTH, "cut:app<>ht1"),
        ("cut:*>ht1", "", Way.TO, "cut:ht1"),
        ("latency=1.5s~50ms%30:*<ht1", "*", Way.BACK, "latency=1.5s~50ms%30:*<ht1"),
        ("loss=12.5%:ht1", "", Way.TO, "loss=12.5%:ht1"),
        ("loss=5%%50:app>ht1", "app", Way.TO, "loss=5%%50:app>ht1"),
        ("slice=20B/10ms:app>ht1", "app", Way.TO, "slice=20B/10ms:app>ht1"),
        ("bandwidth=8kB/s:app>ht1", "app", Way.TO, "bandwidth=8kB/s:app>ht1"),
    ],
)
def test_a_way_and_an_amount_are_read_and_written_alike(
    text: str, origin: str, way: Way, label: str
) -> None:
    """What a drill keeps of a fault reads back as the same fault, and everywhere is not said."""
    said = FaultText.parse(f"{text}@10s+1.5s")
    assert (said.origin, said.way) == (origin, way)
    spec = said.at(said.node, 10.0, 1.5)
    assert spec.label == label
    assert FaultSpec.parse(str(spec)) == spec


@pytest.mark.parametrize("where", ["ht1", "app>ht1", "app<ht1", "*<>ht1"])
@pytest.mark.parametrize("kind", ["cut%12.5", "latency=1.5s~50ms", "loss=5%"])
def test_the_evidence_of_a_way_is_whole(kind: str, where: str) -> None:
    """What a drill journals of it is sound, and only of the node and the kind that it names."""
    said = FaultText.parse(f"{kind}:{where}")
    label = said.at("ht1", 1.0, 2.0).label
    detail = {"fault": label, "kind": said.kind, "node": "ht1", "by_hook": False}
    assert unsound(Event(1.0, 1.0, "harness", "inject", detail=detail)) == ""
    for wrong in ({"kind": "kill"}, {"node": "app"}):
        assert unsound(Event(1.0, 1.0, "harness", "inject", detail=detail | wrong))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("kill:app>ht1", "kill is done to a node, from wherever it is reached"),
        ("cut=5s:ht1", "cut takes no amount"),
        ("kill=5s:ht1", "kill takes no amount"),
        ("latency=fast:ht1", "no TIME~JITTER; write 200ms"),
        ("latency=1s~2s:ht1", "no TIME~JITTER"),
        ("latency=0s:ht1", "no TIME~JITTER"),
        ("loss=100%:ht1", "no PERCENT%"),
        ("loss=0%:ht1", "no PERCENT%"),
        ("bandwidth=8kB:ht1", "no SIZE/TIME; write 8kB/s"),
        ("limit=0B:ht1", "no SIZE; write 2000B"),
        ("cut%0:ht1", "no share"),
        ("cut.rcpt:ht1", "cut takes no phase"),
        ("cut:app>>ht1", "no fault; write"),
        ("cut:app>", "no fault; write"),
        ("cut:>ht1", "no fault; write"),
        ("latency=:ht1", "no fault"),
    ],
)
def test_what_makes_no_sense_is_told(text: str, problem: str) -> None:
    """In a sentence that says what to write."""
    with pytest.raises(UsageError, match=problem):
        FaultText.parse(text)


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        ("cut:nobody>ht1", "no node or site is called 'nobody'"),
        ("cut:ht1>ht1", "is reached from ht1 by no network"),
        ("cut:app>ht2", "no mail goes from app to ht2 itself: what comes to ht2 comes from world"),
        ("cut:ht1>app", "write cut:app<ht1"),
        ("cut:ht1>world", "write cut:world<ht1"),
    ],
)
def test_a_way_that_no_mail_goes_is_refused_before_anything_starts(
    fault: str, problem: str
) -> None:
    """A drill of it could prove nothing; the sentence says who comes there."""
    with pytest.raises(UsageError, match=problem):
        plan(design(), faults=(fault,))


def test_of_a_site_those_are_broken_to_which_mail_goes_that_way() -> None:
    """What else stands there is left alone: nothing could prove that it was broken."""
    text = DIRECT.replace("ht2: {role: hub}", "ht2: {role: hub, site: dublin}")
    text = text.replace("ht1: {role: hub}", "ht1: {role: hub, site: dublin}")
    planned = plan(topology_files.parse(text, "sites.yaml"), faults=("cut:app>dublin",))
    assert [fault.label for fault in planned.faults] == ["cut:app>ht1"]


@pytest.mark.parametrize("driver", ["process", "docker"])
def test_a_driver_that_cannot_do_it_is_told_before_anything_starts(driver: str) -> None:
    """In a sentence that says which can; and the same drill is planned for that one."""
    located = Located("direct.yaml", design(), {})
    drills = (plan(design(), faults=("cut:app>ht1",)),)
    with pytest.raises(UsageError, match="--driver simulate does"):
        maker(located, driver, drills=drills)
    assert maker(located, "simulate", drills=drills) is SimulatedLab


def test_one_node_suffers_several_faults_of_the_network_at_once() -> None:
    """Each way has its own; the same one twice is a mistake."""
    faults = ("cut:app>ht1", "cut:world>ht1", "latency=2s:app>ht1", "latency=1s:app>ht1")
    assert len(plan(design(), faults=faults).faults) == 4
    with pytest.raises(UsageError, match="broken twice at once"):
        plan(design(), faults=("cut:app>ht1", "cut:app>ht1"))


def test_only_flows_on_the_way_are_drilled() -> None:
    """Another sender's mail to the same node is not concerned."""
    assert plan(design(), faults=("cut:app>ht1",)).flows == ("alerts",)
    assert plan(design(), faults=("cut:world>ht1",)).flows == ("inbound",)
    assert plan(design(), faults=("cut:ht1",)).flows == ("inbound", "alerts")


COPES: Final = (
    "latency=300ms~100ms:world<>ht1",
    "loss=10%:world>ht1",
    "slice=20B/10ms:world>ht1",
    "limit=300B:world>ht1",
    "reset-after=300B:world>ht1",
    "slow-close=5s:world<>ht1",
    "bandwidth=8kB/s:world>ht1",
)


@pytest.mark.parametrize("fault", COPES)
def test_senders_that_try_another_exchanger_cope(drill: RunDrill, fault: str) -> None:
    """The other one takes what the network keeps from the first; and the fault has bitten.

    At clock 1: a lost SYN is sent again after a second of the wall clock.
    """
    slow = DIRECT.replace("clock: 10", "clock: 1").replace("40/s", "4/s")
    found = drill(topology_files.parse(slow, "slow.yaml"), fault)
    flow = found.flow("inbound")
    assert found.status is Status.PASS, flow.checks
    bite = flow.check("bite")
    assert bite is not None
    assert "from world to ht1" in bite.summary
    assert {*flow.account} == {"delivered"}


def test_a_balancer_that_checks_by_the_same_way_copes_with_a_cut(drill: RunDrill) -> None:
    """Its own check does not get through, either: the hub counts as down, as well as it is."""
    found = drill(balanced(), "cut:lb1<ht1", flows=("relay",))
    assert found.status is Status.PASS, found.flow("relay").checks
    believed = {(each.backend, each.state) for each in found.ledger.beliefs}
    assert ("ht1", "down") in believed
    assert ("ht2", "down") not in believed


def test_a_check_that_is_over_before_the_limit_is_green(drill: RunDrill) -> None:
    """Mail is cut, and the balancer stays; the finding names the way, and what no check sees."""
    found = drill(balanced(), "limit=300B:lb1>ht1", flows=("relay",))
    degraded = found.flow("relay").check("degraded")
    assert degraded is not None
    assert degraded.status is Status.FAIL
    assert "by ht1, which the balancer believed to be up all the time" in degraded.summary
    (told,) = findings(found)
    assert told.sentence.startswith("ht1 was losing connections (from lb1 to ht1) while ht2 was")
    assert "a check sees of the network only" in told.remedy


def test_a_sender_that_knows_one_way_fails_when_it_is_cut(drill: RunDrill) -> None:
    """In either direction; the other sender's mail to the same hub is not touched."""
    found = drill(design(), "cut:app<ht1", flows=("alerts", "inbound"))
    alerts, inbound = found.flow("alerts"), found.flow("inbound")
    gap, bite = alerts.check("gap"), inbound.check("bite")
    assert inbound.check("degraded") is None, "nothing of this flow was broken"
    assert gap is not None
    assert gap.status is Status.FAIL
    assert any("unreachable (from ht1 to app)" in each.sentence for each in findings(found))
    assert {*inbound.account} == {"delivered"}
    assert bite is not None
    assert bite.status is Status.UNKNOWN, "nothing of this flow was on that way"

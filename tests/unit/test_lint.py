"""The linter beyond its rules: suppression, severities, arithmetic, and designs of any shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.lint_designs import BASES

from relaydrill import topology_files
from relaydrill.errors import TopologyError
from relaydrill.lint import RULES, LintFinding, Severity, lint
from relaydrill.lint.capacity import loads
from relaydrill.planning import outlooks
from relaydrill.topology import Topology
from relaydrill.topology.rules import Draft, mistakes

REPOSITORY = Path(__file__).parents[2]
SNAT = """
nodes: {lb1: {source: snat}, lb2: {source: snat}}
"""


def design(folder: Path, change: str, base: str = "balanced") -> Topology:
    """One of the sound designs, changed."""
    (folder / "base.yaml").write_text(BASES[base])
    path = folder / "changed.yaml"
    path.write_text(f"extends: ./base.yaml\n{change}\n")
    return topology_files.load(path)


def told(found: tuple[LintFinding, ...]) -> list[tuple[str, str, bool]]:
    """Rule, place, and whether it is suppressed."""
    return [(each.rule, each.at, each.suppressed) for each in found]


@pytest.mark.parametrize(
    ("at", "suppressed"),
    [
        ("", {"lb1", "lb2"}),
        ("at: nodes.lb1,", {"lb1"}),
        ("at: nodes.lb1.source,", {"lb1"}),
        ("at: nodes,", {"lb1", "lb2"}),
        ("at: nodes.lb,", set()),
    ],
)
def test_a_suppression_is_of_a_rule_and_of_a_place(
    at: str, suppressed: set[str], tmp_path: Path
) -> None:
    """It covers its place and what is below, everywhere if it names none, and no half of a name."""
    entry = f"lint: [{{rule: snat-hides-clients, {at} reason: nobody relays there}}]"
    found = [
        each for each in lint(design(tmp_path, SNAT + entry)) if each.rule == "snat-hides-clients"
    ]
    assert {str(each.where[1]) for each in found if each.suppressed} == suppressed
    assert {each.reason for each in found if each.suppressed} <= {"nobody relays there"}
    assert len(found) == 2


def test_an_unknown_rule_is_told_with_the_near_one(tmp_path: Path) -> None:
    """A suppression of no rule at all would be silent for ever."""
    with pytest.raises(TopologyError) as caught:
        design(tmp_path, "lint: [{rule: lone-balancr, reason: it is a pair by itself}]")
    [problem] = caught.value.mistakes
    assert "lint[0].rule: 'lone-balancr' is not one of the choices" in problem.what
    assert "did you mean 'lone-balancer'?" in problem.what
    assert problem.where.endswith("changed.yaml:2")


def test_a_suppression_needs_a_reason(tmp_path: Path) -> None:
    """Whoever reads it later must learn why."""
    with pytest.raises(TopologyError, match=r"lint\[0\].reason: missing"):
        design(tmp_path, "lint: [{rule: lone-balancer}]")


def test_an_accepted_loss_of_a_node_suppresses_what_is_about_that_loss() -> None:
    """``accept`` of a lone balancer speaks for the linter, too, with its own reason."""
    found = lint(topology_files.load("sharepoint"))
    assert told(found) == [
        ("lone-balancer", "nodes.lb1", True),
        ("blind-check", "nodes.lb1.check.kind", False),
    ]
    assert found[0].reason == topology_files.load("sharepoint").accept[0].reason


@pytest.mark.parametrize(("flows", "suppressed"), [("[relay, more]", True), ("[relay]", False)])
def test_an_acceptance_of_some_flows_covers_a_node_that_has_no_others(
    flows: str, suppressed: bool, tmp_path: Path
) -> None:
    """A flow that nobody has accepted anything for still needs the balancer."""
    change = f"""
names: {{mail.contoso.com: mail-a}}
flows: {{more: {{from: app, to: mail.contoso.com, port: 587, persona: mail_client}}}}
accept: [{{node: lb1, flows: {flows}, reason: until the second is bought}}]
nodes: {{lb2: null}}
"""
    assert ("lone-balancer", "nodes.lb1", suppressed) in told(lint(design(tmp_path, change)))


_ROTATING = "nodes: {ns1: {role: dns}, ns2: {role: dns}}"
_ONE_EACH = (
    "zones: {contoso.com: {mx: [{host: maila.contoso.com, addresses: [mail-a]},"
    " {host: mailb.contoso.com, addresses: [mail-b]}]}}"
)
_BOTH = (("lb1", "50% of flow relay"), ("lb2", "50% of flow relay"))


@pytest.mark.parametrize(
    ("persona", "change", "alone"),
    [
        ("single_host", "", (("lb1", "flow relay"),)),  # always the first of a fixed answer
        ("single_host", _ROTATING, _BOTH),
        ("first_address", _ROTATING, _BOTH),
        ("caching_client", _ROTATING, _BOTH),
        ("lowest_mx", _ROTATING, _BOTH),
        ("mail_client", _ROTATING, ()),
        ("pinned_mx", _ROTATING, ()),
        ("rfc5321", _ROTATING, ()),
        ("rotated_list", _ROTATING, ()),
        ("pinned_mx, to: contoso.com", f"{_ROTATING}\n{_ONE_EACH}", _BOTH),
        ("rfc5321, to: contoso.com", f"{_ROTATING}\n{_ONE_EACH}", ()),
        ("pinned_mx, pin: mailb.contoso.com, to: contoso.com", _ONE_EACH, (("lb2", "flow relay"),)),
    ],
)
def test_a_second_balancer_helps_only_who_tries_it(
    persona: str, change: str, alone: tuple[tuple[str, str], ...], tmp_path: Path
) -> None:
    """Two VIPs behind one name: for senders that try one address each is a single point."""
    flow = f"flows: {{relay: {{persona: {persona}}}}}"
    found = [
        (each.at, each.summary)
        for each in lint(design(tmp_path, f"{change}\n{flow}"))
        if each.rule == "lone-balancer"
    ]
    name = persona.partition(",")[0]
    assert found == [
        (
            f"nodes.{node}",
            f"with {node} the way in of {what} ({name}) is gone, though the name has others",
        )
        for node, what in alone
    ]


def test_a_real_mail_server_tries_the_second_balancer(tmp_path: Path) -> None:
    """Postfix goes on to the next address, whatever persona a flow has by default."""
    change = "nodes: {app: {kind: postfix}}\nflows: {relay: {persona: single_host}}"
    assert told(lint(design(tmp_path, change))) == []


@pytest.mark.parametrize(
    ("base", "change", "at", "beyond"),
    [
        ("balanced", "expect: {spread: [ht1, ht2]}", "", ""),  # what the VIPs give out
        ("balanced", "expect: {spread: [lb1, lb2]}", "expect.spread", "lb1 and lb2"),
        ("balanced", "expect: {spread: [ht1, mbx]}", "expect.spread", "mbx"),
        (
            "balanced",
            "nodes: {lb2: {backends: [ht1]}}\nnames: {mail.contoso.com: mail-b}\n"
            "flows: {relay: {expect: {spread: [ht1, ht2]}}}",
            "flows.relay.expect.spread",
            "ht2",
        ),
        (
            "inbound",
            "flows: {inbound: {persona: pinned_mx, pin: maila.contoso.com}}",
            "flows.inbound.expect.spread",
            "edge2 and edge4",
        ),
        ("inbound", "flows: {inbound: {persona: pinned_mx}}", "", ""),
    ],
)
def test_what_is_to_get_a_share_must_be_reached(
    base: str, change: str, at: str, beyond: str, tmp_path: Path
) -> None:
    """By the MX records, the name or the VIP of the flow, or by the MX host that it is bound to."""
    topology = design(tmp_path, change, base)
    found = [each for each in lint(topology) if each.rule == "spread-unreached"]
    assert [each.at for each in found] == [at] * bool(at)
    assert all(f"to spread over {beyond}, where" in each.summary for each in found)


def test_an_acceptance_says_nothing_of_who_may_relay(tmp_path: Path) -> None:
    """An open relay is no matter of a node's loss."""
    change = """
nodes: {lb1: {source: snat}}
connectors: {relay: {remote: [lb1]}}
accept: [{node: lb1, reason: its loss is agreed to}]
"""
    assert told(lint(design(tmp_path, change))) == [
        ("snat-open-relay", "connectors.relay.remote[0]", False)
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("microsoft", []),
        ("twosites", []),
        (
            str(REPOSITORY / "docs" / "labs" / "real-labs" / "haproxy-postfix.yaml"),
            [("lone-balancer", "nodes.lb1", True), ("blind-check", "nodes.lb1.check.kind", False)],
        ),
    ],
)
def test_the_designs_of_this_repository_are_sound(
    name: str, expected: list[tuple[str, str, bool]]
) -> None:
    """What we hand out breaks no rule that its author has not accepted."""
    assert told(lint(topology_files.load(name))) == expected


def test_the_worst_comes_first(tmp_path: Path) -> None:
    """Findings are in the order of their severity."""
    change = """
nodes: {lb1: {source: snat, check: {kind: tcp}}, ht1: {version: 2007}}
connectors: {relay: {remote: [lb1]}}
names: {mail.contoso.com: mail-a}
"""
    found = [each.severity for each in lint(design(tmp_path, change))]
    assert found == sorted(found, key=lambda each: each.rank)
    assert {*found} == {*Severity}
    assert Severity.CRITICAL.at_least(Severity.ERROR)
    assert not Severity.INFO.at_least(Severity.WARNING)


def test_a_balancer_is_found_in_a_relay_range_by_its_real_address() -> None:
    """Where a design stands for a real lab, the ranges hold real addresses."""
    path = REPOSITORY / "docs" / "labs" / "real-labs" / "haproxy-postfix.yaml"
    text = path.read_text("utf-8").replace("source: proxy", "source: snat")
    text = text.replace("remote: [app]", "remote: [app, 10.213.26.0-10.213.26.200]")
    found = lint(topology_files.parse(text, "lab.yaml"))
    assert ("snat-open-relay", "connectors.relay.remote[1]", False) in told(found)


def test_the_default_connector_is_found_behind_peers_and_by_its_name(tmp_path: Path) -> None:
    """It answers on 25 of hubs that others send to, or is declared by Exchange's name for it."""
    edge = "nodes: {edge1: {role: edge}}\nconnectors: {relay: null}"
    named = "connectors: {relay: null, default-ht1: {port: 25, nodes: [ht1]}}"
    for change, hubs in ((edge, "ht1 and ht2"), (named, "ht1")):
        says = {
            each.summary
            for each in lint(design(tmp_path, change))
            if each.rule == "default-connector-on-vip"
        }
        assert f"mail-a of lb1 leads port 25 to the Default connector of {hubs}" in says


def test_a_port_that_a_rule_disables_is_not_served(tmp_path: Path) -> None:
    """The VIP has the port, and nobody answers there."""
    rules = "rules: [{vip: mail-a, ports: [25], filtering: disabled}]"
    change = f"nodes: {{lb1: {{mode: wnlb, check: {{kind: none}}, cluster: {{{rules}}}}}}}"
    assert (
        "vip-lacks-port",
        "nodes.lb1.cluster.rules[0].filtering",
        False,
    ) in told(lint(design(tmp_path, change)))


def test_a_port_without_a_connector_behind_the_vip_is_not_served(tmp_path: Path) -> None:
    """The VIP has the port, and one of its hubs refuses every connection there."""
    change = "connectors: {relay: {nodes: [ht1]}}"
    found = [each for each in lint(design(tmp_path, change)) if each.rule == "vip-lacks-port"]
    assert [(each.at, each.summary) for each in found] == [
        (f"nodes.{lb}.vips.{vip}.ports", "flow relay needs port 25, where ht2 has no connector")
        for lb, vip in (("lb1", "mail-a"), ("lb2", "mail-b"))
    ]


@pytest.mark.parametrize(("version", "found"), [("2007 SP1", 1), ("2010", 0), ("2019", 0)])
def test_a_hub_may_be_a_member_of_an_availability_group(
    version: str, found: int, tmp_path: Path
) -> None:
    """From Exchange 2010 on the machines of a failover cluster may have the hub role."""
    change = f"nodes: {{ht1: {{failover_cluster: c1, version: {version}}},"
    change += " mbx1: {failover_cluster: c1}}"
    assert len(lint(design(tmp_path, change, "boxes"))) == found


@pytest.mark.parametrize("name", ["microsoft"])
def test_the_load_agrees_with_the_plan(name: str) -> None:
    """What the linter reckons for Edge servers is what `relaydrill plan` shows."""
    topology = topology_files.load(name)
    for outlook in outlooks(topology):
        gone = topology.sites.get(outlook.gone.removeprefix("site "), (outlook.gone,))
        found = loads(topology, frozenset(gone))
        for edge, share in outlook.nodes.items():
            assert found.get(edge, 0.0) == pytest.approx(share.rate)


def test_load_goes_on_to_the_hubs() -> None:
    """A balancer shares it among those that live; an Edge hands on what it is not to refuse."""
    balanced = topology_files.parse(BASES["balanced"])
    assert loads(balanced, frozenset()) == pytest.approx({"ht1": 5.0, "ht2": 5.0})
    assert loads(balanced, frozenset({"ht1"})) == pytest.approx({"ht2": 10.0})
    microsoft = topology_files.load("microsoft")
    wanted = sum(flow.wanted_rate for flow in microsoft.flows.values())
    found = loads(microsoft, frozenset())
    assert found["ht1"] + found["ht2"] == pytest.approx(wanted)
    assert found["ht1"] == pytest.approx(found["ht2"])


def test_load_goes_between_sites() -> None:
    """Mail for another site's mailboxes weighs on the hubs of both."""
    found = loads(topology_files.load("twosites"), frozenset())
    # intra-site, cross-site and outbound, 25/s each, over both hubs; own-hub on ht2 alone.
    assert found["ht1"] == pytest.approx(37.5)
    assert found["ht2"] == pytest.approx(47.5)
    assert found["ht3"] == found["ht4"] == pytest.approx(12.5)
    assert found["edge1"] == found["edge2"] == pytest.approx(12.5)


def test_weights_of_a_cluster_share_the_load(tmp_path: Path) -> None:
    """A WNLB host gets its own weight's part."""
    rules = "{vip: mail-a, weights: {ht1: 75, ht2: 25}}"
    change = f"""
nodes: {{lb1: {{mode: wnlb, check: {{kind: none}}, cluster: {{rules: [{rules}]}}}}}}
names: {{mail.contoso.com: mail-a}}
"""
    assert loads(design(tmp_path, change), frozenset()) == pytest.approx({"ht1": 7.5, "ht2": 2.5})


HUBS, EDGES, BOXES = ("ht1", "ht2", "ht3"), ("edge1", "edge2"), ("mbx1", "mbx2", "mbx3")
BALANCERS, VIPS = ("lb1", "lb2"), ("vip1", "vip2")
VERSIONS = st.sampled_from([None, "2003", "2003 SP2", "2007", "2007 SP1", "2010", "2019"])
SITES = st.sampled_from([None, "redmond", "dublin"])
CLUSTERS = st.sampled_from([None, "c1", "c2"])
RATES = st.none() | st.floats(0.1, 100)
REMOTES = (*BALANCERS, "app", "10.0.0.0/24", "10.0.0.5-10.0.1.9", "0.0.0.0/0", "::/0", "ht1")


def some(names: tuple[str, ...], least: int = 0) -> st.SearchStrategy[list[str]]:
    """A few of some names."""
    return st.lists(st.sampled_from(names), min_size=least, max_size=3, unique=True)


@st.composite
def balancers(draw: st.DrawFn, vip: str) -> dict[str, Any]:
    """A proxy, or a WNLB cluster."""
    ports = draw(st.lists(st.sampled_from([25, 587]), min_size=1, max_size=2))
    common: dict[str, Any] = {
        "role": "balancer",
        "site": draw(SITES),
        "backends": draw(some(HUBS, 1)),
        "vips": {vip: {"ports": ports}},
    }
    if draw(st.booleans()):
        filtering = draw(st.sampled_from(["multiple", "single", "disabled"]))
        rule = {"vip": draw(st.sampled_from(["all", vip])), "filtering": filtering}
        rules = draw(st.sampled_from([[], [rule]]))
        return {**common, "mode": "wnlb", "cluster": {"rules": rules}}
    kind = draw(st.sampled_from(["none", "tcp", "smtp", "mail"]))
    source = draw(st.sampled_from(["proxy", "snat"]))
    return {**common, "check": {"kind": kind}, "source": source}


@st.composite
def anything(draw: st.DrawFn) -> Topology:
    """A valid topology, in which anything may be wrong that a rule is about."""
    nodes: dict[str, Any] = {"app": {"role": "sender"}}
    nodes["app"]["stands_for"] = draw(st.sampled_from(["client", "mailbox", "hub"]))
    for name in HUBS:
        nodes[name] = {"role": "hub", "site": draw(SITES), "version": draw(VERSIONS)}
        nodes[name] |= {"failover_cluster": draw(CLUSTERS), "capacity": draw(RATES)}
        nodes[name]["certificate"] = draw(st.none() | st.just(["*.contoso.com"]) | st.just(["x"]))
    for name in EDGES:
        nodes[name] = {"role": "edge", "site": draw(SITES), "capacity": draw(RATES)}
    for name in BOXES:
        nodes[name] = {"role": "mailbox", "domains": draw(st.just(["a"]) | st.just(["b"]))}
        nodes[name] |= {"site": draw(SITES), "failover_cluster": draw(CLUSTERS)}
        nodes[name] |= {"version": draw(VERSIONS), "lcr": draw(st.booleans())}
        nodes[name]["clustered"] = draw(st.booleans()) and bool(nodes[name]["failover_cluster"])
        nodes[name]["internet"] = draw(st.booleans()) and name == "mbx3"
    for name, vip in zip(BALANCERS, VIPS, strict=True):
        nodes[name] = draw(balancers(vip))
    for name in draw(some(("ns1", "ns2"))):
        nodes[name] = {"role": "dns", "order": draw(st.sampled_from(["rotate", "fixed"]))}
    targets = (*HUBS, *EDGES, *VIPS)
    hosts = [
        {
            "host": f"mx{number}.test",
            "preference": draw(st.integers(0, 2)),
            "addresses": draw(some((*targets, "nowhere"), 1)),
        }
        for number in range(draw(st.integers(1, 3)))
    ]
    flows = {
        f"f{number}": {
            "from": "app",
            "to": draw(st.sampled_from([*targets, "name.test", "zone.test", "mx0.test"])),
            "persona": draw(st.sampled_from(["single_host", "mail_client", "rfc5321", "exim"])),
            "port": draw(st.sampled_from([25, 587])),
            "peak": draw(RATES),
            "mix": {"spam": draw(st.floats(0, 0.9))},
            "recipient": draw(st.sampled_from(["", "u@a", "u@b", "u@elsewhere.test"])),
            "expect": {"spread": draw(some(targets[:5]))},
        }
        for number in range(draw(st.integers(0, 3)))
    }
    remotes = draw(st.permutations(REMOTES))
    connectors = {
        f"c{number}": {
            "port": draw(st.sampled_from([25, 587])),
            "nodes": draw(st.just([]) | some((*HUBS, *EDGES))),
            "tls": "required",
            "auth": draw(st.sampled_from(["none", "required"])),
            "remote": remotes[2 * number : 2 * number + 2],
            "relay": draw(st.booleans()),
            "per_source": draw(st.none() | st.integers(1, 50)),
        }
        for number in range(draw(st.integers(0, 3)))
    }
    groups = {
        "sg1": {
            "source": "mbx1",
            "targets": draw(some(BOXES[1:], 1)),
            "paths": {"mbx1": "D:\\", "mbx2": draw(st.text(max_size=4))},
        }
    }
    ids = st.sampled_from([each.id for each in RULES[:-1]])
    at = st.sampled_from([None, "nodes.lb1", "nodes", "zones.zone.test"])
    data = {
        "name": "anything",
        "nodes": nodes,
        "names": {"name.test": draw(some(targets, 1))},
        "zones": {"zone.test": {"mx": hosts}},
        "connectors": connectors,
        "flows": flows,
        "accept": [{"node": draw(st.sampled_from(HUBS + BALANCERS)), "reason": "x" * 10}],
        "replication": groups if draw(st.booleans()) else {},
        "directory": {
            "controllers": {"dc1": {"windows": "2008", "read_only": draw(st.booleans())}},
            "rus": draw(st.sampled_from([None, "dc1"])),
        },
        "lint": [{"rule": draw(ids), "at": draw(at), "reason": "y" * 10}],
    }
    try:
        topology = Topology.model_validate(data)
    except ValidationError:
        reject()
    if mistakes(Draft(topology)):
        reject()
    return topology


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(anything())
def test_any_valid_design_can_be_looked_at(topology: Topology) -> None:
    """No valid topology makes an error, and each finding names a rule, a place and words."""
    known = {each.id: each for each in RULES}
    for finding in lint(topology):
        assert finding.severity is known[finding.rule].severity
        assert finding.where
        assert finding.summary
        assert finding.remedy
        assert "None" not in finding.summary

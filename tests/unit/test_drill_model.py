"""What a drill is: the text of a fault, the timings of a plan, and the way to JSON and back."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relaydrill import topology_files
from relaydrill.disturbance import OF_TLS
from relaydrill.drills.audit_plan import plan_audit
from relaydrill.drills.drill_plan import plan
from relaydrill.drills.model import Drill
from relaydrill.drills.recovery import Recovery, recovery_of
from relaydrill.errors import UsageError
from relaydrill.faults import ACTING, FAULTS, WHOLE, FaultSpec, SenderFault, ServiceFault
from relaydrill.faults.reach import is_from_here, parts_for
from relaydrill.nodes.balancing.balancer import BalancerService
from relaydrill.nodes.mailbox import MailboxService
from relaydrill.nodes.name_server import NameServer
from relaydrill.nodes.service import Service
from relaydrill.nodes.transport.hub import HubService
from relaydrill.smtp import Phase
from relaydrill.topology import Role, Topology

SHAREPOINT = topology_files.parse(topology_files.builtin_text("sharepoint"), "sharepoint")
MICROSOFT = topology_files.parse(topology_files.builtin_text("microsoft"), "microsoft")
LONE_TEXT = """\
name: lone
nodes:
  ht1: {role: hub}
  mbx: {role: mailbox, domains: [contoso.com]}
  app: {role: sender}
flows:
  relay: {from: app, to: ht1, rate: 2/s}
expect: {gap: 10s, degraded: 4s}
"""
LONE = topology_files.parse(LONE_TEXT, "lone.yaml")
WITH_PHASE = ("tempfail", "reject", "slow", "hang", "reset")
PLAIN = tuple(kind for kind in FAULTS if kind not in WITH_PHASE)


def parsed(text: str, topology: Topology = SHAREPOINT) -> FaultSpec:
    """The one fault of a plan."""
    (spec,) = plan(topology, faults=(text,)).faults
    return spec


@pytest.mark.parametrize("kind", FAULTS)
def test_every_fault_can_be_planned_by_its_kind(kind: str) -> None:
    """Whatever faults exist, the grammar reaches them, on a node that they can be done to."""
    node = "ht1" if Role.HUB in parts_for(kind)[0].roles else "ns1"
    if is_from_here(kind) and node == "ht1":
        node = "edge1"  # senders come to no other
    assert parsed(f"{kind}:{node}", MICROSOFT).kind == kind


DOERS: dict[Role, type[Service]] = {
    Role.HUB: HubService,
    Role.EDGE: HubService,
    Role.MAILBOX: MailboxService,
    Role.DNS: NameServer,
    Role.BALANCER: BalancerService,
}


@pytest.mark.parametrize("role", DOERS)
def test_what_can_be_planned_is_what_the_node_program_does(role: Role) -> None:
    """No fault of a service is planned on a role whose program refuses it, and none is missing.

    An Edge server has the program of a hub, and no certificate.
    """
    able = DOERS[role].disturbable - (OF_TLS if role is Role.EDGE else frozenset())
    for kind, fault in FAULTS.items():
        if isinstance(fault, SenderFault):  # asks nothing of the node's program
            continue
        does = not isinstance(fault, ServiceFault) or fault.action in able
        assert does == any(role in part.roles for part in parts_for(kind)), kind


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "tempfail.rcpt:lb1",
            "tempfail is done by mail servers (hub, edge, mailbox); lb1 is a balancer",
        ),
        ("nxdomain:lb1", "nxdomain is done by name servers (dns); lb1 is a balancer"),
        ("stale:ht1", "stale is done by name servers (dns); ht1 is a hub"),
        ("stale:mbx", "stale is done by name servers (dns); mbx is a mailbox server"),
        (
            "hang:lb1",
            "hang is done by mail servers (hub, edge, mailbox) and name servers (dns);"
            " lb1 is a balancer",
        ),
    ],
)
def test_a_fault_that_a_node_cannot_do_is_refused(text: str, said: str) -> None:
    """Before anything is started, with the roles that can, and what the node is."""
    with pytest.raises(UsageError) as refused:
        parsed(text)
    assert str(refused.value) == f"{text!r}: {said}"


SITE_TEXT = """\
name: branch
nodes:
  ht1: {role: hub, site: branch}
  ht2: {role: hub}
  lb1: {role: balancer, site: branch, backends: [ht1, ht2], vips: {mail: {ports: [25]}}}
  mbx: {role: mailbox, domains: [contoso.com]}
  app: {role: sender}
names: {mail.contoso.com: [mail]}
flows:
  relay: {from: app, to: mail.contoso.com, rate: 5/s}
"""


def test_of_a_site_those_are_broken_that_can_be() -> None:
    """A balancer among hubs does not keep them from being put under back pressure."""
    topology = topology_files.parse(SITE_TEXT, "branch.yaml")
    assert {spec.node for spec in plan(topology, faults=("kill:branch",)).faults} == {"ht1", "lb1"}
    assert parsed("backpressure:branch", topology).node == "ht1"
    with pytest.raises(UsageError, match=r"nxdomain is done by .* none stands in branch"):
        plan(topology, faults=("nxdomain:branch",))


def test_an_audit_breaks_what_the_fault_can_be_done_to() -> None:
    """Others are no row, and none is there twice; where there is nothing, or it is named, refused.

    The rows stand in the order of an audit that kills.
    """
    topology = topology_files.parse(SITE_TEXT, "branch.yaml")
    rows = [[spec.label for spec in row.faults] for row in plan_audit(topology, kind="drain")]
    assert rows == [[], ["drain:ht1"], ["drain:ht2"], ["drain:mbx"]]
    with pytest.raises(UsageError, match=r"stale is done by name servers \(dns\); branch has none"):
        plan_audit(topology, kind="stale")
    with pytest.raises(UsageError, match=r"'drain:lb1': drain is done by .* lb1 is a balancer"):
        plan_audit(topology, kind="drain", units=("lb1",))


def test_the_whole_grammar() -> None:
    """KIND.PHASE:NODE@START+DURATION, every part of it."""
    spec = parsed("tempfail.rcpt:ht2@1.5s+2min")
    assert spec == FaultSpec("tempfail", "ht2", 1.5, 120.0, Phase.RCPT)
    assert (spec.label, str(spec)) == ("tempfail.rcpt:ht2", "tempfail.rcpt:ht2@1.5s+120s")
    assert spec.end_s == 121.5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no fault"),
        ("kill", "is no fault"),
        ("kill:", "is no fault"),
        (":ht1", "is no fault"),
        ("kill:ht9", "no node or site is called 'ht9'; there are: ht1"),
        ("explode:ht1", "no fault is called 'explode'"),
        ("Kill:ht1", "write KIND, KIND.PHASE or KIND=AMOUNT, or any with %SHARE"),
        ("kill.rcpt:ht1", "kill takes no phase"),
        ("tempfail.lunch:ht1", "no phase of SMTP"),
        ("tempfail.body:ht1", "cannot act at body"),
        ("kill:ht1@soon", "not a duration"),
        ("kill:ht1+0s", "longer than 0s"),
        ("kill:ht1+-1s", "not a duration"),
        ("kill:ht1@1s+2s+3s", "not a duration"),
        ("kill:ht1+9000h", "out of range"),
    ],
)
def test_what_is_wrong_with_a_fault_is_said(text: str, said: str) -> None:
    """A fault that makes no sense is refused, with what would."""
    with pytest.raises(UsageError, match=said.replace(".", r"\.")):
        parsed(text)


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("kill:ht1", "write --fault kill --node ht1,"),
        ("tempfail.rcpt:ht1@10s+5s", "write --fault tempfail.rcpt --node ht1,"),
        ("kill@10s", "write --fault kill,"),
        ("kill+forever", "write --fault kill,"),
    ],
)
def test_an_audit_takes_a_kind_alone(text: str, instead: str) -> None:
    """Where and when are not its fault's to say; what to write is told."""
    for units in ((), ("ht2",)):
        with pytest.raises(UsageError, match=r"an audit takes KIND\[.PHASE\]\[%SHARE\]") as refused:
            plan_audit(SHAREPOINT, kind=text, units=units)
        assert instead in str(refused.value)


@pytest.mark.parametrize("kind", ["kill", "pause", "stop"])
@pytest.mark.parametrize("node", ["app", "guest"])
def test_a_sender_is_not_broken(kind: str, node: str) -> None:
    """The drill would lose its load, and prove nothing; what can be broken is named."""
    said = f"{node} only sends mail; break what the mail passes: ht1, ht2, ht3, lb1, mbx"
    with pytest.raises(UsageError, match=f"'{kind}:{node}': {said}"):
        plan(SHAREPOINT, faults=(f"{kind}:{node}",))
    with pytest.raises(UsageError, match=said):
        plan_audit(SHAREPOINT, units=(node,))


def test_the_names_that_are_offered_can_all_be_broken() -> None:
    """A misspelt node is answered with the tier and its sites, and no sender."""
    with pytest.raises(UsageError, match="no node or site is called 'hub1'") as refused:
        plan(MICROSOFT, faults=("kill:hub1",))
    _, _, offered = str(refused.value).partition("there are: ")
    assert not {*offered.split(", ")} & {*MICROSOFT.senders}
    for name in offered.split(", "):
        assert plan(MICROSOFT, faults=(f"kill:{name}",)).faults


def test_a_site_with_nothing_to_break_is_refused() -> None:
    """A drill of it would break nothing and pass."""
    text = LONE_TEXT.replace("{role: sender}", "{role: sender, site: branch}")
    topology = topology_files.parse(text, "branch.yaml")
    assert topology.sites == {"branch": ("app",)}
    with pytest.raises(UsageError, match="no server of the tier stands in branch, only app"):
        plan(topology, faults=("kill:branch",))


pieces = st.sampled_from(
    [
        *FAULTS,
        *Phase,
        *SHAREPOINT.nodes,
        *(
            ":",
            ".",
            "%",
            "%30",
            "@",
            "+",
            "5s",
            "1h",
            "0s",
            " ",
            "\n",
            "-",
            "٣s",
            "1e9s",
            "nan",
            "∞",
        ),
    ]
)


@given(st.one_of(st.text(max_size=40), st.lists(pieces, max_size=8).map("".join)))
def test_any_text_is_a_fault_or_a_usage_error(text: str) -> None:
    """Whatever a person types, the answer is a fault that can be injected, or an explanation."""
    try:
        spec = parsed(text)
    except UsageError as error:
        assert str(error)
    else:
        assert spec.node in SHAREPOINT.tier
        assert spec.duration_s > 0
        assert spec.start_s >= 0
        assert spec.fault.kind == spec.kind


durations = st.floats(min_value=0.0, max_value=7 * 86400.0)
specs = st.one_of(
    st.builds(
        FaultSpec,
        kind=st.sampled_from(PLAIN),
        node=st.sampled_from(list(SHAREPOINT.nodes)),
        start_s=durations,
        duration_s=durations,
    ),
    st.builds(
        FaultSpec,
        kind=st.sampled_from(WITH_PHASE),
        node=st.sampled_from(list(SHAREPOINT.nodes)),
        start_s=durations,
        duration_s=durations,
        phase=st.sampled_from([None, *ACTING]),
        percent=st.sampled_from([0.001, 1.0, 33.3, 99.999, WHOLE]),
    ),
)
drills = st.builds(
    Drill,
    name=st.text(max_size=20),
    flows=st.lists(st.text(max_size=10), max_size=3).map(tuple),
    faults=st.lists(specs, max_size=3).map(tuple),
    length_s=durations,
    settle_s=durations,
    seed=st.integers(),
)


@given(drills)
def test_a_drill_comes_back_from_json(drill: Drill) -> None:
    """A run directory holds the very drill that was run, down to the last digit."""
    assert Drill.from_json(json.loads(json.dumps(drill.to_json()))) == drill


@given(specs)
def test_a_fault_that_is_written_out_reads_back(spec: FaultSpec) -> None:
    """The text of a fault names it wholly."""
    data = plan(SHAREPOINT).to_json() | {"faults": [str(spec)]}
    assert Drill.from_json(data).faults == (spec,)


@pytest.mark.parametrize("text", ["kill:ht1", "kill:ht1@1s", "kill:ht1+1s", "", "kill@1s+1s"])
def test_a_recorded_fault_must_be_whole(text: str) -> None:
    """A run directory may leave nothing to defaults, which another version could change."""
    data = plan(SHAREPOINT).to_json() | {"faults": [text]}
    with pytest.raises(UsageError, match="no whole fault"):
        Drill.from_json(data)


def test_a_plan_takes_all_flows_unless_told() -> None:
    """Without a choice every flow of the topology sends."""
    assert plan(SHAREPOINT).flows == ("relay", "submission")
    assert plan(SHAREPOINT, flows=("submission",)).flows == ("submission",)


def test_a_plan_names_what_it_does() -> None:
    """A drill without a name is called after its faults, in whatever order they are written."""
    assert plan(SHAREPOINT).name == "steady"
    for texts in itertools.permutations(("kill:ht1", "tempfail.rcpt:ht2", "kill:mbx")):
        assert plan(SHAREPOINT, faults=texts).name == "kill:ht1+kill:mbx+tempfail.rcpt:ht2"
    assert plan(SHAREPOINT, faults=("kill:ht1",), name="night").name == "night"


def test_one_fault_has_one_name() -> None:
    """A site by its name, by its nodes, and as the row of an audit is one fault."""
    nodes = ("kill:edge6", "kill:edge4", "kill:edge5")
    named, listed = (plan(MICROSOFT, faults=texts) for texts in (("kill:dublin",), nodes))
    assert named.name == listed.name == "kill:dublin"
    rows = plan_audit(MICROSOFT)
    assert len({row.name for row in rows}) == len(rows)
    for row in rows:
        assert plan(MICROSOFT, faults=tuple(spec.label for spec in row.faults)).name == row.name


@pytest.mark.parametrize(
    "texts",
    [
        ("kill:ht1", "kill:ht1"),
        ("kill:ht1@10s+20s", "kill:ht1@25s+20s"),
        ("kill:ht1@10s+forever", "kill:ht1@90s+5s"),
        ("kill:ht1@10s+20s", "stop:ht1@15s+5s"),
        ("tempfail.mail:ht1", "tempfail.rcpt:ht1"),
        ("kill:ht1@10s+20s", "pause:ht1@15s+5s"),
        ("kill:ht1@15s+5s", "tempfail:ht1@10s+20s"),
        ("blackhole:ht1", "tempfail:ht1"),
        ("pause:ht1@10s+20s", "slow:ht1@15s+20s"),
        # A service fault that begins or ends while its node is cut off cannot be told to it.
        ("isolate:ht1@10s+20s", "tempfail:ht1@15s+20s"),
    ],
)
def test_a_node_is_not_broken_twice_at_once(texts: tuple[str, ...]) -> None:
    """The heal of one would be that of both, or the other could not be done."""
    for order in (texts, texts[::-1]):
        with pytest.raises(UsageError, match="ht1 is broken (twice|by .*) at once") as refused:
            plan(SHAREPOINT, faults=order)
        assert all(text.partition("@")[0] in str(refused.value) for text in texts)
    assert len(plan(SHAREPOINT, faults=("kill:ht1@10s+5s", "kill:ht1@15s+5s")).faults) == 2
    with pytest.raises(UsageError, match="edge4 is broken twice at once"):
        plan(MICROSOFT, faults=("kill:dublin", "kill:edge4"))


@pytest.mark.parametrize(
    "texts",
    [
        ("tempfail.rcpt:ht1@10s+40s", "reject.rcpt:ht1@12s+20s"),
        ("starttls-hidden:ht2", "slow.ehlo:ht2"),
        ("swallow:ht1@10s+forever", "double%30:ht1@20s+5s"),
        ("tempfail:ht1@20s+20s", "directory-down:ht1@10s+20s"),
        ("hang:ns1@10s+20s", "stale:ns1@10s+20s"),
    ],
)
def test_a_fault_that_another_keeps_from_acting_is_refused(texts: tuple[str, ...]) -> None:
    """A server does one thing at a step of a session: what was asked of it first."""
    with pytest.raises(UsageError, match="would do nothing while"):
        plan(MICROSOFT if "ns1" in texts[0] else SHAREPOINT, faults=texts)


@pytest.mark.parametrize(
    "texts",
    [
        ("tempfail.rcpt%30:ht1@10s+40s", "reject.rcpt:ht1@12s+20s"),
        ("tempfail.rcpt:ht1@10s+5s", "reject.rcpt:ht1@15s+5s"),
        ("tempfail.rcpt:ht1@10s+5s", "reject.rcpt:ht2@10s+5s"),
        ("tempfail.rcpt:ht1@10s+5s", "refuse:ht1@10s+5s"),
    ],
)
def test_one_that_leaves_another_something_to_do_is_not(texts: tuple[str, ...]) -> None:
    """Other sessions, another time, another node, or the port."""
    assert len(plan(SHAREPOINT, faults=texts).faults) == 2


@pytest.mark.parametrize("texts", [("kill:ht1", "kill:ht2"), ("slow:ht1", "tempfail:ht1")])
def test_other_faults_may_overlap(texts: tuple[str, ...]) -> None:
    """Two nodes, or one in two ways."""
    assert len(plan(SHAREPOINT, faults=texts).faults) == 2


def test_nodes_that_go_one_after_another_are_not_the_loss_of_their_site() -> None:
    """Only what breaks at once, for as long, is called by one name."""
    texts = ("kill:edge4@10s+5s", "kill:edge5@20s+5s", "kill:edge6@30s+5s")
    assert plan(MICROSOFT, faults=texts).name == "kill:edge4+kill:edge5+kill:edge6"


def test_a_loss_for_good_is_another_fault() -> None:
    """A history does not hold a node that never comes back against one that does."""
    texts = ("kill:ht1@15s+forever", "kill:mbx@10s+20s")
    assert plan(SHAREPOINT, faults=texts).name == "kill:mbx+kill:ht1+forever"


def test_an_unknown_flow_is_refused() -> None:
    """The flows that exist are named."""
    with pytest.raises(UsageError, match="no flow is called 'inbound' in sharepoint.*relay"):
        plan(SHAREPOINT, flows=("inbound",))


def test_a_topology_without_flows_cannot_be_drilled() -> None:
    """There is nothing to send."""
    with pytest.raises(UsageError, match="no flows"):
        plan(LONE.model_copy(update={"flows": {}}))


def attempts(topology: Topology, flow: str, field_s: float) -> float:
    """How many attempts of a flow fall into a field time; rates are of the wall clock."""
    return field_s / topology.clock * topology.flows[flow].rate


@pytest.mark.parametrize("topology", [SHAREPOINT, LONE])
@pytest.mark.parametrize("node", ["ht1", "mbx"])
def test_the_timings_of_a_plan_can_prove_something(topology: Topology, node: str) -> None:
    """Before the fault every backend has had traffic; a tier that does nothing about it fails.

    Attempts that are late fail for as long as promised before the heal at the latest: from the
    fault to that moment it is longer than promised, by more than what is not known of the times.
    Afterwards there is time for the promise again, and for as many choices as the test of the
    node's return needs.
    """
    drill = plan(topology, faults=(f"kill:{node}",))
    (spec,) = drill.faults
    widest = max((len(each.backends) for each in topology.balancers.values()), default=1)
    promised = max(topology.expectation(flow).degraded_s for flow in drill.flows)
    after_s = drill.length_s - spec.end_s
    for flow in drill.flows:
        assert attempts(topology, flow, spec.start_s) >= 4 * widest
        wanted = recovery_of(topology, node, flow)
        sampled_s = after_s - wanted.allowance_s
        assert attempts(topology, flow, sampled_s) >= (wanted.test.choices if wanted.test else 4)
    step_s = max(2 * topology.clock / topology.flows[flow].rate for flow in drill.flows)
    assert spec.duration_s - promised > promised + 2 * step_s
    assert spec.duration_s < 2 * promised + 2 * step_s + 0.2 * topology.clock
    assert after_s > promised - 1e-9  # a difference of sums of decimals
    assert drill.settle_s > 120


def test_a_steady_plan_lasts_as_long_as_one_with_a_fault_up_to_its_heal() -> None:
    """Without a fault there is no return to wait for, nor a share of anything broken to see."""
    steady, broken = plan(SHAREPOINT), plan(SHAREPOINT, faults=("kill:ht1",))
    assert steady.length_s == broken.faults[0].end_s


def test_the_last_of_several_faults_decides_the_length() -> None:
    """The flows send on after the last heal, in whatever order the faults are named."""
    texts = ("kill:ht1@50s+5s", "kill:ht2@10s+5s")
    assert plan(SHAREPOINT, faults=texts).length_s > 55
    assert plan(SHAREPOINT, faults=texts).length_s == plan(SHAREPOINT, faults=texts[::-1]).length_s


def test_only_a_node_with_peers_has_a_share_to_return_to() -> None:
    """Behind a balancer a quarter of the fair share must be noticed, in its checks' time."""
    wanted = recovery_of(SHAREPOINT, "ht2", "relay")
    assert wanted.test is not None
    assert wanted.test.fair == pytest.approx(1 / 3)
    assert wanted.test.worse == pytest.approx(1 / 12)
    assert wanted.peers == ("ht1", "ht2", "ht3")
    assert wanted.allowance_s == SHAREPOINT.balancers["lb1"].check.recovery_s
    assert recovery_of(SHAREPOINT, "mbx", "relay") == Recovery()
    assert recovery_of(LONE, "ht1", "relay") == Recovery()


def test_where_senders_choose_a_node_returns_to_its_share_of_their_choices() -> None:
    """A half of an Edge's fair share is noticed; a flow that does not share has nothing to test."""
    wanted = recovery_of(MICROSOFT, "edge1", "inbound")
    assert wanted.of_choices
    assert wanted.test is not None
    assert (wanted.test.fair, wanted.test.worse) == pytest.approx((1 / 6, 1 / 12))
    assert recovery_of(MICROSOFT, "edge2", "pinned") == Recovery()


def test_exim_leaves_a_healed_host_alone_for_its_retry_time() -> None:
    """A drill of Exim's mail waits that long before it wants anything of the node."""
    flows = {"inbound": MICROSOFT.flows["inbound"].model_copy(update={"persona": "exim"})}
    exim = MICROSOFT.model_copy(update={"flows": flows})
    assert recovery_of(exim, "edge1", "inbound").allowance_s == 900
    drill = plan(exim, faults=("kill:edge1",))
    assert drill.length_s - drill.faults[0].end_s > 900


def test_the_parts_of_a_label_name_the_fault() -> None:
    """The label tells two phases of one kind apart."""
    assert parsed("tempfail:ht1").label == "tempfail:ht1"
    assert parsed("tempfail.mail:ht1").label == "tempfail.mail:ht1"
    assert parsed("tempfail.mail:ht1").kind_text == "tempfail.mail"


def test_a_node_that_runs_already_suffers_what_it_has_a_hook_for() -> None:
    """An inventory may say how a balancer is made to hang; of other faults nothing is changed."""
    text = (
        SITE_TEXT
        + """\
attach:
  nodes:
    ht1: {address: 10.0.0.3}
    ht2: {address: 10.0.0.4}
    lb1:
      address: 10.0.0.1
      hooks: {hang: {inject: {ask: break it}, heal: {ask: heal it}}}
  vips: {mail: {address: 10.0.0.2}}
  allow: {hosts: [10.0.0.0/24], domains: [contoso.com]}
"""
    )
    theirs = topology_files.parse(text, "theirs.yaml")
    assert parsed("hang:lb1", theirs).node == "lb1"
    for text in ("stale:ht1", "busy:lb1", "hang:app"):
        with pytest.raises(UsageError, match="ht1 is a hub|lb1 is a balancer|app only sends"):
            parsed(text, theirs)


def test_an_inventory_says_how_long_its_mail_may_take() -> None:
    """On a real lab the wait for what has not arrived is what its inventory says."""
    text = """
name: theirs
nodes:
  ht1: {role: hub}
  mbx: {role: mailbox, domains: [contoso.com]}
  app: {role: sender}
flows:
  relay: {from: app, to: ht1, rate: 5/s}
attach:
  settle: 20s
  nodes: {ht1: {address: 10.0.0.1}}
  allow: {hosts: [10.0.0.0/24], domains: [contoso.com]}
"""
    own = topology_files.parse(text, "theirs.yaml")
    default = topology_files.parse(text.replace("settle: 20s", "production: false"), "theirs.yaml")
    assert plan(own).settle_s == 20.0
    assert plan(default).settle_s > 120.0

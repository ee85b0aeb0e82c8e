"""Faults of the sender's own side: what they are aimed at, what they do, and what they prove."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from tests.simulated_drills import INTRA_ORG, TWO_MX, RunDrill

from relaydrill import clock, topology_files
from relaydrill.cli.commands import cli
from relaydrill.cli.options import maker
from relaydrill.drills.drill_plan import plan
from relaydrill.drills.findings import findings
from relaydrill.drills.result import NOTE
from relaydrill.endpoint import Endpoint
from relaydrill.errors import UsageError
from relaydrill.faults import FaultSpec, FaultText
from relaydrill.fibres import barring
from relaydrill.fibres.barring import Bar, stop_at
from relaydrill.hindrance import NOBODY, Hindrance, HindranceEffect
from relaydrill.personas.own_side import OwnSide
from relaydrill.topology import Topology
from relaydrill.topology_files.located import Located
from relaydrill.verdict import Status

HUB: Final = "192.0.2.11"
SERVER: Final = Endpoint("192.0.2.53", 53)

FRONTED: Final = """\
name: fronted
clock: 10
nodes:
  lb1: {role: balancer, backends: [ht1, ht2], vips: {vip1: {ports: [25]}}}
  ht1: {role: hub}
  ht2: {role: hub}
  mbx: {role: mailbox, domains: [contoso.com]}
  app: {role: sender}
  mta: {role: sender, kind: postfix}
  many: {role: sender, load: {workers: 2, address: 127.0.0.1}}
flows:
  relay: {from: app, persona: single_host, to: vip1, rate: 40/s, expect: {gap: 10s}}
  scans: {from: mta, persona: single_host, to: ht1, rate: 20/s, expect: {gap: 10s}}
  bulk: {from: many, persona: single_host, to: ht2, rate: 20/s, expect: {gap: 10s}}
"""

ATTACHED: Final = """\
extends: sharepoint
name: staging
clock: 1
attach:
  nodes:
    ht1: {address: 127.9.0.11}
    ht2: {address: 127.9.0.12}
    ht3: {address: 127.9.0.13}
    lb1: {address: 127.9.0.10}
    mbx: {address: 127.9.0.20, arrivals: {postfix_log: /dev/null}}
  vips: {mail: {address: 127.9.0.10}}
  allow: {hosts: [127.9.0.0/24], ports: [25, 587], domains: [contoso.com], rate: 100/s}
"""


@pytest.fixture
def drill(tmp_path: Path) -> RunDrill:
    """Run one drill."""
    return RunDrill(tmp_path)


def design(text: str) -> Topology:
    """A topology."""
    return topology_files.parse(text, "design.yaml")


@pytest.mark.parametrize(
    ("text", "origin", "label"),
    [
        ("unreachable:ht1", "", "unreachable:ht1"),
        ("unreachable:*>ht1", "", "unreachable:ht1"),
        ("unreachable-refused%30:app>ht1", "app", "unreachable-refused%30:app>ht1"),
        ("late-dns=1.5s:ns1", "", "late-dns=1.5s:ns1"),
        ("stale-dns%50:app>ns1", "app", "stale-dns%50:app>ns1"),
    ],
)
def test_it_is_read_and_written_alike(text: str, origin: str, label: str) -> None:
    """What a drill keeps of a fault reads back as the same fault, with its sender."""
    said = FaultText.parse(f"{text}@10s+1.5s")
    assert said.origin == origin
    spec = said.at(said.node, 10.0, 1.5)
    assert spec.label == label
    assert FaultSpec.parse(str(spec)) == spec


@pytest.mark.parametrize(
    ("text", "fault", "problem"),
    [
        (INTRA_ORG, "unreachable:mbx-a<ht1", "write unreachable:SENDER>NODE"),
        (INTRA_ORG, "unreachable:ht2>ht1", "ht2 is no sender"),
        (INTRA_ORG, "unreachable:nobody>ht1", "no sender or site is called 'nobody'"),
        (INTRA_ORG, "unreachable:mbx-b>ht2", "no mail of mbx-b passes ht2"),
        (INTRA_ORG, "late-dns:ht1", "late-dns is done by name servers"),
        (TWO_MX, "unreachable-reset:ns1", "ns1 is a name server"),
        (TWO_MX, "unreachable:mbx", "write unreachable:ht1 for what they come to"),
        (FRONTED, "unreachable:app>ht1", "comes to lb1 and not to ht1 itself"),
        (FRONTED, "unreachable:mta>ht1", "mta is a real postfix, and connects by itself"),
        (FRONTED, "unreachable:ht1", "mta is a real postfix, and connects by itself"),
        (FRONTED, "unreachable:ht2", "many is sending through Locust workers"),
    ],
)
def test_what_cannot_be_made_from_here_is_refused_before_anything_starts(
    text: str, fault: str, problem: str
) -> None:
    """In a sentence: behind a balancer, of clients that connect by themselves, the other way."""
    with pytest.raises(UsageError, match=problem):
        plan(design(text), faults=(fault,))


def test_a_virtual_address_that_moves_is_no_machines_own() -> None:
    """Of a pair, and of a cluster: which machine would be out of reach, nobody could say."""
    text = FRONTED.replace("  ht1:", "  lb2: {role: standby, standby_of: lb1}\n  ht1:", 1)
    with pytest.raises(UsageError, match="lb1 and lb2 share"):
        plan(design(text), faults=("unreachable:lb1",))
    assert plan(design(FRONTED), faults=("unreachable:lb1",)).flows == ("relay",)


def test_only_flows_that_come_there_are_drilled() -> None:
    """And of a sender that is named, those that it sends."""
    assert plan(design(INTRA_ORG), faults=("unreachable:ht1",)).flows == ("intra-org", "own-hub")
    assert plan(design(INTRA_ORG), faults=("unreachable:mbx-b>ht1",)).flows == ("own-hub",)
    assert plan(design(INTRA_ORG), faults=("unreachable:ht2",)).flows == ("intra-org",)


@pytest.mark.parametrize(
    ("text", "fault", "flow"),
    [
        (INTRA_ORG, "unreachable-refused:mbx-a>ht1", "intra-org"),
        (INTRA_ORG, "unreachable-reset:mbx-a>ht1", "intra-org"),
        (TWO_MX, "late-dns:ns1", "inbound"),
    ],
)
def test_senders_that_go_on_cope(drill: RunDrill, text: str, fault: str, flow: str) -> None:
    """The fault has bitten, all is delivered, and a note says what that does not prove."""
    found = drill(design(text), fault)
    judged = found.flow(flow)
    assert found.status is Status.PASS, judged.checks
    assert {*judged.account} == {"delivered"}
    bite = judged.check("bite")
    assert bite is not None
    assert "met it on the sender's own side" in bite.summary
    assert bite.figures["met"] > 10
    (note,) = findings(found)
    assert note.status == NOTE
    assert "itself was whole" in note.sentence
    assert note.sentence.endswith("is not shown")


@pytest.mark.parametrize("fault", ["unreachable", "unreachable-refused", "unreachable-reset"])
def test_a_sender_that_knows_one_hub_fails(drill: RunDrill, fault: str) -> None:
    """While it is so, and only then: the hub is well, and the other sender's mail comes there."""
    found = drill(design(INTRA_ORG), f"{fault}:mbx-b>ht1", flows=("own-hub", "intra-org"))
    own, others = found.flow("own-hub"), found.flow("intra-org")
    gap = own.check("gap")
    assert gap is not None
    assert gap.status is Status.FAIL
    assert {*others.account} == {"delivered"}
    assert others.check("degraded") is None, "nothing of this flow was broken"
    (told, note) = (each for each in findings(found) if "unproven" not in each.kind)
    assert "from here" in told.sentence
    assert (
        "whether its own death is noticed, by a balancer or by other clients, is not shown"
        in note.sentence
    )


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("failing-dns:ns1", "SERVFAIL from the name server"),
        ("late-dns=10s:ns1", "no name server answers"),
        ("unreachable-refused:ns1", "no name server answers"),
    ],
)
def test_a_resolver_that_fails_keeps_mail_from_going(
    drill: RunDrill, fault: str, reason: str
) -> None:
    """A sender with one name server comes to no address, and is told why."""
    found = drill(design(TWO_MX), fault)
    degraded = found.flow("inbound").check("degraded")
    assert degraded is not None
    assert degraded.status is Status.FAIL
    assert reason in degraded.summary


def test_an_old_answer_leads_nowhere_and_nothing_is_sent_there(drill: RunDrill) -> None:
    """What the sender then tries is an address that nobody has; and with the heal it is over."""
    found = drill(design(TWO_MX), "stale-dns:ns1")
    flow = found.flow("inbound")
    gap, returned = flow.check("gap"), flow.check("return")
    assert gap is not None
    assert gap.status is Status.FAIL
    assert returned is not None
    assert returned.status is Status.PASS


def test_a_share_of_the_connections_meets_it(drill: RunDrill) -> None:
    """About as many as were asked for, and all others come through."""
    found = drill(design(INTRA_ORG), "unreachable-refused%40:mbx-b>ht1")
    account = found.flow("own-hub").account
    failed = account["not accepted"] / (account["not accepted"] + account["delivered"])
    assert 0.05 < failed < 0.25, "of all, and it was in force for a third of the time"


# What a sender on this machine is told, without a network.


def hindered(effect: HindranceEffect, **more: Any) -> tuple[OwnSide, list[int]]:
    """A sender's side with one thing wrong, and the ports on whose way it has been met."""
    met: list[int] = []
    side = OwnSide(lambda _hindrance, port: met.append(port))
    addresses = (SERVER.address, HUB)
    side.hinder(Hindrance("label", "node", effect, addresses, **more))
    return side, met


@pytest.mark.parametrize(
    ("effect", "error"),
    [
        ("silent", TimeoutError),
        ("refused", ConnectionRefusedError),
        ("reset", ConnectionResetError),
    ],
)
def test_a_connection_meets_it_and_nobody_elses_does(
    effect: HindranceEffect, error: type[OSError]
) -> None:
    """Of the node's addresses alone; what is met is told, and once lifted it is gone."""
    side, met = hindered(effect)
    assert side.bars("192.0.2.12", 25) is None
    bar = side.bars(HUB, 25)
    assert bar is not None
    assert isinstance(bar.error, error)
    assert not bar.is_lifted()
    assert met == [25]
    assert side.lift("label")
    assert not side.lift("label")
    assert bar.is_lifted()
    assert side.bars(HUB, 25) is None


@given(strength=st.floats(0.05, 0.95), seed=st.text(max_size=8))
def test_the_same_seed_hits_the_same_connections(strength: float, seed: str) -> None:
    """A share of them, and never all or none of many."""

    def hit() -> list[bool]:
        side, _ = hindered("refused", strength=strength, seed=seed)
        return [side.bars(HUB, 25) is not None for _ in range(400)]

    first = hit()
    assert first == hit()
    assert abs(sum(first) / len(first) - strength) < 0.2


def answer(_query: object, _server: object, _answer_s: float) -> Any:
    """A name server's: two addresses, of either version."""
    reply = dns.message.make_response(dns.message.make_query("ht1.contoso.com", "A"))
    reply.answer = [
        dns.rrset.from_text("ht1.contoso.com.", 60, "IN", "A", "192.0.2.11", "192.0.2.12"),
    ]
    return reply


def asked(side: OwnSide, answer_s: float = 0.2) -> Any:
    """What is heard of it."""
    return side.ask(dns.message.make_query("ht1.contoso.com", "A"), SERVER, answer_s, answer)


def test_an_answer_is_of_old_late_or_a_failure() -> None:
    """Each as it is heard here; what is too late is none."""
    side, met = hindered("stale")
    (found,) = asked(side).answer
    assert [each.to_text() for each in found] == [NOBODY]
    assert met == [53]
    assert asked(hindered("servfail")[0]).rcode() == dns.rcode.SERVFAIL
    begun = time.monotonic()
    assert len(asked(hindered("late", delay_s=0.05)[0]).answer[0]) == 2
    assert time.monotonic() - begun >= 0.05
    with pytest.raises(TimeoutError):
        asked(hindered("late", delay_s=0.5)[0], 0.05)
    with pytest.raises(ConnectionRefusedError):
        asked(hindered("refused")[0])


def test_nobody_is_never_connected_to() -> None:
    """The old address is kept by clients after the heal: nothing goes there, then as before."""
    bar = OwnSide().bars(NOBODY, 25)
    assert bar is not None
    assert isinstance(bar.error, TimeoutError)
    assert not bar.is_lifted()


def test_a_connection_that_waits_goes_on_with_its_next_syn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After 1, 3, 7 s, as a kernel sends them, and no sooner; without a heal it times out."""
    now = [0.0]
    monkeypatch.setattr(clock, "monotonic", lambda: now[0])
    monkeypatch.setattr(barring, "pause", lambda seconds: now.__setitem__(0, now[0] + seconds))
    assert stop_at(Bar(TimeoutError(), lambda: now[0] > 2.0), 30.0) == 27.0
    now[0] = 0.0
    with pytest.raises(TimeoutError):
        stop_at(Bar(TimeoutError(), lambda: False), 30.0)
    assert now[0] == 30.0


# On somebody else's lab.


@pytest.fixture
def staging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An inventory without a hook, in the working directory."""
    monkeypatch.chdir(tmp_path)
    path = Path("staging.yaml")
    path.write_text(ATTACHED)
    return path


@pytest.mark.parametrize("production", ["", "  production: true\n"])
def test_a_lab_of_others_needs_no_permission(staging: Path, production: str) -> None:
    """Nothing of theirs is touched, so that it may be done in production, too."""
    topology = design(ATTACHED + production)
    located = Located(str(staging), topology, {})
    drills = (plan(topology, faults=("unreachable:lb1",)),)
    maker(located, "attach", drills=drills)
    with pytest.raises(UsageError, match="production|allow-faults"):
        maker(located, "attach", drills=(plan(topology, faults=("kill:lb1",)),))


def test_a_dry_run_says_that_nothing_of_theirs_is_done(staging: Path) -> None:
    """Where it is done, by whom, and for how long."""
    words = ("drill", str(staging), "--driver", "attach", "--dry-run")
    found = CliRunner().invoke(cli, (*words, "--fault", "unreachable:app>lb1@10s+30s"))
    assert found.exit_code == 0, found.output
    assert (
        "unreachable:app>lb1, 10 s after the begin: from here only, done to app on this machine;"
        " nothing is done to lb1, and it needs no --allow-faults" in found.output
    )
    behind = CliRunner().invoke(cli, (*words, "--fault", "unreachable:ht1"))
    assert isinstance(behind.exception, UsageError)
    assert "app comes to lb1 and not to ht1 itself" in str(behind.exception)


def test_a_hook_for_it_is_a_mistake() -> None:
    """It would never be called: a sentence says so, with its place."""
    hook = "hooks: {unreachable: {inject: {run: [a]}, heal: {run: [b]}}}"
    text = ATTACHED.replace("lb1: {address: 127.9.0.10}", f"lb1: {{address: 127.9.0.10, {hook}}}")
    with pytest.raises(UsageError, match=r"attach.nodes.lb1.hooks: .* takes no hook; leave it out"):
        plan(design(text), faults=("none:lb1",))

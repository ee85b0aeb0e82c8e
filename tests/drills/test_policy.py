"""Who may relay, asked of every entry point: what a good tier answers, and a bad one.

Answers are a matter of the design, and so most labs are simulated; the command line, a cluster and
the cap of sessions have processes.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from relaydrill import topology_files
from relaydrill.cli.commands import cli
from relaydrill.disturbance import Disturbance
from relaydrill.drills.policy import (
    Policy,
    Rule,
    judge_policy,
    judge_question,
    lacking,
    questions,
)
from relaydrill.drivers.base import Lab
from relaydrill.drivers.process import ProcessLab
from relaydrill.drivers.simulate.lab import SimulatedLab
from relaydrill.faults import fault_called
from relaydrill.injection import deed_of
from relaydrill.lint import lint
from relaydrill.smtp import Phase, Reply
from relaydrill.topology import Topology
from relaydrill.verdict import Status, Verdict
from tests.documents import misfits
from tests.sensitivity.catalogue import BY_ID

from .conftest import Change

SharepointBut = Callable[[Change], Topology]


@pytest.fixture
def ask(tmp_path: Path) -> Callable[[Topology], Policy]:
    """Ask every entry point of a lab of its own; what is found fits the schema of its document."""

    def asked(topology: Topology) -> Policy:
        with SimulatedLab(topology, tmp_path / "lab") as lab:
            found = judge_policy(lab)
        assert misfits(json.loads(json.dumps(found.document()))) == []
        return found

    return asked


def wrong(found: Policy) -> dict[str, str]:
    """What did not answer as declared: question and summary."""
    return {
        str(question): verdict.summary
        for question, verdict in found.answers
        if verdict.status is not Status.PASS
    }


def test_the_built_in_tier_answers_as_declared(ask: Callable[[Topology], Policy]) -> None:
    """The application relays through the VIP and at each hub; a guest does nowhere."""
    found = ask(topology_files.load("sharepoint"))
    assert wrong(found) == {}
    assert found.status is Status.PASS
    asked = {str(question) for question, _ in found.answers}
    assert {
        "app may relay through mail port 25",
        "guest must not relay through mail port 25",
        "guest must not relay through ht2 port 25",
        "mail port 587 wants TLS",
        "ht3 port 587 wants a login",
        "guest must not relay without a login through ht3 port 587",
        "app may relay with a login through mail port 587",
        "ht1 port 587 bears the name mail.contoso.com",
    } <= asked


def test_an_edge_relays_for_nobody(ask: Callable[[Topology], Policy]) -> None:
    """Every Edge of the built-in inbound tier refuses mail for elsewhere, from anybody."""
    found = ask(topology_files.load("microsoft"))
    assert wrong(found) == {}
    entry_points = {question.entry_point for question, _ in found.answers}
    assert {f"edge{number}" for number in range(1, 7)} <= entry_points


def test_snat_with_the_balancer_in_the_relay_range_is_an_open_relay(
    ask: Callable[[Topology], Policy],
) -> None:
    """The hubs see one address for everybody, and it may relay: so may a guest, by the VIP only."""
    found = ask(BY_ID["snat-open-relay"].topology())
    assert found.status is Status.FAIL
    [(question, summary)] = wrong(found).items()
    assert question == "guest must not relay through mail port 25"
    assert "an open relay at ht" in summary


def test_snat_without_it_keeps_the_application_out(ask: Callable[[Topology], Policy]) -> None:
    """Behind SNAT the connector's range holds nobody that ever comes."""
    found = ask(BY_ID["snat-keeps-the-application-out"].topology())
    [(question, summary)] = wrong(found).items()
    assert question == "app may relay through mail port 25"
    assert "530 5.7.1 Client was not authenticated at mail" in summary


def test_a_certificate_without_the_name_is_found_on_its_hub(
    ask: Callable[[Topology], Policy], sharepoint_but: SharepointBut
) -> None:
    """A hub really has the certificate that it declares; one with a wildcard bears the name."""
    topology = sharepoint_but(
        {
            "nodes": {
                "ht1": {"certificate": ["*.contoso.com"]},
                "ht2": {"certificate": ["ht2.contoso.com"]},
            }
        }
    )
    found = ask(topology)
    bad = {each: text for each, text in wrong(found).items() if not each.startswith("mail ")}
    [(question, summary)] = bad.items()
    assert question == "ht2 port 587 bears the name mail.contoso.com"
    assert "does not, or its users cannot log in" in summary
    assert [each.where for each in lint(topology) if each.rule == "certificate-lacks-name"] == [
        ("nodes", "ht2", "certificate")
    ]


def test_a_range_of_the_whole_world_is_an_open_relay(ask: Callable[[Topology], Policy]) -> None:
    """A guest relays at the VIP and at every hub."""
    found = ask(BY_ID["relay-for-the-whole-world"].topology())
    assert set(wrong(found)) == {
        f"guest must not relay through {entry_point} port 25"
        for entry_point in ("mail", "ht1", "ht2", "ht3")
    }


def test_a_smaller_range_takes_precedence(
    ask: Callable[[Topology], Policy], sharepoint_but: SharepointBut
) -> None:
    """Beside a connector for the Internet, the application's own lets it, and it alone, relay."""
    connectors: dict[str, Any] = {"internet": {"port": 25}}
    found = ask(sharepoint_but({"connectors": connectors}))
    assert wrong(found) == {}


def test_without_a_stranger_the_verdict_is_unknown(sharepoint_but: SharepointBut) -> None:
    """Where every sender may relay nobody could find an open relay, and that is said."""
    relay = {"port": 25, "remote": ["app", "guest"], "relay": True}
    topology = sharepoint_but({"connectors": {"relay": relay}})
    assert "every sender may relay" in lacking(topology)
    assert all(
        question.rule is not Rule.MUST_NOT_RELAY or question.port != 25
        for question in questions(topology)
    )
    assert Policy((), lacking(topology)).status is Status.UNKNOWN


def answers_at(lab: Lab, entry_point: str) -> dict[str, Verdict]:
    """What one entry point says to every question."""
    return {
        str(each): judge_question(lab, each)
        for each in questions(lab.topology)
        if each.entry_point == entry_point
    }


def test_an_entry_point_that_refuses_connections_is_unknown(tmp_path: Path) -> None:
    """It says nothing of its policy; the verdict says why, and the others are judged."""
    with SimulatedLab(topology_files.load("sharepoint"), tmp_path / "lab") as lab:
        lab.kill("ht1")
        silent, other = answers_at(lab, "ht1"), answers_at(lab, "ht2")
    assert len(silent) == len(other) > 5
    assert {each.status for each in silent.values()} == {Status.UNKNOWN}
    told = "there was no answer: connection refused at connect"
    assert all(each.summary.endswith(told) for each in silent.values())
    assert {each.status for each in other.values()} == {Status.PASS}


def test_an_entry_point_without_a_banner_is_unknown(tmp_path: Path) -> None:
    """It connects and is silent: the sender's time runs out, and that is told."""
    topology = topology_files.load("sharepoint")
    with SimulatedLab(topology, tmp_path / "lab") as lab:
        lab.pause("ht1")
        asked = next(each for each in questions(topology) if each.entry_point == "ht1")
        verdict = judge_question(lab, asked)
    assert verdict.status is Status.UNKNOWN
    assert "timed out at banner" in verdict.summary


def test_an_entry_point_that_closes_is_unknown(tmp_path: Path) -> None:
    """421 says that a server is full, or goes away (RFC 5321 §3.8), and nothing of its policy."""
    busy = Disturbance("busy", "reply", Phase.BANNER, Reply(421, "4.3.2 Service not available"))
    with SimulatedLab(topology_files.load("sharepoint"), tmp_path / "lab") as lab:
        lab.control("ht1")("disturb", **busy.to_json())
        found = answers_at(lab, "ht1")
    assert {each.status for each in found.values()} == {Status.UNKNOWN}
    assert all("421 4.3.2" in each.summary for each in found.values())


def test_an_unanswered_policy_ends_with_3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line tells scripts that nothing failed, and that not everything was proven."""

    def with_a_dead_hub(lab: Lab) -> Policy:
        assert isinstance(lab, ProcessLab)
        lab.kill("ht1")
        return judge_policy(lab)

    monkeypatch.setattr("relaydrill.cli.drilling.judge_policy", with_a_dead_hub)
    arguments = ["policy", "sharepoint", "--out", str(tmp_path / "lab")]
    ended = CliRunner().invoke(cli, arguments, standalone_mode=False)
    assert ended.return_value == 3, ended.output
    assert "policy: unknown" in ended.output
    arguments = ["policy", "sharepoint", "--out", str(tmp_path / "again"), "--json"]
    ended = CliRunner().invoke(cli, arguments, standalone_mode=False)
    assert ended.return_value == 3, ended.output
    document = json.loads(ended.stdout)
    assert misfits(document) == []
    assert document["status"] == "unknown"


def test_a_sender_that_cannot_ask_makes_its_questions_unknown(tmp_path: Path) -> None:
    """Where nobody could ask there is no answer, and the reason is told."""
    with SimulatedLab(topology_files.load("sharepoint"), tmp_path / "lab") as lab:
        lab.kill("guest")
        found = judge_policy(lab)
    assert found.status is Status.UNKNOWN
    for question, verdict in found.answers:
        assert verdict.status is (Status.UNKNOWN if question.client == "guest" else Status.PASS)
        if question.client == "guest":
            assert "guest does not answer 'ask'" in verdict.summary


def test_who_has_logged_in_but_may_not_relay_is_found(
    sharepoint_but: SharepointBut, tmp_path: Path
) -> None:
    """587 that refuses everybody is not what its connector says, however well it wants a login."""
    with SimulatedLab(sharepoint_but({}), tmp_path / "lab") as lab:
        deed_of(lab, fault_called("reject", Phase.RCPT)).inject(lab, "ht1")
        told = answers_at(lab, "ht1")
    with_login = told["app may relay with a login through ht1 port 587"]
    assert with_login.status is Status.FAIL
    assert told["app must not relay without a login through ht1 port 587"].status is Status.PASS


HUB = """
name: door
nodes:
  ht1: {role: hub}
  mbx: {role: mailbox, domains: [contoso.com]}
  out: {role: mailbox, domains: [fabrikam.com], internet: true}
  app: {role: sender}
  guest: {role: sender}
connectors:
  relay: {port: 25, remote: [app], relay: true, tls: %s}
  world: {port: 25, tls: %s, relay: %s}
flows: {relay: {from: app, to: ht1}}
"""


def test_a_connector_that_wants_tls_is_asked_over_tls(ask: Callable[[Topology], Policy]) -> None:
    """A healthy one passes, whoever asks; and neither client is served in clear."""
    found = ask(topology_files.parse(HUB % ("required", "required", "false")))
    assert wrong(found) == {}


def test_a_relay_that_opens_once_starttls_is_said_is_found(
    ask: Callable[[Topology], Policy],
) -> None:
    """In clear it refuses everybody."""
    found = ask(topology_files.parse(HUB % ("offered", "required", "true")))
    [(question, summary)] = wrong(found).items()
    assert question == "guest must not relay through ht1 port 25"
    assert "an open relay at ht1" in summary
    assert "over TLS" in summary


def test_a_hub_for_the_internet_takes_mail_for_its_own_domain_only(
    ask: Callable[[Topology], Policy],
) -> None:
    """It also takes addresses of its domain that hide others, and delivers them there."""
    found = ask(topology_files.parse(HUB % ("none", "offered", "false")))
    assert wrong(found) == {}


def test_one_hub_of_three_that_relays_behind_snat_is_found(
    ask: Callable[[Topology], Policy], sharepoint_but: SharepointBut
) -> None:
    """On one of them somebody let the balancer relay; every third connection is its."""
    forgotten = {"port": 25, "nodes": ["ht3"], "remote": ["lb1"], "relay": True}
    topology = sharepoint_but(
        {
            "nodes": {"lb1": {"source": "snat"}},
            "connectors": {
                "relay": {"port": 25, "remote": ["app"]},
                "internet": {"port": 25},
                "forgotten": forgotten,
            },
        }
    )
    bad = {each: said for each, said in wrong(ask(topology)).items() if each.startswith("guest")}
    assert list(bad) == ["guest must not relay through mail port 25"]
    assert "an open relay at ht3" in bad["guest must not relay through mail port 25"]


def test_a_hub_that_is_down_behind_a_vip_is_named(tmp_path: Path) -> None:
    """The others have answered; of this one nothing is known."""
    with SimulatedLab(topology_files.load("sharepoint"), tmp_path / "lab") as lab:
        lab.kill("ht2")
        found = answers_at(lab, "mail")
    assert {each.status for each in found.values()} == {Status.UNKNOWN}
    assert all("ht2 never answered" in each.summary for each in found.values())


@pytest.mark.parametrize("affinity", ["none", "single"])
def test_a_cluster_is_asked_as_far_as_its_affinity_lets_it(
    affinity: str, sharepoint_but: SharepointBut, tmp_path: Path
) -> None:
    """With affinity one client meets one host only; of the others nothing is known."""
    wnlb = {
        "mode": "wnlb",
        "source": None,
        "check": None,
        "cluster": {"rules": [{"affinity": affinity}]},
    }
    with ProcessLab(sharepoint_but({"nodes": {"lb1": wnlb}}), tmp_path / "lab") as lab:
        found = answers_at(lab, "mail")["guest must not relay through mail port 25"]
    if affinity == "none":
        assert found.status is Status.PASS
    else:
        assert found.status is Status.UNKNOWN
        assert len(found.figures["unheard"]) == 2


def test_what_the_linter_calls_an_open_relay_is_no_pass(
    ask: Callable[[Topology], Policy], sharepoint_but: SharepointBut
) -> None:
    """All addresses but those of the lab may relay: nobody here can show it."""
    ranges = ["app", "0.0.0.0-126.255.255.255", "128.0.0.0/1"]
    topology = sharepoint_but({"connectors": {"relay": {"remote": ranges}}})
    assert "open-relay" in {each.rule for each in lint(topology)}
    found = ask(topology)
    assert wrong(found) == {}
    assert found.status is Status.UNKNOWN


@contextmanager
def session(lab: ProcessLab, client: str) -> Iterator[str]:
    """An open session of a client with the VIP, and the first line that it got."""
    vip = lab.placement.seats["mail"].endpoint(25)
    source = (lab.placement.seats[client].address, 0)
    where = (vip.address, vip.port)
    with (
        socket.create_connection(where, 10, source_address=source) as connection,
        connection.makefile("rb") as lines,
    ):
        yield lines.readline().decode()


@pytest.mark.parametrize(("source", "banner"), [("proxy", "220 "), ("snat", "421 4.3.2 ")])
def test_behind_snat_all_clients_share_the_cap_of_one(
    source: str, banner: str, sharepoint_but: SharepointBut, tmp_path: Path
) -> None:
    """A cap for each source is the balancer's, where it puts its own address in their place."""
    topology = sharepoint_but(
        {
            "nodes": {"lb1": {"source": source, "backends": ["ht1"], "check": {"kind": "none"}}},
            "connectors": {"relay": {"port": 25, "remote": ["0.0.0.0/0"], "per_source": 1}},
        }
    )
    with (
        ProcessLab(topology, tmp_path / "lab") as lab,
        session(lab, "app") as first,
        session(lab, "guest") as second,
    ):
        assert first.startswith("220 ")
        assert second.startswith(banner)

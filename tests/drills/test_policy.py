"""Who may relay, asked of every door: what a good tier answers, and how a bad one is found out."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from relaydrill import inventory
from relaydrill.drills.policy import Policy, Rule, judge_policy, lacking, questions
from relaydrill.drivers.process import ProcessLab
from relaydrill.topology import Topology
from relaydrill.verdict import Status

from .conftest import Change

SharepointBut = Callable[[Change], Topology]


@pytest.fixture
def ask(tmp_path: Path) -> Callable[[Topology], Policy]:
    """Ask every door of a lab of its own."""

    def asked(topology: Topology) -> Policy:
        with ProcessLab(topology, tmp_path / "lab") as lab:
            return judge_policy(lab)

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
    found = ask(inventory.load("sharepoint"))
    assert wrong(found) == {}
    assert found.status is Status.PASS
    asked = {str(question) for question, _ in found.answers}
    assert {
        "app may relay through mail port 25",
        "guest must not relay through mail port 25",
        "guest must not relay through ht2 port 25",
        "mail port 587 wants TLS",
        "ht3 port 587 wants a login",
        "ht1 port 587 bears the name mail.contoso.com",
    } <= asked


def test_an_edge_relays_for_nobody(ask: Callable[[Topology], Policy]) -> None:
    """Every Edge of the built-in inbound tier refuses mail for elsewhere, from anybody."""
    found = ask(inventory.load("microsoft"))
    assert wrong(found) == {}
    doors = {question.door for question, _ in found.answers}
    assert {f"edge{number}" for number in range(1, 7)} <= doors


def test_snat_with_the_balancer_in_the_relay_range_is_an_open_relay(
    ask: Callable[[Topology], Policy], sharepoint_but: SharepointBut
) -> None:
    """The hubs see one address for everybody, and it may relay: so may a guest, by the VIP only."""
    relay = {"port": 25, "remote": ["app", "lb1"], "relay": True}
    found = ask(
        sharepoint_but({"nodes": {"lb1": {"source": "snat"}}, "connectors": {"relay": relay}})
    )
    assert found.status is Status.FAIL
    [(question, summary)] = wrong(found).items()
    assert question == "guest must not relay through mail port 25"
    assert "an open relay at ht" in summary


def test_snat_without_it_keeps_the_application_out(
    ask: Callable[[Topology], Policy], sharepoint_but: SharepointBut
) -> None:
    """Behind SNAT the connector's range holds nobody that ever comes."""
    found = ask(sharepoint_but({"nodes": {"lb1": {"source": "snat"}}}))
    [(question, summary)] = wrong(found).items()
    assert question == "app may relay through mail port 25"
    assert "530 5.7.1 Client was not authenticated at mail" in summary


def test_a_range_of_the_whole_world_is_an_open_relay(
    ask: Callable[[Topology], Policy], sharepoint_but: SharepointBut
) -> None:
    """A guest relays at the VIP and at every hub."""
    relay = {"port": 25, "remote": ["app", "0.0.0.0/0"], "relay": True}
    found = ask(sharepoint_but({"connectors": {"relay": relay}}))
    assert set(wrong(found)) == {
        f"guest must not relay through {door} port 25" for door in ("mail", "ht1", "ht2", "ht3")
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

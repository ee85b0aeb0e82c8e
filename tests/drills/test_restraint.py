"""Healthy servers that put mail off: who gets through, what is told, and what a failover does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from relaydrill import topology_files
from relaydrill.drills.drill_plan import plan
from relaydrill.drills.result import Judgement
from relaydrill.drills.runner import run_drill
from relaydrill.drivers.simulate.lab import SimulatedLab
from relaydrill.verdict import Status
from tests.sensitivity.gray import AMPLIFIED

_GREYLISTED: Final = """
name: greylisted
clock: 10
nodes:
  ht1: {role: hub}
  ht2: {role: hub}
  mbx: {role: mailbox, domains: [contoso.com]}
  ns1: {role: dns, order: fixed}
  world: {role: sender}
connectors: {internet: {port: 25, greylist: {delay: 1min}}}
zones: {contoso.com: {mx: [{host: a.contoso.com, addresses: [ht1, ht2]}]}}
flows: {inbound: {from: world, persona: pinned_mx, to: contoso.com, rate: 6/s, retry: 90s}}
expect: {gap: 15s, deferral: true}
"""
"""Senders that go to ht1, and to ht2 only where ht1 is dead; what is put off they keep."""


def _failed(judgement: Judgement) -> dict[str, str]:
    [flow] = judgement.flows
    return {each.check: each.summary for each in flow.checks if each.status is not Status.PASS}


def test_what_senders_keep_arrives_late_and_a_failover_greylists_again(tmp_path: Path) -> None:
    """No message is lost, and each server has a list of its own, which outlives its death.

    The first drill makes ht1 know the senders. While ht2 is dead nobody waits; with ht1 dead, ht2
    puts off what ht1 knows, for as long as the first time; and ht1, back, knows it still.
    """
    design = topology_files.parse(_GREYLISTED, "greylisted.yaml")
    with SimulatedLab(design, tmp_path / "lab") as lab:

        def drilled(name: str, *faults: str) -> Judgement:
            return run_drill(lab, plan(design, faults=faults), tmp_path / name)

        first = drilled("first", "none:mbx@100s+1s")
        aside = drilled("aside", "kill:ht2@10s+40s")
        over = drilled("over", "kill:ht1@10s+100s")
    assert {*_failed(first)} - {"bite"} == {"gap"}
    [flow] = first.flows
    account = flow.check("account")
    assert account
    assert {*account.figures} == {"delivered"}
    steady = flow.check("steady")
    assert steady
    assert "greylist of internet" in steady.summary
    # It takes no mail of this flow while ht1 lives, so that its loss tests nothing.
    assert {*_failed(aside)} <= {"bite", "return"}
    assert aside.flows[0].check("gap").figures["gap_s"] < 5  # type: ignore[union-attr]
    gap = over.flows[0].check("gap")
    assert gap
    assert 55 < gap.figures["gap_s"] < 70
    assert gap.figures["begin_s"] > 5
    [finding] = [each for each in over.findings if "greylist" in each.sentence]
    assert "put off by the greylist of internet of ht2" in finding.sentence
    assert "a connector of its own for world, without greylist" in finding.remedy


def test_what_its_sender_never_got_rid_of_is_no_mail_that_arrived(
    drill: Callable[..., Judgement],
) -> None:
    """It is refused, and kept, and kept: whether it ever arrives nobody has seen."""
    text = _GREYLISTED.replace("greylist: {delay: 1min}", "rate_limit: {messages: 2, per: 30s}")
    text = text.replace("gap: 15s", "gap: 40s").replace(
        "rate: 6/s, retry: 90s", "rate: 4/s, retry: 60s"
    )
    judgement = drill(topology_files.parse(text, "kept.yaml"))
    account = judgement.flows[0].check("account")
    assert account
    assert (account.status, judgement.status) == (Status.UNKNOWN, Status.UNKNOWN)
    assert "of them had not left world by the end" in account.summary


def test_survivors_that_take_enough_of_one_address_ride_a_death_out(
    drill: Callable[..., Judgement],
) -> None:
    """The healthy twin of `survivors-hit-the-rate-of-one-client`: one figure is another."""
    change = AMPLIFIED.replace("messages: 50", "messages: 90")
    design = topology_files.parse(f"extends: sharepoint\nname: twin\n{change}", "twin.yaml")
    judgement = drill(design, "kill:ht1@70s+150s", flows=("relay",))
    assert _failed(judgement) == {}


def test_a_known_application_beside_a_greylist_is_not_put_off(
    drill: Callable[..., Judgement],
) -> None:
    """The healthy twin of `greylist-before-a-sender-that-gives-up`: a connector of its own."""
    change = """
connectors: {internet: {port: 25, remote: [guest, 192.0.2.0/24], greylist: {delay: 1h}}}
"""
    design = topology_files.parse(f"extends: sharepoint\nname: twin\n{change}", "twin.yaml")
    assert _failed(drill(design, "kill:ht1", flows=("relay",))) == {}


def test_a_limit_of_sessions_turns_clients_away_at_the_banner(
    drill: Callable[..., Judgement],
) -> None:
    """Each connection counts, and the finding names the limit and not the fault of a server."""
    change = """
connectors: {relay: {port: 25, remote: [app, 127.0.0.1/32], relay: true,
  rate_limit: {sessions: 10}}}
"""
    design = topology_files.parse(f"extends: sharepoint\nname: few\n{change}", "few.yaml")
    judgement = drill(design, flows=("relay",))
    assert "421 at banner" in _failed(judgement)["steady"]
    [finding] = judgement.findings
    assert "allows one address (rate_limit.sessions)" in finding.sentence
    assert "behind lb1" not in finding.sentence  # it shows the clients' addresses

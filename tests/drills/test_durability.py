"""What becomes of promised mail when a hub is gone for good, by how it acknowledges.

A mailbox server is lost first, so that mail is queued when a hub dies.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from relaydrill import topology_files
from relaydrill.drills.checks import Case, check_account
from relaydrill.drills.judge import judge
from relaydrill.drills.result import Judgement
from relaydrill.drivers.process import ProcessLab
from relaydrill.errors import TopologyError
from relaydrill.journal import read_events
from relaydrill.ledger import Account
from relaydrill.smtp import Result
from relaydrill.smtp_client import Route, SmtpSession
from relaydrill.topology import Topology
from relaydrill.verdict import Status
from relaydrill.wait import wait_for

RunDrill = Callable[..., Judgement]

FOR_GOOD = ("kill:mbx@10s+20s", "kill:ht1@15s+forever")


def design(ack: str, *, shadow: str = "{heartbeat: 5s, resubmit: 20s}") -> Topology:
    """The built-in topology with hubs that acknowledge in one way."""
    hubs = "".join(f"  {hub}: {{ack: {ack}, shadow: {shadow}}}\n" for hub in ("ht1", "ht2", "ht3"))
    text = f"extends: sharepoint\nname: {ack}\nexpect: {{gap: 15s, stranded: null}}\nnodes:\n{hubs}"
    return topology_files.parse(text, "changed.yaml")


def test_mail_that_was_stored_only_is_stranded(drill: RunDrill) -> None:
    """Exchange 2007: what a dead hub had promised and not delivered stays on its disk."""
    found = drill(design("stored"), *FOR_GOOD, flows=("relay",))
    stranded = [e for e in found.ledger.of_flow("relay") if e.account is Account.QUEUED]
    assert stranded
    assert {node for entry in stranded for node in entry.queued_on} == {"ht1"}
    assert all(entry.saw is Result.ACCEPTED for entry in stranded)


def test_stranded_mail_fails_a_design_that_does_not_allow_for_it(drill: RunDrill) -> None:
    """The default allows for none, and the verdict says where it lies."""
    strict = topology_files.parse("extends: sharepoint\nname: strict\n", "s.yaml")
    found = drill(strict, *FOR_GOOD, flows=("relay",))
    account = found.flow("relay").check("account")
    assert account
    assert account.status is Status.FAIL
    assert "stranded on ht1, which is gone for good" in account.summary
    assert judge(found.directory).flow("relay").checks == found.flow("relay").checks


def test_with_a_late_acknowledgement_nothing_that_was_promised_is_stranded(
    drill: RunDrill,
) -> None:
    """Exchange 2010: the sender of what a dead hub still held had got no answer, and may retry."""
    found = drill(design("delayed"), *FOR_GOOD, flows=("relay",))
    entries = list(found.ledger.of_flow("relay"))
    held = [entry for entry in entries if "ht1" in entry.queued_on]
    assert held
    assert {entry.saw for entry in held} == {Result.UNANSWERED}
    assert not any(entry.account is Account.LOST for entry in entries)


def test_a_late_acknowledgement_comes_after_its_delay_whatever_the_next_hop_does(
    drill: RunDrill,
) -> None:
    """With the mailbox server away, a message is accepted after 30 s: not at once, not after it."""
    found = drill(design("delayed"), "kill:mbx@10s+60s", flows=("relay",))
    (window,) = found.ledger.faults
    assert window.injected
    assert window.heal
    waited = [
        (attempt.ended - attempt.started) * 10
        for attempt in found.ledger.attempts("relay")
        if attempt.accepted and attempt.ended
        if window.injected < attempt.started
        if attempt.ended < window.heal
    ]
    assert waited
    assert min(waited) >= 29.9
    assert set(found.ledger.accounts("relay")) == {Account.DELIVERED}


def test_shadow_copies_are_delivered_in_the_place_of_a_hub_that_is_gone(drill: RunDrill) -> None:
    """Exchange 2013: what a dead hub had promised, the hubs with its copies deliver."""
    found = drill(design("shadow"), *FOR_GOOD, flows=("relay",))
    accounts = found.ledger.accounts("relay")
    assert not accounts.get(Account.LOST, 0)
    assert not accounts.get(Account.QUEUED, 0)
    resubmitted = [e for e in found.ledger.of_flow("relay") if e.is_resubmitted]
    assert resubmitted
    assert {e.account for e in resubmitted} <= {Account.DELIVERED, Account.DUPLICATED}
    account = found.flow("relay").check("account")
    assert account
    assert f"{len(resubmitted)} of them sent from shadow copies" in account.summary


def test_copies_of_what_has_been_delivered_are_thrown_away(tmp_path: Path) -> None:
    """The shadow learns at a heartbeat what has left its primary, and delivers none of it."""
    with ProcessLab(design("shadow", shadow="{heartbeat: 1s, resubmit: 3h}"), tmp_path) as lab:
        session = SmtpSession.connect(Route(lab.reachable("ht1", 25), helo="test"))
        content = b"Message-ID: <one@test>\r\n\r\none\r\n"
        session.send("app@contoso.com", ("user@contoso.com",), content)
        session.quit()
        wait_for(
            lambda: lab.control("mbx")("arrivals") == 1, what="the mail to arrive", deadline_s=10.0
        )
        wait_for(
            lambda: not lab.control("ht2")("shadows") and not lab.control("ht3")("shadows"),
            what="the copy to be thrown away",
            deadline_s=10.0,
        )
        events = [e for hub in ("ht2", "ht3") for e in read_events(lab.journal(hub))]
        assert [e.kind for e in events if e.message == "<one@test>"] == ["shadowed"]


def test_a_primary_that_comes_back_too_late_delivers_twice(drill: RunDrill) -> None:
    """Its shadow had taken over by then; the account tells the duplicates."""
    found = drill(design("shadow"), "kill:mbx@10s+80s", "kill:ht1@15s+60s", flows=("relay",))
    accounts = found.ledger.accounts("relay")
    assert accounts[Account.DUPLICATED] > 0
    assert not accounts.get(Account.LOST, 0)


def test_without_a_second_hub_a_message_is_promised_all_the_same(drill: RunDrill) -> None:
    """RejectMessageOnShadowFailure is off by default: no copy is no reason to refuse mail."""
    lone = topology_files.parse(
        textwrap.dedent("""
            name: lone
            clock: 10
            nodes:
              ht1: {role: hub, ack: shadow}
              ht2: {role: hub}
              mbx: {role: mailbox, domains: [contoso.com]}
              app: {role: sender}
            flows:
              relay: {from: app, to: ht1, rate: 10/s}
            expect: {gap: 60s}
        """),
        "lone.yaml",
    )
    found = drill(lone, "kill:ht2", flows=("relay",))
    assert set(found.ledger.accounts("relay")) == {Account.DELIVERED}


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ("ht1: {kind: postfix, ack: shadow}", "a real postfix answers when it has stored"),
        ("ht1: {ack: shadow}\n  ht2: {kind: postfix}\n  ht3: {kind: postfix}", "no other hub"),
    ],
)
def test_a_design_that_cannot_acknowledge_so_is_refused(nodes: str, said: str) -> None:
    """What the programs cannot do is told with its line, before anything starts."""
    text = f"extends: sharepoint\nname: bad\nnodes:\n  {nodes}\n"
    with pytest.raises(TopologyError, match=said):
        topology_files.parse(text, "bad.yaml")


def test_mail_for_a_mailbox_server_that_is_gone_for_good_is_stuck(drill: RunDrill) -> None:
    """The hubs that hold it are up, so that it is not stranded; a topology may allow for it."""
    strict = topology_files.parse("extends: sharepoint\nname: strict\n", "s.yaml")
    found = drill(strict, "kill:mbx@2s+forever", flows=("relay",))
    account = found.flow("relay").check("account")
    assert account
    assert account.status is Status.FAIL
    assert account.summary.startswith("stuck: ")
    assert "stuck on ht1, ht2 and ht3, for mbx, which is broken for good" in account.summary
    text = "extends: sharepoint\nname: patient\nexpect: {stuck: null}\n"
    patient = topology_files.parse(text, "p.yaml")
    allowed = check_account(Case(patient, found.drill, "relay", found.ledger))
    assert allowed
    assert allowed.status is Status.PASS


def test_a_hub_whose_service_alone_is_broken_for_good_sends_what_it_has(drill: RunDrill) -> None:
    """It is up, is looked into, and holds nothing in the end."""
    strict = topology_files.parse("extends: sharepoint\nname: strict\n", "s.yaml")
    found = drill(strict, "tempfail.rcpt:ht1@2s+forever", flows=("relay",))
    look = found.ledger.look("ht1")
    assert look
    assert not look.items

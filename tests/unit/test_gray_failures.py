"""Gray failures in simulated labs: what a tier copes with passes, what it does not is named.

The contract tests show that servers on sockets do the same when they are so broken.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from tests.simulated_drills import TWO_MX, RunDrill

from relaydrill import topology_files
from relaydrill.drills.findings import findings
from relaydrill.ledger import Account
from relaydrill.verdict import Status


@pytest.fixture
def drill(tmp_path: Path) -> RunDrill:
    """Run one drill."""
    return RunDrill(tmp_path)


def test_senders_that_try_another_server_are_not_harmed(drill: RunDrill) -> None:
    """A hub that puts each third session off, and one that has no directory, cost nothing.

    The next exchanger takes it. Behind a balancer both fail (catalogue:
    ``hub-that-fails-each-third-session-in-a-lab``).
    """
    faults = ("tempfail.rcpt%30:ht1@5s+10s", "directory-down:ht2@20s+10s")
    found = drill(topology_files.parse(TWO_MX, "mx.yaml"), *faults)
    assert found.status is Status.PASS
    assert {*found.flow("inbound").account} == {"delivered"}


def test_faults_of_tls_are_felt_on_587_alone_and_named(drill: RunDrill) -> None:
    """One hub of three shows an expired certificate: its clients fail, and the balancer stays.

    Shorter faults of other kinds are felt, too; senders on port 25 do not look.
    """
    faults = (
        "certificate-expired:ht1@10s+25s",
        "certificate-name:ht2@36s+13s",
        "starttls-hidden:ht3@50s+13s",
    )
    found = drill(topology_files.load("sharepoint"), *faults, flows=("relay", "submission"))
    submission, relay = found.flow("submission"), found.flow("relay")
    bite, degraded = submission.check("bite"), submission.check("degraded")
    assert bite is not None
    assert bite.status is Status.PASS, bite.summary
    assert degraded is not None
    assert degraded.status is Status.FAIL, degraded.summary
    assert "certificate has expired" in degraded.summary
    assert "by ht1, which the balancer believed to be up all the time" in degraded.summary
    assert {*relay.account} == {"delivered"}


def test_what_lies_and_what_knows_no_recipient_is_found_and_named(drill: RunDrill) -> None:
    """Mail refused for good, and mail lost, whose hubs both looked well: by whom, and how many."""
    design = topology_files.parse(
        TWO_MX.replace("gap: 10s", "gap: 10s, deferral: true, duplicated: 0"), "mx.yaml"
    )
    faults = (
        "phantom-reject:ht1@5s+4s",
        "swallow:ht2@11s+4s",
        "misdeliver:ht1@17s+4s",
        "garble:ht2@23s+4s",
    )
    found = drill(design, *faults)
    flow = found.flow("inbound")
    verdicts = {check: flow.check(check) for check in ("bite", "rejected", "account")}
    told = {check: verdict.summary for check, verdict in verdicts.items() if verdict}
    assert [each.status for each in verdicts.values() if each] == [
        Status.PASS,
        Status.FAIL,
        Status.FAIL,
    ]
    assert "550 at rcpt" in told["rejected"]
    assert "by ht1" in told["rejected"]
    assert "came to somebody-else@contoso.com" in told["account"]
    by = {
        (entry.account, entry.accepted[0][1])
        for entry in found.ledger.of_flow("inbound")
        if entry.account in (Account.LOST, Account.ALTERED)
    }
    assert by == {(Account.LOST, "ht1"), (Account.LOST, "ht2"), (Account.ALTERED, "ht2")}


ONE_HUB: Final = """\
name: one
clock: 10
nodes:
  ht1: {role: hub}
  mbx: {role: mailbox, domains: [contoso.com]}
  app: {role: sender}
flows:
  relay: {from: app, persona: single_host, to: ht1, rate: 20/s, expect: {gap: 5s}}
"""


@pytest.mark.parametrize(
    ("fault", "told", "remedy"),
    [
        (
            "tempfail.rcpt%20:ht1@5s+30s",
            "; under tempfail.rcpt%20, 20 of 90 attempts of relay failed, the last of them",
            "senders that try again",
        ),
        (
            "slow:ht1@5s+20s",
            "; slow, 41 of 67 attempts of relay were late, the last of them",
            "find out what makes ht1 slow",
        ),
        ("kill:ht1@5s+20s", "; killed, 41 attempts in 20", "another hub"),
    ],
)
def test_what_fails_some_mail_is_no_time_without_any(
    drill: RunDrill, fault: str, told: str, remedy: str
) -> None:
    """How many of all and for how long, where others were accepted in between."""
    (found,) = findings(drill(topology_files.parse(ONE_HUB, "one.yaml"), fault))
    assert found.sentence.startswith("ht1 carries relay alone")
    assert told in found.sentence
    assert found.remedy.startswith(remedy)


def test_what_puts_all_mail_off_for_too_long_is_named(drill: RunDrill) -> None:
    """A 4xx is no failure to who comes back; that nobody takes anything has a cause."""
    design = topology_files.parse(TWO_MX.replace("gap: 10s", "gap: 10s, deferral: true"), "mx.yaml")
    (found,) = findings(drill(design, "tempfail.mail:ht1@5s+30s", "tempfail.mail:ht2@5s+30s"))
    assert found.sentence.startswith(
        "ht1 and ht2 are all that carries inbound; under tempfail.mail"
    )


def test_two_faults_of_one_hub_are_told_apart(drill: RunDrill) -> None:
    """Each by what it did: who waits at EHLO and is refused at MAIL met both; one of them refused.

    The balancer saw the one, and took the hub out for both.
    """
    faults = ("tempfail.mail:ht2@10s+40s", "slow.ehlo:ht2@10s+40s")
    flow = drill(topology_files.load("sharepoint"), *faults, flows=("relay",)).flow("relay")
    bite, degraded = flow.check("bite"), flow.check("degraded")
    assert bite is not None
    assert degraded is not None
    assert bite.status is Status.PASS, bite.summary
    assert degraded.summary.count("by ht2, which the balancer believed to be up for") == 1
    assert "all the time" not in degraded.summary


def test_a_final_refusal_is_named_as_such(drill: RunDrill) -> None:
    """Senders that try another server do not after a 5xx."""
    (found,) = findings(drill(topology_files.parse(TWO_MX, "mx.yaml"), "reject:ht1@10s+30s"))
    assert "world (rfc5321) tries no other server after a 5xx" in found.sentence


def test_a_lying_name_server_is_no_silent_one(drill: RunDrill) -> None:
    """Its answer is believed: no shorter time to wait for it would help."""
    design = topology_files.parse(TWO_MX.replace("  ns1:", "  ns2: {role: dns}\n  ns1:"), "mx.yaml")
    (found,) = findings(drill(design, "stale:ns2@10s+30s"))
    assert "believe the first name server that answers" in found.sentence
    assert "silent" not in found.sentence


def test_what_stands_behind_a_lost_hub_leaves_the_loss_of_its_site_decided(drill: RunDrill) -> None:
    """No mail could come to the mailbox server: that it is broken, too, needs no proof."""
    design = topology_files.load("twosites")
    flow = drill(design, "kill:redmond@10s+25s", flows=("own-hub",)).flow("own-hub")
    bite = flow.check("bite")
    assert bite is not None
    assert bite.status is Status.PASS, bite.summary
    assert flow.shown_status == "accepted"


def test_a_hub_that_is_broken_again_at_once_has_not_been_whole(drill: RunDrill) -> None:
    """A second fault restarts no clock: for twenty seconds nobody did anything about that hub."""
    faults = ("tempfail.mail:ht2@10s+10s", "reject.mail:ht2@20s+10s")
    flow = drill(topology_files.load("sharepoint"), *faults, flows=("relay",)).flow("relay")
    degraded = flow.check("degraded")
    assert degraded is not None
    assert degraded.status is Status.UNKNOWN, degraded.summary
    assert "ht2 was broken again before it had taken any mail" in degraded.summary


def test_a_silence_that_may_be_chance_says_what_would_do(drill: RunDrill) -> None:
    """The fault was done, and the flow passes its node: it was only too short."""
    (found,) = findings(
        drill(topology_files.load("sharepoint"), "pause:ht2@10s+1s", flows=("relay",))
    )
    assert "leave its silence to chance" in found.sentence
    assert found.remedy == "it takes a longer fault, or more attempts a second"


def test_a_lost_disk_loses_what_was_queued_and_the_account_says_where(drill: RunDrill) -> None:
    """What a hub had taken while it could not deliver is gone; no health check would find out."""
    design = topology_files.parse(TWO_MX.replace("rate: 40/s", "rate: 20/s"), "mx.yaml")
    found = drill(design, "pause:mbx@5s+8s", "lost-disk:ht1@9s+4s")
    account = found.flow("inbound").check("account")
    assert account is not None
    assert account.status is Status.FAIL, account.summary
    assert "of the lost lay on ht1 when its disk was lost" in account.summary
    lost = [each for each in found.ledger.of_flow("inbound") if each.account is Account.LOST]
    assert lost
    assert {each.accepted[0][1] for each in lost} == {"ht1"}


def test_a_lost_disk_on_which_nothing_waits_costs_nothing(drill: RunDrill) -> None:
    """Mail that is passed on at once is not there any more, and senders try the other hub."""
    design = topology_files.parse(TWO_MX.replace("rate: 40/s", "rate: 20/s"), "mx.yaml")
    found = drill(design, "lost-disk:ht1", "full-disk:ht2@80s+20s")
    assert found.status is Status.PASS, [each.summary for each in found.flow("inbound").checks]
    assert {*found.flow("inbound").account} == {"delivered"}

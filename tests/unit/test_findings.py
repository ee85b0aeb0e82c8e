"""Findings: what a drill has found, in words, on ledgers made by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.histories import History
from tests.unit.test_checks import (
    HEAL,
    INJECT,
    KILL,
    STEP_S,
    drilled,
    flow,
    topology,
)

from relaydrill.drills.checks import Case, run_checks
from relaydrill.drills.findings import Finding, findings, row_title
from relaydrill.drills.model import Drill
from relaydrill.drills.result import FlowVerdict, Judgement
from relaydrill.faults import FaultSpec, FaultText
from relaydrill.ledger import join
from relaydrill.report.words import drill_conclusion, legend
from relaydrill.smtp import Phase, Result
from relaydrill.topology import HealthCheck, Topology

LB1 = replace(KILL, node="lb1")


def judged(history: History, *faults: FaultSpec, design: Topology | None = None) -> Judgement:
    """The judgement of a history."""
    design = design or topology()
    drill = Drill("d", ("relay",), faults, length_s=100.0, settle_s=10.0, seed=1)
    ledger = join(history.events)
    verdicts = run_checks(Case(design, drill, "relay", ledger, ()))
    flows = (FlowVerdict("relay", verdicts),)
    judgement = Judgement(drill, design, "process", Path(), flows, ledger)
    return replace(judgement, findings=tuple(findings(judgement)))


def only(judgement: Judgement) -> Finding:
    """The one finding of a judgement."""
    [finding] = judgement.findings
    return finding


def unreachable(history: History, message: str, at: float) -> None:
    """Nobody listens."""
    history.attempt(
        message, Result.UNREACHABLE, at=at, phase=Phase.CONNECT, reason="connection refused"
    )


def late(history: History, message: str, at: float) -> None:
    """Accepted and delivered, but later than promised."""
    history.attempt(message, at=at, took=1.2)
    history.accepted(message, "ht2", at=at + 1.1)
    history.arrived(message, at=at + 1.1)


def outage(node: str) -> History:
    """A drill in which nothing is accepted for as long as a node is dead."""
    history = History()
    flow(history, INJECT)
    for number in range(8):
        history.write("lb1", "connected", at=0.1 + number * STEP_S, port=25)
    history.fault(f"kill:{node}", inject=INJECT, heal=HEAL)
    flow(history, HEAL - INJECT, begin=INJECT + STEP_S / 2, fate=unreachable)
    flow(history, 6.0, begin=HEAL + STEP_S / 2)
    history.write("lb1", "connected", at=HEAL + 1.0, port=25)
    return history


def test_what_holds_is_no_finding() -> None:
    """A drill whose checks all pass has nothing to tell."""
    assert judged(drilled(outage=0.5), KILL).findings == ()


def test_a_single_point_of_failure_is_named_with_its_toll_and_a_remedy() -> None:
    """What carries a flow alone, how many attempts found no other way and for how long."""
    finding = only(judged(outage("lb1"), LB1))
    assert (finding.kind, finding.status, finding.title) == ("alone", "fail", "lb1 killed")
    assert finding.sentence.startswith("lb1 carries relay alone; killed, 40 attempts in 20.")
    assert finding.sentence.endswith(" s found no other way")
    assert "a second balancer" in finding.remedy
    assert [name for name, _ in finding.evidence] == ["relay"]


def test_what_was_delivered_without_an_answer_had_a_way() -> None:
    """An attempt that was cut after its dot, and whose mail arrived, is not counted as stopped."""
    history = outage("lb1")
    history.attempt("<cut@app>", Result.UNANSWERED, at=INJECT + 0.03, reason="connection closed")
    history.arrived("<cut@app>", at=INJECT + 0.04)
    finding = only(judged(history, LB1))
    assert finding.sentence.startswith("lb1 carries relay alone; killed, 40 attempts in 20.")
    [(_, evidence)] = finding.evidence
    told = "41 attempts fell into it (1 of them with mail that arrived all the same)"
    assert told in evidence


def test_an_accepted_one_is_a_finding_with_the_reason() -> None:
    """The author's reason is shown with it, and it does not fail."""
    design = topology(accept="[{node: lb1, reason: until the second is bought}]")
    finding = only(judged(outage("lb1"), LB1, design=design))
    assert (finding.status, finding.accepted) == ("accepted", "until the second is bought")


def test_a_drill_of_an_accepted_weakness_does_not_end_with_a_bare_pass() -> None:
    """Its last word counts what is accepted; a drill in which nothing is has its status alone."""
    design = topology(accept="[{node: lb1, reason: until the second is bought}]")
    accepted = judged(outage("lb1"), LB1, design=design)
    assert drill_conclusion(accepted) == "PASS (1 accepted)"
    assert drill_conclusion(judged(drilled(outage=0.5), KILL)) == "PASS"
    assert drill_conclusion(judged(outage("lb1"), LB1)) == "FAIL"


@pytest.mark.parametrize(
    ("check", "cause", "remedy"),
    [
        ({"kind": "none"}, "lb1 does not check its backends", "a health check of the service"),
        ({"interval": 10.0}, "lb1 may take 60 s to notice, 10 s are allowed", "shorter"),
    ],
)
def test_redundancy_that_was_not_used_is_told_apart(
    check: dict[str, Any], cause: str, remedy: str
) -> None:
    """Other servers were there: how many attempts failed all the same, and what kept them."""
    design = topology()
    lb1 = design.nodes["lb1"].model_copy(update={"check": HealthCheck.model_validate(check)})
    design = design.model_copy(update={"nodes": {**design.nodes, "lb1": lb1}})
    finding = only(judged(drilled(outage=2.0), KILL, design=design))
    assert finding.kind == "not taken over"
    assert finding.sentence.startswith(
        "ht1 was killed while ht2 and ht3 were there, and yet 40 of 200 attempts of relay failed"
    )
    assert cause in finding.sentence
    assert remedy in finding.remedy


def test_lost_mail_is_counted_with_who_promised_it() -> None:
    """What was promised and is nowhere outweighs what else did not hold."""
    history = outage("ht1")
    for number in range(3):
        history.attempt(f"<gone{number}@app>", at=1.0)
        history.accepted(f"<gone{number}@app>", "ht2", at=1.0)
    history.queue("ht2", at=20.0)
    finding = only(judged(history, KILL))
    assert finding.kind == "lost"
    assert finding.sentence == (
        "ht1 killed: 3 messages of relay had been promised with 250 and are nowhere; "
        "accepted by ht2 (3)"
    )
    assert "store a message" in finding.remedy


@pytest.mark.parametrize(
    ("gone", "told"),
    [
        (0, "1 message of relay had been promised with 250 and was given up, the first bounced by"),
        (2, "and 2 of them are nowhere and 1 of them was given up, the first bounced by"),
    ],
)
def test_lost_mail_that_was_given_up_has_the_reason(gone: int, told: str) -> None:
    """A bounce is not told as mail that is nowhere, and has a remedy of its own."""
    history = drilled()
    for number in range(gone + 1):
        history.attempt(f"<gone{number}@app>", at=5.0)
        history.accepted(f"<gone{number}@app>", "ht2")
    history.write("ht2", "bounced", "<gone0@app>", reason="554 5.4.4 no route")
    history.queue("ht2")
    finding = only(judged(history, KILL))
    assert finding.kind == "lost"
    assert f"{told} ht2: 554 5.4.4 no route; accepted by ht2" in finding.sentence
    assert "why they were given up" in finding.remedy


def test_lost_mail_that_came_to_strangers_is_counted_once() -> None:
    """Of two, one came to two of them, and one was given up besides: none is nowhere."""
    history = drilled()
    for name in ("one", "two"):
        history.attempt(f"<{name}@app>", at=5.0)
        history.accepted(f"<{name}@app>", "ht2")
    for message, whom in (("one", "x"), ("one", "y"), ("two", "x")):
        history.arrived(f"<{message}@app>", recipient=f"{whom}@contoso.com")
    history.write("ht2", "bounced", "<two@app>", reason="554 5.4.4 no route")
    history.queue("ht2")
    finding = only(judged(history, KILL))
    assert finding.kind == "lost"
    assert "came to x@contoso.com, to whom they were not sent" in finding.sentence
    assert "1 of them came to y@contoso.com" in finding.sentence
    assert "1 of them was given up" in finding.sentence
    assert "nowhere" not in finding.sentence


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("busy", "ht1 busy"),
        ("busy%30", "ht1 busy in 30% of its sessions"),
        ("tempfail.mail%2.5", "ht1 under tempfail.mail%2.5"),
        ("nxdomain%30", "ht1 denying every name in 30% of its answers"),
    ],
)
def test_what_was_broken_says_how_much_of_it(text: str, title: str) -> None:
    """A server that fails some sessions is not called as one that fails all."""
    fault = FaultText.of_kind(text).at("ht1", INJECT, HEAL - INJECT)
    assert row_title(judged(History(), fault)) == title


def test_what_was_not_proven_says_what_it_takes() -> None:
    """A node that took no mail of the flow before proves nothing when it dies."""
    history = History()
    flow(history, INJECT, hubs=("ht2", "ht3"))
    history.fault("kill:ht1", inject=INJECT, heal=HEAL)
    flow(history, HEAL - INJECT, begin=INJECT + STEP_S / 2, hubs=("ht2", "ht3"))
    flow(history, 6.0, begin=HEAL + STEP_S / 2)
    finding = only(judged(history, KILL))
    assert (finding.kind, finding.status) == ("unproven bite", "unknown")
    assert finding.sentence.startswith("nothing was proven of relay: bite: ht1 took no relay mail")
    assert finding.remedy.startswith("it takes a flow that passes what is broken")


def test_a_tier_that_does_not_work_is_told_first() -> None:
    """With nothing broken, what fails is the steady state, and it is to be mended first."""
    history = History()
    flow(history, 3.0, fate=unreachable)
    finding = only(judged(history))
    assert finding.kind == "steady"
    assert "with nothing broken" in finding.sentence


def test_mail_that_waits_for_its_only_mailbox_server_is_a_note() -> None:
    """Nothing failed, and yet the longest wait is worth knowing."""
    history = History()
    flow(history, INJECT)
    history.fault("kill:mbx", inject=INJECT, heal=HEAL)
    for number in range(40):
        at = INJECT + (number + 0.5) * STEP_S
        history.attempt(f"<w{number}@app>", at=at)
        history.accepted(f"<w{number}@app>", "ht2", at=at)
    for number in range(40):
        history.arrived(f"<w{number}@app>", at=HEAL + 0.1)
    flow(history, 6.0, begin=HEAL + 0.2)
    finding = only(judged(history, replace(KILL, node="mbx")))
    assert (finding.kind, finding.status, finding.remedy) == ("waits", "note", "")
    assert finding.sentence.startswith(
        "mbx holds contoso.com alone; killed, 40 accepted messages waited up to 20."
    )
    assert finding.sentence.endswith(" s on ht2, and none was lost")


@pytest.mark.parametrize(
    ("history", "told"),
    [
        (drilled(), ""),
        (
            drilled(outage=0.5),
            " 10/200 failed ≤ 4.8 s: 10 of 200 attempts failed, the last of them 4.8 s after the "
            "break or the repair.",
        ),
        (
            drilled(outage=0.1, fate=late),
            " 2/200 late ≤ 0.8 s: 2 of 200 attempts were late, the last of them 0.8 s after the "
            "break or the repair. Late: accepted, but later than the flow promises.",
        ),
    ],
)
def test_the_matrix_has_a_legend_of_what_is_in_it(history: History, told: str) -> None:
    """What a gap is; and what failed or late attempts are, where a cell has any."""
    gap = "gap: the longest time in which nothing was accepted."
    assert legend((judged(history, KILL),)) == gap + told


def test_findings_are_in_the_document() -> None:
    """``--json`` and ``verdict.json`` have them, as plain values."""
    [told] = judged(outage("lb1"), LB1).document()["findings"]
    assert told["kind"] == "alone"
    assert told["evidence"][0]["flow"] == "relay"


def refused_at(phase: Phase, node: str = "ht1") -> Callable[[History, str, float], None]:
    """A 451 of one hub at a phase."""

    def fate(history: History, message: str, at: float) -> None:
        history.attempt(
            message,
            Result.REFUSED,
            at=at,
            code=451,
            phase=phase,
            server=f"{node}.contoso.com",
        )

    return fate


@pytest.mark.parametrize(
    ("phase", "kind", "remedy"),
    [
        (Phase.EHLO, "tcp", "waits for the banner and says EHLO (kind: smtp)"),
        (Phase.MAIL, "tcp", "goes as far as MAIL FROM"),
        (Phase.MAIL, "smtp", "goes as far as MAIL FROM"),
        (Phase.RCPT, "smtp", "no health check goes so far"),
        (Phase.STARTTLS, "mail", "no health check goes so far"),
    ],
)
def test_a_false_green_has_the_remedy_that_would_help(phase: Phase, kind: str, remedy: str) -> None:
    """A check can see what is refused at MAIL, where it goes as far; nothing after it, or over TLS.

    The check that would help goes no further than it must.
    """
    design = topology()
    lb1 = design.nodes["lb1"].model_copy(
        update={"check": HealthCheck.model_validate({"kind": kind})}
    )
    design = design.model_copy(update={"nodes": {**design.nodes, "lb1": lb1}})
    spec = replace(KILL, kind="tempfail", phase=phase)
    history = drilled(outage=2.0, fate=refused_at(phase))
    for event in history.events:
        if event.node == "harness":
            detail = {**event.detail, "fault": spec.label, "kind": "tempfail"}
            history.events[history.events.index(event)] = replace(event, detail=detail)
    history.write("ht1", "bitten", at=INJECT + 0.5, fault="tempfail", phase=str(phase), client="c")
    finding = only(judged(history, spec, design=design))
    assert finding.title == f"ht1 under tempfail.{phase}"
    assert "lb1 believed ht1 to be up while it refused 40 of them" in finding.sentence
    assert remedy in finding.remedy


def test_a_second_balancer_helps_nobody_who_tries_the_first_address_alone() -> None:
    """The other balancer is named, and so is what keeps the sender from it."""
    design = topology()
    lb1 = design.balancers["lb1"]
    lb2 = lb1.model_copy(update={"vips": {"mail2": lb1.vips["mail"]}})
    flows = {"relay": design.flows["relay"].model_copy(update={"to": "mail.contoso.com"})}
    design = design.model_copy(
        update={
            "nodes": {**design.nodes, "lb2": lb2},
            "names": {"mail.contoso.com": ("mail", "mail2")},
            "flows": flows,
        }
    )
    finding = only(judged(outage("lb1"), LB1, design=design))
    assert finding.sentence.startswith("lb1 was killed while lb2 was there, and yet 40 of")
    assert finding.sentence.endswith(
        "app (single_host) takes one address of the name and tries no other"
    )
    assert "VRRP" in finding.remedy

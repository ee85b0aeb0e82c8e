"""Faults of a share of the sessions: their text, what draws them, and what they prove."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.histories import History
from tests.unit.test_bite import DESIGN, RATE, STEP_S, case, flow, found, sent

from relaydrill import topology_files
from relaydrill.disturbance import Disturbance
from relaydrill.drills.checks.degraded import check_degraded
from relaydrill.drills.drill_plan import plan
from relaydrill.drills.opportunity import (
    attempts_for,
    least_of,
    silence_by_chance,
    silence_of_some,
)
from relaydrill.errors import UsageError
from relaydrill.faults import FAULTS, FaultSpec, FaultText, ServiceFault, fault_called
from relaydrill.faults.reach import takes_share
from relaydrill.journal import Event
from relaydrill.ledger.soundness import unsound
from relaydrill.nodes.disturbances import Disturbances
from relaydrill.smtp import Phase, Reply, Result
from relaydrill.verdict import Status, binomial_below

SHAREPOINT = topology_files.load("sharepoint")
SHARES = [
    kind for kind, fault in FAULTS.items() if takes_share(kind) and isinstance(fault, ServiceFault)
]


class Session:
    """What tells one session from another."""


@pytest.mark.parametrize("kind", SHARES)
def test_every_fault_of_the_service_takes_a_share(kind: str) -> None:
    """But that which takes the port away; what the node is told has it, and the words say it."""
    said = FaultText.parse(f"{kind}%12.5:ht1")
    assert (said.percent, said.kind_text) == (12.5, f"{kind}%12.5")
    assert isinstance(said.fault, ServiceFault)
    assert said.fault.disturbance(10, "seed").strength == 0.125
    of = "answers" if kind in ("nxdomain", "servfail", "stale") else "sessions"
    assert said.fault.summary.endswith(f", in 12.5% of its {of}")
    spec = said.at("ht1", 1.0, 2.0)
    assert FaultSpec.parse(str(spec)) == spec


@pytest.mark.parametrize("kind", SHARES)
def test_the_evidence_of_a_share_is_whole(kind: str) -> None:
    """What a drill journals of it is sound, at whichever phase: else nothing would be proven."""
    fault = fault_called(kind)
    assert isinstance(fault, ServiceFault)
    for phase in (None, *fault.phases):
        spec = FaultText(kind, phase, percent=12.5).at("ht1", 1.0, 2.0)
        detail = {"fault": spec.label, "kind": kind, "node": "ht1", "by_hook": False}
        assert unsound(Event(1.0, 1.0, "harness", "inject", detail=detail)) == ""
        assert unsound(Event(1.0, 1.0, "harness", "inject", detail=detail | {"kind": "kill"}))


def test_all_sessions_is_the_fault_itself() -> None:
    """A hundred percent is no share, so that both texts name one fault."""
    assert FaultText.parse("tempfail.rcpt%100:ht1").kind_text == "tempfail.rcpt"
    assert FaultText.of_kind("busy").fault.summary == FAULTS["busy"].summary


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("busy%0:ht1", "'0' is no share of the sessions"),
        ("busy%101:ht1", "'101' is no share"),
        ("busy%:ht1", "'' is no share"),
        ("busy%1e1:ht1", "'1e1' is no share"),
        ("busy%٣:ht1", "'٣' is no share"),
        ("busy%30%:ht1", "is no fault"),
        ("kill%30:ht1", "kill takes no share of sessions"),
        ("refuse%30:ht1", r"refuse takes no share: .* reset%30 cuts a share of the connections"),
    ],
)
def test_a_share_that_makes_no_sense_is_refused(text: str, said: str) -> None:
    """With what is wrong, and what would do."""
    with pytest.raises(UsageError, match=said):
        plan(SHAREPOINT, faults=(text,))


def drawn(disturbance: Disturbance, sessions: list[Session]) -> list[bool]:
    """On which sessions a disturbance acts."""
    active = Disturbances()
    active.add(disturbance)
    return [active.at(Phase.RCPT, each) is not None for each in sessions]


def some(strength: float, seed: str = "1/ht1") -> Disturbance:
    """A disturbance of a share."""
    reply = Reply(451, "later")
    return Disturbance("tempfail", "reply", Phase.RCPT, reply, strength=strength, seed=seed)


@given(st.floats(0.02, 0.98), st.text(max_size=5))
def test_the_seed_draws_the_sessions(strength: float, seed: str) -> None:
    """The same of them each time, and as many as are to be, but for one case in a billion."""
    sessions = [Session() for _ in range(1500)]
    first = drawn(some(strength, seed), sessions)
    assert first == drawn(some(strength, seed), [Session() for _ in sessions])
    hit = sum(first)
    assert binomial_below(hit, len(first), strength) > 1e-12
    assert binomial_below(hit - 1, len(first), strength) < 1 - 1e-12


def test_a_session_has_one_fate() -> None:
    """Whatever it says, and however often: it is drawn once, when it first comes to the fault."""
    active, sessions = Disturbances(), [Session() for _ in range(50)]
    active.add(some(0.5))
    fates = [active.at(Phase.RCPT, each) for each in sessions]
    assert [active.at(Phase.RCPT, each) for each in sessions] == fates
    assert len({*fates}) == 2
    assert not any(active.at(Phase.MAIL, each) for each in sessions)


def test_another_seed_draws_others() -> None:
    """A drill with another seed, and another node of the same drill, hit other sessions."""
    sessions = [Session() for _ in range(100)]
    fates = [drawn(some(0.5, seed), sessions) for seed in ("1/ht1", "1/ht2", "2/ht1")]
    assert len({*map(tuple, fates)}) == 3


@given(st.integers(1, 30), st.integers(0, 40), st.integers(0, 200), st.floats(0.05, 0.95))
def test_a_share_leaves_more_to_chance(
    before: int, more: int, attempts: int, strength: float
) -> None:
    """Silence under a fault of some sessions proves no more than under one of all."""
    of = before + more
    whole = silence_by_chance(before, of, attempts)
    assert silence_of_some(before, of, attempts, strength) >= whole
    assert silence_of_some(before, of, attempts, 1.0) == whole


@given(st.integers(1, 200), st.floats(0.02, 1.0))
def test_so_many_attempts_have_so_many_hits(hits: int, strength: float) -> None:
    """But for one case in a thousand; with one attempt less it may be more."""
    made = attempts_for(hits, strength)
    assert least_of(made, strength) >= hits or strength == 1.0
    assert made == hits or least_of(made - 1, strength) < hits


@pytest.mark.parametrize("node", ["ht1", "mbx"])
def test_a_weaker_fault_lasts_longer(node: str) -> None:
    """So long that one session which comes when attempts may fail no more is hit for certain."""
    lasts = [
        plan(SHAREPOINT, faults=(f"tempfail.rcpt{share}:{node}",), flows=("relay",))
        .faults[0]
        .duration_s
        for share in ("", "%10", "%1")
    ]
    assert lasts[0] <= lasts[1] < lasts[2]
    rate, clock = SHAREPOINT.flows["relay"].rate, SHAREPOINT.clock
    after_s = lasts[2] - SHAREPOINT.expectation("relay").degraded_s
    came = after_s / clock * rate / (3 if node == "ht1" else 1)
    assert 0.99**came < 0.001


BEGIN, END = 2.0, 8.0
LABEL = "tempfail.rcpt%10:ht1"


def gray(hits: list[float], *, then: float = END) -> tuple[History, FaultSpec]:
    """A drill in which one hub of three fails a few of its sessions.

    Args:
        hits: Which moments' attempts met the fault.
        then: When it is healed.
    """
    history = History()
    flow(history, 0.0, BEGIN)
    history.fault(LABEL, inject=BEGIN, heal=then)
    begin = BEGIN + 0.02
    for number in range(round((then - begin) * RATE)):
        at = begin + number * STEP_S
        hub = f"ht{number % 3 + 1}"
        if hub == "ht1" and any(at <= each < at + 3 * STEP_S for each in hits):
            sent(history, at, result=Result.REFUSED, phase=Phase.RCPT, code=451)
            bite: dict[str, Any] = {"fault": "tempfail", "phase": "rcpt", "port": 25}
            history.write("ht1", "bitten", at=at + 0.0005, client="c", probe=False, **bite)
        else:
            sent(history, at, by=hub)
    flow(history, then + 0.02, then + 2.0)
    kind, _, node = LABEL.partition(":")
    said = FaultText.parse(kind)
    return history, said.at(node, BEGIN * 10, (then - BEGIN) * 10)


def test_one_session_that_met_it_is_a_bite() -> None:
    """A fault of a share has bitten as soon as one of the flow's attempts met it."""
    history, spec = gray([2.5])
    assert found(history, spec).status is Status.PASS
    history, spec = gray([])
    verdict = found(history, spec)
    assert verdict.status is Status.UNKNOWN
    assert "no attempt of relay met tempfail.rcpt%10:ht1" in verdict.summary


def degraded(history: History, spec: FaultSpec) -> tuple[Status, str]:
    """What the check of failing attempts says."""
    verdict = check_degraded(case(history, spec, design=DESIGN))
    assert verdict is not None
    return verdict.status, verdict.summary


def test_sessions_that_were_spared_by_chance_do_not_pass() -> None:
    """Mail came to the node when attempts might fail no more, and the fault may have spared it."""
    status, summary = degraded(*gray([2.5]))
    assert status is Status.UNKNOWN
    assert "tempfail.rcpt%10:ht1 may have spared all of them by chance" in summary


def test_where_chance_would_not_have_spared_them_it_passes() -> None:
    """After so many sessions one would have failed, if the tier had done nothing about it."""
    status, summary = degraded(*gray([2.5], then=BEGIN + 12.0))
    assert status is Status.PASS, summary


def test_a_share_that_goes_on_failing_fails() -> None:
    """A tier that sends mail to a node which fails now and then is degraded for as long."""
    status, summary = degraded(*gray([2.5, 4.0, 6.5, 7.5]))
    assert status is Status.FAIL
    assert "by ht1" in summary


def test_the_whole_fault_of_that_name_is_another_one() -> None:
    """What a person reads, and what is found by its label, tells the two apart."""
    one, other = fault_called("busy"), fault_called("busy", percent=30.0)
    assert one != other
    assert FaultText.parse("busy%30:ht1").at("ht1", 0, 1).label == "busy%30:ht1"

"""``refusal``: all mail of a flow that takes none was refused for good."""

from __future__ import annotations

from typing import Any

import pytest
from tests.histories import BODY, History

from relaydrill import topology_files
from relaydrill.drills.checks import Case, run_checks
from relaydrill.drills.model import Drill
from relaydrill.errors import TopologyError
from relaydrill.faults import FaultSpec
from relaydrill.ledger import join
from relaydrill.lint import lint
from relaydrill.planning import outlooks
from relaydrill.verdict import Status

TEXT = """\
name: bench
clock: 1
nodes:
  ht1: {role: hub}
  mbx: {role: mailbox, domains: [contoso.com]}
  ns1: {role: dns}
  world: {role: sender}
names: {mail.contoso.com: ht1}
zones:
  contoso.com: {mx: [{host: mail.contoso.com}]}
  fabrikam.com: {mx: [{host: ., preference: 0}]}
flows:
  none: {from: world, persona: rfc5321, to: fabrikam.com, expect: {refusal: true, gap: 5s}}
  mail: {from: world, persona: rfc5321, to: contoso.com}
"""
DESIGN = topology_files.parse(TEXT, "bench.yaml")
NULL_MX: dict[str, Any] = {"result": "refused", "phase": "connect", "code": 556}
PUT_OFF: dict[str, Any] = {"result": "refused", "phase": "rcpt", "code": 450}
NO_NAME: dict[str, Any] = {"result": "unreachable", "phase": "connect", "reason": "no answer"}
NO_LOGIN: dict[str, Any] = {"result": "refused", "phase": "auth", "code": 535}
NO_SERVICE: dict[str, Any] = {"result": "refused", "phase": "banner", "code": 554}
TAKEN: dict[str, Any] = {"result": "accepted", "phase": "reply", "code": 250}


def checked(*outcomes: tuple[float, dict[str, Any]], broken: bool = False) -> dict[str, Status]:
    """What each check says of attempts that ended so at these times.

    Args:
        outcomes: When each attempt began, and how it ended.
        broken: Whether the name server was dead from 10 to 20 s.
    """
    history = History("none", "user@fabrikam.com")
    faults = (FaultSpec("kill", "ns1", 10.0, 10.0),) if broken else ()
    if broken:
        history.fault("kill:ns1", inject=10.0, heal=20.0)
    for number, (at, told) in enumerate(outcomes):
        name = f"<{number}@world>"
        history.write("world", "attempt", name, at=at, flow="none", scheduled=at, digest=BODY)
        history.write("world", "outcome", name, at=at + 0.01, **told)
    drill = Drill("d", ("none",), faults, length_s=100.0, settle_s=10.0, seed=1)
    verdicts = run_checks(Case(DESIGN, drill, "none", join(history.events)))
    return {each.check: each.status for each in verdicts}


def test_only_what_can_be_asked_of_mail_that_is_refused_is_asked() -> None:
    """Nothing is to be accepted, so there is no gap, no share, and nothing to arrive."""
    found = checked((1.0, NULL_MX), (2.0, NULL_MX))
    assert found == dict.fromkeys(("harness", "account", "refusal"), Status.PASS)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (NULL_MX, Status.PASS),
        (NO_SERVICE, Status.PASS),
        (NO_LOGIN, Status.FAIL),
        (PUT_OFF, Status.FAIL),
        (NO_NAME, Status.FAIL),
        (TAKEN, Status.FAIL),
    ],
)
def test_with_nothing_broken_all_is_refused_for_good(
    told: dict[str, Any], expected: Status
) -> None:
    """What is put off, or finds no way, waits in its sender's queue for days."""
    assert checked((1.0, NULL_MX), (2.0, told))["refusal"] is expected


@pytest.mark.parametrize(
    ("at", "told", "expected"),
    [
        (12.0, NO_NAME, Status.PASS),
        (24.0, NO_NAME, Status.PASS),
        (26.0, NO_NAME, Status.FAIL),
        (12.0, TAKEN, Status.FAIL),
    ],
)
def test_a_fault_excuses_that_nothing_is_decided_and_no_acceptance(
    at: float, told: dict[str, Any], expected: Status
) -> None:
    """For as long as it is in force, and as attempts may fail after it."""
    assert checked((1.0, NULL_MX), (at, told), broken=True)["refusal"] is expected


def test_where_nothing_is_decided_nothing_is_proven() -> None:
    """A name server that was dead all the time shows no null MX."""
    assert checked((12.0, NO_NAME), broken=True)["refusal"] is Status.UNKNOWN


def test_lint_and_plan_leave_it_alone() -> None:
    """What is meant to be refused is no mistake, and is no mail that finds no way in."""
    assert [each.rule for each in lint(DESIGN) if each.rule == "null-mx-with-mail"] == []
    assert all(each.lost == 0 for each in outlooks(DESIGN) if each.gone == "nothing")
    meant = topology_files.parse(TEXT.replace("refusal: true, ", ""), "bench.yaml")
    assert [each.rule for each in lint(meant) if each.rule == "null-mx-with-mail"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("refusal: true", "refusal: true, spread: [ht1]", "no server gets a share"),
        ("to: fabrikam.com", "to: fabrikam.com, mix: {spam: 0.5}", "all mail of none is to be"),
    ],
)
def test_what_contradicts_it_is_told_with_its_line(old: str, new: str, told: str) -> None:
    """Mail that is all refused has no share for anybody, and is of one sort."""
    with pytest.raises(TopologyError, match=rf"bench\.yaml:13: .*{told}"):
        topology_files.parse(TEXT.replace(old, new, 1), "bench.yaml")

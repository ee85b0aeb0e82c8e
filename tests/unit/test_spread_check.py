"""``spread``: by whom the choices of senders were accepted, and not where they were tried."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from tests.histories import History

from relaydrill import topology_files
from relaydrill.drills.checks import Case, check_spread
from relaydrill.drills.model import Drill
from relaydrill.ledger import join
from relaydrill.smtp import Phase, Result
from relaydrill.topology import Topology
from relaydrill.verdict import Status, Verdict

PASS, UNKNOWN, FAIL = Status.PASS, Status.UNKNOWN, Status.FAIL
EDGES = ("edge1", "edge2", "edge3")


def design(persona: str = "rfc5321", *, deferral: bool = False, population: int = 1) -> Topology:
    """Three Edge servers, each an MX host of its own."""
    mx = [{"host": f"mx{name}.contoso.com", "addresses": [name]} for name in EDGES]
    flow = {"from": "world", "to": "contoso.com", "persona": persona, "population": population}
    return topology_files.parse(
        yaml.safe_dump(
            {
                "name": "bench",
                "nodes": {
                    **{name: {"role": "edge"} for name in EDGES},
                    "ht1": {"role": "hub"},
                    "mbx": {"role": "mailbox", "domains": ["contoso.com"]},
                    "world": {"role": "sender"},
                },
                "zones": {"contoso.com": {"mx": mx}},
                "flows": {"relay": flow},
                "expect": {"gap": "10s", "deferral": deferral, "spread": [*EDGES]},
            }
        )
    )


def judged(topology: Topology, history: History) -> Verdict:
    """What is said of a steady state."""
    drill = Drill("d", ("relay",), (), length_s=100.0, settle_s=10.0, seed=1)
    verdict = check_spread(Case(topology, drill, "relay", join(history.events)))
    assert verdict is not None
    return verdict


def mail(fate: Callable[[int, str], dict[str, Any]], count: int = 600) -> History:
    """Senders that choose at random; each attempt's fate is as told."""
    history, chance = History(), random.Random(3)
    for number in range(count):
        choice = chance.choice(EDGES)
        told: dict[str, Any] = {"choice": choice, "code": 250}
        told["server"] = f"{choice}.contoso.com"
        told |= fate(number, choice)
        history.attempt(f"<{number}@world>", at=number / 50, took=0.002, **told)
    return history


def accepted(_number: int, _choice: str) -> dict[str, Any]:
    """By whom it was tried at."""
    return {}


def elsewhere(_number: int, choice: str) -> dict[str, Any]:
    """``edge2`` refuses everything, and the next one takes it."""
    return {"server": "edge3.contoso.com"} if choice == "edge2" else {}


def for_good(_number: int, choice: str) -> dict[str, Any]:
    """``edge2`` refuses everything, and its senders go on to nobody."""
    refused = {"result": Result.REFUSED, "code": 451, "phase": Phase.RCPT}
    return refused if choice == "edge2" else {}


def every_second(number: int, _choice: str) -> dict[str, Any]:
    """All servers put every second attempt off."""
    return {"result": Result.REFUSED, "code": 451, "phase": Phase.RCPT} if number % 2 else {}


@pytest.mark.parametrize(
    ("fate", "deferral", "expected"),
    [
        (accepted, False, PASS),
        (elsewhere, False, FAIL),
        (elsewhere, True, FAIL),
        (for_good, False, FAIL),
        (for_good, True, FAIL),
        (every_second, True, PASS),
    ],
)
def test_equal_choices_with_one_that_refuses_are_not_even(
    fate: Callable[[int, str], dict[str, Any]], deferral: bool, expected: Status
) -> None:
    """What a server did not accept is no part of its share; whom the senders tried is told."""
    verdict = judged(design(deferral=deferral), mail(fate))
    assert verdict.status is expected
    assert (verdict.figures["p"] <= verdict.figures["alarm"]) is (expected is FAIL)
    if fate is elsewhere:
        tried = verdict.figures["tried"]["edge2"]
        assert f"edge2 was tried first by {tried}, and accepted 0" in verdict.summary
        assert verdict.figures["counts"]["edge2"] == 0


def test_servers_that_greet_without_a_name_are_given_the_credit() -> None:
    """Who accepted is not told by banners that are all alike: it was the one that was tried."""
    verdict = judged(design(), mail(lambda _number, _choice: {"server": "mail.contoso.com"}))
    assert verdict.status is PASS


@pytest.mark.parametrize(("refusing", "expected"), [(False, PASS), (True, FAIL)])
def test_a_sender_that_keeps_to_its_choice_counts_once(refusing: bool, expected: Status) -> None:
    """However often it sends; and for a server that turned all of it down, not at all."""

    def fate(number: int, _choice: str) -> dict[str, Any]:
        member = number % 300
        choice = EDGES[member % 3]
        told = {"choice": choice, "server": f"{choice}.contoso.com", "member": member}
        refused = {"result": Result.REFUSED, "code": 550, "phase": Phase.RCPT}
        return told | (refused if refusing and choice == "edge2" else {})

    verdict = judged(design("pinned_mx", population=300), mail(fate, count=900))
    assert verdict.status is expected
    assert verdict.figures["choices"] == 300
    assert verdict.figures["tried"] == dict.fromkeys(EDGES, 100)


def test_a_busy_sender_among_many_is_no_spread() -> None:
    """All the mail of one member is one choice."""

    def fate(_number: int, _choice: str) -> dict[str, Any]:
        return {"choice": "edge1", "server": "edge1.contoso.com", "member": 0}

    verdict = judged(design("pinned_mx", population=300), mail(fate))
    assert (verdict.status, verdict.figures["choices"]) == (UNKNOWN, 1)

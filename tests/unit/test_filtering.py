"""``filter``: mail that is to be refused was refused for what it is."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from tests.histories import BODY, History

from relaydrill import topology_files
from relaydrill.drills.checks import Case, check_filter
from relaydrill.drills.model import Drill
from relaydrill.ledger import join
from relaydrill.message import BLOCKED, SPAM, UNKNOWN
from relaydrill.smtp import Phase
from relaydrill.topology import Topology
from relaydrill.verdict import Status

DESIGN = topology_files.parse(
    yaml.safe_dump(
        {
            "name": "bench",
            "nodes": {
                "edge1": {"role": "edge"},
                "edge2": {"role": "edge"},
                "ht1": {"role": "hub"},
                "mbx": {"role": "mailbox", "domains": ["contoso.com"]},
                "world": {"role": "sender"},
            },
            "flows": {"relay": {"from": "world", "to": "edge1"}},
        }
    )
)


def status(history: History, design: Topology = DESIGN) -> Status:
    """What is said of a flow with one unwanted message."""
    drill = Drill("d", ("relay",), (), length_s=100.0, settle_s=10.0, seed=1)
    verdict = check_filter(Case(design, drill, "relay", join(history.events)))
    assert verdict is not None
    return verdict.status


def refused(
    history: History,
    sort: str,
    phase: Phase,
    *,
    at: float = 1.0,
    message: str = "<1@world>",
    by: str = "edge1",
    **more: Any,
) -> History:
    """One message of a sort that got a 5xx at a phase."""
    history.write(
        "world", "attempt", message, at=at, flow="relay", scheduled=at, digest=BODY, sort=sort
    )
    told: dict[str, Any] = {
        "phase": str(phase),
        "code": 550,
        "choice": by,
        "server": f"{by}.contoso.com",
    }
    history.write("world", "outcome", message, at=at + 0.01, result="refused", **told, **more)
    return history


@pytest.mark.parametrize(
    ("sort", "phase", "expected"),
    [
        (SPAM, Phase.REPLY, Status.PASS),
        (SPAM, Phase.RCPT, Status.UNKNOWN),
        (SPAM, Phase.BANNER, Status.UNKNOWN),
        (UNKNOWN, Phase.RCPT, Status.PASS),
        (UNKNOWN, Phase.EHLO, Status.UNKNOWN),
        (BLOCKED, Phase.BANNER, Status.PASS),
        (BLOCKED, Phase.RCPT, Status.PASS),
        (BLOCKED, Phase.STARTTLS, Status.UNKNOWN),
    ],
)
def test_a_refusal_counts_where_its_reason_can_be_known(
    sort: str, phase: Phase, expected: Status
) -> None:
    """Nobody knows what is in a message before it is there.

    A server that refuses everything at its banner proves no filter.
    """
    assert status(refused(History(), sort, phase)) is expected


@pytest.mark.parametrize(("at", "expected"), [(1.0, Status.UNKNOWN), (4.0, Status.PASS)])
def test_a_server_that_was_made_to_refuse_proves_no_filter(at: float, expected: Status) -> None:
    """While a fault has it say 550 to everybody, it would have said so to wanted mail as well."""
    history = History()
    history.fault("reject:edge1", inject=0.5, heal=3.0)
    assert status(refused(history, UNKNOWN, Phase.RCPT, at=at)) is expected


@pytest.mark.parametrize(
    ("taken", "elsewhere", "there", "expected"),
    [
        (30, 3, 0, Status.UNKNOWN),  # 30 of 60 wanted messages: one in eight
        (30, 40, 0, Status.PASS),
        (30, 3, 1, Status.PASS),
        (0, 3, 0, Status.PASS),
        (1, 40, 0, Status.UNKNOWN),
    ],
)
def test_a_server_that_chance_may_have_spared_proves_no_filter(
    taken: int, elsewhere: int, there: int, expected: Status
) -> None:
    """One that filters nothing would pass, if too little of what is to be refused came to it."""
    history = History()
    for number in range(30 + taken):
        name = "edge1" if number < 30 else "edge2"
        history.attempt(f"<{number}@world>", server=f"{name}.contoso.com", choice=name)
    for number in range(elsewhere + there):
        name = "edge1" if number < elsewhere else "edge2"
        refused(history, SPAM, Phase.REPLY, message=f"<bad{number}@world>", by=name)
    assert status(history) is expected


def test_one_choice_of_a_sender_of_its_own_is_one_however_much_it_sends() -> None:
    """Who keeps to a server has shown the filter of no other one."""
    design = DESIGN.model_copy(
        update={
            "flows": {"relay": DESIGN.flows["relay"].model_copy(update={"blocked_from": "world"})}
        }
    )
    for member, expected in ((None, Status.PASS), (0, Status.UNKNOWN)):
        history = History()
        for number in range(60):
            name = f"edge{1 + number % 2}"
            history.attempt(f"<{number}@world>", server=f"{name}.contoso.com", choice=name)
        for number in range(40):
            message = f"<bad{number}@world>"
            refused(history, BLOCKED, Phase.BANNER, message=message, member=member)
        assert status(history, design) is expected

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
from relaydrill.verdict import Status

DESIGN = topology_files.parse(
    yaml.safe_dump(
        {
            "name": "bench",
            "nodes": {
                "edge1": {"role": "edge"},
                "ht1": {"role": "hub"},
                "mbx": {"role": "mailbox", "domains": ["contoso.com"]},
                "world": {"role": "sender"},
            },
            "flows": {"relay": {"from": "world", "to": "edge1"}},
        }
    )
)


def status(history: History) -> Status:
    """What is said of a flow with one unwanted message."""
    drill = Drill("d", ("relay",), (), length_s=100.0, settle_s=10.0, seed=1)
    verdict = check_filter(Case(DESIGN, drill, "relay", join(history.events)))
    assert verdict is not None
    return verdict.status


def refused(history: History, sort: str, phase: Phase, *, at: float = 1.0) -> History:
    """One message of a sort that got a 5xx at a phase."""
    history.write(
        "world", "attempt", "<1@world>", at=at, flow="relay", scheduled=at, digest=BODY, sort=sort
    )
    told: dict[str, Any] = {
        "phase": str(phase),
        "code": 550,
        "choice": "edge1",
        "server": "edge1.contoso.com",
    }
    history.write("world", "outcome", "<1@world>", at=at + 0.01, result="refused", **told)
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

"""What ``relaydrill up`` says of a lab's mail, on journals written by hand."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tests.histories import History

from relaydrill import topology_files
from relaydrill.errors import UsageError
from relaydrill.journal import Journal, read_events
from relaydrill.ledger import join
from relaydrill.playground import Hands, show_fates
from relaydrill.smtp import Result

M = "<1@app>"


def told(history: History) -> list[str]:
    """The lines that a person is shown of a history."""
    shown = io.StringIO()
    show_fates(join(history.events), Console(file=shown, width=200))
    return shown.getvalue().splitlines()


def test_mail_that_a_hub_gave_up_is_bounced_and_has_the_reason() -> None:
    """It went back to its sender, and was not lost in silence."""
    history = History()
    history.attempt(M)
    history.accepted(M, "ht2")
    history.write("ht2", "bounced", M, reason="554 5.4.4 no route to elsewhere.example")
    assert told(history) == [
        "1 message accounted for: 1 bounced",
        "  bounced: <1@app> to user@contoso.com, accepted by ht2, "
        "bounced by ht2: 554 5.4.4 no route to elsewhere.example",
    ]


def test_an_account_that_does_not_explain_itself_is_explained() -> None:
    """Recovered mail is delivered mail whose sender does not know it."""
    history = History()
    history.delivered("<2@app>")
    history.attempt(M, Result.UNANSWERED)
    history.arrived(M)
    what = "1 delivered, 1 recovered (arrived, though the sender got no answer)"
    assert told(history) == [f"2 messages accounted for: {what}"]


def test_mail_that_is_nowhere_is_lost() -> None:
    """What was promised and went back to nobody is lost, as in a drill."""
    history = History()
    history.attempt(M)
    history.accepted(M, "ht2")
    history.queue("ht2")
    assert told(history) == [
        "1 message accounted for: 1 lost",
        "  lost: <1@app> to user@contoso.com, accepted by ht2, arrived 0 times",
    ]


class ObedientLab:
    """Does whatever it is told, and remembers it."""

    topology = topology_files.load("sharepoint")
    driver = "obedient"

    def __init__(self) -> None:
        self.done: list[str] = []

    def kill(self, node: str) -> None:
        """Kill a node."""
        self.done.append(f"kill {node}")

    def restart(self, node: str) -> None:
        """Start it again."""
        self.done.append(f"restart {node}")

    def control(self, node: str) -> Any:
        """A node's control channel."""
        return lambda op, **_: self.done.append(f"{op} {node}")


def playing(lab: ObedientLab, folder: Path) -> Hands:
    """A person at the keyboard of a lab."""
    return Hands(lab, Journal.open("harness", folder / "harness.jsonl"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("kill:app", "app only sends mail; break what the mail passes: "),
        ("stale:ht1", "stale is done by name servers (dns); ht1 is a hub"),
        ("kill:ht9", "no node is called 'ht9'; there are: "),
        ("kil:ht1", "no fault is called 'kil'; there are: "),
        ("kill:ht1", "ht1 is broken by kill already: heal it first"),
        ("slow:ht1", "ht1 is broken by kill already: heal it first"),
        ("kill:ht2", "ht2 is broken by slow already: heal it first"),
    ],
)
def test_what_a_node_cannot_suffer_is_refused_in_words(
    fault: str, why: str, tmp_path: Path
) -> None:
    """By hand as in a drill: nothing is tried that would fail halfway or could not be healed."""
    lab = ObedientLab()
    hands = playing(lab, tmp_path)
    hands.inject("kill:ht1")
    hands.inject("slow:ht2")
    before = [*lab.done]
    with pytest.raises(UsageError) as refused:
        hands.inject(fault)
    assert why in str(refused.value)
    assert lab.done == before


def test_what_is_healed_can_be_broken_again(tmp_path: Path) -> None:
    """All that was done is undone, the last first; after that nothing stands in the way."""
    lab = ObedientLab()
    hands = playing(lab, tmp_path)
    for fault in ("slow:ht1", "tempfail:ht1", "kill:ht2"):
        hands.inject(fault)
    hands.heal()
    assert lab.done[3:] == ["restart ht2", "relieve ht1", "relieve ht1"]
    hands.inject("kill:ht1")
    assert lab.done[6:] == ["kill ht1"]


def test_what_is_done_by_hand_is_journalled_as_in_a_drill(tmp_path: Path) -> None:
    """Each step, so that the account of ``up`` knows what was broken, and when it was whole."""
    hands = playing(ObedientLab(), tmp_path)
    hands.inject("tempfail.mail:ht1")
    assert "was not injected" in hands.inject("isolate:ht2")
    hands.heal()
    told = [(each.kind, each.detail["fault"]) for each in read_events(tmp_path / "harness.jsonl")]
    assert told == [
        ("inject", "tempfail.mail:ht1"),
        ("injected", "tempfail.mail:ht1"),
        ("inject", "isolate:ht2"),
        ("not-injected", "isolate:ht2"),
        ("heal", "tempfail.mail:ht1"),
        ("healed", "tempfail.mail:ht1"),
    ]

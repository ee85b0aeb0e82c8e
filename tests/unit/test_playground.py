"""What ``relaydrill up`` says of a lab's mail, on journals written by hand."""

from __future__ import annotations

import io

from rich.console import Console
from tests.histories import History

from relaydrill.ledger import join
from relaydrill.playground import show_fates
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
        "1 messages accounted for: 1 bounced",
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
        "1 messages accounted for: 1 lost",
        "  lost: <1@app> to user@contoso.com, accepted by ht2, arrived 0 times",
    ]

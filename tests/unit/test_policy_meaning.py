"""What a refusal says about who may relay: in the words of real servers."""

from __future__ import annotations

import pytest

from relaydrill.drills.policy.meaning import TELLING, Answer, Meaning
from relaydrill.smtp import Phase, Result


def meaning(said: str, phase: Phase = Phase.RCPT) -> Meaning:
    """What a reply means."""
    code = int(said[:3])
    result = Result.ACCEPTED if code < 300 else Result.REFUSED
    return Answer(result, phase, code, said).meaning


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("550 5.7.1 Unable to relay", Meaning.RELAY),
        ("550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain", Meaning.RELAY),
        ("554 5.7.1 <probe@elsewhere.invalid>: Relay access denied", Meaning.RELAY),
        ("550 relay not permitted", Meaning.RELAY),
        ("553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", Meaning.RELAY),
        ("551 User not local; please try <probe@elsewhere.invalid>", Meaning.RELAY),
        ("550 5.4.1 Relay Access Denied", Meaning.RELAY),
        ("554 5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied", Meaning.CLIENT),
        ("530 5.7.1 Client was not authenticated", Meaning.LOGIN),
        ("530 5.7.0 Authentication required", Meaning.LOGIN),
        ("530 5.7.0 Must issue a STARTTLS command first", Meaning.TLS),
        ("538 5.7.11 Encryption required for requested authentication mechanism", Meaning.TLS),
    ],
)
def test_a_refusal_that_says_who_may_not(said: str, means: Meaning) -> None:
    """It counts as an answer on who may relay."""
    assert meaning(said) is means
    assert means in TELLING


@pytest.mark.parametrize(
    "said",
    [
        "550 5.1.2 Bad destination system: elsewhere.invalid",
        "550 5.1.2 <probe@elsewhere.invalid>: Recipient address rejected: Domain not found",
        "550 5.1.1 User unknown",
        "550 No such user here",
        "550 5.4.4 Unable to route: no relay for elsewhere.invalid",
        "550 5.1.8 Sender domain does not exist",
        "553 5.7.1 <guest@contoso.com>: Sender address rejected: not logged in",
        "550 5.7.1 SPF check failed",
        "550 5.7.1 Client does not have permissions to send as this sender",
        "554 5.7.1 Service unavailable; client blocked using zen.spamhaus.org",
        "552 5.3.4 Message size exceeds fixed maximum message size",
        "501 5.1.3 Bad address syntax",
        "555 5.5.4 Unsupported option",
        "550 5.1.1 <probe@relay.invalid> does not exist",
        "550 5.7.25 Client host rejected: cannot find your hostname",
        "550 5.7.23 Message rejected by policy",
        "550 5.7.606 Access denied, banned sending IP [192.0.2.1]",
        "504 5.5.2 <x>: Helo command rejected: need fully-qualified hostname",
    ],
)
def test_a_refusal_for_another_reason(said: str) -> None:
    """No such domain or user, a doubtful sender, a limit: none says who may relay."""
    assert meaning(said) is Meaning.OTHER


@pytest.mark.parametrize(
    "said",
    ["450 4.2.0 Greylisted", "421 4.3.2 Service not available", "454 4.7.1 Relay access denied"],
)
def test_what_is_refused_for_now_is_no_answer(said: str) -> None:
    """The server may say otherwise later."""
    assert meaning(said) is Meaning.LATER


@pytest.mark.parametrize("phase", [Phase.BANNER, Phase.EHLO, Phase.STARTTLS])
def test_a_refusal_before_anything_was_asked_says_nothing(phase: Phase) -> None:
    """The server does not know yet what is wanted of it."""
    assert meaning("554 5.7.1 No SMTP service here", phase) is Meaning.OTHER


def test_silence_is_no_answer() -> None:
    """A connection that is cut has said nothing."""
    cut = Answer(Result.DROPPED, Phase.RCPT, 0, "connection closed")
    assert cut.meaning is Meaning.SILENT
    assert cut.is_end

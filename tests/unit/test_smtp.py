"""SMTP as facts: replies, results and outcomes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relaydrill.smtp import Outcome, Phase, Reply, Result


@given(st.integers(200, 599), st.text(max_size=20))
def test_the_first_digit_says_what_a_reply_means(code: int, text: str) -> None:
    """2xx is done, 4xx may be tried again, and 3xx is neither (RFC 5321 §4.2.1)."""
    reply = Reply(code, text)
    assert reply.ok == (code // 100 == 2)
    assert reply.transient == (code // 100 == 4)


@pytest.mark.parametrize("code", [-1, 0, 1, 199, 600, 999])
def test_other_numbers_are_no_reply(code: int) -> None:
    """A reply code has three digits, the first of them 2 to 5."""
    with pytest.raises(ValueError, match="no SMTP reply code"):
        Reply(code)


@pytest.mark.parametrize(
    ("text", "enhanced"),
    [
        ("4.3.1 Insufficient system resources", "4.3.1"),
        ("2.0.0", "2.0.0"),
        ("5.7.1", "5.7.1"),
        ("2.6.0 first\nsecond", "2.6.0"),
        ("ht1.contoso.com ready", ""),
        ("3.1.1 there is no such class", ""),
        ("10.1.1.1 is an address", ""),
        ("", ""),
    ],
)
def test_enhanced_codes_are_told_from_text(text: str, enhanced: str) -> None:
    """An enhanced status code stands first and is of class 2, 4 or 5 (RFC 3463 §2)."""
    assert Reply(250, text).enhanced == enhanced


def test_texts_for_people() -> None:
    """Replies and outcomes read as one would say them."""
    assert str(Reply(250)) == "250"
    assert str(Reply(452, "4.3.1 Insufficient")) == "452 4.3.1 Insufficient"
    refused = Outcome(Result.REFUSED, Phase.MAIL, Reply(452, "4.3.1 Insufficient"))
    assert str(refused) == "refused at mail: 452 4.3.1 Insufficient"
    silent = Outcome(Result.UNANSWERED, Phase.REPLY, reason="timed out")
    assert str(silent) == "unanswered at reply: timed out"
    assert str(Outcome(Result.DROPPED, Phase.BODY)) == "dropped at body"


def test_phases_stand_in_the_order_of_a_session() -> None:
    """Whoever lists the phases gets them as a sender passes them."""
    order = "connect banner ehlo starttls auth mail rcpt data body dot reply quit"
    assert [str(phase) for phase in Phase] == order.split()

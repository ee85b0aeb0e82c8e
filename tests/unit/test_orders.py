"""What a master tells its workers, and what they tell of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relaydrill.message import SPAM, UNKNOWN, WANTED
from relaydrill.nodes.sending.orders import heard, message_of, order_of, told
from relaydrill.nodes.sending.workload import Load, compose_message
from relaydrill.smtp import Outcome, Phase, Reply, Result


def load(**changes: Any) -> Load:
    """A flow's load."""
    usual: dict[str, Any] = {
        "drill": "1.abc",
        "flow": "relay",
        "persona": "single_host",
        "host": "mail",
        "port": 25,
        "rate": 10.0,
        "sender": "app@contoso.com",
        "recipient": "user@contoso.com",
        "size": 500,
        "begin": 12.5,
        "most": 50,
    }
    return Load(**{**usual, **changes})


@pytest.mark.parametrize("sort", [WANTED, UNKNOWN, SPAM])
def test_a_worker_writes_the_very_letter_that_is_in_the_journal(sort: str) -> None:
    """What is sent has the body whose digest is in the journal, whatever sort of mail it is."""
    written = compose_message(
        load(sorts={sort: 1.0}), 7, fqdn="app.test", sort=sort, due=13.1, date=1.7e9
    )
    order = json.loads(json.dumps(order_of(written)))
    assert message_of(order, "app.test") == written


def test_an_order_is_small_however_large_its_message_is() -> None:
    """The master's road to its workers does not carry the messages."""
    message = compose_message(
        load(size=1_000_000), 7, fqdn="app.test", sort=WANTED, due=13.1, date=1.7e9
    )
    assert len(message.content) > 900_000
    assert len(json.dumps(order_of(message))) < 1000


replies = st.none() | st.builds(Reply, st.integers(200, 599), st.text(max_size=20))


@given(
    st.builds(
        Outcome,
        st.sampled_from(Result),
        st.sampled_from(Phase),
        replies,
        st.text(max_size=20),
        st.text(max_size=20),
        st.text(max_size=20),
    )
)
def test_an_outcome_comes_home_whole(outcome: Outcome) -> None:
    """Nothing of what a worker has learnt is lost or changed on its way."""
    assert heard(json.loads(json.dumps(told(outcome)))) == outcome

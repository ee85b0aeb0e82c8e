"""What a server that lies makes of a message, and that it is recognised all the same."""

from __future__ import annotations

from typing import Final

import pytest

from relaydrill.disturbance import LIES, Action
from relaydrill.faults import FAULTS, How, Proof, ServiceFault
from relaydrill.message import compose, digest, recognise
from relaydrill.nodes.receiving.lies import falsified
from relaydrill.nodes.receiving.reception import Received
from relaydrill.smtp import Phase

_ID: Final = "<1@app.contoso.com>"
_TO: Final = ("user@contoso.com", "two@contoso.com")
_CONTENT: Final = compose(_ID, sender="app@contoso.com", recipients=_TO, size=2000, date=1e9)
_TAKEN: Final = Received("app@contoso.com", _TO, _CONTENT, "127.0.0.1", "app", 25, False, "default")


def lied(action: Action, received: Received = _TAKEN) -> Received:
    """A message as a server takes it."""
    return falsified(action, received, domain="ht1.contoso.com")


@pytest.mark.parametrize("action", sorted(LIES))
def test_a_lie_promises_what_was_asked(action: Action) -> None:
    """Sender and recipients of the promise are those of the session, whatever is kept."""
    found = lied(action)
    assert found != _TAKEN
    assert (found.sender, found.recipients) == (_TAKEN.sender, _TO)


@pytest.mark.parametrize("action", ["truncate", "garble", "readdress"])
def test_a_message_that_was_changed_is_recognised(action: Action) -> None:
    """By its marks; that it is another one its body or its header shows."""
    found = recognise(lied(action).content)
    assert found.identity == _ID
    if action == "readdress":
        assert {*found.changed} == {"from", "subject"}
        assert found.digest == digest(_CONTENT)
    else:
        assert found.digest != digest(_CONTENT)


@pytest.mark.parametrize("body", [b"", b"one line", b"one\r\ntwo\r\n", b".\r\n"])
def test_any_body_can_be_cut(body: bytes) -> None:
    """However short it is; the header stays whole."""
    content = b"Subject: x\r\n\r\n" + body
    found = lied("truncate", _TAKEN._replace(content=content)).content
    assert content.startswith(found)
    assert found.startswith(b"Subject: x\r\n\r\n")


def test_whom_a_lie_keeps_it_for() -> None:
    """For nobody, for each twice, or for somebody else in the recipient's domain."""
    assert lied("swallow").kept == ()
    assert lied("double").kept == _TO * 2
    assert lied("misdeliver").kept == ("somebody-else@contoso.com",) * 2
    assert lied("garble").kept == _TO


@pytest.mark.parametrize("action", sorted(LIES))
def test_each_lie_is_a_fault(action: Action) -> None:
    """One that a session meets with its 250, after the dot; nothing that it is told shows it."""
    [fault] = [
        each for each in FAULTS.values() if isinstance(each, ServiceFault) and each.action == action
    ]
    assert (fault.phase, fault.proof) == (Phase.DOT, Proof.FELT)
    assert fault.sign is not None
    assert (fault.sign.how, fault.sign.code) == (How.DECEIVED, 0)

"""Whose mailbox is looked into, where the inventory does not say it: by its last delivery."""

from __future__ import annotations

import pytest

from relaydrill.drivers.attach.attribution import Attribution
from relaydrill.mail_logs.deeds import Deed, Does

_USER = "user@contoso.com"


@pytest.mark.parametrize(
    ("lies_with", "sent_to", "is_credited"),
    [
        ("", _USER, True),
        ("User@Contoso.com", _USER, True),
        (_USER, "user+drill@contoso.com", True),
        ("user", _USER, True),  # the name of an account
        ("archive@contoso.com", _USER, False),
    ],
)
def test_mail_in_the_mailbox_of_somebody_else_is_not_the_recipients(
    lies_with: str, sent_to: str, is_credited: bool
) -> None:
    """It is shown with what to declare; where nothing says whose it is, the recipient has it."""
    deed = Deed(Does.DELIVERED, "<1@app>", by=lies_with)
    found = Attribution({}, ()).of(deed, [sent_to], renamed={}, owners=(sent_to,))
    assert (found.recipients == (sent_to,)) == is_credited
    assert ("imap: {for:" in found.said) != is_credited

"""The mailbox server's journal of mail that comes changed, and what the ledger makes of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from relaydrill.journal import Journal, read_events
from relaydrill.ledger import Account, join
from relaydrill.message import compose, digest
from relaydrill.message.changes import covered_by
from relaydrill.nodes import config
from relaydrill.nodes.disturbances import Disturbances
from relaydrill.nodes.mailbox import MailboxService
from relaydrill.nodes.receiving.reception import Received

ID, USER = "<1.relay.7@app.contoso.com>", "user@contoso.com"


def letter() -> bytes:
    """A message as it is sent."""
    return compose(ID, sender="app@contoso.com", recipients=(USER,), size=2000, date=1.7e9)


def account(folder: Path, content: bytes, *declared: str) -> Account:
    """What became of the message where this has arrived."""
    sender = Journal.open("app", folder / "app.jsonl")
    sender.write("attempt", ID, USER, flow="relay", digest=digest(letter()))
    sender.write("outcome", ID, USER, result="accepted")
    journal = Journal.open("mbx", folder / "mbx.jsonl")
    settings = config.Mailbox(
        name="mbx",
        fqdn="mbx.contoso.com",
        address="127.0.0.1",
        control=config.Control(address="127.0.0.1", port=0, token=""),
        journal="",
        listeners=(),
        domains=("contoso.com",),
    )
    received = Received(
        sender="app@contoso.com",
        recipients=(USER,),
        content=content,
        client="127.0.0.1",
        helo="ht1",
        port=25,
        tls=False,
        connector="default",
    )

    async def take() -> None:
        assert (await MailboxService(settings, journal, Disturbances()).accept(received)).ok

    asyncio.run(take())
    journal.close()
    sender.close()
    events = [event for path in sorted(folder.iterdir()) for event in read_events(path)]
    ledger = join(events, harmless={"relay": covered_by(declared)})
    return ledger.entries[ID, USER].account


NEW_ID = "Message-ID: <rewritten@gateway>"


@pytest.mark.parametrize(
    ("old", "new", "declared", "expected"),
    [
        ("", "", (), Account.DELIVERED),
        (f"Message-ID: {ID}", NEW_ID, (), Account.DELIVERED),
        ("Subject: ", "Subject: [EXTERNAL] ", (), Account.ALTERED),
        ("Subject: ", "Subject: [EXTERNAL] ", ("subject_prefix",), Account.DELIVERED),
        (f"end of {ID}\r\n", f"end of {ID}\r\nConfidential.\r\n", (), Account.ALTERED),
        (
            f"end of {ID}\r\n",
            f"end of {ID}\r\nConfidential.\r\n",
            ("disclaimer",),
            Account.DELIVERED,
        ),
        (f"end of {ID}\r\n", "Confidential.\r\n", ("disclaimer",), Account.ALTERED),
        (f"end of {ID}\r\n", "Confidential.\r\n", ("body",), Account.DELIVERED),
        ("\r\n.leading", "\r\n..leading", ("subject", "from"), Account.ALTERED),
        (f"X-Relaydrill-Id: {ID}", "X-Relaydrill-Id: <other@app>", (), Account.LOST),
    ],
)
def test_a_message_that_was_written_anew_is_accounted_for(
    old: str, new: str, declared: tuple[str, ...], expected: Account, tmp_path: Path
) -> None:
    """By the name that it was sent with; what was changed counts unless it is declared."""
    content = letter().replace(old.encode(), new.encode())
    assert account(tmp_path, content, *declared) is expected

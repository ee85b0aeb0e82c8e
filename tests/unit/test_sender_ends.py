"""A sender that is ending waits for nobody: an attempt that begins just then is given up."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest

from relaydrill.journal import Journal, read_events
from relaydrill.nodes import config
from relaydrill.nodes.sending.sending_mta import SendingMta
from relaydrill.nodes.sending.shared_sender import SharedSender
from relaydrill.nodes.sending.workload import Load, compose_message

HERE = config.Address(address="127.0.0.1", port=0)
CONTROL = config.Control(address="127.0.0.1", port=0, token="x")
LOAD = Load(
    drill="1.x",
    flow="relay",
    persona="single_host",
    host="mail.contoso.com",
    port=25,
    rate=1.0,
    sender="app@contoso.com",
    recipient="user@contoso.com",
    size=100,
    begin=0.0,
    most=1,
)
MESSAGE = compose_message(LOAD, 0, fqdn="app.contoso.com", sort="wanted", due=0.0, date=0.0)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """The sender's journal."""
    journal = Journal.open("app", tmp_path / "app.jsonl")
    yield journal
    journal.close()
    assert [*read_events(tmp_path / "app.jsonl")] == [], "it has no outcome"


def over_soon(attempt: threading.Thread) -> bool:
    """Whether an attempt ends, that nobody will tell the outcome of."""
    attempt.daemon = True
    attempt.start()
    attempt.join(5.0)
    return not attempt.is_alive()


def test_no_order_waits_for_workers_that_go_home(journal: Journal) -> None:
    """Its thread would keep the program from ending."""
    settings = config.Sender(
        name="app",
        fqdn="app.contoso.com",
        address="127.0.0.1",
        control=CONTROL,
        journal="unused",
        hosts={},
        ports={},
        ca="",
        login=config.Login(user="u", password="p"),
    )
    sender = SharedSender(settings, journal)
    sender._stopping = True
    sender._release()
    assert over_soon(threading.Thread(target=sender._send, args=(MESSAGE,)))


def test_nothing_is_handed_in_to_a_mail_server_that_ends(journal: Journal) -> None:
    """Its log will not tell what became of it."""
    settings = config.Mta(
        name="app",
        fqdn="app.contoso.com",
        address="127.0.0.1",
        control=CONTROL,
        journal="unused",
        kind="postfix",
        listeners=(),
        domains=(),
        hosts={},
        smart_host="",
        retry_s=1.0,
        late_retry_s=1.0,
        queue_run_s=1.0,
        dead_host_s=1.0,
    )
    sender = SendingMta(settings, journal, Mock())
    sender._stopping = True
    sender._release()
    assert over_soon(threading.Thread(target=sender._hand_in, args=(MESSAGE,)))

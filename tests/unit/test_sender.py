"""The sending host as a node: how many attempts it has under way."""

from __future__ import annotations

import asyncio
import resource
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from relaydrill.journal import Journal, read_events
from relaydrill.nodes import config
from relaydrill.nodes.sending.sender import SenderService

MANY = 1200


@pytest.fixture
def few_files() -> Iterator[None]:
    """A process that is allowed as few open files as a login shell usually is."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] != resource.RLIM_INFINITY and before[1] < 2 * MANY:
        pytest.skip(f"needs a hard limit of {2 * MANY} open files (ulimit -Hn), not {before[1]}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("few_files")
def test_a_tier_that_hangs_does_not_run_it_out_of_hands(tmp_path: Path) -> None:
    """More attempts than a process may usually have files hang at once, each begun when it was due.

    With a thread for each it would be late, and the drill would measure the harness.
    """
    path = tmp_path / "app.jsonl"

    async def run(address: str, port: int) -> None:
        journal = Journal.open("app", path)
        sender = SenderService(settings(path, address, port), journal)
        threads = threading.active_count()
        await sender.handle("start", load(begin=time.monotonic()))
        async with asyncio.timeout(60):
            while sum(event.kind == "attempt" for event in read_events(path)) < MANY:
                await asyncio.sleep(0.1)
        assert threading.active_count() <= threads + 2
        await sender.handle("stop", {"flow": "relay", "wait": False})
        await sender.stop()
        journal.close()

    with socket.create_server(("127.0.0.1", 0), backlog=2 * MANY) as listener:
        asyncio.run(run(*listener.getsockname()[:2]))
    events = [*read_events(path)]
    assert Counter(event.kind for event in events) == {"attempt": MANY}
    late = sorted(event.mono - event.detail["scheduled"] for event in events)
    assert late[MANY // 2] < 1.0


def settings(path: Path, address: str, port: int) -> config.Sender:
    """A sending node's, whose one smart host is known by its address."""
    return config.Sender(
        name="app",
        fqdn="app.contoso.com",
        address="",
        control=config.Control(address="127.0.0.1", port=1, token="t"),
        journal=str(path),
        hosts={"mail.contoso.com": (address,)},
        ports={address: {25: port}},
        ca="",
        login=config.Login(user="", password=""),
        reply_s=300.0,
    )


def load(begin: float) -> dict[str, object]:
    """Attempts of one second."""
    return {
        "drill": "1.x",
        "flow": "relay",
        "persona": "single_host",
        "host": "mail.contoso.com",
        "port": 25,
        "rate": float(MANY),
        "sender": "app@contoso.com",
        "recipient": "user@contoso.com",
        "size": 200,
        "begin": begin,
        "most": MANY,
    }

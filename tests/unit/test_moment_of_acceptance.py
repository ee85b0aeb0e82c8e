"""When an attempt is over for the account: at the answer to the dot, whatever QUIT takes."""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from pathlib import Path

import pytest
from tests.scripted_server import Answer, Cut, ScriptedServer

from relaydrill.endpoint import Credentials
from relaydrill.journal import Journal, read_events
from relaydrill.nodes import config
from relaydrill.nodes.sending.sender import SenderService
from relaydrill.personas import PERSONAS, SenderSettings
from relaydrill.personas.courier import Courier, Sent
from relaydrill.personas.directories import KnownHosts
from relaydrill.smtp import Phase, Result

PATIENCE_S = 1.0
"""How long a sender here waits for any reply."""
HUNG_AT_QUIT = {Phase.QUIT: Cut.SILENCE}


@pytest.mark.parametrize(
    ("answers", "result"),
    [
        (HUNG_AT_QUIT, Result.ACCEPTED),
        ({**HUNG_AT_QUIT, Phase.RCPT: "550 5.1.1 No such user"}, Result.REFUSED),
    ],
)
def test_what_was_learnt_is_told_before_quit_is_answered(
    answers: dict[Phase, Answer], result: Result
) -> None:
    """A server that hangs at QUIT alone is late with nothing; the session still says QUIT."""
    told: list[tuple[float, Sent]] = []
    with ScriptedServer(answers) as server:
        courier = Courier(
            helo="world.test",
            source=(),
            directory=KnownHosts({"mx": ("10.0.0.1",)}),
            endpoint=lambda _address, _port: server.endpoint,
            connect_s=5.0,
            reply_s=PATIENCE_S,
            tls=ssl.create_default_context(),
            login=Credentials("app", "secret"),
        )
        persona, begin = PERSONAS["rfc5321"], time.monotonic()
        sent = courier.send(
            persona,
            persona.new_sender(SenderSettings(random.Random(1))),
            *("mx", 25),
            sender="a@world.test",
            recipient="b@contoso.com",
            content=b"Subject: x\r\n\r\nx\r\n",
            tell=lambda learnt: told.append((time.monotonic() - begin, learnt)),
        )
        took_s = time.monotonic() - begin
    [(told_s, learnt)] = told
    assert learnt == sent
    assert learnt.outcome.result is result
    assert told_s < PATIENCE_S / 2 < PATIENCE_S <= took_s
    assert server.lines[-1] == b"QUIT"


def test_nobody_there_is_told_once() -> None:
    """Also where no session was ever opened."""
    told: list[Sent] = []
    courier = Courier(
        helo="world.test",
        source=(),
        directory=KnownHosts({}),
        endpoint=lambda _address, _port: pytest.fail("there is no address"),
        connect_s=5.0,
        reply_s=PATIENCE_S,
        tls=ssl.create_default_context(),
        login=Credentials("app", "secret"),
    )
    persona = PERSONAS["rfc5321"]
    sent = courier.send(
        persona,
        persona.new_sender(SenderSettings(random.Random(1))),
        *("mx", 25),
        sender="a@world.test",
        recipient="b@contoso.com",
        content=b"",
        tell=told.append,
    )
    assert told == [sent]
    assert sent.outcome.result is Result.UNREACHABLE


def test_the_journal_has_the_acceptance_at_its_own_moment(tmp_path: Path) -> None:
    """A hub that is slow at QUIT alone is not late, for the outcome is journalled before that."""
    path = tmp_path / "app.jsonl"

    async def run(address: str, port: int) -> None:
        journal = Journal.open("app", path)
        sender = SenderService(settings(path, address, port), journal)
        await sender.handle("start", load())
        await sender.handle("finish", {"flow": "relay"})
        await sender.stop()
        journal.close()

    begin = time.monotonic()
    with ScriptedServer(HUNG_AT_QUIT) as server:
        asyncio.run(run(server.endpoint.address, server.endpoint.port))
    took_s = time.monotonic() - begin
    attempt, outcome = read_events(path)
    assert (attempt.kind, outcome.kind) == ("attempt", "outcome")
    assert outcome.detail["result"] == "accepted"
    assert outcome.mono - attempt.mono < PATIENCE_S / 2 < PATIENCE_S <= took_s


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
        reply_s=PATIENCE_S,
    )


def load() -> dict[str, object]:
    """One attempt."""
    return {
        "drill": "1.x",
        "flow": "relay",
        "persona": "single_host",
        "host": "mail.contoso.com",
        "port": 25,
        "rate": 10.0,
        "sender": "app@contoso.com",
        "recipient": "user@contoso.com",
        "size": 200,
        "begin": time.monotonic(),
        "most": 1,
    }

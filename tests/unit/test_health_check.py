"""A balancer's check of a server that says something odd: down, for a reason, and up again."""

from __future__ import annotations

import asyncio

import pytest
from tests.scripted_server import Answer, Cut, ScriptedServer

from relaydrill import node_settings
from relaydrill.nodes import config
from relaydrill.nodes.balancing.health import HealthCheck
from relaydrill.smtp import Phase

CHECK = node_settings.HealthCheck(kind="mail", interval=0.02, timeout=0.5, fall=2, rise=2)


@pytest.mark.parametrize(
    ("phase", "answer", "reason"),
    [
        (Phase.BANNER, "x" * 100_000, "not SMTP"),
        (Phase.BANNER, "SSH-2.0-OpenSSH_9.2", "not SMTP"),
        (Phase.BANNER, "421 4.3.2 Service not active", "421 to the banner"),
        (Phase.BANNER, Cut.CLOSE, "connection closed"),
        (Phase.BANNER, Cut.SILENCE, "timed out"),
        (Phase.EHLO, "y" * 100_000, "not SMTP"),
        (Phase.MAIL, "452 4.3.1 Insufficient system resources", "452 to MAIL"),
    ],
)
def test_an_odd_server_is_down_and_checked_on(phase: Phase, answer: Answer, reason: str) -> None:
    """Whatever a server says, its check ends with a reason, and the next one comes."""

    async def beliefs(server: ScriptedServer) -> list[tuple[bool, str]]:
        found: list[tuple[bool, str]] = []
        is_down, is_up = asyncio.Event(), asyncio.Event()

        def believe(up: bool, why: str) -> None:
            found.append((up, why))
            (is_up if up else is_down).set()

        target = config.Address(address=server.endpoint.address, port=server.endpoint.port)
        check = HealthCheck(CHECK, target, "127.0.0.1", b"", believe, connect_s=5.0)
        async with asyncio.TaskGroup() as group:
            checking = group.create_task(check.run())
            async with asyncio.timeout(30):
                await is_down.wait()
                server.mend()
                await is_up.wait()
            checking.cancel()
        return found

    with ScriptedServer({phase: answer}) as server:
        assert asyncio.run(beliefs(server)) == [(False, reason), (True, "2 good checks")]

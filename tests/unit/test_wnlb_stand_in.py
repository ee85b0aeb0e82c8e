"""The stand-in on a machine that is too busy: what is late is not gone."""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path

import pytest

from relaydrill.journal import Journal, read_events
from relaydrill.nodes import config
from relaydrill.nodes.wnlb.agent import Agent
from relaydrill.nodes.wnlb.membership import HostState
from relaydrill.nodes.wnlb.stand_in import StandIn

_LATE_S = 0.2
"""Later than many questions: they are asked four times in a heartbeat."""


class Slow(Agent):
    """An agent without a socket, whose only host answers late."""

    stand_in: StandIn

    @property
    def view(self) -> frozenset[str]:
        """As its membership says: nothing has to come into force."""
        return self.membership.view

    def ask(self, host: str, nonce: int) -> None:
        """Answer in a while."""
        asyncio.get_running_loop().call_later(_LATE_S, self.stand_in.answered, nonce)


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def settings(front: int) -> config.ClusterNode:
    """A cluster of one host, whose port refuses connections."""
    here = config.Address(address="127.0.0.1", port=0)
    rule = config.PortRule(
        vip="mail",
        address="127.0.0.1",
        ports=(25,),
        filtering="multiple",
        affinity="none",
        weights={"ht1": 50},
        priorities={"ht1": 1},
    )
    cluster = config.Cluster(
        name="lb1",
        token="x",
        observer=here,
        hosts=(config.ClusterHost(name="ht1", beats=here, priority=1),),
        vips={"mail": "127.0.0.1"},
        rules=(rule,),
        heartbeat=0.04,
        missed=5,
        convergence=0.0,
    )
    refusing = config.Address(address="127.0.0.1", port=free_port())
    return config.ClusterNode(
        name="lb1",
        fqdn="lb1.example",
        address="127.0.0.1",
        control=config.Control(address="127.0.0.1", port=0, token="x"),
        journal="unused",
        cluster=cluster,
        fronts=(config.Front(vip="mail", port=25, bind=here.model_copy(update={"port": front})),),
        backends=(config.Backend(name="ht1", endpoints={25: refusing}),),
    )


async def call(port: int) -> bytes:
    """What a client reads."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        return await reader.read(100)
    finally:
        writer.close()


def test_a_late_answer_is_an_answer(tmp_path: Path) -> None:
    """A host that answers later than it is asked again is there: its refusal reaches the client."""
    port = free_port()
    path = tmp_path / "lb1.jsonl"
    journal = Journal.open("lb1", path)

    async def refused() -> None:
        told = settings(port)
        agent = Slow(told.cluster)
        agent.stand_in = StandIn(told, agent, journal)
        agent.membership.heard("ht1", HostState.STARTED)
        agent.membership.look(time.monotonic())
        agent.membership.look(time.monotonic() + 1.0)
        assert agent.membership.view == {"ht1"}
        await agent.stand_in.start()
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(call(port), 10.0)
        agent.stand_in.stop()

    asyncio.run(refused())
    journal.close()
    [unserved] = [event for event in read_events(path) if event.kind == "unserved"]
    assert unserved.detail["reason"] == "ht1: connection refused"

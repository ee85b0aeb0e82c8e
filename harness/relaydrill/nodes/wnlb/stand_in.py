"""What stands in for WNLB where the kernel cannot be it: a TCP proxy that knows only hosts.

It gives each connection to the host that the mapping names, with the client's address ahead (PROXY
protocol), and does what the network would do: whoever's host is there and refuses is reset, and
whoever's host is gone hears nothing, until a convergence gives him to another host.

A process that was killed refuses connections, too, and ends those that it has: its kernel goes on.
So the host's agent is asked whether it is there before a client is told anything of the kind.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
from collections.abc import Callable, Coroutine
from typing import Any, Final

from relaydrill.journal import Journal
from relaydrill.nodes import config
from relaydrill.nodes.balancing.health import cause
from relaydrill.nodes.balancing.proxying import Half, proxy_header
from relaydrill.nodes.wnlb.agent import Agent
from relaydrill.nodes.wnlb.mapping import owner, rule_for
from relaydrill.nodes.wnlb.membership import HostState

_MOST_EARLY: Final = 65_536
_ASKS_IN_A_BEAT: Final = 4
_REFUSALS: Final = 2
"""Refused twice by a host that is there: once may have been while it was starting."""

Ended = Callable[["HostSide"], None]


class Client(Half):
    """A client's connection; it may wait long for its host, and may leave meanwhile."""

    def __init__(self, join: Callable[[Client], Coroutine[Any, Any, None]]) -> None:
        super().__init__()
        self.early = bytearray()
        self._join = join
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Look for its host."""
        super().connection_made(transport)
        self._task = asyncio.get_running_loop().create_task(self._join(self))

    def data_received(self, data: bytes) -> None:
        """Pass it on; keep what comes before there is a host, and lose what comes after."""
        if self.other:
            super().data_received(data)
        elif len(self.early) < _MOST_EARLY:
            self.early += data

    def connection_lost(self, error: Exception | None) -> None:
        """Look no more."""
        if self._task:
            self._task.cancel()
        super().connection_lost(error)


class HostSide(Half):
    """The connection to a host; its end says nothing until the host is known to be there."""

    def __init__(self, host: str, client: Client, ended: Ended) -> None:
        super().__init__()
        self.host = host
        self.other = client  # at once: a banner may come before the connector goes on
        self._ended = ended
        self._is_over = False

    def eof_received(self) -> bool:
        """The host's program, or its kernel after its death, says no more."""
        self._over()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        """The same."""
        self._over()

    def _over(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._ended(self)


class StandIn:
    """The proxy."""

    def __init__(self, settings: config.ClusterNode, agent: Agent, journal: Journal) -> None:
        self._settings = settings
        self._cluster = settings.cluster
        self._agent = agent
        self._journal = journal
        self._targets = {each.name: each.endpoints for each in settings.backends}
        self._listeners: list[asyncio.Server] = []
        self._sessions: set[HostSide] = set()
        self._news = asyncio.Event()
        self._nonces = itertools.count(1)
        self._asked: dict[int, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen on the VIPs."""
        loop = asyncio.get_running_loop()
        for front in self._settings.fronts:
            self._listeners.append(
                await loop.create_server(
                    lambda front=front: Client(functools.partial(self._join, front)),  # type: ignore[misc]
                    front.bind.address,
                    front.bind.port,
                    backlog=self._settings.backlog,
                )
            )

    def stop(self) -> None:
        """Stop listening."""
        for listener in self._listeners:
            listener.close()

    def changed(self) -> None:
        """The view has changed, or what a host says of itself."""
        for session in list(self._sessions):
            if self._is_lost(session.host):
                self._sever(session)
        news, self._news = self._news, asyncio.Event()
        news.set()

    def answered(self, nonce: int) -> None:
        """A host is there."""
        if asked := self._asked.get(nonce):
            asked.set()

    def _is_lost(self, host: str) -> bool:
        state = self._agent.membership.state_of(host)
        return state is HostState.STOPPED or (state is None and host not in self._agent.view)

    async def _join(self, front: config.Front, client: Client) -> None:
        """Give a client to its host, as often as that changes, until one has it."""
        assert client.transport
        peer: tuple[str, int] | None = client.transport.get_extra_info("peername")
        if peer is None:  # it has reset the connection already
            client.transport.close()
            return
        reason, refused = "nobody answers for it", 0
        try:
            while True:
                news, host = self._news, self._owner(front, peer)
                if host:
                    reason = f"{host}: silent"
                    try:
                        if await self._offer(client, peer, front, host):
                            return
                    except ConnectionRefusedError as error:
                        if await self._is_there(host):
                            refused += 1
                            if refused == _REFUSALS:
                                reason = f"{host}: {cause(error)}"
                                client.reset()
                                break
                            continue
                    except OSError as error:
                        reason = f"{host}: {cause(error)}"
                await news.wait()
        finally:
            if client.other is None:
                self._journal.write("unserved", client=peer[0], port=front.port, reason=reason)

    def _owner(self, front: config.Front, peer: tuple[str, int]) -> str:
        """The host that shall have a client now; empty if nobody answers him."""
        cluster, view = self._cluster, self._agent.view
        host = owner(cluster, rule_for(cluster, front.vip, front.port), view, peer)
        is_stopped = self._agent.membership.state_of(host) is HostState.STOPPED if host else True
        return "" if is_stopped else host

    async def _offer(
        self, client: Client, peer: tuple[str, int], front: config.Front, host: str
    ) -> bool:
        """Connect a client to a host; false if meanwhile he belongs to another.

        Raises:
            OSError: The host does not take it.
        """
        target, half = self._targets[host][front.port], HostSide(host, client, self._end)
        loop = asyncio.get_running_loop()
        connecting = loop.create_task(
            loop.create_connection(
                lambda: half, target.address, target.port, local_addr=(self._settings.address, 0)
            )
        )
        try:
            while not connecting.done():
                news = loop.create_task(self._news.wait())
                await asyncio.wait({connecting, news}, return_when=asyncio.FIRST_COMPLETED)
                news.cancel()
                if not connecting.done() and self._owner(front, peer) != host:
                    return False
            await connecting
        finally:
            connecting.cancel()
        assert half.transport
        client.other = half
        self._sessions.add(half)
        self._journal.write("connected", client=peer[0], port=front.port, backend=host)
        half.transport.write(proxy_header(peer, (front.bind.address, front.bind.port)))
        half.transport.write(bytes(client.early))
        return True

    def _end(self, half: HostSide) -> None:
        task = asyncio.get_running_loop().create_task(self._end_or_sever(half))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _end_or_sever(self, half: HostSide) -> None:
        """A host's end of a session is over: the client learns of it only if the host is there."""
        client = half.other
        is_gone = client is None or client.transport is None or client.transport.is_closing()
        if is_gone or await self._is_there(half.host):
            self._sessions.discard(half)
            for each in (client, half):
                if each and each.transport:
                    each.transport.close()
        else:
            self._sever(half)

    def _sever(self, half: HostSide) -> None:
        """What the client sends is lost from now on, and he is told nothing."""
        self._sessions.discard(half)
        if half.other:
            half.other.other = None
            half.other = None
        half.cut()

    async def _is_there(self, host: str) -> bool:
        """Ask a host's agent until it answers, or has been silent for too long."""
        wait_s = self._cluster.heartbeat / _ASKS_IN_A_BEAT
        nonce, answer = next(self._nonces), asyncio.Event()
        self._asked[nonce] = answer
        try:
            while self._agent.membership.state_of(host) is not None:
                # The same question again: on a busy machine the answer to the first may be late.
                self._agent.ask(host, nonce)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await answer.wait()
                        return True
            return False
        finally:
            del self._asked[nonce]

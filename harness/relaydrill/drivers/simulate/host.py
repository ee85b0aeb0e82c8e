"""A program's loop with its network: servers, connections and datagrams that asyncio asks for."""

from __future__ import annotations

import asyncio
import itertools
import socket
import ssl
import weakref
from collections.abc import Callable
from typing import Any, cast

from relaydrill.drivers.simulate.network import End, Network, Where
from relaydrill.drivers.simulate.program import Program
from relaydrill.drivers.simulate.sockets import (
    DatagramSocket,
    StreamSocket,
    TlsContext,
    as_socket,
)
from relaydrill.drivers.simulate.transports import (
    DatagramTransport,
    Factory,
    StreamServer,
    StreamTransport,
)
from relaydrill.drivers.simulate.world import World
from relaydrill.endpoint import like


class Host(Program):
    """A program on a host of a simulated network.

    Args:
        network: The lab's. The rest as of `Program`.
    """

    def __init__(
        self, world: World, network: Network, name: str, addresses: tuple[str, ...], kernel: Program
    ) -> None:
        super().__init__(world, name, addresses, kernel)
        self._network = network
        self._sockets = weakref.WeakValueDictionary[int, StreamSocket]()
        self._numbers = itertools.count(2)

    def new_socket(self, family: int, kind: int, *, is_check: bool = False) -> socket.socket:
        """A socket of the simulated network."""
        if kind == socket.SOCK_DGRAM:
            return as_socket(DatagramSocket(self._network, self))
        made = StreamSocket(self._network, self, -next(self._numbers), is_check=is_check)
        self._sockets[made.number] = made
        return as_socket(made)

    def tls(self, context: ssl.SSLContext) -> ssl.SSLContext:
        """The same context, for such sockets."""
        return cast(ssl.SSLContext, TlsContext(context))

    async def create_server(  # type: ignore[override]
        self,
        protocol_factory: Factory,
        host: str,
        port: int,
        *,
        backlog: int = 100,
        reuse_port: bool = False,
        **_named: Any,
    ) -> StreamServer:
        """Listen."""
        return StreamServer(
            self._network,
            self,
            protocol_factory,
            (host, port),
            backlog=backlog,
            is_shared=reuse_port,
        )

    async def create_connection(  # type: ignore[override]
        self,
        protocol_factory: Factory,
        host: str = "",
        port: int = 0,
        *,
        sock: socket.socket | None = None,
        local_addr: Where | None = None,
        **_named: Any,
    ) -> tuple[StreamTransport, asyncio.BaseProtocol]:
        """Connect, or go on with a socket that is connected."""
        if sock is not None:
            end = cast(StreamSocket, sock).end
            assert end is not None
        else:
            end = await self._connected((host, port), local_addr[0] if local_addr else "")
        protocol = protocol_factory()
        return StreamTransport(end, protocol), protocol

    async def _connected(self, remote: Where, own: str) -> End:
        opened: asyncio.Future[End] = self.create_future()

        def tell(what: End | OSError) -> None:
            if isinstance(what, End):
                opened.set_result(what)
            else:
                opened.set_exception(what)

        source = own or like(remote[0], self.addresses) or remote[0]
        opening = self._network.open(self, remote, source, tell)
        try:
            return await opened
        except BaseException:
            opening.give_up()
            if opened.done() and not opened.cancelled() and opened.exception() is None:
                opened.result().close()
            raise

    async def create_datagram_endpoint(  # type: ignore[override]
        self,
        protocol_factory: Callable[[], asyncio.DatagramProtocol],
        local_addr: Where | None = None,
        remote_addr: Where | None = None,
        **_named: Any,
    ) -> tuple[DatagramTransport, asyncio.DatagramProtocol]:
        """Take datagrams at a port."""
        source = next(iter(self.addresses), "")
        local = local_addr or self._network.client_port(source)
        protocol = protocol_factory()
        return (
            DatagramTransport(self._network, self, protocol, local, remote_addr),
            protocol,
        )

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        """Connect a socket."""
        made = cast(StreamSocket, sock)
        told: asyncio.Future[None] = self.create_future()

        def tell() -> None:
            if not told.done():
                told.set_result(None)

        made.watchers.append(tell)
        try:
            made.connect_ex(address)
            await told
        finally:
            made.watchers.remove(tell)
        made.must_be_open()

    async def sock_sendall(self, sock: socket.socket, data: Any) -> None:
        """Send."""
        sock.sendall(data)

    def add_writer(self, fd: int, callback: Callable[..., object], *args: Any) -> None:  # type: ignore[override]
        """Tell when a socket has connected, or failed to."""
        made = self._sockets[fd]
        made.watchers.append(callback)
        if made.is_settled:
            self.call_soon(callback)

    def remove_writer(self, fd: int) -> None:  # type: ignore[override]
        """Tell no more."""
        self._sockets[fd].watchers.clear()

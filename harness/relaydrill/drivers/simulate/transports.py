"""Connections of a simulated network as asyncio's protocols have them."""

from __future__ import annotations

import asyncio
import socket
import struct
from asyncio.protocols import _feed_data_to_buffered_proto  # type: ignore[attr-defined]
from collections import deque
from collections.abc import Callable
from typing import Any

from relaydrill.drivers.simulate.network import Came, End, Listener, Network, Where
from relaydrill.drivers.simulate.program import Program

Factory = Callable[[], asyncio.BaseProtocol]

_RESET = ConnectionResetError(104, "Connection reset by peer")


class Options:
    """What stands in for a transport's socket: it can be told to reset on closing.

    Args:
        end: Of the connection.
    """

    def __init__(self, end: End) -> None:
        self._end = end

    def setsockopt(self, level: int, option: int, value: int | bytes) -> None:
        """Only SO_LINGER means anything here."""
        if (level, option) == (socket.SOL_SOCKET, socket.SO_LINGER) and isinstance(value, bytes):
            self._end.resets = struct.unpack("ii", value) == (1, 0)


class StreamTransport(asyncio.Transport):
    """A connection.

    Args:
        end: Of the connection.
        protocol: Told of it at once.
    """

    _start_tls_compatible = True

    def __init__(self, end: End, protocol: asyncio.BaseProtocol) -> None:
        super().__init__({"peername": end.remote, "sockname": end.local, "socket": Options(end)})
        self._end = end
        self._is_closing = False
        self._is_paused = False
        self._held: deque[tuple[Came, bytes]] = deque()
        self.set_protocol(protocol)
        end.program.connections.add(self)
        protocol.connection_made(self)
        end.receive(self)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Have another take what comes."""
        self._protocol: Any = protocol
        self._is_buffered = isinstance(protocol, asyncio.BufferedProtocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """What takes what comes."""
        protocol: asyncio.BaseProtocol = self._protocol
        return protocol

    def came(self, what: Came, data: bytes) -> None:
        """Something has come."""
        if self._is_closing:
            return
        if self._held or (self._is_paused and what is not Came.RESET):
            self._held.append((what, data))
        else:
            self._take(what, data)

    def gone(self) -> None:
        """Its program has ended: it is closed, and so is TLS over it; nobody is told."""
        self._is_closing = True
        over = getattr(self._protocol, "_app_transport", None)
        if over is not None:
            over._closed = True

    def _take(self, what: Came, data: bytes) -> None:
        if what is Came.RESET:
            self._lose(ConnectionResetError(*_RESET.args))
        elif what is Came.END:
            if not self._protocol.eof_received():
                self.close()
        elif self._is_buffered:
            _feed_data_to_buffered_proto(self._protocol, data)
        else:
            self._protocol.data_received(data)

    def _take_held(self) -> None:
        while self._held and not self._is_paused and not self._is_closing:
            self._take(*self._held.popleft())

    def _lose(self, error: Exception | None) -> None:
        if not self._is_closing:
            self._is_closing = True
            unread = any(what is Came.DATA for what, _ in self._held)
            self._end.close(reset=unread)
            self._end.program.call_soon(self._protocol_lost, error)

    def _protocol_lost(self, error: Exception | None) -> None:
        self._protocol.connection_lost(error)

    def is_closing(self) -> bool:
        """Whether it is closed."""
        return self._is_closing

    def close(self) -> None:
        """Close it; what was written is sent."""
        self._lose(None)

    abort = close

    def _force_close(self, error: Exception | None) -> None:
        """Close it for an error: what asyncio's TLS asks of the transport under it."""
        self._lose(error)

    def is_reading(self) -> bool:
        """Whether what comes is taken."""
        return not self._is_paused and not self._is_closing

    def pause_reading(self) -> None:
        """Take nothing for now."""
        self._is_paused = True

    def resume_reading(self) -> None:
        """Take what has come, and what comes."""
        if self._is_paused:
            self._is_paused = False
            if self._held:
                self._end.program.call_soon(self._take_held)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send."""
        if not self._is_closing:
            self._end.send(bytes(data))

    def writelines(self, list_of_data: Any) -> None:
        """Send."""
        self.write(b"".join(list_of_data))

    def write_eof(self) -> None:
        """Say that nothing more will be sent."""
        self._end.end()

    def can_write_eof(self) -> bool:
        """Yes."""
        return True

    def get_write_buffer_size(self) -> int:
        """The network takes everything at once."""
        return 0

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """There are none."""
        return (0, 0)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """There are none."""


class StreamServer(asyncio.AbstractServer):
    """A listener.

    Args:
        network: Where.
        program: Whose it is.
        factory: Makes the protocol of a connection.
        where: Address and port.
        backlog: How many may wait.
        is_shared: Whether others may listen there.

    Raises:
        OSError: Somebody listens there.
    """

    def __init__(
        self,
        network: Network,
        program: Program,
        factory: Factory,
        where: Where,
        *,
        backlog: int,
        is_shared: bool,
    ) -> None:
        def accept(end: End) -> None:
            StreamTransport(end, factory())

        self._network = network
        self._listener = Listener(where, program, accept, backlog, is_shared)
        network.listen(self._listener)

    def close(self) -> None:
        """Listen no more."""
        self._network.unlisten(self._listener)

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """The program's."""
        return self._listener.program

    async def start_serving(self) -> None:
        """It does so since it was made."""

    async def serve_forever(self) -> None:
        """Listen until this is cancelled."""
        await self._listener.program.create_future()

    def is_serving(self) -> bool:
        """Whether it listens."""
        return self._listener.is_open

    async def wait_closed(self) -> None:
        """There is nothing to wait for."""


class DatagramTransport(asyncio.DatagramTransport):
    """A UDP port.

    Args:
        network: Where.
        program: Whose it is.
        protocol: Gets what comes.
        local: Its address and port.
        remote: The only other end, if there is one.

    Raises:
        OSError: Another has the port.
    """

    def __init__(
        self,
        network: Network,
        program: Program,
        protocol: asyncio.DatagramProtocol,
        local: Where,
        remote: Where | None,
    ) -> None:
        super().__init__({"sockname": local, "peername": remote})
        self._network = network
        self._program = program
        self._protocol = protocol
        self._local = local
        self._remote = remote
        self._is_closing = False
        network.bind(program, local, self)
        protocol.connection_made(self)

    def came(self, data: bytes, sender: Where) -> None:
        """A datagram."""
        if not self._is_closing and self._remote in (None, sender):
            self._protocol.datagram_received(data, sender)

    def refused(self) -> None:
        """Nobody listens there: only a connected socket learns of it (udp(7))."""
        if not self._is_closing and self._remote:
            self._protocol.error_received(ConnectionRefusedError(111, "Connection refused"))

    def sendto(self, data: Any, addr: Any = None) -> None:
        """Send a datagram."""
        where = addr or self._remote
        if not self._is_closing and where:
            self._network.send(self._local, (where[0], where[1]), bytes(data))

    def is_closing(self) -> bool:
        """Whether it is closed."""
        return self._is_closing

    def close(self) -> None:
        """Close it."""
        if not self._is_closing:
            self._is_closing = True
            self._network.unbind(self._local)
            self._program.call_soon(self._protocol.connection_lost, None)

    abort = close

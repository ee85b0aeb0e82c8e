"""Sockets of a simulated network for blocking code, which runs in fibres: as much as is used."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import ssl
import struct
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self, TypeVar, cast

from relaydrill.drivers.simulate.network import Came, End, Network, Opening, Where
from relaydrill.drivers.simulate.program import Program
from relaydrill.endpoint import like
from relaydrill.fibres.waiting import Turns

T = TypeVar("T")

_MOST: Final = 1 << 16


class _Socket:
    """What both kinds have.

    Args:
        network: Where.
        program: Whose it is.
        number: What no other socket of the program has.
    """

    def __init__(self, network: Network, program: Program, number: int = 0) -> None:
        self.number = number
        self._network = network
        self._program = program
        self._turns = Turns(program)
        self._timeout_s: float | None = None
        self._own = ""
        self._is_closed = False
        self.watchers: list[Callable[[], object]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def fileno(self) -> int:
        """A number that no other has, and no file: all of those are positive."""
        return -1 if self._is_closed else self.number

    def settimeout(self, value: float | None) -> None:
        """How long each later call may wait, seconds; None: for ever."""
        self._timeout_s = value

    def gettimeout(self) -> float | None:
        """What `settimeout` was told."""
        return self._timeout_s

    def setblocking(self, flag: bool) -> None:
        """Whether calls wait."""
        self._timeout_s = None if flag else 0.0

    def bind(self, address: Where) -> None:
        """The address that it comes from; its port is always the next one."""
        self._own = address[0]

    def close(self) -> None:
        """Close it."""
        self._is_closed = True

    def _from(self, remote: Where) -> str:
        return self._own or like(remote[0], self._program.addresses) or remote[0]

    def _until(self, is_so: Callable[[], object]) -> None:
        """Wait.

        Raises:
            TimeoutError: It took too long.
        """
        limit = None if self._timeout_s is None else self._program.time() + self._timeout_s
        while not is_so():
            left = None if limit is None else limit - self._program.time()
            if left is not None and left <= 0:
                raise TimeoutError("timed out")
            self._turns.wait(left)

    def _is_told(self) -> None:
        """Something has happened: whoever waits looks again."""
        while self._turns.let_go():
            pass
        for watcher in tuple(self.watchers):
            self._program.call_soon(watcher)


class StreamSocket(_Socket):
    """A TCP connection of a client.

    Attributes:
        end: Its own, once it is connected.
    """

    def __init__(
        self, network: Network, program: Program, number: int, *, is_check: bool = False
    ) -> None:
        super().__init__(network, program, number)
        self._is_check = is_check
        self.end: End | None = None
        self._resets = False
        self._opening: Opening | None = None
        self._error: OSError | None = None
        self._chunks: deque[bytes] = deque()
        self._has_ended = False

    def setsockopt(self, level: int, option: int, value: int | bytes) -> None:
        """Only SO_LINGER means anything here."""
        if (level, option) == (socket.SOL_SOCKET, socket.SO_LINGER) and isinstance(value, bytes):
            self._resets = struct.unpack("ii", value) == (1, 0)
            if self.end is not None:
                self.end.resets = self._resets

    def getsockopt(self, level: int, option: int) -> int:
        """Only SO_ERROR means anything here: it tells an error once."""
        error, self._error = self._error, None
        return (error.errno or errno.EIO) if error else 0

    def connect_ex(self, address: Where) -> int:
        """Begin to connect."""
        remote = (address[0], address[1])
        own = self._from(remote)
        self._opening = self._network.open(
            self._program, remote, own, self._opened, is_check=self._is_check
        )
        return errno.EINPROGRESS

    def connect(self, address: Where) -> None:
        """Connect.

        Raises:
            OSError: It is refused, or times out.
        """
        self.connect_ex(address)
        self._until(lambda: self.is_settled)
        self.must_be_open()

    @property
    def is_settled(self) -> bool:
        """Whether it is connected, or could not be."""
        return self.end is not None or self._error is not None

    def must_be_open(self) -> None:
        """Raise what kept it from being connected.

        Raises:
            OSError: It is refused, or timed out.
        """
        if code := self.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(code, os.strerror(code))

    def _opened(self, what: End | OSError) -> None:
        if isinstance(what, End):
            self.end = what
            what.resets = self._resets
            what.receive(self)
        else:
            self._error = what
        self._is_told()

    def came(self, what: Came, data: bytes) -> None:
        """Something has come."""
        if what is Came.DATA:
            self._chunks.append(data)
        elif what is Came.END:
            self._has_ended = True
        else:
            self._error = ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
        self._is_told()

    def gone(self) -> None:
        """Its program has ended."""

    def getpeername(self) -> Where:
        """The other end's address and port.

        Raises:
            OSError: There is none.
        """
        if self.end is None:
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
        return self.end.remote

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """Read; nothing at the end.

        Raises:
            OSError: The connection was reset, or nothing came in time.
        """
        self._until(lambda: self._chunks or self._has_ended or self._error)
        if self._chunks:
            data = self._chunks.popleft()
            if len(data) > bufsize:
                self._chunks.appendleft(data[bufsize:])
            return data[:bufsize]
        if self._error:
            error, self._error, self._has_ended = self._error, None, True
            raise error
        return b""

    def sendall(self, data: bytes, flags: int = 0) -> None:
        """Write all of it.

        Raises:
            OSError: The connection was reset, or is closed.
        """
        if self._error:
            error, self._error, self._has_ended = self._error, None, True
            raise error
        if self.end is None or self.end.is_closed:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
        self.end.send(bytes(data))

    def makefile(self, mode: str = "rb", *_args: Any, **_named: Any) -> Lines:
        """Read line by line."""
        return Lines(self)

    def close(self) -> None:
        """Close it."""
        super().close()
        if self._opening is not None:
            self._opening.give_up()
        if self.end is not None:
            self.end.close(reset=bool(self._chunks))


class DatagramSocket(_Socket):
    """A UDP socket with one other end."""

    def __init__(self, network: Network, program: Program) -> None:
        super().__init__(network, program)
        self._local: Where = ("", 0)
        self._remote: Where = ("", 0)
        self._came: deque[bytes] = deque()
        self._is_refused = False

    def connect(self, address: Where) -> None:
        """Speak with one other end."""
        self._remote = (address[0], address[1])
        self._local = self._network.client_port(self._from(self._remote))
        self._network.bind(self._program, self._local, self)

    def came(self, data: bytes, sender: Where) -> None:
        """A datagram."""
        if sender == self._remote:
            self._came.append(data)
            self._is_told()

    def refused(self) -> None:
        """Nobody listens there."""
        self._is_refused = True
        self._is_told()

    def sendall(self, data: bytes, flags: int = 0) -> None:
        """Send a datagram."""
        self._network.send(self._local, self._remote, bytes(data))

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """One that has come.

        Raises:
            OSError: Nobody listens there, or nothing came in time.
        """
        self._until(lambda: self._came or self._is_refused)
        if self._came:
            return self._came.popleft()[:bufsize]
        self._is_refused = False
        raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))

    def close(self) -> None:
        """Close it."""
        super().close()
        self._network.unbind(self._local)


class Lines:
    """What a socket's ``makefile`` gives to those who read lines.

    Args:
        source: Has ``recv``.
    """

    def __init__(self, source: StreamSocket | TlsSocket) -> None:
        self._source = source
        self._buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """There is nothing to close but the socket."""

    def readline(self, limit: int = -1) -> bytes:
        """A line with its end; less at the end, or of a longer one."""
        most = limit if limit >= 0 else len(self._buffer) + (1 << 40)
        while True:
            end = self._buffer.find(b"\n") + 1
            if end or len(self._buffer) >= most:
                break
            if not (more := self._source.recv(_MOST)):
                end = len(self._buffer)
                break
            self._buffer += more
        end = min(end or most, most)
        line, self._buffer = self._buffer[:end], self._buffer[end:]
        return line

    def close(self) -> None:
        """There is nothing to close but the socket."""


class TlsContext:
    """What stands in for a context where its connections are simulated ones.

    Args:
        context: The real one.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context

    def wrap_socket(self, sock: StreamSocket, server_hostname: str) -> TlsSocket:
        """Agree on keys with a server.

        Raises:
            OSError: No agreement, or not in time.
        """
        return TlsSocket(sock, self._context, server_hostname)


class TlsSocket:
    """A client's TLS connection: the library's own TLS, by way of memory.

    Args:
        below: The connection.
        context: With what is trusted.
        name: That the certificate must bear.

    Raises:
        OSError: No agreement, or not in time.
    """

    def __init__(self, below: StreamSocket, context: ssl.SSLContext, name: str) -> None:
        self._below = below
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname=name)
        self._until_ready(self._tls.do_handshake)

    def settimeout(self, value: float | None) -> None:
        """How long each later call may wait, seconds; None: for ever."""
        self._below.settimeout(value)

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """Read; nothing at the end, be it announced or not."""
        try:
            return self._until_ready(self._tls.read, bufsize)
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return b""

    def sendall(self, data: bytes, flags: int = 0) -> None:
        """Write all of it."""
        left = memoryview(data).cast("B")
        while left:
            left = left[self._until_ready(self._tls.write, left) :]

    def makefile(self, mode: str = "rb", *_args: Any, **_named: Any) -> Lines:
        """Read line by line."""
        return Lines(self)

    def close(self) -> None:
        """Close it."""
        self._below.close()

    def _until_ready(self, act: Callable[..., T], *args: Any) -> T:
        while True:
            try:
                result = act(*args)
            except ssl.SSLWantReadError:
                self._flush()
            except ssl.SSLError:
                with contextlib.suppress(OSError):  # the alert: the server may be gone
                    self._flush()
                raise
            else:
                self._flush()
                return result
            if data := self._below.recv(_MOST):
                self._in.write(data)
            else:
                self._in.write_eof()

    def _flush(self) -> None:
        if data := self._out.read():
            self._below.sendall(data)


def as_socket(made: StreamSocket | DatagramSocket) -> socket.socket:
    """The same, for those who know of sockets alone."""
    return cast(socket.socket, made)

"""Sockets that make only their fibre wait; outside of one they are as any other."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from typing import Any, Final

from relaydrill.endpoint import Endpoint, family, like
from relaydrill.fibres.carrier import carrier
from relaydrill.fibres.pool import Fibre, current

UNDER_WAY: Final = (errno.EINPROGRESS, errno.EAGAIN)
"""What ``connect_ex`` says of a connection that is being opened."""


def new_socket(family_: int, kind: int, *, is_check: bool = False) -> socket.socket:
    """A socket of whatever this runs in: of a fibre, of a simulated world, or any.

    Args:
        family_: Its addresses, as of `socket.socket`.
        kind: ``SOCK_STREAM`` or ``SOCK_DGRAM``.
        is_check: Whether it is for a health check, which a simulated network tells from mail.
    """
    loop = carrier()
    if loop is not None:
        return loop.new_socket(family_, kind, is_check=is_check)
    return (socket.socket if current() is None else FibreSocket)(family_, kind)


def connection(where: Endpoint, *, timeout_s: float, source: tuple[str, ...] = ()) -> socket.socket:
    """A TCP connection.

    Args:
        where: The other end.
        timeout_s: How long it may take, wall seconds.
        source: Own addresses; the one of the other end's IP version is used, without it any.

    Raises:
        OSError: There is none: refused, no way to it, timed out.
    """
    from_here = like(where.address, source)
    own = (from_here, 0) if from_here else None
    if current() is None:
        return socket.create_connection((where.address, where.port), timeout_s, own)
    made = new_socket(family(where.address), socket.SOCK_STREAM)
    try:
        made.settimeout(timeout_s)
        if own:
            made.bind(own)
        made.connect((where.address, where.port))
    except BaseException:
        made.close()
        raise
    return made


def datagrams(where: Endpoint, *, timeout_s: float, source: tuple[str, ...] = ()) -> socket.socket:
    """A UDP socket that speaks with one other end.

    Args: as of `connection`; each answer has ``timeout_s``.

    Raises:
        OSError: There is no way to it.
    """
    made = new_socket(family(where.address), socket.SOCK_DGRAM)
    try:
        made.settimeout(timeout_s)
        if own := like(where.address, source):
            made.bind((own, 0))
        made.connect((where.address, where.port))
    except BaseException:
        made.close()
        raise
    return made


def for_fibres(context: ssl.SSLContext) -> ssl.SSLContext:
    """The same context; in a fibre, the TLS connections that it makes let others go on."""
    loop = carrier()
    if loop is not None:
        return loop.tls(context)
    if current() is not None:
        context.sslsocket_class = FibreTls
    return context


class _Wait:
    """How a fibre waits for one descriptor.

    The event loop goes on watching for what can be read between one wait and the next, for a
    session reads again and again.

    Args:
        fibre: Who waits.
        descriptor: For what.
    """

    def __init__(self, fibre: Fibre, descriptor: int) -> None:
        self._fibre = fibre
        self._loop = fibre.loop
        self._descriptor = descriptor
        self._is_watched = False
        self._is_waiting = False
        self._until = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def to_read(self, timeout_s: float | None) -> None:
        """Wait until there is something to read.

        Raises:
            TimeoutError: Nothing came in time.
        """
        if not self._is_watched:
            self._loop.add_reader(self._descriptor, self._readable)
            self._is_watched = True
        self._wait(timeout_s)

    def to_write(self, timeout_s: float | None) -> None:
        """Wait until something can be written.

        Raises:
            TimeoutError: It could not in time.
        """
        self._stop_watching()  # or what comes meanwhile would be taken for leave to write
        self._loop.add_writer(self._descriptor, self._go_on)
        try:
            self._wait(timeout_s)
        finally:
            self._loop.remove_writer(self._descriptor)

    def forget(self) -> None:
        """The descriptor is about to be closed."""
        self._stop_watching()
        self._stop_timer()

    def _wait(self, timeout_s: float | None) -> None:
        if timeout_s is None:
            self._stop_timer()
        else:
            self._until = self._loop.time() + timeout_s
            # A timer that is due too early looks again then: setting one costs more than that.
            if self._timer is None or self._timer.when() > self._until:
                self._set_timer()
        self._is_waiting = True
        try:
            self._fibre.wait()
        finally:
            self._is_waiting = False

    def _go_on(self) -> None:
        if self._is_waiting:
            self._fibre.switch()

    def _readable(self) -> None:
        if self._is_waiting:
            self._fibre.switch()
        else:  # nobody wants it now, and the loop would tell again and again
            self._stop_watching()

    def _stop_watching(self) -> None:
        if self._is_watched:
            self._is_watched = False
            self._loop.remove_reader(self._descriptor)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self) -> None:
        self._stop_timer()
        self._timer = self._loop.call_at(self._until, self._look_at_clock)

    def _look_at_clock(self) -> None:
        self._timer = None
        if not self._is_waiting:
            return
        if self._loop.time() < self._until:
            self._set_timer()
        else:
            self._fibre.throw(TimeoutError("timed out"))


class _FibreSocket(socket.socket):
    """What both kinds of socket have: a timeout of their own, for the descriptor never blocks.

    Made, used and closed by one fibre; the TLS kind, in a thread outside of all pools, is as any.
    """

    _timeout_s: float | None = None
    _waits: _Wait | None = None

    def settimeout(self, value: float | None) -> None:
        """How long each later call may wait, seconds; None: for ever."""
        self._timeout_s = value
        super().settimeout(value if current() is None else 0.0)

    def gettimeout(self) -> float | None:
        """What `settimeout` was told."""
        return self._timeout_s

    def close(self) -> None:
        """Close it."""
        self._forget()
        super().close()

    def detach(self) -> int:
        """Give the descriptor away."""
        self._forget()
        return super().detach()

    def _forget(self) -> None:
        if self._waits is not None:
            self._waits.forget()
            self._waits = None

    @property
    def _waiting(self) -> _Wait:
        if self._waits is None:
            fibre = current()
            assert fibre is not None, "made in a fibre, and used outside of it"
            self._waits = _Wait(fibre, self.fileno())
        return self._waits

    def _wait_to_read(self) -> None:
        self._waiting.to_read(self._timeout_s)

    def _wait_to_write(self) -> None:
        self._waiting.to_write(self._timeout_s)


class FibreSocket(_FibreSocket):
    """A socket in the clear."""

    def connect(self, address: Any) -> None:
        """Connect.

        Raises:
            OSError: It is refused, or times out.
        """
        code = self.connect_ex(address)
        if code in UNDER_WAY:
            self._wait_to_write()
            code = self.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """Read into a buffer, and return how many bytes; 0 at the end."""
        while True:
            try:
                return super().recv_into(buffer, nbytes, flags)
            except BlockingIOError:
                self._wait_to_read()

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """Read."""
        while True:
            try:
                return super().recv(bufsize, flags)
            except BlockingIOError:
                self._wait_to_read()

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Write all of it."""
        left = memoryview(data).cast("B")
        while left:
            try:
                left = left[super().send(left, flags) :]
            except BlockingIOError:
                self._wait_to_write()


class FibreTls(_FibreSocket, ssl.SSLSocket):
    """A socket with TLS, made by a context; see `for_fibres`."""

    def do_handshake(self, block: bool = False) -> None:
        """Agree on keys.

        Raises:
            OSError: No agreement, or not in time.
        """
        self._until_ready(super().do_handshake)

    def read(self, *args: Any) -> Any:
        """Read, into a buffer where one is given."""
        return self._until_ready(super().read, *args)

    def send(self, data: Any, flags: int = 0) -> int:
        """Write some of it, and return how many bytes."""
        return int(self._until_ready(super().send, data, flags))

    def _until_ready(self, act: Any, *args: Any) -> Any:
        while True:
            try:
                return act(*args)
            except ssl.SSLWantReadError:
                self._wait_to_read()
            except ssl.SSLWantWriteError:
                self._wait_to_write()

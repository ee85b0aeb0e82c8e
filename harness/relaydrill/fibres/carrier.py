"""An event loop that carries blocking code as fibres, where a node of its own process has threads.

In a simulated world there is one thread, and all nodes run in it. The running loop is the seam:
whoever would begin a thread, or open a socket, asks for it and does as it says.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Protocol

from greenlet import greenlet


class Closable(Protocol):
    """An open file, or a connection to a database."""

    def close(self) -> object:
        """Have it open no longer; once more does no harm."""


class Carrier(asyncio.BaseEventLoop):
    """The loop of one program in a simulated world."""

    def new_socket(self, family: int, kind: int, *, is_check: bool = False) -> socket.socket:
        """A socket of the world's network, which makes only its fibre wait.

        Args:
            family: Its addresses, as of `socket.socket`.
            kind: ``SOCK_STREAM`` or ``SOCK_DGRAM``.
            is_check: Whether it is for a health check.
        """
        raise NotImplementedError

    def carries(self, fibre: greenlet) -> None:
        """Blocking code of the program's has been begun.

        Args:
            fibre: What carries it out.
        """
        raise NotImplementedError

    def opened(self, file: Closable) -> None:
        """A file that the program has opened: it is closed when the program ends, however it does.

        Args:
            file: What a kernel would close then.
        """
        raise NotImplementedError

    def tls(self, context: ssl.SSLContext) -> ssl.SSLContext:
        """The same context, for such sockets."""
        raise NotImplementedError


def closed_at_the_end(file: Closable) -> None:
    """Have a file closed when the program that is called here ends; on a machine its kernel does.

    Args:
        file: What has been opened.
    """
    loop = carrier()
    if loop is not None:
        loop.opened(file)


def carrier() -> Carrier | None:
    """The loop that carries what is called here; None on a machine, with threads and sockets."""
    loop = asyncio._get_running_loop()
    return loop if isinstance(loop, Carrier) else None

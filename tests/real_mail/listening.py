"""What listens in a thread of this process: the small programs that stand beside real servers."""

from __future__ import annotations

import contextlib
import os
import socket
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_NETWORKS: Final = 254
_LISTENS: Final = "0A"
_CLAIM: Final = 6262
"""A port that is bound, and not listened on, by the run that uses a network."""


class Listening(socketserver.ThreadingTCPServer):
    """A server with a thread of its own.

    Args:
        address: Where to listen.
        port: Port to listen on.
        dialogue: What it does with one connection.
    """

    allow_reuse_address = True
    daemon_threads = True

    def __init__(
        self, address: str, port: int, dialogue: type[socketserver.BaseRequestHandler]
    ) -> None:
        self.address = address
        super().__init__((address, port), dialogue, bind_and_activate=False)

    def start(self) -> None:
        """Listen."""
        self.server_bind()
        self.server_activate()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Listen no more."""
        self.shutdown()
        self.server_close()


class Networks:
    """Networks 127.62.NUMBER.0/24 for one run: each is nobody else's while it is used, and once.

    Postfix shares a port with whoever listens on it already (SO_REUSEPORT): of two labs in one
    network, of two runs at one time or left by one that was killed, each gets half of the mail.
    """

    def __init__(self) -> None:
        first = os.getpid() % _NETWORKS
        self._numbers = iter([(first + step) % _NETWORKS + 1 for step in range(_NETWORKS)])
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def one(self) -> Iterator[int]:
        """The number of one in which nobody listens; nobody else gets it until it is given back."""
        with self._lock:
            number, claim = self._claimed()
        try:
            yield number
        finally:
            claim.close()

    def _claimed(self) -> tuple[int, socket.socket]:
        for number in self._numbers:
            claim = socket.socket()
            with contextlib.suppress(OSError):
                claim.bind((f"127.62.{number}.254", _CLAIM))
                if number not in set(_heard_in()):
                    return number, claim
            claim.close()
        raise RuntimeError("somebody listens in every network of 127.62.0.0/16")


def _heard_in() -> Iterator[int]:
    """The networks in which somebody listens: proc(5) has addresses as numbers of this machine."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state, *_ = line.split()
        address = bytes.fromhex(local.partition(":")[0])[::-1]
        if state == _LISTENS and address[:2] == bytes((127, 62)):
            yield address[2]

"""An endpoint at which connecting times out: what a dead path looks like to who takes it."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Final

_LONGEST_S: Final = 10.0


@contextlib.contextmanager
def dead_end(address: str, port: int) -> Iterator[None]:
    """A block in which connecting to an endpoint times out: nothing refuses, nothing answers.

    Its accept queue is full, and the kernel drops the SYN of any further connection, as a network
    does that has lost its way to a host.

    Raises:
        OSError: It cannot be bound.
    """
    with socket.socket(socket.AF_INET6) as serving, contextlib.ExitStack() as stack:
        serving.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        serving.bind((address, port))
        serving.listen(0)
        # One is taken by a queue of length 0; it has no room for another.
        filler = stack.enter_context(socket.socket(socket.AF_INET6))
        filler.settimeout(_LONGEST_S)
        filler.connect((address, port))
        yield

"""Ports to publish on this machine.

Chosen here, because one that the engine chooses changes when its container is started again.
"""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import Iterator
from typing import Final

from relaydrill.drivers.docker.way_in import WayIn
from relaydrill.errors import LabError

_CLAIM_ADDRESS: Final = "127.254.254.254"
_FIRST, _LAST = 20_000, 32_767  # above lie the ports that the kernel gives to clients
_TRIES: Final = 200


class Claims:
    """Ports that this lab has for itself.

    Each claim is a socket bound to the same port of another loopback address: two labs can never
    choose the same port, and the kernel gives it back whatever becomes of the claimant.
    """

    def __init__(self, stack: contextlib.ExitStack, way: WayIn) -> None:
        self._stack = stack
        self._way = way
        self._chance = random.SystemRandom()

    def take(self) -> int:
        """One more port.

        Raises:
            LabError: None was found free.
        """
        for _ in range(_TRIES):
            port = self._chance.randint(_FIRST, _LAST)
            claim = _bound(_CLAIM_ADDRESS, port)
            if claim is None:
                continue
            if self._is_free(port):
                self._stack.callback(claim.close)
                return port
            claim.close()
        raise LabError(f"no free port to publish from {_FIRST} to {_LAST}, in {_TRIES} tries")

    def _is_free(self, port: int) -> bool:
        if not self._way.is_here:
            return True  # another machine's ports: its engine will say
        probe = _bound(self._way.publish_on, port)
        if probe:
            probe.close()
        return probe is not None


@contextlib.contextmanager
def claims(way: WayIn) -> Iterator[Claims]:
    """Claim ports until the end of the lab."""
    with contextlib.ExitStack() as stack:
        yield Claims(stack, way)


def _bound(address: str, port: int) -> socket.socket | None:
    probe = socket.socket()
    try:
        probe.bind((address, port))
    except OSError:
        probe.close()
        return None
    return probe

"""What stands in for VRRP where no machine can take an address: advertisements by UDP.

Whoever is master listens on the VIPs. A master that is frozen keeps its listeners, and its kernel
goes on opening connections for it; so the other's listeners share the port with those, and a
filter gives every new connection to whoever came last.

It has a thread of its own, for an event loop that is busy with mail would be late with the
advertisements, and a master that is late is gone.
"""

from __future__ import annotations

import contextlib
import ctypes
import hmac
import json
import select
import socket
import struct
import sys
import threading
from collections.abc import Callable
from typing import Any, Final

from relaydrill import clock
from relaydrill.nodes import config
from relaydrill.nodes.vrrp.router import RESIGNS, Router, Terms, VrrpState

_LOOKS_IN_AN_ADVERT: Final = 5
_LONGEST: Final = 2048
_SO_ATTACH_REUSEPORT_CBPF: Final = 51
_RETURN: Final = 0x06  # BPF_RET | BPF_K
_NEWCOMER: Final = 1
"""Place of the second listener of a pair in the kernel's group; alone it is found all the same."""


class Adverts:
    """The thread that speaks for a machine of a pair.

    Args:
        changed: Called in the thread with the new state.
    """

    def __init__(self, settings: config.Vrrp, changed: Callable[[VrrpState], None]) -> None:
        self._settings = settings
        self._changed = changed
        self._terms = Terms(settings.priority, settings.advert_s, settings.preempt)
        self._socket: socket.socket
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="vrrp", daemon=True)

    def start(self) -> None:
        """Begin to hear.

        Raises:
            OSError: The address cannot be bound.
        """
        here = self._settings.hears
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((here.address, here.port))
        self._socket.setblocking(False)
        self._thread.start()

    def stop(self) -> None:
        """End; a master says so, and is followed within the other's skew."""
        self._ended.set()
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        told = VrrpState.INITIALIZE
        router = Router(self._terms, clock.monotonic(), self._settings.later_s)
        look_s = self._terms.advert_s / _LOOKS_IN_AN_ADVERT
        while not self._ended.is_set():
            wait_s = min(look_s, router.next_s - clock.monotonic())
            select.select([self._socket], [], [], max(0.0, wait_s))
            for priority in self._heard():
                router.hear(priority, clock.monotonic())
            if router.look(clock.monotonic()):
                self._send(self._terms.priority)
            if router.state is not told:
                told = router.state
                self._changed(told)
        if told is VrrpState.MASTER:
            self._send(RESIGNS)

    def _heard(self) -> list[int]:
        """The priorities in all advertisements that have come."""
        found: list[int] = []
        while True:
            try:
                text = self._socket.recv(_LONGEST)
            except BlockingIOError:
                return found
            except OSError:  # of an earlier datagram: it did not arrive
                continue
            with contextlib.suppress(ValueError, KeyError, TypeError):
                found.append(self._priority(json.loads(text)))

    def _priority(self, said: dict[str, Any]) -> int:
        if not hmac.compare_digest(str(said["token"]), self._settings.token):
            raise ValueError("not of this pair")
        return int(said["priority"])

    def _send(self, priority: int) -> None:
        other = self._settings.other
        text = json.dumps({"token": self._settings.token, "priority": priority}).encode()
        with contextlib.suppress(OSError):
            self._socket.sendto(text, (other.address, other.port))


def listener(address: str, port: int, backlog: int) -> socket.socket:
    """A listener that takes every new connection, though another may listen there, too.

    Raises:
        OSError: A program that is none of the pair listens there.
    """
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        found.bind((address, port))
        found.listen(backlog)
        if sys.platform == "linux":
            _prefer_the_newcomer(found)
    except BaseException:
        found.close()
        raise
    found.setblocking(False)
    return found


def _prefer_the_newcomer(listening: socket.socket) -> None:
    """Have the kernel give connections to the group's second listener (socket(7))."""
    instruction = ctypes.create_string_buffer(struct.pack("HBBI", _RETURN, 0, 0, _NEWCOMER))
    program = struct.pack("HL", 1, ctypes.addressof(instruction))
    listening.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_REUSEPORT_CBPF, program)

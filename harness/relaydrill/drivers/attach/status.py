"""What a real HAProxy believes of its servers: its own status, asked again and again.

Its runtime API tells the state of every server (``show servers state``); where it is, the hooks of
the servers say that it breaks and heals. Each change becomes a line in the balancer's journal, as a
balancer that runs here writes it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from relaydrill.drivers.attach import runtime_api
from relaydrill.drivers.attach.reaching import ANYWHERE, Bounds
from relaydrill.errors import LabError
from relaydrill.journal import Event
from relaydrill.kinds.haproxy.servers import in_table
from relaydrill.ledger import UNSEEN
from relaydrill.topology import Topology
from relaydrill.topology.attach import Attach

INTERVAL_S: Final = 0.25
"""Wall seconds from one question to the next."""

_ASKED_FOR_S: Final = 1.0

Server = tuple[str, int]
"""A backend and its logical port."""


def sockets(topology: Topology) -> dict[str, str]:
    """Where the runtime API of each balancer is, as far as hooks name one.

    A hook of a server that stands behind two balancers does not say whose it is.
    """
    attach = topology.attach
    found: dict[str, str] = {}
    for name in attach.nodes if attach else ():
        balancers = [
            each
            for each, settings in topology.balancers.items()
            if name in (each, *settings.backends) and settings.mode == "proxy"
        ]
        if attach and len(balancers) == 1 and balancers[0] not in topology.pairs:
            for socket in _named(attach, name):
                found.setdefault(balancers[0], socket)
    return found


def _named(attach: Attach, node: str) -> Iterator[str]:
    for hook in attach.nodes[node].hooks.values():
        for action in (hook.inject, hook.heal):
            if action.haproxy:
                yield action.haproxy.socket


class StatusWatch:
    """Watches one balancer's status in a thread of its own, until it is closed.

    Args:
        topology: The design, with where it stands.
        balancer: Whose status it is.
        socket: Its runtime API.
        append: Takes an event of the balancer.
    """

    def __init__(
        self, topology: Topology, balancer: str, socket: str, append: Callable[[Event], None]
    ) -> None:
        self._balancer = balancer
        self._socket = socket
        self._append = append
        self._bounds = Bounds.of(topology.attach.allow) if topology.attach else ANYWHERE
        self._servers = _servers_at(topology, balancer)
        self._known: dict[Server, str] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"status {balancer}", daemon=True)
        self.look()
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._over.set()
        self._thread.join(2 * _ASKED_FOR_S)

    def look(self) -> None:
        """Ask once, and journal what has changed."""
        try:
            printed = runtime_api.ask(
                self._socket, "show servers state", _ASKED_FOR_S, self._bounds
            )
            states = dict(states_of(printed, self._servers))
        except (LabError, ValueError, KeyError):
            states = dict.fromkeys(self._known, UNSEEN)
        for (backend, port), state in states.items():
            if self._known.get((backend, port)) != state:
                self._known[backend, port] = state
                detail = {"backend": backend, "port": port, "state": state, "reason": "status"}
                self._append(
                    Event(time.monotonic(), time.time(), self._balancer, "backend", detail=detail)
                )

    def _watch(self) -> None:
        while not self._over.wait(INTERVAL_S):
            self.look()


def _servers_at(topology: Topology, balancer: str) -> dict[tuple[str, str], Server]:
    """The backends of a balancer by address and real port."""
    assert topology.attach
    settings, nodes = topology.balancers[balancer], topology.attach.nodes
    ports = sorted({port for vip in settings.vips.values() for port in vip.ports})
    return {
        (address, str(nodes[backend].ports.get(port, port))): (backend, port)
        for backend in settings.backends
        if backend in nodes
        for address in nodes[backend].addresses
        for port in ports
    }


def states_of(
    printed: str, servers: Mapping[tuple[str, str], Server]
) -> Iterator[tuple[Server, str]]:
    """The state of each server that is known by its address: up, down, drain or maint.

    Args:
        printed: What ``show servers state`` printed.
        servers: By address and real port.

    Raises:
        KeyError, ValueError: It is no such table.
    """
    for each in in_table(printed):
        if server := servers.get((each.address, each.port)):
            yield server, each.state

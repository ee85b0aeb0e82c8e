"""What speaks for a host among the hosts of its WNLB cluster: heartbeats by UDP.

It has a thread of its own, for an event loop that is busy with mail would be late with the
heartbeats, and a host that is late is gone. The cluster's own node has one, too: it hears the
heartbeats, sends none, and passes on what an operator wants of a host.

A datagram is one JSON object: ``kind`` (``beat``, ``ask``, ``answer`` or ``order``), ``from``,
``token``, and ``state`` or ``nonce`` where the kind has them.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import select
import socket
import threading
import traceback
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, Protocol

from relaydrill import clock
from relaydrill.nodes import config
from relaydrill.nodes.wnlb.membership import HostState, Membership

_LOOKS_IN_A_BEAT: Final = 5
_LONGEST: Final = 2048


class Filter(Protocol):
    """What keeps a host's share; see `relaydrill.nodes.wnlb.kernel.Kernel`."""

    def apply(self, live: frozenset[str], *, is_stopped: bool) -> None:
        """Keep the share of a view from now on; or nothing, where the host is stopped."""


class Agent:
    """A host's agent, or that of the cluster's node.

    Args:
        cluster: What all of them know.
        me: The host's name; empty for the cluster's node.
        changed: Called in the agent's thread when the view that is in force, or what a host says of
            itself, changes.
        answered: Called there with the number of a question that a host has answered.
        filter_: A host's own, where the kernel is the cluster.
    """

    def __init__(
        self,
        cluster: config.Cluster,
        me: str = "",
        *,
        changed: Callable[[], None] = lambda: None,
        answered: Callable[[int], None] = lambda _nonce: None,
        filter_: Filter | None = None,
    ) -> None:
        self._cluster = cluster
        self._me = me
        self._changed = changed
        self._answered = answered
        self._filter = filter_
        self._wanted = HostState.STARTED
        self._state = HostState.STARTED
        self._view: frozenset[str] = frozenset()
        self._in_force: deque[tuple[frozenset[str], HostState]] = deque()
        self._orders: dict[str, HostState] = {}
        self._where = {host.name: host.beats for host in cluster.hosts}
        self._socket: socket.socket
        self._thread = threading.Thread(target=self._run, name="heartbeats", daemon=True)
        self._ended = threading.Event()
        self.membership = Membership(cluster, clock.monotonic(), me)
        self._told: list[HostState | None] = []
        self._filtering = ThreadPoolExecutor(1, "filter")

    @property
    def view(self) -> frozenset[str]:
        """The hosts that share new connections, since the filter keeps to it."""
        return self._view

    def start(self) -> None:
        """Begin to hear, and a host to be heard.

        Raises:
            OSError: The address cannot be bound.
        """
        where = self._where.get(self._me, self._cluster.observer)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((where.address, where.port))
        self._socket.setblocking(False)
        self._thread.start()

    def stop(self) -> None:
        """Be silent from now on."""
        self._ended.set()
        self._thread.join()
        self._filtering.shutdown()
        self._socket.close()

    def order(self, host: str, state: HostState) -> None:
        """Have a host drain, stop or start; it is told until it says that it does."""
        self._orders[host] = state
        self._send(host, kind="order", state=state)

    def ask(self, host: str, nonce: int) -> None:
        """Ask a host whether it is there."""
        self._send(host, kind="ask", nonce=nonce)

    def _run(self) -> None:
        beat_s = self._cluster.heartbeat
        next_beat = next_look = clock.monotonic()
        while not self._ended.is_set():
            wait_s = min(next_beat, next_look) - clock.monotonic()
            select.select([self._socket], [], [], max(0.0, wait_s))
            self._hear()
            # First the look: whoever overslept must not go on as if nothing had been.
            now = clock.monotonic()
            if now >= next_look:
                self._look(now)
                next_look = now + beat_s / _LOOKS_IN_A_BEAT
            if now >= next_beat:
                self._beat()
                next_beat = max(next_beat + beat_s, now)

    def _beat(self) -> None:
        for host, state in list(self._orders.items()):
            self._send(host, kind="order", state=state)
        if not self._me:
            return
        others = [host for host in self._where if host != self._me]
        sent = [self._send(host, kind="beat", state=self._state) for host in others]
        self._send_to(self._cluster.observer, kind="beat", state=self._state)
        # Whose network is gone is no host of the cluster, in his own eyes as well.
        if any(sent) or not others:
            self.membership.heard(self._me, self._state)

    def _look(self, now: float) -> None:
        if self.membership.look(now):
            self._keep_share()
        is_new = self._settle()
        said = [self.membership.state_of(host) for host in self._where]
        if is_new or said != self._told:
            self._told = said
            self._changed()

    def _hear(self) -> None:
        """Take in everything that has come."""
        while True:
            try:
                text = self._socket.recv(_LONGEST)
            except BlockingIOError:
                return
            except OSError:  # of an earlier datagram: it did not arrive
                continue
            with contextlib.suppress(ValueError, KeyError, TypeError):
                self._take(json.loads(text))

    def _take(self, said: dict[str, Any]) -> None:
        if not hmac.compare_digest(str(said["token"]), self._cluster.token):
            return
        host, kind = str(said["from"]), said["kind"]
        if kind in ("beat", "answer") and host in self._where:
            state = HostState(said["state"])
            self.membership.heard(host, state)
            if self._orders.get(host) is state:
                del self._orders[host]
        if kind == "answer":
            self._answered(int(said["nonce"]))
        elif kind == "ask" and self._me:
            nonce = int(said["nonce"])
            self._send_to(self._cluster.observer, kind="answer", nonce=nonce, state=self._state)
        elif kind == "order" and self._me:
            self._obey(HostState(said["state"]))

    def _obey(self, state: HostState) -> None:
        if state is self._wanted:
            return
        self._wanted = state
        self._keep_share()

    def _keep_share(self) -> None:
        """Put the view into force; not in this thread, for that may take longer than a beat."""
        self._filtering.submit(
            self._put_into_force, self.membership.view, self._wanted
        ).add_done_callback(_complain)

    def _put_into_force(self, view: frozenset[str], state: HostState) -> None:
        if self._filter:
            self._filter.apply(view, is_stopped=state is HostState.STOPPED)
        self._in_force.append((view, state))

    def _settle(self) -> bool:
        """Tell what has come into force, and not before: whoever is told may go by it at once."""
        before = self._view
        while self._in_force:
            self._view, state = self._in_force.popleft()
            if state is not self._state:
                self._state = state
                self._beat()
        return self._view != before

    def _send(self, host: str, **what: Any) -> bool:
        return self._send_to(self._where[host], **what)

    def _send_to(self, where: config.Address, **what: Any) -> bool:
        """Whether it could be sent; whether it arrives is another matter."""
        text = json.dumps({"from": self._me, "token": self._cluster.token, **what}).encode()
        try:
            self._socket.sendto(text, (where.address, where.port))
        except OSError:
            return False
        return True


def _complain(done: Future[None]) -> None:
    """A filter that could not be put into force is told in the program's own log."""
    if error := done.exception():
        traceback.print_exception(error)

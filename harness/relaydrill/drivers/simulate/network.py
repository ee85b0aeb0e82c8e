"""A simulated network: what kernels do with connections and datagrams, without any.

Each end of a connection belongs to a program, and what comes for it is an event of that program: so
a frozen program takes nothing in, while its kernel goes on opening connections for it, and one that
has ended refuses. Where it differs from Linux stands in docs/inside/fake-and-real.md.
"""

from __future__ import annotations

import errno
import itertools
import os
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cached_property
from typing import Final, Protocol

from relaydrill.drivers.simulate.paths import Paths, Pipe, Session
from relaydrill.drivers.simulate.program import Program
from relaydrill.drivers.simulate.world import State

Where = tuple[str, int]
"""An address and a port."""

DELAY_S: Final = 0.0001
"""How long everything takes from one host to another."""

_SYNS_S: Final = (0.0, 1.0, 3.0, 7.0, 15.0, 31.0, 63.0)
"""When Linux sends a SYN, after the first (net.ipv4.tcp_syn_retries = 6; RFC 6298 §2)."""
_GIVEN_UP_S: Final = 127.0
_FIRST_CLIENT_PORT: Final = 32_768
_CLIENT_PORTS: Final = 28_232


class Came(Enum):
    """What comes for an end of a connection."""

    DATA = auto()
    END = auto()
    RESET = auto()


class Receiver(Protocol):
    """What a program has for an end: a transport, or a socket."""

    def came(self, what: Came, data: bytes) -> None:
        """Something has come; it happens in the program."""

    def gone(self) -> None:
        """The program has ended, and the end is closed."""


class End:
    """One end of a TCP connection, as its kernel has it.

    Attributes:
        program: Whose it is.
        local: Its own address and port.
        remote: The other end's.
        resets: Whether closing it resets the connection (SO_LINGER of 0).
        unread: How much of what was sent to it its program has not taken in, in pieces.
        is_closed: Whether it is.
    """

    def __init__(
        self, network: Network, program: Program, local: Where, remote: Where, opening: Opening
    ) -> None:
        self.program = program
        self.local = local
        self.remote = remote
        self.resets = False
        self.unread = 0
        self.is_closed = False
        self._network = network
        self._peer: End | None = None
        self._receiver: Receiver | None = None
        self._early: list[tuple[Came, bytes]] = []
        self._has_ended = False
        self._opening = opening
        self._pipe: Pipe[Came] | None = None
        self._is_severed = False
        network.ends[self] = None

    def join(self, peer: End) -> None:
        """The two are a connection."""
        self._peer, peer._peer = peer, self

    def receive(self, receiver: Receiver) -> None:
        """Hand over what has come, and what comes."""
        self._receiver = receiver
        early, self._early = self._early, []
        for what, data in early:
            self.program.call_soon(self._hand_over, what, data)

    def send(self, data: bytes) -> None:
        """Send; what comes to an end that is closed is answered by a reset."""
        if not self.is_closed and self._peer is not None and data:
            self._send(self._peer, Came.DATA, data)

    def end(self) -> None:
        """Say that nothing more will be sent."""
        if not self._has_ended and not self.is_closed and self._peer is not None:
            self._has_ended = True
            self._send(self._peer, Came.END)

    def close(self, *, reset: bool = False) -> None:
        """Close it, as the kernel does it: what is unread makes that a reset."""
        if self.is_closed:
            return
        unread = any(what is Came.DATA for what, _ in self._early)
        if self._peer is not None and (reset or self.resets or unread):
            self._send(self._peer, Came.RESET)
        else:
            self.end()
        self._forget()

    def leave(self) -> None:
        """Its program has ended."""
        if self._receiver is not None:
            self._receiver.gone()

    def _forget(self) -> None:
        self.is_closed = True
        self._network.ends.pop(self, None)

    def _send(self, peer: End, what: Came, data: bytes = b"") -> None:
        if self._pipe is None and not self._network.paths.troubles:
            self._bring(peer, what, data, DELAY_S)
        else:
            self._send_by(peer, what, data)

    def _bring(self, peer: End, what: Came, data: bytes, delay_s: float) -> None:
        peer.unread += what is Came.DATA
        if peer.program.state is State.ENDED:
            if what is Came.DATA:
                self.program.call_later(2 * DELAY_S, self._came, Came.RESET, b"")
        else:
            peer.program.call_later(delay_s, peer._came, what, data)

    def _send_by(self, peer: End, what: Came, data: bytes) -> None:
        """Send by a network of which some ways are impaired, or were."""
        if self._is_severed:
            if what is Came.DATA:
                self.program.call_later(2 * DELAY_S, self._came, Came.RESET, b"")
        elif what is Came.RESET:  # which is sent once, and overtakes
            if self._pipe is not None:
                self._pipe.drop()
            names = self.program.name, peer.program.name
            late_s = self._network.paths.cross(*names, self._opening.session)
            if late_s is not None:
                self._bring(peer, what, data, DELAY_S + late_s)
        else:
            if self._pipe is None:
                self._pipe = self._new_pipe(peer)
            self._pipe.send(what, data)

    def _new_pipe(self, peer: End) -> Pipe[Came]:
        def arrive(what: Came, data: bytes, late_s: float) -> None:
            self._bring(peer, what, data, DELAY_S + late_s)

        def sever(resets: bool) -> None:
            for end in (self, peer):
                end._sever(Came.RESET if resets else Came.END)

        return Pipe(
            self._network.paths,
            self.program.kernel,
            (self.program.name, peer.program.name),
            self._opening.session,
            arrive=arrive,
            sever=sever,
        )

    def _sever(self, how: Came) -> None:
        """Something between the two ends has ended the connection, and knows no more of it."""
        self._is_severed = True
        if self._pipe is not None:
            self._pipe.drop()
        self.program.call_later(DELAY_S, self._came, how, b"")

    def _came(self, what: Came, data: bytes) -> None:
        if what is Came.RESET and self._pipe is not None:
            self._pipe.drop()
        if self.is_closed:
            if what is Came.DATA and self._peer is not None and not self._peer.is_closed:
                self._send(self._peer, Came.RESET)
        elif self._receiver is None and what is Came.RESET:
            self._forget()  # before its program has heard of it, and it never will
        elif self._receiver is None or self._early:
            self._early.append((what, data))
        else:
            self._hand_over(what, data)

    def _hand_over(self, what: Came, data: bytes) -> None:
        self.unread -= what is Came.DATA
        if self._receiver is not None and not self.is_closed:
            if what is Came.RESET:
                self._forget()
            self._receiver.came(what, data)


@dataclass(eq=False)
class Listener:
    """Where a program takes connections.

    Attributes:
        where: Address and port.
        program: Whose it is.
        accept: What it does with a connection; it happens in the program.
        backlog: How many may wait for that.
        is_shared: Whether another may listen there, too; the newest gets the connections.
        waiting: How many wait.
        is_open: Whether it still listens.
    """

    where: Where
    program: Program
    accept: Callable[[End], None]
    backlog: int
    is_shared: bool = False
    waiting: int = 0
    is_open: bool = True

    def take(self, end: End) -> None:
        """A connection is open, and its turn has come."""
        self.waiting -= 1
        if not self.is_open:
            end.close(reset=True)
        elif not end.is_closed:
            self.accept(end)


class Datagrams(Protocol):
    """What a program has for a UDP port."""

    def came(self, data: bytes, sender: Where) -> None:
        """A datagram."""

    def refused(self) -> None:
        """What was sent did not arrive: nobody listens there."""


@dataclass
class Network:
    """All connections, listeners and datagrams of a lab.

    Attributes:
        ends: Those that are open, in the order in which they came.
        cut_off: Programs whose hosts nothing reaches that begins.
        dead: Addresses and ports where nothing answers.
        owners: Whose an address is, where somebody has it.
        paths: What is wrong with the ways between hosts.
    """

    ends: dict[End, None] = field(default_factory=dict)
    cut_off: set[Program] = field(default_factory=set)
    dead: set[Where] = field(default_factory=set)
    owners: dict[str, Program] = field(default_factory=dict)
    paths: Paths = field(default_factory=Paths)
    _listeners: dict[Where, list[Listener]] = field(default_factory=lambda: defaultdict(list))
    _datagrams: dict[Where, tuple[Program, Datagrams]] = field(default_factory=dict)
    _ports: dict[str, itertools.count[int]] = field(
        default_factory=lambda: defaultdict(itertools.count)
    )

    def listen(self, listener: Listener) -> None:
        """Begin to take connections.

        Raises:
            OSError: Somebody does so there already.
        """
        there = self._listeners[listener.where]
        if there and not (listener.is_shared and all(each.is_shared for each in there)):
            address, port = listener.where
            raise OSError(errno.EADDRINUSE, f"{address}:{port}: {os.strerror(errno.EADDRINUSE)}")
        there.append(listener)

    def unlisten(self, listener: Listener) -> None:
        """Take no more; those that wait are reset."""
        listener.is_open = False
        there = self._listeners[listener.where]
        if listener in there:
            there.remove(listener)

    def open(
        self, program: Program, remote: Where, own: str, tell: Opened, *, is_check: bool = False
    ) -> Opening:
        """Begin to open a connection.

        Args:
            program: Who wants it.
            remote: Where to.
            own: The address that it comes from.
            tell: Told what comes of it, in the program.
            is_check: Whether it is for a health check.
        """
        opening = Opening(self, program, remote, self.client_port(own), tell, is_check=is_check)
        opening.begin()
        return opening

    def client_port(self, address: str) -> Where:
        """A port for a client, the next one."""
        return address, _FIRST_CLIENT_PORT + next(self._ports[address]) % _CLIENT_PORTS

    def listener(self, where: Where) -> Listener | None:
        """Who takes connections there; the newest, where there are several."""
        there = self._listeners.get(where)
        return there[-1] if there else None

    def is_silent(self, where: Where) -> bool:
        """Whether whatever is sent there vanishes."""
        listener = self.listener(where)
        owner = listener.program if listener else self.owners.get(where[0])
        return where in self.dead or owner in self.cut_off

    def bind(self, program: Program, where: Where, datagrams: Datagrams) -> None:
        """Give a program the datagrams for a port.

        Raises:
            OSError: Another has them.
        """
        if where in self._datagrams:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        self._datagrams[where] = (program, datagrams)

    def unbind(self, where: Where) -> None:
        """Nobody gets these datagrams any more."""
        self._datagrams.pop(where, None)

    def send(self, sender: Where, where: Where, data: bytes) -> None:
        """Send a datagram."""
        program, _ = self._datagrams[sender]
        late_s: float | None = 0.0
        if self.paths.troubles:
            late_s = self._late_s(program.name, sender, where)
        if late_s is not None:
            program.kernel.call_later(DELAY_S + late_s, self._arrive, sender, where, data)

    def name_at(self, where: Where) -> str:
        """The name of the program that has an address, or listens there; empty: nobody."""
        listener = self.listener(where)
        owner = listener.program if listener else self.owners.get(where[0])
        return owner.name if owner else ""

    def _late_s(self, sender: str, own: Where, where: Where) -> float | None:
        """How much later a datagram arrives; None: never. Who has a lower port is the server."""
        receiver = self.name_at(where)
        is_question = where[1] < own[1]
        client, server = (sender, receiver) if is_question else (receiver, sender)
        session = Session(client, server, min(where[1], own[1]))
        return self.paths.cross(sender, receiver, session)

    def _arrive(self, sender: Where, where: Where, data: bytes) -> None:
        """A datagram is there, in a kernel."""
        if self.is_silent(where):
            return
        if found := self._datagrams.get(where):
            found[0].call_soon(found[1].came, data, sender)
        elif origin := self._datagrams.get(sender):
            origin[0].call_later(DELAY_S, origin[1].refused)

    def forget(self, program: Program) -> None:
        """A program has ended: its kernel closes all that it had."""
        for there in self._listeners.values():
            for each in [each for each in there if each.program is program]:
                self.unlisten(each)
        for end in [end for end in self.ends if end.program is program]:
            end.close(reset=end.unread > 0)
            end.leave()
        for where, (owner, _) in [*self._datagrams.items()]:
            if owner is program:
                self.unbind(where)


Opened = Callable[[End | OSError], None]
"""Told of the connection, or why there is none."""


class Opening:
    """A connection that is being opened: SYN after SYN, until something answers."""

    def __init__(
        self,
        network: Network,
        program: Program,
        remote: Where,
        local: Where,
        tell: Opened,
        *,
        is_check: bool = False,
    ) -> None:
        self._network = network
        self._program = program
        self._remote = remote
        self._local = local
        self._tell = tell
        self._is_check = is_check
        self._is_over = False
        self._is_given_up = False

    @cached_property
    def session(self) -> Session:
        """What it is to whoever watches the network."""
        server = self._network.name_at(self._remote)
        return Session(self._program.name, server, self._remote[1], self._is_check)

    def begin(self) -> None:
        """Send the first SYN, and plan the others."""
        self._try(0)

    def give_up(self) -> None:
        """Whoever wanted it does so no more."""
        self._is_over = self._is_given_up = True

    def _try(self, number: int) -> None:
        """One SYN. A kernel sends it, so that it goes on while its program is frozen."""
        kernel = self._program.kernel
        if not self._is_over and self._program.state is not State.ENDED:
            late_s = self._late_s() if self._network.paths.troubles else 0.0
            if late_s is not None:
                kernel.call_later(DELAY_S + late_s, self._arrive)
            ahead = _SYNS_S[number + 1 :]
            wait_s = (ahead[0] if ahead else _GIVEN_UP_S) - _SYNS_S[number]
            kernel.call_later(wait_s, self._try if ahead else self._time_out, number + 1)

    def _arrive(self) -> None:
        is_gone = self._is_over or self._program.state is State.ENDED
        if is_gone or self._network.is_silent(self._remote):
            return
        listener = self._network.listener(self._remote)
        is_full = listener is not None and listener.waiting > listener.backlog
        # An answer that does not arrive is as none: the client asks again.
        late_s = self._late_s(back=True) if self._network.paths.troubles else 0.0
        if is_full or late_s is None:
            return
        if listener is None:
            self._refuse(late_s)
        else:
            self._open(listener, late_s)

    def _late_s(self, *, back: bool = False) -> float | None:
        """How much later one packet arrives at the other side; None: never."""
        session = self.session
        way = (session.server, session.client) if back else (session.client, session.server)
        return self._network.paths.cross(*way, session)

    def _refuse(self, late_s: float) -> None:
        refused = ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        self._end(refused, late_s)

    def _time_out(self, _number: int) -> None:
        if not self._is_over:
            self._end(TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)), 0.0)

    def _open(self, listener: Listener, late_s: float) -> None:
        client = End(self._network, self._program, self._local, self._remote, self)
        server = End(self._network, listener.program, self._remote, self._local, self)
        client.join(server)
        self._end(client, late_s)
        settled_s = self._settled_s() if self._network.paths.troubles else 0.0
        if settled_s is None:
            return  # the client says nothing, and waits for a server that never hears of it
        listener.waiting += 1
        # Later than what the client may do at once: a reset by then has no program hear of it.
        listener.program.call_later(3 * DELAY_S + late_s + settled_s, listener.take, server)

    def _settled_s(self) -> float | None:
        """How much later the client's last word of the handshake arrives; None: never.

        Without it the server answers the SYN once more, as often as the client sent one.
        """
        for asked_s in _SYNS_S:
            late_s = self._late_s()
            if late_s is not None:
                return asked_s + late_s
        return None

    def _end(self, what: End | OSError, late_s: float) -> None:
        self._is_over = True
        self._program.call_later(DELAY_S + late_s, self._told, what)

    def _told(self, what: End | OSError) -> None:
        if not self._is_given_up:
            self._tell(what)
        elif isinstance(what, End):
            what.close()

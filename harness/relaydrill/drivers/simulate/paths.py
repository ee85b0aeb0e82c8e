"""What is wrong with a simulated network between two hosts, and what their kernels do about it.

What is lost is sent again: data after 0.2, 0.6, 1.4 s and so on (RFC 6298, with Linux' least
timeout), and what was sent after it waits for it, as a connection brings its bytes in order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Final, Generic, TypeVar

from relaydrill.drivers.simulate.program import Program
from relaydrill.impairment import Impairment

T = TypeVar("T")

PACKET: Final = 1_448
"""Bytes of data in one: an Ethernet's 1,500, without the headers of IP and TCP and a timestamp."""

RETRY_S: Final = 0.2
"""After how long data is sent again (TCP_RTO_MIN); each time after twice as long as before."""

_ANY: Final = 1 << 62
LONGEST_RETRY_S: Final = 120.0
MOST_RETRIES: Final = 15
"""After how many retries a connection is given up (net.ipv4.tcp_retries2)."""


@dataclass(eq=False, slots=True)
class Session:
    """A connection, or an exchange of datagrams, as whoever watches the network sees it.

    Attributes:
        client: The node that began it.
        server: The node that it began it with.
        port: That it began it with.
        is_check: Whether it is a balancer's health check.
    """

    client: str
    server: str
    port: int
    is_check: bool = False


class Trouble:
    """An impairment that is in force.

    Args:
        impairment: What.
        tell: Told of each session that it first acts on.

    Attributes:
        impairment: What.
        random: Draws what it acts on.
    """

    def __init__(self, impairment: Impairment, tell: Callable[[Session, str], None]) -> None:
        self.impairment = impairment
        self.random = Random(impairment.seed)
        self._tell = tell
        self._is_hit: dict[Session, bool] = {}
        self._told = set[Session]()

    def hits(self, session: Session) -> bool:
        """Whether it acts on a session; drawn once."""
        strength = self.impairment.strength
        if strength >= 1.0:
            return True
        if session not in self._is_hit:
            self._is_hit[session] = self.random.random() < strength
        return self._is_hit[session]

    def acts_on(self, session: Session) -> None:
        """It has acted on a session."""
        if session not in self._told:
            self._told.add(session)
            self._tell(session, self.impairment.label)

    @property
    def delay_s(self) -> float:
        """How much later a packet arrives."""
        jitter_s = self.impairment.jitter_s
        more_s = self.random.uniform(-jitter_s, jitter_s) if jitter_s else 0.0
        return max(0.0, self.impairment.time_s + more_s)


@dataclass
class Paths:
    """The ways between hosts, by the names of those that send and receive.

    Attributes:
        troubles: What is wrong with each; nothing at all where all is well.
        tell: Told of each session that an impairment first acts on, and of its label.
    """

    troubles: dict[tuple[str, str], list[Trouble]] = field(default_factory=dict)
    tell: Callable[[Session, str], None] = lambda _session, _label: None

    def impair(self, ways: Iterable[tuple[str, str]], impairment: Impairment) -> None:
        """Begin to do something to some ways."""
        trouble = Trouble(impairment, self.tell)
        for way in ways:
            self.troubles.setdefault(way, []).append(trouble)

    def mend(self, label: str) -> None:
        """End what has a label."""
        for way, there in [*self.troubles.items()]:
            left = [each for each in there if each.impairment.label != label]
            if left:
                self.troubles[way] = left
            else:
                del self.troubles[way]

    def between(self, sender: str, receiver: str, session: Session) -> list[Trouble]:
        """What acts on what is sent one way in a session."""
        there = self.troubles.get((sender, receiver), ())
        return [each for each in there if each.hits(session)]

    def cross(self, sender: str, receiver: str, session: Session) -> float | None:
        """How much later one packet arrives, seconds; None: never."""
        delay_s: float | None = 0.0
        for each in self.between(sender, receiver, session):
            if loses(each, session):
                return None
            if each.impairment.effect == "latency" and delay_s is not None:
                each.acts_on(session)
                delay_s += each.delay_s
        return delay_s


def loses(trouble: Trouble, session: Session) -> bool:
    """Whether a packet is lost."""
    effect, part = trouble.impairment.effect, trouble.impairment.part
    is_lost = effect == "cut" or (effect == "loss" and trouble.random.random() < part)
    if is_lost:
        trouble.acts_on(session)
    return is_lost


class Pipe(Generic[T]):
    """What one end of a connection has sent, and the other's kernel has not got yet.

    Args:
        paths: Of the network.
        kernel: Of the end whose it is.
        names: The names of both programs, the sender's first.
        session: Both ends'.
        arrive: Lets something arrive at the peer after so many seconds.
        sever: Ends the connection at both ends as something between them does: by a reset, or not.
    """

    def __init__(
        self,
        paths: Paths,
        kernel: Program,
        names: tuple[str, str],
        session: Session,
        *,
        arrive: Callable[[T, bytes, float], None],
        sever: Callable[[bool], None],
    ) -> None:
        self._paths = paths
        self._kernel = kernel
        self._names = names
        self._session = session
        self._arrive = arrive
        self._sever = sever
        self._ahead: deque[tuple[T, bytes]] = deque()
        self._is_busy = False
        self._last = 0.0
        self._passed: dict[Trouble, int] = {}

    def send(self, what: T, data: bytes) -> None:
        """Send something after all that was sent before."""
        self._ahead.append((what, data))
        self._go_on()

    def drop(self) -> None:
        """Send no more of it: the connection is gone."""
        self._ahead.clear()

    def _go_on(self) -> None:
        while self._ahead and not self._is_busy:
            self._launch(0)

    def _launch(self, tries: int) -> None:
        """Send what is first, or a piece of it; if it is lost, once more later."""
        if not self._ahead:
            self._is_busy = False
            return
        troubles = self._paths.between(*self._names, self._session)
        what, data, is_last = self._piece(troubles)
        if any(loses(each, self._session) for each in troubles):
            self._is_busy = True
            if tries < MOST_RETRIES:
                wait_s = min(RETRY_S * 2**tries, LONGEST_RETRY_S)
                self._kernel.call_later(wait_s, self._launch, tries + 1)
            else:
                self._sever(True)
            return
        self._is_busy = False
        self._take(data)
        taken_s = self._bring(what, data, troubles)
        if is_last:
            self._end_by(troubles)
        if taken_s:
            self._is_busy = True
            self._kernel.call_later(taken_s, self._free)
        elif tries:
            self._go_on()

    def _free(self) -> None:
        self._is_busy = False
        self._go_on()

    def _piece(self, troubles: list[Trouble]) -> tuple[T, bytes, bool]:
        """What goes at once of what is first; and whether the connection ends after it."""
        what, data = self._ahead[0]
        if not data:
            return what, data, False
        most = min((size for size in map(_most_at_once, troubles) if size), default=len(data))
        left = min((self._left(each) for each in troubles), default=_ANY)
        piece = data[: min(most, max(left, 0))]
        return what, piece, len(piece) >= left

    def _take(self, piece: bytes) -> None:
        what, data = self._ahead.popleft()
        if len(piece) < len(data):
            self._ahead.appendleft((what, data[len(piece) :]))

    def _left(self, trouble: Trouble) -> int:
        """How many bytes may still pass until the connection ends."""
        if trouble.impairment.effect not in ("limit", "reset-after"):
            return _ANY
        return trouble.impairment.size - self._passed.get(trouble, 0)

    def _bring(self, what: T, data: bytes, troubles: list[Trouble]) -> float:
        """Let it arrive; for how long nothing else is sent then, seconds."""
        taken_s = late_s = 0.0
        for each in troubles:
            done = each.impairment
            match done.effect:
                case "latency":
                    late_s += each.delay_s
                case "slow-close" if not data:
                    late_s += each.delay_s
                case "bandwidth" if data:
                    taken_s = max(taken_s, len(data) * done.time_s / done.size)
                case "slice" if self._ahead and data:
                    taken_s = max(taken_s, done.time_s)
                case "limit" | "reset-after":
                    self._passed[each] = self._passed.get(each, 0) + len(data)
                    continue  # it acts when it ends the connection
                case _:
                    continue
            each.acts_on(self._session)
        in_time = any(each.impairment.effect == "bandwidth" for each in troubles)
        now = self._kernel.time()
        self._last = max(self._last, now + late_s + (taken_s if in_time else 0.0))
        self._arrive(what, data, self._last - now)
        return taken_s

    def _end_by(self, troubles: list[Trouble]) -> None:
        """The connection has had as many bytes as it may."""
        over = [each for each in troubles if self._left(each) <= 0]
        for each in over:
            each.acts_on(self._session)
        self._sever(any(each.impairment.effect == "reset-after" for each in over))


def _most_at_once(trouble: Trouble) -> int:
    """The longest piece of data that goes at once; 0: any."""
    match trouble.impairment.effect:
        case "slice":
            return trouble.impairment.size
        case "bandwidth" | "loss":
            return PACKET
        case _:
            return 0

"""The simulated network between two hosts, one way impaired: what either end's kernel does then."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest
from tests.unit.test_simulated_network import SERVER, Two, said

from relaydrill import clock
from relaydrill.drivers.simulate.paths import Session
from relaydrill.fibres.sockets import connection
from relaydrill.impairment import Effect, Impairment

TO, BACK = ("client", "server"), ("server", "client")


class Impaired(Two):
    """Two hosts, and what is done to the network between them."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.met = list[Session]()
        self.network.paths.tell = lambda session, _label: self.met.append(session)
        self.serve()

    def impair(
        self,
        effect: Effect,
        *ways: tuple[str, str],
        time_s: float = 0.0,
        size: int = 0,
        part: float = 0.0,
        strength: float = 1.0,
    ) -> None:
        """Do something to it from now on."""
        found = Impairment(
            "it", effect, time_s=time_s, size=size, part=part, strength=strength, seed="1"
        )
        self.network.paths.impair(ways, found)

    def mend_in(self, seconds: float) -> None:
        """Undo it after some seconds."""
        self.client.kernel.call_later(seconds, self.network.paths.mend, "it")


@pytest.fixture
def two() -> Iterator[Impaired]:
    """A client and a server that listens."""
    made = Impaired()
    with clock.given(made.world):
        yield made


def greeted(two: Impaired, timeout_s: float = 300.0) -> bytes:
    """What the server says to a client that is so patient."""

    def ask() -> bytes:
        with connection(SERVER, timeout_s=timeout_s) as opened:
            return said(opened)

    return two.ask(ask)


def exchanged(two: Impaired, words: bytes, timeout_s: float = 300.0) -> bytes:
    """What the server answers to words that are said after its greeting, until there is no more."""

    def ask() -> bytes:
        with connection(SERVER, timeout_s=timeout_s) as opened:
            said(opened)
            opened.sendall(words)
            heard = b""
            while len(heard) < len(words) and (more := opened.recv(100)):
                heard += more
            return heard

    return two.ask(ask)


@pytest.mark.parametrize("way", [TO, BACK])
def test_a_cut_either_way_lets_no_connection_open(two: Impaired, way: tuple[str, str]) -> None:
    """The SYN does not arrive, or its answer does not: the client waits, and gives up."""
    two.impair("cut", way)
    with pytest.raises(TimeoutError):
        greeted(two, timeout_s=30.0)
    assert two.passed_s == pytest.approx(30.0, abs=0.01)
    assert two.heard == []
    assert [(each.client, each.server, each.port) for each in two.met] == [
        ("client", "server", SERVER.port)
    ]


def test_a_kernel_gives_up_after_127_seconds(two: Impaired) -> None:
    """As Linux does with tcp_syn_retries = 6."""
    two.impair("cut", TO)
    with pytest.raises(TimeoutError):
        greeted(two)
    assert two.passed_s == pytest.approx(127.0, abs=0.01)


def test_a_syn_gets_through_when_it_is_sent_again(two: Impaired) -> None:
    """After 1, 3 and 7 seconds: a cut of four seconds costs seven."""
    two.impair("cut", BACK)
    two.mend_in(4.0)
    assert greeted(two) == b"hello\n"
    assert two.passed_s == pytest.approx(7.0, abs=0.01)


def test_data_is_sent_again_after_a_cut(two: Impaired) -> None:
    """A session that is open waits: its data is sent after 0.2, 0.6, 1.4 and 3 seconds."""

    def ask() -> bytes:
        with connection(SERVER, timeout_s=300.0) as opened:
            said(opened)
            two.impair("cut", TO)
            two.mend_in(2.0)
            return said(opened, b"more")

    assert two.ask(ask) == b"more"
    assert two.passed_s == pytest.approx(3.0, abs=0.01)


def test_who_is_cut_off_in_a_session_waits_for_its_own_timeout(two: Impaired) -> None:
    """The server has heard nothing, and the client hears nothing: no reset, no end."""

    def ask() -> bytes:
        with connection(SERVER, timeout_s=20.0) as opened:
            said(opened)
            two.impair("cut", TO)
            return said(opened, b"more")

    with pytest.raises(TimeoutError):
        two.ask(ask)
    assert two.heard == ["made"]


def test_a_refusal_passes_the_way_back_as_well(two: Impaired) -> None:
    """Where nobody listens the client waits, too, if the answer to its SYN is lost."""
    two.impair("cut", BACK)
    with pytest.raises(TimeoutError):
        two.ask(lambda: socket_to_nowhere(5.0))


def socket_to_nowhere(timeout_s: float) -> socket.socket:
    """A connection to a port at which nobody listens."""
    nowhere = SERVER.__class__(SERVER.address, 26)
    return connection(nowhere, timeout_s=timeout_s)


def test_latency_is_of_one_way_and_of_each_packet(two: Impaired) -> None:
    """Handshake and words: the client's three packets are late, the server's are not."""
    two.impair("latency", TO, time_s=0.5)
    assert exchanged(two, b"words") == b"words"
    # The SYN; the last word of the handshake, and what is said after the greeting.
    assert two.passed_s == pytest.approx(1.5, abs=0.01)


def test_what_is_said_at_once_is_late_at_once(two: Impaired) -> None:
    """Packets under way do not wait for one another: two writes are late by one latency."""

    def ask() -> bytes:
        with connection(SERVER, timeout_s=300.0) as opened:
            said(opened)
            two.impair("latency", TO, time_s=1.0)
            opened.sendall(b"a")
            opened.sendall(b"b")
            return opened.recv(1) + opened.recv(1)

    assert two.ask(ask) == b"ab"
    assert two.passed_s == pytest.approx(1.0, abs=0.01)


def test_loss_costs_time_and_no_byte(two: Impaired) -> None:
    """All arrives, once and in order, however much is lost on the way."""
    two.impair("loss", TO, BACK, part=0.3)
    words = bytes(range(97, 123)) * 400
    assert exchanged(two, words) == words
    assert two.passed_s > 0.2
    assert "".join(two.heard[1:]).startswith(words.decode())


def test_a_thin_line_takes_its_time(two: Impaired) -> None:
    """Ten thousand bytes at a thousand a second take ten seconds, one way."""
    two.impair("bandwidth", TO, size=1000, time_s=1.0)
    words = b"x" * 10_000
    assert exchanged(two, words) == words
    assert two.passed_s == pytest.approx(10.0, rel=0.02)


def test_slices_arrive_one_after_another(two: Impaired) -> None:
    """Each in time after the one before it; the server hears as many."""
    two.impair("slice", TO, size=4, time_s=0.1)
    assert exchanged(two, b"abcdefghij") == b"abcdefghij"
    assert two.heard[1:4] == ["abcd", "efgh", "ij"]
    assert two.passed_s == pytest.approx(0.2, abs=0.01)


def test_a_limit_closes_at_both_ends(two: Impaired) -> None:
    """So many bytes arrive; then each end hears that the other has ended."""
    two.impair("limit", TO, size=4)
    assert exchanged(two, b"abcdefghij") in (b"abcd", b"")
    two.world.run(two.world.now + 1.0)
    assert two.heard[:3] == ["made", "abcd", "end"]


def test_a_reset_in_the_middle_is_one_at_both_ends(two: Impaired) -> None:
    """So many bytes arrive; then nobody knows of the connection."""
    two.impair("reset-after", TO, size=4)
    with pytest.raises(ConnectionResetError):
        exchanged(two, b"abcdefghij")
    two.world.run(two.world.now + 1.0)
    assert two.heard == ["made", "abcd", "lost: ConnectionResetError"]


def test_the_end_of_a_connection_may_be_late_alone(two: Impaired) -> None:
    """What was said before it arrives at once."""
    two.impair("slow-close", TO, time_s=5.0)
    assert exchanged(two, b"words") == b"words"
    two.world.run(two.world.now + 4.0)
    assert two.heard == ["made", "words"]
    two.world.run(two.world.now + 2.0)
    assert "end" in two.heard


@pytest.mark.parametrize("effect", ["slice", "limit", "reset-after"])
def test_what_stays_below_an_amount_is_not_met(two: Impaired, effect: Effect) -> None:
    """Ten bytes are no slice of a hundred; and nothing is said of a session that lost nothing."""
    two.impair(effect, TO, size=100, time_s=1.0)
    assert exchanged(two, b"abcdefghij") == b"abcdefghij"
    assert two.met == []


def test_a_share_of_the_connections_keeps_its_fate(two: Impaired) -> None:
    """Half of them are late, each in all its packets, and the same ones whenever it is done."""
    two.impair("latency", TO, time_s=1.0, strength=0.5)
    took = []
    for _ in range(20):
        begun = two.world.now
        exchanged(two, b"words")
        took.append(round(two.world.now - begun))
    assert {*took} == {0, 3}
    assert len(two.met) == took.count(3)


def test_a_network_that_is_mended_keeps_the_order(two: Impaired) -> None:
    """What is said after the heal does not overtake what is still late."""

    def ask() -> bytes:
        with connection(SERVER, timeout_s=300.0) as opened:
            said(opened)
            two.impair("latency", TO, time_s=1.0)
            opened.sendall(b"a")
            two.network.paths.mend("it")
            opened.sendall(b"b")
            return opened.recv(1) + opened.recv(1)

    assert two.ask(ask) == b"ab"


def test_a_reset_is_lost_as_well(two: Impaired) -> None:
    """A client that aborts behind a cut is not missed: the server goes on waiting for it."""

    async def abort() -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(asyncio.Protocol, SERVER.address, SERVER.port)
        await asyncio.sleep(1.0)
        two.impair("cut", TO)
        made = transport.get_extra_info("socket")
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        transport.abort()

    two.client.call_soon(lambda: two.client.create_task(abort()))
    two.world.run(two.world.now + 60.0)
    assert two.heard == ["made"]

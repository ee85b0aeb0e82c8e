"""The simulated network: what a client meets at a host that is there, frozen, dead or cut off."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import pytest
import trustme

from relaydrill import clock
from relaydrill.drivers.simulate.host import Host
from relaydrill.drivers.simulate.network import Network
from relaydrill.drivers.simulate.program import Program
from relaydrill.drivers.simulate.world import BEGIN_S, World
from relaydrill.endpoint import Endpoint
from relaydrill.errors import LabError
from relaydrill.fibres.racing import first_connection
from relaydrill.fibres.sockets import connection, datagrams

T = TypeVar("T")

SERVER = Endpoint("10.0.0.2", 25)
OTHER = Endpoint("10.0.0.3", 25)


class Echo(asyncio.Protocol):
    """Says what it hears; and what it has heard, to whoever tests it."""

    def __init__(self, heard: list[str]) -> None:
        self.heard = heard

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.heard.append("made")
        transport.write(b"hello\n")

    def data_received(self, data: bytes) -> None:
        """Say it again."""
        self.heard.append(data.decode())
        self.transport.write(data)

    def eof_received(self) -> bool:
        """Say goodbye, for one may do so yet."""
        self.heard.append("end")
        self.transport.write(b"goodbye\n")
        self.transport.close()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        """Note how it ended."""
        self.heard.append(f"lost: {type(error).__name__}" if error else "lost")


@dataclass
class Two:
    """A client and a server on a network."""

    world: World = field(default_factory=World)
    network: Network = field(default_factory=Network)
    heard: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        kernel = Program(self.world, "kernel")
        self.client = Host(self.world, self.network, "client", ("10.0.0.1",), kernel)
        self.server = Host(self.world, self.network, "server", (SERVER.address,), kernel)
        self.network.owners[SERVER.address] = self.server

    def serve(self, *, backlog: int = 100) -> asyncio.AbstractServer:
        """Have the server listen."""
        served = list[asyncio.AbstractServer]()

        async def begin() -> None:
            served.append(
                await self.server.create_server(
                    lambda: Echo(self.heard), SERVER.address, SERVER.port, backlog=backlog
                )
            )

        self.server.call_soon(lambda: self.server.create_task(begin()))
        self.world.run(self.world.now)
        return served[0]

    def ask(self, work: Callable[[], T]) -> T:
        """Have blocking code run at the client."""
        return self.world.call(self.client, work)

    @property
    def passed_s(self) -> float:
        """How long the world has lasted."""
        return self.world.now - BEGIN_S


@pytest.fixture
def two() -> Iterator[Two]:
    """A client and a server, in a world of their own."""
    made = Two()
    with clock.given(made.world):
        yield made


def said(opened: socket.socket, words: bytes = b"") -> bytes:
    """What a connection says next, after these words."""
    if words:
        opened.sendall(words)
    return opened.recv(100)


def greeting(two: Two, timeout_s: float = 5.0) -> bytes:
    """What the server says first."""
    with connection(SERVER, timeout_s=timeout_s) as opened:
        return said(opened)


def test_a_server_is_talked_to(two: Two) -> None:
    """What is sent arrives, both ways, and takes a fraction of a millisecond."""
    two.serve()

    def talk() -> list[bytes]:
        with connection(SERVER, timeout_s=5.0) as opened:
            return [said(opened), said(opened, b"one\n"), said(opened, b"two\n")]

    assert two.ask(talk) == [b"hello\n", b"one\n", b"two\n"]
    assert 0 < two.passed_s < 0.01


def test_where_nobody_listens_a_connection_is_refused(two: Two) -> None:
    """At once, by the kernel of the host."""
    with pytest.raises(ConnectionRefusedError):
        two.ask(lambda: greeting(two))
    assert two.passed_s < 0.01


def test_a_black_hole_lets_a_client_wait_as_long_as_it_likes(two: Two) -> None:
    """Nothing refuses: its own timeout ends it, to the moment; or that of the kernel."""
    two.serve()
    two.network.cut_off.add(two.server)
    with pytest.raises(TimeoutError):
        two.ask(lambda: greeting(two, timeout_s=5.0))
    assert two.passed_s == pytest.approx(5.0)
    with pytest.raises(TimeoutError):
        two.ask(lambda: greeting(two, timeout_s=900.0))
    assert two.passed_s == pytest.approx(5.0 + 127.0, abs=0.01)


@pytest.mark.parametrize(("back_s", "opens_s"), [(0.5, 1.0), (1.5, 3.0), (6.9, 7.0)])
def test_a_lost_syn_is_sent_again_as_linux_does_it(two: Two, back_s: float, opens_s: float) -> None:
    """A host that is back is reached by the next SYN: after 1, 3, 7 seconds."""
    two.serve()
    two.network.cut_off.add(two.server)
    two.client.call_later(back_s, two.network.cut_off.discard, two.server)
    assert two.ask(lambda: greeting(two, timeout_s=30.0)) == b"hello\n"
    assert two.passed_s == pytest.approx(opens_s, abs=0.01)


def test_a_frozen_program_s_kernel_opens_connections_and_nobody_answers(two: Two) -> None:
    """What was sent to it is there when it goes on."""
    two.serve()
    two.server.freeze()
    two.client.call_later(9.0, two.server.thaw)

    def talk() -> list[bytes]:
        with connection(SERVER, timeout_s=1.0) as opened:
            opened.sendall(b"early\n")
            with pytest.raises(TimeoutError):
                opened.recv(100)
            opened.settimeout(20.0)
            return [opened.recv(100), opened.recv(100)]

    assert two.ask(talk) == [b"hello\n", b"early\n"]
    assert two.passed_s == pytest.approx(9.0, abs=0.01)


def test_a_full_accept_queue_drops_the_next(two: Two) -> None:
    """A frozen program's backlog fills up; whoever comes then is not even connected."""
    two.serve(backlog=2)
    two.server.freeze()

    def fill() -> int:
        opened = list[socket.socket]()
        try:
            while True:
                opened.append(connection(SERVER, timeout_s=1.0))
        except TimeoutError:
            return len(opened)

    assert two.ask(fill) == 3  # the queue's length and one, as with Linux


def test_a_killed_program_ends_its_connections_and_refuses_others(two: Two) -> None:
    """Whoever was connected reads the end; a word after that is answered by a reset."""
    two.serve()

    def talk() -> bytes:
        with connection(SERVER, timeout_s=5.0) as opened:
            said(opened)
            two.server.finish()
            two.network.forget(two.server)
            assert opened.recv(100) == b""
            opened.sendall(b"anybody?")
            clock.sleep(0.01)
            with pytest.raises(ConnectionResetError):
                opened.recv(100)
        return b"over"

    assert two.ask(talk) == b"over"
    with pytest.raises(ConnectionRefusedError):
        two.ask(lambda: greeting(two))


def test_a_program_killed_with_something_unread_resets(two: Two) -> None:
    """So does a kernel that closes a socket with bytes in it (RFC 2525 §2.17)."""
    two.serve()

    def talk() -> None:
        with connection(SERVER, timeout_s=5.0) as opened:
            said(opened)
            two.server.freeze()
            opened.sendall(b"unread")
            clock.sleep(1.0)
            two.server.finish()
            two.network.forget(two.server)
            opened.recv(100)

    with pytest.raises(ConnectionResetError):
        two.ask(talk)


def test_one_direction_can_end_before_the_other(two: Two) -> None:
    """A half-close is heard, and can be answered."""
    two.serve()

    async def talk() -> bytes:
        reader, writer = await asyncio.open_connection(SERVER.address, SERVER.port)
        writer.write_eof()
        try:
            return await reader.read()
        finally:
            writer.close()

    task = list[asyncio.Task[bytes]]()
    two.client.call_soon(lambda: task.append(two.client.create_task(talk())))
    two.world.run(two.world.now + 1.0)
    assert task[0].result() == b"hello\ngoodbye\n"
    assert two.heard == ["made", "end", "lost"]


def test_a_reset_before_the_accept_is_not_heard_of(two: Two) -> None:
    """A health check that connects and resets leaves no trace in the program (SO_LINGER of 0)."""
    two.serve()

    def check() -> None:
        with connection(SERVER, timeout_s=1.0) as opened:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")

    two.ask(check)
    two.world.run(two.world.now + 1.0)
    assert two.heard == []


def test_a_listener_that_closes_resets_those_who_wait(two: Two) -> None:
    """Their connections were open by the kernel's word alone."""
    served = two.serve()
    two.server.freeze()

    def wait() -> bytes:
        with connection(SERVER, timeout_s=5.0) as opened:
            two.server.thaw()
            two.server.call_soon(served.close)
            return opened.recv(100)

    with pytest.raises(ConnectionResetError):
        two.ask(wait)
    assert two.heard == []


def test_who_does_not_trust_a_certificate_says_so_to_the_server(two: Two) -> None:
    """Its alert is sent before it hangs up: the server learns why (RFC 8446 §6.2)."""
    shows, heard = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), list[OSError]()
    trustme.CA().issue_cert("server").configure_cert(shows)

    async def agree(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await writer.start_tls(shows)
        except OSError as error:
            heard.append(error)

    async def begin() -> None:
        await asyncio.start_server(agree, SERVER.address, SERVER.port)

    def distrust() -> None:
        with connection(SERVER, timeout_s=5.0) as opened:
            two.client.tls(ssl.create_default_context()).wrap_socket(
                opened, server_hostname="server"
            )

    two.server.call_soon(lambda: two.server.create_task(begin()))
    two.world.run(two.world.now)
    with pytest.raises(ssl.SSLCertVerificationError):
        two.ask(distrust)
    two.world.run(two.world.now + 1.0)
    [error] = heard
    assert "alert unknown ca" in str(error)


def test_datagrams_come_and_are_refused(two: Two) -> None:
    """An answer comes back; where nobody listens, a connected socket learns of it."""

    class Answers(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.DatagramTransport)
            self.transport = transport

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            self.transport.sendto(data.upper(), addr)

    async def begin() -> None:
        await two.server.create_datagram_endpoint(Answers, (SERVER.address, 53))

    two.server.call_soon(lambda: two.server.create_task(begin()))

    def ask(port: int) -> bytes:
        with datagrams(Endpoint(SERVER.address, port), timeout_s=2.0) as asking:
            asking.sendall(b"who?")
            return asking.recv(100)

    assert two.ask(lambda: ask(53)) == b"WHO?"
    with pytest.raises(ConnectionRefusedError):
        two.ask(lambda: ask(54))
    two.server.freeze()
    with pytest.raises(TimeoutError):
        two.ask(lambda: ask(53))


def test_the_first_of_several_connections_wins(two: Two) -> None:
    """A rival of a black hole is begun a moment later, and is the one (RFC 8305 §5)."""
    two.serve()
    two.network.dead.add((OTHER.address, OTHER.port))

    def race() -> Endpoint:
        where, opened = first_connection([OTHER, SERVER], every_s=0.25, timeout_s=5.0)
        opened.close()
        return where

    assert two.ask(race) == SERVER
    assert two.passed_s == pytest.approx(0.25, abs=0.01)


def test_what_comes_back_after_an_attempt_was_given_up_is_closed(two: Two) -> None:
    """Whoever timed out leaves no connection behind at the server."""
    two.serve()

    async def impatient() -> None:
        async with asyncio.timeout(0.00015):  # the SYN has arrived, the answer has not
            await asyncio.open_connection(SERVER.address, SERVER.port)

    task = list[asyncio.Task[None]]()
    two.client.call_soon(lambda: task.append(two.client.create_task(impatient())))
    two.world.run(two.world.now + 1.0)
    assert isinstance(task[0].exception(), TimeoutError)
    assert two.network.ends == {} or two.heard == ["made", "end", "lost"]
    assert not [end for end in two.network.ends if end.program is two.client]


def test_a_circle_that_takes_no_time_is_an_error(two: Two) -> None:
    """A world that would stand still for ever says so."""

    def again() -> None:
        two.client.call_soon(again)

    two.client.call_soon(again)
    with pytest.raises(LabError, match="goes round in circles"):
        two.world.run(two.world.now + 1.0)


def test_waiting_for_what_never_comes_is_an_error(two: Two) -> None:
    """When nothing is left to happen, whoever waits is told, and the world does not hang."""
    two.serve()

    def wait_for_ever() -> bytes:
        with connection(SERVER, timeout_s=5.0) as opened:
            said(opened)
            opened.settimeout(None)
            return opened.recv(100)

    with pytest.raises(LabError, match="come to rest"):
        two.ask(wait_for_ever)

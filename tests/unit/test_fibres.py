"""Fibres: blocking code, many at a time, in one thread."""

from __future__ import annotations

import contextlib
import gc
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import CancelledError, wait
from typing import Any

import pytest
import trustme

from relaydrill.endpoint import Endpoint
from relaydrill.fibres.pool import FibrePool, current
from relaydrill.fibres.sockets import FibreSocket, FibreTls, connection, datagrams, for_fibres

LONG_S = 30.0


@pytest.fixture
def pool() -> Iterator[FibrePool]:
    """A pool that has room for all."""
    pool = FibrePool(1000)
    yield pool
    pool.shutdown(cancel_futures=True)


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        yield listener


def where(listener: socket.socket) -> Endpoint:
    """Where it listens."""
    return Endpoint(*listener.getsockname()[:2])


def read_from(listener: socket.socket, timeout_s: float = LONG_S) -> bytes:
    """What a client is told first."""
    with connection(where(listener), timeout_s=LONG_S) as made:
        made.settimeout(timeout_s)
        return made.recv(100)


def test_hundreds_wait_at_a_time_in_one_thread(pool: FibrePool, silent: socket.socket) -> None:
    """Each waits for its own server, and all of them no longer than one."""
    threads: set[int] = set()

    def read() -> bytes:
        threads.add(threading.get_ident())
        return read_from(silent)

    reading = [pool.submit(read) for _ in range(300)]
    with contextlib.ExitStack() as connected:
        clients = [connected.enter_context(silent.accept()[0]) for _ in reading]
        assert not any(each.done() for each in reading)
        for client in reversed(clients):
            client.sendall(b"hello")
        assert {each.result(LONG_S) for each in reading} == {b"hello"}
    assert len(threads) == 1


def test_no_more_are_under_way_than_it_may_have(silent: socket.socket) -> None:
    """The third of two waits its turn, and gets it."""
    pool = FibrePool(2)
    reading = [pool.submit(read_from, silent) for _ in range(3)]
    first, second = silent.accept()[0], silent.accept()[0]
    silent.settimeout(0.2)
    with pytest.raises(TimeoutError):
        silent.accept()
    silent.settimeout(LONG_S)
    first.close()
    third = silent.accept()[0]
    for client in (second, third):
        client.close()
    assert [each.result(LONG_S) for each in reading] == [b"", b"", b""]
    pool.shutdown()


def test_a_timeout_is_kept(pool: FibrePool, silent: socket.socket) -> None:
    """It comes when it is due, also where an earlier call on the socket had a longer one."""

    def read() -> float:
        with connection(where(silent), timeout_s=LONG_S) as made:
            begin = time.monotonic()
            for timeout_s in (0.3, 0.1):
                made.settimeout(timeout_s)
                with pytest.raises(TimeoutError, match="timed out"):
                    made.recv(100)
            return time.monotonic() - begin

    assert 0.4 <= pool.submit(read).result(LONG_S) < LONG_S / 2


def test_a_wait_is_timed_from_its_own_begin(pool: FibrePool, silent: socket.socket) -> None:
    """A server that says a word now and then is waited for, word by word."""

    def read() -> list[bytes]:
        with connection(where(silent), timeout_s=LONG_S) as made:
            made.settimeout(0.4)
            return [made.recv(1) for _ in range(5)]

    reading = pool.submit(read)
    with silent.accept()[0] as client:
        for _ in range(5):
            time.sleep(0.2)
            client.sendall(b"x")
        assert reading.result(LONG_S) == [b"x"] * 5


def test_nobody_listens(pool: FibrePool) -> None:
    """A connection that is refused is so in a fibre, too."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        nobody = where(gone)
    attempt = pool.submit(connection, nobody, timeout_s=LONG_S)
    with pytest.raises(ConnectionRefusedError):
        attempt.result(LONG_S)


def test_much_is_written_to_a_slow_reader(pool: FibrePool, silent: socket.socket) -> None:
    """What does not fit into the kernel waits while the other end speaks, and all of it arrives."""
    much = bytes(range(256)) * 80_000

    def write() -> bytes:
        with connection(where(silent), timeout_s=LONG_S) as made:
            made.sendall(much)
            made.shutdown(socket.SHUT_WR)
            return made.recv(100)

    writing = pool.submit(write)
    with silent.accept()[0] as client:
        client.sendall(b"so much?")
        time.sleep(0.1)
        arrived = bytearray()
        while piece := client.recv(1 << 20):
            arrived += piece
        assert writing.result(LONG_S) == b"so much?"
    assert arrived == much


def test_what_comes_unasked_does_not_keep_the_pool_busy(
    pool: FibrePool, silent: socket.socket
) -> None:
    """Words that a fibre does not read, for it waits elsewhere, cost nothing, and are kept."""

    def read_both() -> tuple[bytes, bytes]:
        with (
            connection(where(silent), timeout_s=LONG_S) as one,
            connection(where(silent), timeout_s=LONG_S) as other,
        ):
            first = one.recv(1)
            return first + other.recv(1), one.recv(100)

    reading = pool.submit(read_both)
    with silent.accept()[0] as one, silent.accept()[0] as other:
        one.sendall(b"a")
        time.sleep(0.1)
        one.sendall(b"later")
        before = time.process_time()
        time.sleep(0.5)
        assert time.process_time() - before < 0.25
        other.sendall(b"b")
        assert reading.result(LONG_S) == (b"ab", b"later")


def test_what_is_given_up_ends_where_it_waits(silent: socket.socket) -> None:
    """Its future is cancelled, its connection closed, and what has not begun never does."""
    pool = FibrePool(2)
    reading = [pool.submit(read_from, silent) for _ in range(3)]
    clients = [silent.accept()[0] for _ in range(2)]
    pool.shutdown(cancel_futures=True)
    for each in reading:
        with pytest.raises(CancelledError):
            each.result(LONG_S)
    for client in clients:
        with client:
            client.settimeout(LONG_S)
            assert client.recv(1) == b""
    with pytest.raises(RuntimeError):
        pool.submit(read_from, silent)


def test_shutting_down_waits_for_what_was_taken(silent: socket.socket) -> None:
    """Without giving up, everything that was submitted is done first."""
    pool = FibrePool(1)
    reading = [pool.submit(read_from, silent) for _ in range(2)]
    pool.shutdown(wait=False)
    for _ in reading:
        with silent.accept()[0] as client:
            client.sendall(b"x")
    assert not wait(reading, LONG_S).not_done
    assert [each.result() for each in reading] == [b"x", b"x"]


class SlowToAppend(deque[Any]):
    """Puts its third item in only when the second has been taken out and carried out."""

    def __init__(self, free: threading.Event) -> None:
        super().__init__()
        self._free = free
        self._appended = 0

    def append(self, item: Any) -> None:
        """Put it in, at the worst moment."""
        self._appended += 1
        if self._appended == 3:
            before = self[0].future
            self._free.set()
            before.result(LONG_S)
        super().append(item)


def test_a_job_that_comes_as_the_thread_takes_the_one_before_it_is_begun(
    pool: FibrePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever submits it tells the thread, unless somebody else surely will."""
    free, busy = threading.Event(), threading.Event()
    monkeypatch.setattr(pool, "_waiting", SlowToAppend(free))

    def be_busy() -> None:
        busy.set()
        assert free.wait(LONG_S)

    pool.submit(be_busy)
    assert busy.wait(LONG_S)
    pool.submit(int)
    assert pool.submit(int, "7").result(5.0) == 7


class EndsThePool:
    """A lock; when the test's thread lets go of it, the pool's last job ends, and its thread."""

    def __init__(self, pool: FibrePool, free: threading.Event) -> None:
        self._lock, self._pool, self._free = threading.Lock(), pool, free

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
        if threading.current_thread() is threading.main_thread():
            self._free.set()
            self._pool._thread.join(LONG_S)


def test_a_crew_may_end_while_it_is_shut_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last job ends just as nobody takes more: there is nobody left to tell, and no error."""
    pool, free = FibrePool(2), threading.Event()
    ending = pool.submit(free.wait, LONG_S)
    monkeypatch.setattr(pool, "_lock", EndsThePool(pool, free))
    pool.shutdown(cancel_futures=True)
    assert ending.result(LONG_S)
    assert not pool._thread.is_alive()


def test_a_crew_that_had_nothing_to_do_has_nothing_to_end() -> None:
    """There is no thread before the first job."""
    before = threading.active_count()
    FibrePool(5).shutdown()
    assert threading.active_count() == before


def test_an_error_of_a_job_is_its_future_s(pool: FibrePool) -> None:
    """It harms nobody else."""
    failing = pool.submit(int, "x")
    with pytest.raises(ValueError, match="invalid literal"):
        failing.result(LONG_S)
    assert pool.submit(int, "7").result(LONG_S) == 7


def test_nothing_is_left_of_a_job(pool: FibrePool, silent: socket.socket) -> None:
    """Neither its fibre nor a descriptor stays when it is over."""

    def kind() -> str:
        with connection(where(silent), timeout_s=LONG_S) as made:
            return f"{type(made).__name__} {current() is not None}"

    assert pool.submit(kind).result(LONG_S) == "FibreSocket True"
    pool.shutdown()
    gc.collect()
    assert not [each for each in gc.get_objects() if isinstance(each, FibreSocket)]


def test_outside_of_a_crew_sockets_are_plain(silent: socket.socket) -> None:
    """In a thread the same functions make what any other library would."""
    with connection(where(silent), timeout_s=LONG_S) as made:
        assert type(made) is socket.socket
        assert made.gettimeout() == LONG_S
    with datagrams(where(silent), timeout_s=LONG_S) as asking:
        assert type(asking) is socket.socket


def test_a_context_that_a_fibre_has_used_serves_threads_as_before(pool: FibrePool) -> None:
    """One context of trust is shared by all; with it a thread's TLS blocks, and times out."""
    authority = trustme.CA()
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("mail.contoso.com").configure_cert(theirs)
    ours = ssl.create_default_context()
    authority.configure_trust(ours)

    def speak(listener: socket.socket, timeout_s: float) -> tuple[str, bytes]:
        plain = connection(where(listener), timeout_s=LONG_S)
        with for_fibres(ours).wrap_socket(plain, server_hostname="mail.contoso.com") as secured:
            secured.sendall(b"x" * 1_000_000)
            word = secured.recv(5)
            secured.settimeout(timeout_s)
            with pytest.raises(TimeoutError):
                secured.recv(1)
            return type(secured).__name__, word

    def serve(listener: socket.socket) -> None:
        for _ in range(2):
            client = theirs.wrap_socket(listener.accept()[0], server_side=True)
            with client:
                left = 1_000_000
                while left:
                    left -= len(client.recv(left))
                client.sendall(b"hello")
                with contextlib.suppress(OSError):
                    client.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = threading.Thread(target=serve, args=(listener,))
        serving.start()
        assert pool.submit(speak, listener, 0.1).result(LONG_S) == (FibreTls.__name__, b"hello")
        assert speak(listener, 0.1) == (FibreTls.__name__, b"hello")
        serving.join(LONG_S)

"""Connections that are opened at once: which of them is taken, and when."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relaydrill.dead_end import dead_end
from relaydrill.endpoint import Endpoint, family
from relaydrill.fibres.pool import FibrePool
from relaydrill.fibres.racing import first_connection
from relaydrill.personas import PERSONAS, SenderSettings
from relaydrill.personas.directories import KnownHosts
from relaydrill.smtp import Result
from relaydrill.smtp_client import Route, SessionEnded, SmtpSession

_EVERY_S = 0.2
_TIMEOUT_S = 0.6

Do = Callable[[Callable[[], Any]], Any]


@pytest.fixture(params=["in a thread", "in a fibre"])
def do(request: pytest.FixtureRequest) -> Iterator[Do]:
    """Carry something out, in a fibre or not."""
    if request.param == "in a thread":
        yield lambda work: work()
        return
    pool = FibrePool(4)
    pool.submit(int).result(10)  # its loop has descriptors of its own from then on
    try:
        yield lambda work: pool.submit(work).result(10)
    finally:
        pool.shutdown()


@contextlib.contextmanager
def live() -> Iterator[Endpoint]:
    """Somebody who listens."""
    with socket.create_server(("127.0.0.1", 0)) as serving:
        yield Endpoint("127.0.0.1", serving.getsockname()[1])


@contextlib.contextmanager
def silent() -> Iterator[Endpoint]:
    """Somebody who never answers."""
    where = Endpoint("::1", free_port("::1"))
    with dead_end(where.address, where.port):
        yield where


def free_port(address: str) -> int:
    """One at which nobody listens."""
    with socket.create_server((address, 0), family=family(address)) as serving:
        return int(serving.getsockname()[1])


def nobody() -> Endpoint:
    """Where connections are refused."""
    return Endpoint("127.0.0.1", free_port("127.0.0.1"))


def open_descriptors() -> int:
    """How many this process has."""
    return len([*Path("/proc/self/fd").iterdir()])


def race(do: Do, *ends: Endpoint) -> tuple[Endpoint | OSError, float]:
    """Who was first, or why nobody was, and how long that took."""
    begin = time.monotonic()

    def work() -> Endpoint | OSError:
        try:
            where, made = first_connection(ends, every_s=_EVERY_S, timeout_s=_TIMEOUT_S)
        except OSError as error:
            return error
        made.close()
        return where

    before = open_descriptors()
    found = do(work)
    assert open_descriptors() <= before
    return found, time.monotonic() - begin


def test_a_silent_one_costs_a_moment(do: Do) -> None:
    """The next is begun while it goes on, and wins."""
    with silent() as first, live() as second:
        found, took_s = race(do, first, second)
        assert found == second
        assert _EVERY_S <= took_s < _TIMEOUT_S


def test_one_that_is_refused_lets_the_next_begin_at_once(do: Do) -> None:
    """Nobody waits for what has failed."""
    with live() as second:
        found, took_s = race(do, nobody(), nobody(), second)
        assert found == second
        assert took_s < _EVERY_S


def test_the_first_that_opens_is_the_only_one(do: Do) -> None:
    """Where it opens at once no other is begun."""
    with live() as first, silent() as second:
        assert race(do, first, second)[0] == first


def test_where_none_opens_the_last_reason_is_told(do: Do) -> None:
    """Refused at once; or timed out, when the last that was begun has had its time."""
    found, took_s = race(do, nobody(), nobody())
    assert isinstance(found, ConnectionRefusedError)
    assert took_s < _EVERY_S
    with silent() as first, silent() as second:
        found, took_s = race(do, first, second)
        assert isinstance(found, TimeoutError)
        assert _EVERY_S + _TIMEOUT_S <= took_s < 2 * _TIMEOUT_S + _EVERY_S


def test_a_session_is_with_the_one_that_opened() -> None:
    """Its outcome has that one's address; and the first one's where none did."""
    with silent() as first, live() as second:
        route = Route(first, "app", rivals=(second,), connect_s=_TIMEOUT_S, reply_s=0.2)
        with pytest.raises(SessionEnded) as ended:
            SmtpSession.connect(route)
        assert ended.value.outcome.address == str(second)
        assert ended.value.outcome.result is Result.DROPPED
        silence = Route(first, "app", rivals=(nobody(),), connect_s=_TIMEOUT_S)
        with pytest.raises(SessionEnded) as ended:
            SmtpSession.connect(silence)
        assert ended.value.outcome.result is Result.UNREACHABLE
        assert ended.value.outcome.address == str(first)


@given(sixes=st.integers(0, 4), fours=st.integers(0, 4))
def test_both_versions_take_turns(sixes: int, fours: int) -> None:
    """IPv6 first, none twice and none left out (RFC 8305 §4)."""
    every = (*(f"fd00::{n}" for n in range(sixes)), *(f"10.0.0.{n}" for n in range(fours)))
    sender = PERSONAS["happy_eyeballs"].new_sender(SenderSettings(random.Random(1)))
    found = [*sender.addresses("mail", KnownHosts({"mail": every}))]
    assert sorted(found) == sorted(every)
    both = found[: 2 * min(sixes, fours)]
    assert [":" in each for each in both] == [True, False] * min(sixes, fours)
    assert [each for each in found if ":" in each] == list(every[:sixes])


@pytest.fixture
def many_open() -> Iterator[None]:
    """More files are open than select(2) knows: what is opened next has a number above 1,023."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 1200
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"no more than {hard} files may be open here; to run this: ulimit -Hn {wanted}")
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    with contextlib.ExitStack() as stack:
        for _ in range(1100):
            stack.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_open")
def test_the_number_of_open_files_does_not_matter(do: Do) -> None:
    """A load generator has thousands of connections."""
    with live() as first, silent() as second:
        assert race(do, first, second)[0] == first

"""The first of several connections that opens: each is begun a moment after the one before.

As RFC 8305 §5 has it: one that fails lets the next begin at once, those that are under way go on,
and as soon as one is open the others are given up.
"""

from __future__ import annotations

import os
import selectors
import socket
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from relaydrill import clock
from relaydrill.endpoint import Endpoint, family, like
from relaydrill.fibres.barring import Barred, nothing_barred
from relaydrill.fibres.pool import Fibre, current
from relaydrill.fibres.sockets import UNDER_WAY, new_socket


class Reset(ConnectionResetError):
    """The first connection that opened was reset at once.

    Args:
        where: The other end.
        error: How.
    """

    def __init__(self, where: Endpoint, error: OSError) -> None:
        super().__init__(*error.args)
        self.where = where


def first_connection(
    ends: Sequence[Endpoint],
    *,
    every_s: float,
    timeout_s: float,
    source: tuple[str, ...] = (),
    barred: Barred = nothing_barred,
) -> tuple[Endpoint, socket.socket]:
    """A TCP connection to one of several other ends, and to which.

    Args:
        ends: In the order in which they are begun; one at least.
        every_s: How long after one the next is begun, wall seconds.
        timeout_s: How long each may take, wall seconds.
        source: Own addresses; for each end the one of its IP version is used, without it any.
        barred: What is in the way of each. One to which nothing answers stays so while this lasts.

    Raises:
        OSError: None opened: how the last that was given up ended. Or the first that opened was
            reset (`Reset`).
    """
    ahead, running = deque(ends), list[_Running]()
    due, error = clock.monotonic(), OSError("no address")
    try:
        while ahead or running:
            if ahead and (not running or clock.monotonic() >= due):
                due = clock.monotonic() + every_s
                try:
                    running.append(_begun(ahead.popleft(), timeout_s, source, barred))
                except Reset:  # it has won
                    raise
                except OSError as failed:
                    error = failed
                continue
            ends_s = min(each.until for each in running)
            _wait(
                [each.made for each in running if not each.is_silent],
                min(ends_s, due) if ahead else ends_s,
            )
            for each in [*running]:
                why = each.failure()
                if why is None:
                    running.remove(each)
                    each.made.settimeout(timeout_s)
                    return each.where, each.made
                if not isinstance(why, BlockingIOError):
                    running.remove(each)
                    each.made.close()
                    error, due = why, clock.monotonic()
        raise error
    finally:
        for each in running:
            each.made.close()


@dataclass(frozen=True, slots=True)
class _Running:
    """A connection that is being opened.

    Attributes:
        where: The other end.
        made: Its socket, which does not block.
        until: When it has timed out, monotonic.
        is_silent: Whether nothing is sent, as nothing would answer.
    """

    where: Endpoint
    made: socket.socket
    until: float
    is_silent: bool = False

    def failure(self) -> OSError | None:
        """Why it has failed; None: it is open; a `BlockingIOError`: neither yet."""
        if code := self.made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            return OSError(code, os.strerror(code))
        try:
            self.made.getpeername()
        except OSError:
            late = clock.monotonic() >= self.until
            return TimeoutError("timed out") if late else BlockingIOError()
        return None


def _begun(where: Endpoint, timeout_s: float, source: tuple[str, ...], barred: Barred) -> _Running:
    bar = barred(where)
    if bar and isinstance(bar.error, ConnectionResetError):
        raise Reset(where, bar.error)
    if bar and not isinstance(bar.error, TimeoutError):
        raise bar.error
    made = new_socket(family(where.address), socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        if own := like(where.address, source):
            made.bind((own, 0))
        code = 0 if bar else made.connect_ex((where.address, where.port))
        if code and code not in UNDER_WAY:
            raise OSError(code, os.strerror(code))
    except BaseException:
        made.close()
        raise
    return _Running(where, made, clock.monotonic() + timeout_s, is_silent=bar is not None)


def _wait(sockets: Sequence[socket.socket], until: float) -> None:
    """Wait until one of them is open or has failed, and no longer than to a moment."""
    left_s = max(0.0, until - clock.monotonic())
    fibre = current()
    if fibre is None:
        # Not select(2), which knows no more than 1,024 open files.
        with selectors.PollSelector() as asked:
            for each in sockets:
                asked.register(each, selectors.EVENT_WRITE)
            asked.select(left_s)
    else:
        _wait_in(fibre, sockets, left_s)


def _wait_in(fibre: Fibre, sockets: Sequence[socket.socket], left_s: float) -> None:
    loop, woken = fibre.loop, False

    def wake() -> None:
        nonlocal woken
        if not woken:  # several may be told of in one turn of the loop
            woken = True
            fibre.switch()

    timer = loop.call_later(left_s, wake)
    for each in sockets:
        loop.add_writer(each.fileno(), wake)
    try:
        fibre.wait()
    finally:
        woken = True
        timer.cancel()
        for each in sockets:
            loop.remove_writer(each.fileno())

"""What senders keep that was put off, and when they try it again, as mail servers do."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from relaydrill import clock
from relaydrill.fibres.waiting import begin, new_event
from relaydrill.nodes.sending.workload import OutgoingMessage


class _Kept(NamedTuple):
    """A message, and when it is tried again."""

    due: float
    message: OutgoingMessage


class Retries:
    """The messages of one load that wait for their next attempt.

    Args:
        wait_s: How long each waits, wall seconds.
        again: Has a message tried again: when it was due, and the message.
    """

    def __init__(self, wait_s: float, again: Callable[[float, OutgoingMessage], None]) -> None:
        self._wait_s = wait_s
        self._again = again
        self._waiting: deque[_Kept] = deque()
        self._kept: dict[str, OutgoingMessage] = {}
        self._is_watching = False
        self._ended = new_event()
        self._lock = threading.Lock()

    @property
    def kept(self) -> list[OutgoingMessage]:
        """What was put off and has not been sent yet, what is under way again among it."""
        with self._lock:
            return [*self._kept.values()]

    def keep(self, message: OutgoingMessage) -> None:
        """Try a message again once it has waited."""
        with self._lock:
            self._kept[message.identity] = message
            # One wait for all: whatever comes later is due later.
            self._waiting.append(_Kept(clock.monotonic() + self._wait_s, message))
            if self._is_watching or self._ended.is_set():
                return
            self._is_watching = True
        begin(self._watch, name="retries")

    def forget(self, message: OutgoingMessage) -> None:
        """A message is sent, or refused for good."""
        with self._lock:
            self._kept.pop(message.identity, None)

    def end(self) -> None:
        """Try nothing again any more."""
        self._ended.set()

    def _watch(self) -> None:
        """Have everything tried again at its time, until nothing waits."""
        while (first := self._first()) is not None:
            if self._ended.wait(max(0.0, first.due - clock.monotonic())):
                return
            self._again(*first)

    def _first(self) -> _Kept | None:
        with self._lock:
            if self._waiting and not self._ended.is_set():
                return self._waiting.popleft()
            self._is_watching = False
            return None

"""What a server's own log tells of mail: Postfix's and Exim's, wherever its lines are to be had."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final, Protocol

from relaydrill.drivers.attach.observers.silence import fell_silent
from relaydrill.mail_logs.deeds import Deed, Does
from relaydrill.mail_logs.following import Following
from relaydrill.mail_logs.framing import Framer
from relaydrill.mail_logs.reading import UNDECLARED, Takers

_TROUBLE: Final = re.compile(rb"tail: .*(?:truncated|cannot open|inaccessible|giving up)")
"""What ``tail -F`` says where it has missed something."""

_NAMED_WITHIN_S: Final = 2.0
"""Seconds in which the line that names a message comes, if it comes at all."""

_SHOWN: Final = 160
"""Characters of a line that is shown to a person."""


class Lines(Protocol):
    """Where lines are to be had: a file, a folder, a FIFO, a command."""

    @property
    def name(self) -> str:
        """What people call it."""

    def lines(self) -> Iterator[bytes]:
        """The whole lines that have come since the last time."""

    def begin(self) -> None:
        """Forget what was not read until now."""

    def unread(self) -> Iterator[str]:
        """What of it was not read whole, a sentence each."""

    def close(self) -> None:
        """Let it go."""


class MailLogObserver:
    """A log of a Postfix or an Exim, or of both.

    Args:
        source: Where its lines are.
        takers: What is declared of who takes mail over.
        expects_lines: Whether a source without any line is none that was read.
    """

    def __init__(
        self, source: Lines, takers: Takers = UNDECLARED, *, expects_lines: bool = False
    ) -> None:
        self._expects_lines = expects_lines
        self._source = source
        self._framer = Framer(source.name, time.time())
        self._following = Following(takers)
        self._first = b""
        self._heard: float | None = None
        self._asked = float("-inf")
        self._remarks: dict[str, None] = {}

    def new(self) -> Iterator[Deed]:
        """What has happened to mail since the last look."""
        for line in self._source.lines():
            self._first = self._first or line
            self._heard = time.monotonic()
            if _TROUBLE.match(line):
                self._remarks.setdefault(_shown(line))
            yield from _now(self._following.take(self._framer.frame(line)))
        if time.monotonic() >= self._asked + _NAMED_WITHIN_S:
            self._asked = time.monotonic()
            yield from _now(self._following.overdue())

    def quiet(self, missing: Iterable[float]) -> Iterator[str]:
        """That its source went quiet while mail was taken that never came, where it did."""
        if self._heard is not None:
            yield from fell_silent(self._source.name, "line", self._heard, missing)

    def begin(self) -> None:
        """A drill begins: what was missed until now was missed of those before it.

        Whether its lines are those of a mail server all drills together tell.
        """
        self._source.begin()
        self._framer.count.torn = 0
        self._following.forget_what_was_missed()
        self._remarks.clear()

    def unread(self) -> Iterator[str]:
        """What of its source was not read whole, or not understood, a sentence each."""
        yield from self._source.unread()
        name, count, following = self._source.name, self._framer.count, self._following
        if self._expects_lines and not count.lines and not count.torn:
            yield f"{name}: no line has come since the drill began"
        if count.lines and not following.understood:
            yield (
                f"{name}: none of its {count.lines:,} lines is one of Postfix's, Exim's or"
                f" Dovecot's; the first is {_shown(self._first)}"
            )
        if count.torn:
            what = _lines(count.torn, "is torn or too long", "are torn or too long")
            yield f"{name}: {what}"
        if following.first_not_understood:
            yield (
                f"{name}: {_lines(following.not_understood, 'was', 'were')} not understood;"
                f" the first is {following.first_not_understood.where}:"
                f" {_shown(following.first_not_understood.text.encode())}"
            )
        for said in self._remarks:
            yield f"{name}: it says {said}"
        for said in following.suppressed:
            yield f"{name}: the system's logger has dropped lines: {said}"

    def close(self) -> None:
        """Look no more."""
        self._source.close()


def _now(deeds: Iterable[Deed]) -> Iterator[Deed]:
    """Deeds as of the moment at which they are seen.

    A server's clock is its own, and most logs know whole seconds only: what is seen now happened
    now, as far as a drill is concerned.
    """
    return (replace(deed, wall=None) for deed in deeds if deed.does is not Does.NOTHING)


def _lines(count: int, one: str, several: str) -> str:
    return f"1 line {one}" if count == 1 else f"{count:,} lines {several}"


def _shown(line: bytes) -> str:
    text = line.decode("utf-8", "backslashreplace").strip()
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + " …")

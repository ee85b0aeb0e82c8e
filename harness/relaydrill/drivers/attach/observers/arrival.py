"""An arrival, and who sees one; or more of what servers do with mail."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from relaydrill.mail_logs.deeds import Deed


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message has arrived.

    Attributes:
        message: Its Message-ID.
        recipient: For whom; empty where that cannot be seen.
        digest: Of its body, as `relaydrill.message.digest` has it; empty where that cannot be seen.
        mono: When, monotonic seconds; None for the moment at which it was seen.
        wall: When, seconds since the epoch; likewise.
        known_by: As of `relaydrill.message.Recognised`.
        bears: As of `relaydrill.message.Recognised`.
        changed: As of `relaydrill.message.Recognised`.
        by: With whom it lies, as its last delivery wrote into it; empty where that is not told.
        marks: The messages whose marks it bears, where they are several: it may be any of them.
    """

    message: str
    recipient: str = ""
    digest: str = ""
    mono: float | None = None
    wall: float | None = None
    known_by: str = ""
    changed: tuple[str, ...] = ()
    by: str = ""
    bears: str = ""
    marks: tuple[str, ...] = ()


class Observer(Protocol):
    """Looks at a mailbox or a log again and again, and tells each thing once."""

    def new(self) -> Iterable[Arrival | Deed]:
        """What has arrived, or happened to mail otherwise, since the last look.

        Raises:
            LabError: It cannot look.
        """

    def close(self) -> None:
        """Look no more."""


@runtime_checkable
class LogReader(Observer, Protocol):
    """An observer that reads a log, and knows what of it was not read."""

    def begin(self) -> None:
        """A drill begins: what was missed until now was missed of those before it."""

    def unread(self) -> Iterable[str]:
        """What was not read whole since the drill began, or is not now; a sentence each."""

    def quiet(self, missing: Iterable[float]) -> Iterable[str]:
        """That the log went quiet while mail was taken that never came, where it did.

        A copy that is no longer brought up to date looks like a server that gets no mail any more.

        Args:
            missing: When mail was accepted that has not arrived, by the monotonic clock.
        """

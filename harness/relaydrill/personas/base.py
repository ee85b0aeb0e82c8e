"""What a persona is, and what it may ask of DNS."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from relaydrill.smtp import Outcome, Result


class Unresolved(Exception):
    """No address to try: the name has none, no name server answered, or all are shunned."""


class Directory(Protocol):
    """DNS, as a sender sees it."""

    def mx(self, domain: str) -> tuple[tuple[int, str], ...]:
        """Preference and host of every MX record, in the order of the answer; none if it has none.

        Raises:
            Unresolved: There is no such name, or no answer.
        """

    def addresses(self, host: str) -> tuple[str, ...]:
        """A host's addresses in the order of the answer; none if it has none.

        Raises:
            Unresolved: There is no such name, or no answer.
        """


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a new sender is born with.

    Attributes:
        chance: Its luck. pin: The MX host that it has picked; empty: it picks one for itself.
        cache_s: How long it keeps what it has resolved, if it keeps it.
        shun_s: How long it leaves a host alone that failed, if it remembers such.
        near: Its own address where it stands in the servers' subnet; else empty.
    """

    chance: random.Random
    pin: str = ""
    cache_s: float = 300.0
    shun_s: float = 900.0
    near: str = ""


class Mind(Protocol):
    """One sender with its memory. Its attempts go on side by side: while one waits, others run."""

    def addresses(self, target: str, directory: Directory) -> Iterator[str]:
        """The addresses that it tries for one message, in order.

        The next one is asked for only when it goes on after the one before; see
        `Persona.goes_on`.

        Raises:
            Unresolved: DNS has no answer.
        """


class Persona(Protocol):
    """One kind of sender."""

    @property
    def name(self) -> str:
        """As topologies write it."""

    @property
    def authenticates(self) -> bool:
        """Whether it does STARTTLS, checks the certificate, and logs in."""

    @property
    def chooses(self) -> Literal["message", "sender"]:
        """Whether each message is a choice of its own, or a sender keeps to its first one."""

    def mind(self, born: Circumstances) -> Mind:
        """A new sender of this kind."""

    def goes_on(self, outcome: Outcome) -> bool:
        """Whether it tries its next address after one that did not accept the message."""


@runtime_checkable
class Learning(Protocol):
    """A mind that remembers which address failed."""

    def learn(self, address: str, outcome: Outcome) -> None:
        """An address did not accept a message."""


def no_for_good(outcome: Outcome) -> bool:
    """Whether a server has answered with a 5xx."""
    return outcome.reply is not None and not outcome.reply.transient


def unreachable(outcome: Outcome) -> bool:
    """Going on only where no connection could be opened: the rule of simple clients."""
    return outcome.result is Result.UNREACHABLE

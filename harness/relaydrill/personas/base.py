"""What a persona is, and what it may ask of DNS."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from relaydrill.smtp import Outcome, Result


class Unresolved(Exception):
    """No address to try: the name has none, no name server answered, or all are shunned."""


class NoSuchName(Unresolved):
    """There is no such name, or nothing at it, and there will be none if one asks again."""


class NullMx(NoSuchName):
    """The domain takes no mail (RFC 7505).

    Args:
        domain: Which.
    """

    def __init__(self, domain: str) -> None:
        super().__init__(f"{domain} takes no mail")
        self.domain = domain


class Directory(Protocol):
    """DNS, as a sender sees it."""

    def mx(self, domain: str) -> tuple[tuple[int, str], ...]:
        """Preference and host of every MX record, in the order of the answer; none if it has none.

        The host of a null MX is empty.

        Raises:
            Unresolved: There is no such name, or no answer.
        """

    def addresses(self, host: str) -> tuple[str, ...]:
        """A host's addresses in the order of the answer; none if it has none.

        Raises:
            Unresolved: There is no such name, or no answer.
        """


@dataclass(frozen=True, slots=True)
class SenderSettings:
    """What a new sender is given.

    Attributes:
        rng: Source of its random choices.
        pin: The MX host that it has picked; empty: it picks one itself.
        cache_s: How long it keeps a resolved name, if it caches, wall seconds.
        shun_s: How long it avoids a host that failed, if it remembers such, wall seconds.
        near: Its own address if it is in the servers' subnet; else empty.
    """

    rng: random.Random
    pin: str = ""
    cache_s: float = 300.0
    shun_s: float = 900.0
    near: str = ""


class SenderState(Protocol):
    """One sender and what it remembers. Several attempts may be in progress at a time."""

    def addresses(self, target: str, directory: Directory) -> Iterator[str]:
        """The addresses that it tries for one message, in order.

        The next one is asked for only when it goes on after the one before; see
        `Persona.goes_on`.

        Raises:
            Unresolved: DNS has no answer.
        """


@runtime_checkable
class Persona(Protocol):
    """One kind of sender.

    One of another package that looks up MX records says so: ``looks_up_mx = True``.
    """

    @property
    def name(self) -> str:
        """As topologies write it."""

    @property
    def authenticates(self) -> bool:
        """Whether it does STARTTLS, checks the certificate, and logs in."""

    @property
    def chooses(self) -> Literal["message", "sender"]:
        """Whether each message is a choice of its own, or a sender keeps to its first one."""

    def new_sender(self, settings: SenderSettings) -> SenderState:
        """A new sender of this kind."""

    def goes_on(self, outcome: Outcome) -> bool:
        """Whether it tries its next address after one that did not accept the message."""


@runtime_checkable
class Learning(Protocol):
    """A sender that remembers which address failed."""

    def learn(self, address: str, outcome: Outcome) -> None:
        """An address did not accept a message."""


@runtime_checkable
class Racing(Protocol):
    """A persona that opens connections to several addresses at once, and takes the first."""

    @property
    def races(self) -> bool:
        """Whether it does."""


def no_for_good(outcome: Outcome) -> bool:
    """Whether a server has answered with a 5xx."""
    return outcome.reply is not None and not outcome.reply.transient


def unreachable(outcome: Outcome) -> bool:
    """Going on only where no connection could be opened: the rule of simple clients."""
    return outcome.result is Result.UNREACHABLE

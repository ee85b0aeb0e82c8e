"""Postfix's smtp(8) client as it looks from outside.

It looks up all hosts of all preferences first and shuffles *addresses* of equal preference, so that
a host with two addresses has twice the weight; it tries five at most (postconf(5):
smtp_mx_address_limit, smtp_skip_5xx_greeting). A null MX beside others prevails, and an address in
an MX record is taken for one (measured with Postfix 3.7).
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal

from relaydrill.personas.base import Directory, SenderSettings, no_for_good
from relaydrill.personas.exchangers import Resolving, by_preference
from relaydrill.smtp import Outcome, Phase

_MOST_ADDRESSES: Final = 5


@dataclass(frozen=True, slots=True)
class Postfix:
    """Addresses shuffled within a preference."""

    name: str = "postfix"
    authenticates: bool = False
    chooses: Literal["message", "sender"] = "message"

    def new_sender(self, settings: SenderSettings) -> _Shuffling:
        """A sender with luck of its own."""
        return _Shuffling(settings.rng)

    def goes_on(self, outcome: Outcome) -> bool:
        """Unless a server said no for good, later than in its banner.

        Measured with Postfix 3.7: a 4xx at MAIL or RCPT and a connection that is cut send it to the
        next address within the same try, even after the dot, so that the mail may arrive twice.
        """
        return outcome.phase is Phase.BANNER or not no_for_good(outcome)


class _Shuffling:
    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def addresses(self, target: str, directory: Directory) -> Iterator[str]:
        """Up to five addresses."""
        yield from islice(self._all(target, directory), _MOST_ADDRESSES)

    def _all(self, target: str, directory: Directory) -> Iterator[str]:
        resolving = Resolving(target, _TakingAddresses(directory))
        groups = by_preference(target, directory, null_prevails=True)
        for group in resolving.every(groups):
            yield from self._rng.sample(group, len(group))


@dataclass(frozen=True, slots=True)
class _TakingAddresses:
    """DNS, where an address in place of a name is that address."""

    directory: Directory

    def mx(self, domain: str) -> tuple[tuple[int, str], ...]:
        """As DNS says."""
        return self.directory.mx(domain)

    def addresses(self, host: str) -> tuple[str, ...]:
        """The address itself, or what DNS says."""
        return (host,) if _is_address(host) else self.directory.addresses(host)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True

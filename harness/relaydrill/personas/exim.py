"""Exim's dnslookup router and smtp transport as they look from outside.

Hosts of equal preference are shuffled, and so are a host's own addresses; five are tried at most
(specification: hosts_max_try). A 5xx banner fails the message at once. A host that failed is left
alone by all messages for the first retry time, a quarter of an hour. A null MX beside others is
passed over, and so is an address in an MX record (measured with Exim 4.96).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal

from relaydrill import clock
from relaydrill.personas.base import Directory, SenderSettings, Unresolved, no_for_good
from relaydrill.personas.exchangers import Resolving, by_preference
from relaydrill.smtp import Outcome, Phase, Result

_MOST_ADDRESSES: Final = 5
_OF_THE_HOST: Final = (Phase.CONNECT, Phase.BANNER, Phase.EHLO)


@dataclass(frozen=True, slots=True)
class Exim:
    """Hosts shuffled within a preference, and each host's addresses shuffled."""

    name: str = "exim"
    authenticates: bool = False
    chooses: Literal["message", "sender"] = "message"

    def new_sender(self, settings: SenderSettings) -> _Shuffling:
        """A sender with luck and memory of its own."""
        return _Shuffling(settings.rng, settings.shun_s)

    def goes_on(self, outcome: Outcome) -> bool:
        """Unless a server said no for good, be it in its banner.

        Measured with Exim 4.96: a 4xx at MAIL or RCPT and a connection that is cut send it to the
        next host within the same try, even after the dot, so that the mail may arrive twice.
        """
        return not no_for_good(outcome)


class _Shuffling:
    def __init__(self, rng: random.Random, shun_s: float) -> None:
        self._rng = rng
        self._shun_s = shun_s
        self._shunned: dict[str, float] = {}

    def addresses(self, target: str, directory: Directory) -> Iterator[str]:
        """Up to five addresses, without those that failed a short while ago.

        Raises:
            Unresolved: There are none; or all of them failed a short while ago.
        """
        yield from islice(self._all(target, directory), _MOST_ADDRESSES)

    def learn(self, address: str, outcome: Outcome) -> None:
        """Leave a host alone whose failure would be that of every message.

        Those are failures to connect, a banner or a greeting that says no or nothing, and a loss of
        the connection before the dot (specification, "Errors in outgoing SMTP").
        """
        if outcome.phase in _OF_THE_HOST or outcome.result is Result.DROPPED:
            self._shunned[address] = clock.monotonic() + self._shun_s

    def _all(self, target: str, directory: Directory) -> Iterator[str]:
        shuns = tries = False
        resolving = Resolving(target, directory)
        for hosts in by_preference(target, directory):
            for host in self._rng.sample(hosts, len(hosts)):
                found = resolving.addresses(host)
                shuffled = self._rng.sample(found, len(found))
                # A host's addresses of IPv6 come before those of IPv4.
                for address in sorted(shuffled, key=lambda each: ":" not in each):
                    if clock.monotonic() < self._shunned.get(address, 0.0):
                        shuns = True
                    else:
                        tries = True
                        yield address
        resolving.finish()
        if shuns and not tries:
            raise Unresolved(f"{target}: retry time not reached for any host")

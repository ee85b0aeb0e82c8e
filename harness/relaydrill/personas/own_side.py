"""What is wrong on a sender's own side: what its connections and questions meet before anybody.

Nothing of it leaves this machine: what is barred is not sent, and what an answer says is changed
after it came.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import partial

import dns.message
import dns.rcode
import dns.rdata
import dns.rdatatype

from relaydrill import clock
from relaydrill.endpoint import Endpoint
from relaydrill.fibres.barring import Bar
from relaydrill.fibres.pausing import pause
from relaydrill.hindrance import NOBODY, OF_NAMES, Hindrance
from relaydrill.smtp import REFUSED

Tell = Callable[[Hindrance, int], None]
"""Told of a hindrance that a connection to a logical port, or a question, has met."""

Answer = Callable[[dns.message.QueryMessage, Endpoint, float], dns.message.QueryMessage]
"""Asks a name server, which has so many wall seconds for its answer."""

_DNS_PORT = 53


def _nobody(_hindrance: Hindrance, _port: int) -> None:
    """Who is told where nobody wants to know."""


class OwnSide:
    """The hindrances that are in force on one sender.

    Args:
        tell: Told of each connection and each question that meets one.
    """

    def __init__(self, tell: Tell = _nobody) -> None:
        self._tell = tell
        self._in_force: dict[str, _InForce] = {}

    def hinder(self, hindrance: Hindrance) -> None:
        """Put one in force; the same label replaces its forerunner."""
        self._in_force = {**self._in_force, hindrance.label: _InForce(hindrance)}

    def lift(self, label: str) -> bool:
        """End one; whether there was one of that label."""
        left = {key: each for key, each in self._in_force.items() if key != label}
        was_there = len(left) < len(self._in_force)
        self._in_force = left  # never changed in place: other threads may be looking through it
        return was_there

    def bars(self, address: str, port: int) -> Bar | None:
        """What a connection meets that is about to be opened.

        Args:
            address: Of the other end.
            port: Its logical port.
        """
        if address == NOBODY:  # whoever was told of it, be it long ago
            return Bar(TimeoutError("timed out"), lambda: False)
        for each in self._meeting(address, of_names=False):
            self._tell(each.hindrance, port)
            return Bar(_error(each.hindrance), partial(self._is_over, each))
        return None

    def ask(
        self, query: dns.message.QueryMessage, server: Endpoint, answer_s: float, ask: Answer
    ) -> dns.message.QueryMessage:
        """What a name server answers, as it is heard here.

        Args:
            query: The question.
            server: Whom to ask.
            answer_s: How long it has for its answer, wall seconds.
            ask: How.

        Raises:
            OSError, dns.exception.DNSException: There is none in time, or none of use.
        """
        if bar := self.bars(server.address, _DNS_PORT):
            if isinstance(bar.error, TimeoutError):
                pause(answer_s)  # nobody asks the same again for it: the resolver does
            raise bar.error
        begun, late_s, is_stale = clock.monotonic(), 0.0, False
        for each in self._meeting(server.address, of_names=True):
            self._tell(each.hindrance, _DNS_PORT)
            match each.hindrance.effect:
                case "servfail":
                    return _failure(query)
                case "stale":
                    is_stale = True
                case _:
                    late_s += each.hindrance.delay_s
        reply = ask(query, server, answer_s)
        left_s = begun + answer_s - clock.monotonic()
        if late_s:
            pause(max(0.0, min(late_s, left_s)))
        if late_s > left_s:
            raise TimeoutError("timed out")
        return _of_old(reply) if is_stale else reply

    def _meeting(self, address: str, *, of_names: bool) -> Iterator[_InForce]:
        for each in self._in_force.values():
            is_its = address in each.hindrance.addresses
            if is_its and (each.hindrance.effect in OF_NAMES) == of_names and each.hits():
                yield each

    def _is_over(self, one: _InForce) -> bool:
        return not any(each is one for each in self._in_force.values())


class _InForce:
    """A hindrance, and which connections or questions meet it: each draws once."""

    def __init__(self, hindrance: Hindrance) -> None:
        self.hindrance = hindrance
        self._chance = random.Random(f"{hindrance.seed}/{hindrance.label}")

    def hits(self) -> bool:
        """Whether it acts on one more."""
        strength = self.hindrance.strength
        return strength >= 1.0 or self._chance.random() < strength


def _error(hindrance: Hindrance) -> OSError:
    match hindrance.effect:
        case "refused":
            return ConnectionRefusedError(REFUSED)
        case "reset":
            return ConnectionResetError("connection reset")
        case _:
            return TimeoutError("timed out")


def _failure(query: dns.message.QueryMessage) -> dns.message.QueryMessage:
    """SERVFAIL, and nothing else."""
    made = dns.message.make_response(query)
    made.set_rcode(dns.rcode.SERVFAIL)
    assert isinstance(made, dns.message.QueryMessage)
    return made


def _of_old(reply: dns.message.QueryMessage) -> dns.message.QueryMessage:
    """An answer with the address of a host that is gone; of old there was no IPv6."""
    for found in reply.answer:  # changed in place: a message keeps an index of them
        if found.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA):
            found.items.clear()
        if found.rdtype == dns.rdatatype.A:
            found.add(dns.rdata.from_text("IN", "A", NOBODY))
    return reply

"""Where a sender's names are resolved: from a list of its own, or by asking name servers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rcode

from relaydrill.endpoint import Endpoint
from relaydrill.fibres.sockets import datagrams
from relaydrill.personas.base import NoSuchName, Unresolved
from relaydrill.personas.own_side import OwnSide
from relaydrill.smtp import NAME_FAILED, NO_ANSWER, NO_SUCH_NAME

_ROUNDS: Final = 2
_LARGEST: Final = 65_535
_MOST_ALIASES: Final = 10


@dataclass(frozen=True, slots=True)
class KnownHosts:
    """Names that a sender knows by itself, as from ``/etc/hosts``."""

    hosts: Mapping[str, tuple[str, ...]]

    def mx(self, domain: str) -> tuple[tuple[int, str], ...]:
        """There are none in such a list."""
        return ()

    def addresses(self, host: str) -> tuple[str, ...]:
        """What the list says."""
        return self.hosts.get(host, ())


@dataclass(frozen=True, slots=True)
class NameServers:
    """A stub resolver: it asks each server in turn, and all of them once more (resolv.conf(5)).

    Attributes:
        servers: In the order in which they are asked.
        answer_s: How long each has, wall seconds.
        hosts: Names that are known without asking.
        source: Own addresses, one of each IP version; none for any.
        side: What questions and answers meet on this side.
        asks_for_ipv6: Whether it asks for AAAA records, too: a host without IPv6 does not
            (AI_ADDRCONFIG of getaddrinfo(3)).
    """

    servers: Sequence[Endpoint]
    answer_s: float
    hosts: Mapping[str, tuple[str, ...]]
    source: tuple[str, ...] = ()
    asks_for_ipv6: bool = False
    side: OwnSide = field(default_factory=OwnSide)

    def mx(self, domain: str) -> tuple[tuple[int, str], ...]:
        """The domain's MX records.

        Raises:
            Unresolved: There is no such name, or no answer.
        """
        found = []
        for record in self._ask(domain, "MX"):
            preference, _, host = record.partition(" ")
            found.append((int(preference), host.rstrip(".").lower()))
        return tuple(found)

    def addresses(self, host: str) -> tuple[str, ...]:
        """The host's addresses, those of IPv6 first, as ``getaddrinfo`` of glibc gives them.

        Raises:
            Unresolved: There is no such name, or no answer.
        """
        if known := self.hosts.get(host):
            return known
        sixes = self._ask(host, "AAAA") if self.asks_for_ipv6 else ()
        return (*sixes, *self._ask(host, "A"))

    def _ask(self, name: str, kind: str) -> tuple[str, ...]:
        """The records at the end of a name's aliases.

        A server that is no resolver may end with an alias of another zone: that is asked for anew.
        """
        for _ in range(_MOST_ALIASES):
            found = self._told(name, kind)
            if found.answer is not None or found.canonical_name == dns.name.from_text(name):
                return tuple(record.to_text() for record in found.answer or ())
            name = found.canonical_name.to_text(omit_final_dot=True)
        raise Unresolved(f"{name}: more aliases than anybody follows")

    def _told(self, name: str, kind: str) -> dns.message.ChainingResult:
        query = dns.message.make_query(name, kind)
        why = f"{name}: {NO_ANSWER}"
        for server in [*self.servers] * _ROUNDS:
            try:
                reply = self.side.ask(query, server, self.answer_s, self._answer)
            except (OSError, dns.exception.DNSException):
                continue
            if reply.rcode() == dns.rcode.NXDOMAIN:
                raise NoSuchName(f"{name}: {NO_SUCH_NAME}")
            if reply.rcode() != dns.rcode.NOERROR:
                why = f"{name}: {dns.rcode.to_text(reply.rcode())} {NAME_FAILED}"
                continue
            try:
                return reply.resolve_chaining()
            except dns.exception.DNSException as error:  # a chain without an end
                why = f"{name}: {error}"
        raise Unresolved(why)

    def _answer(
        self, query: dns.message.QueryMessage, server: Endpoint, answer_s: float
    ) -> dns.message.QueryMessage:
        """One server's answer, within so many wall seconds.

        By a connected socket, as glibc does it: a host whose name server is down says so at once.

        Raises:
            OSError: Nothing listens there, or no answer in time.
            dns.exception.DNSException: What came is no answer.
        """
        with datagrams(server, timeout_s=answer_s, source=self.source) as asking:
            asking.sendall(query.to_wire())
            reply = dns.message.from_wire(asking.recv(_LARGEST))
        if not isinstance(reply, dns.message.QueryMessage) or not query.is_response(reply):
            raise dns.query.BadResponse
        return reply

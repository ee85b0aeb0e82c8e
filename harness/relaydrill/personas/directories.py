"""Where a sender's names are resolved: from a list of its own, or by asking name servers."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype

from relaydrill.personas.base import Unresolved
from relaydrill.placement import Endpoint
from relaydrill.smtp import NO_SUCH_NAME

_ROUNDS = 2


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
        servers: In the order in which they are asked. answer_s: How long each has, wall seconds.
        hosts: Names that are known without asking. source: Own address; empty for any.
    """

    servers: Sequence[Endpoint]
    answer_s: float
    hosts: Mapping[str, tuple[str, ...]]
    source: str = ""

    def mx(self, domain: str) -> tuple[tuple[int, str], ...]:
        """The domain's MX records.

        Raises:
            Unresolved: There is no such name, or no answer.
        """
        found = []
        for record in self._ask(domain, "MX"):
            preference, _, host = record.partition(" ")
            found.append((int(preference), host.rstrip(".")))
        return tuple(found)

    def addresses(self, host: str) -> tuple[str, ...]:
        """The host's addresses.

        Raises:
            Unresolved: There is no such name, or no answer.
        """
        return self.hosts.get(host) or self._ask(host, "A")

    def _ask(self, name: str, kind: str) -> tuple[str, ...]:
        query = dns.message.make_query(name, kind)
        why = f"{name}: no name server answers"
        for server in [*self.servers] * _ROUNDS:
            try:
                reply = self._answer(query, server)
            except (OSError, dns.exception.DNSException):
                continue
            if reply.rcode() == dns.rcode.NXDOMAIN:
                raise Unresolved(f"{name}: {NO_SUCH_NAME}")
            if reply.rcode() != dns.rcode.NOERROR:
                why = f"{name}: {dns.rcode.to_text(reply.rcode())} from the name server"
                continue
            wanted = dns.rdatatype.from_text(kind)
            return tuple(
                record.to_text()
                for rrset in reply.answer
                if rrset.rdtype == wanted
                for record in rrset
            )
        raise Unresolved(why)

    def _answer(self, query: dns.message.QueryMessage, server: Endpoint) -> dns.message.Message:
        """One server's answer.

        By a connected socket, as glibc does it: a host whose name server is down says so at once.

        Raises:
            OSError: Nothing listens there.
            dns.exception.DNSException: No answer in time.
        """
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            if self.source:
                asking.bind((self.source, 0))
            asking.connect((server.address, server.port))
            asking.setblocking(False)
            return dns.query.udp(
                query, server.address, timeout=self.answer_s, port=server.port, sock=asking
            )

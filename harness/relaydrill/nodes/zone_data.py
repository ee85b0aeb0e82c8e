"""What an authoritative name server knows, and what it says to a question. Pure.

One zone for each domain of the topology, and the root for every name that lies in none. The fake
answers from it, and BIND's zone files are written from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

from relaydrill.nodes import config
from relaydrill.scalars import innermost, lies_in

ROOT: Final = "."
"""The origin of the zone in which all names lie that no other zone has."""

ROOT_SERVER: Final = "ns.invalid."
SERIAL: Final = 1
_REFRESH: Final = "3600 600 86400"
_MOST_ALIASES: Final = 16

Rcode = Literal["NOERROR", "NXDOMAIN", "SERVFAIL"]


@dataclass(frozen=True, slots=True)
class RecordSet:
    """All records of one type that a name has; they have one TTL (RFC 2181 §5.2).

    Attributes:
        owner: The name, without its last dot; ``.`` for the root.
        kind: As in ``MX``.
        ttl_s: For how many seconds they may be kept.
        records: The data of each, as text.
    """

    owner: str
    kind: str
    ttl_s: float
    records: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server says to a question.

    Attributes:
        rcode: Its result.
        sets: Aliases from the name on, and what was asked for at the last of them.
        soa: Of an answer that denies something: for how long that may be kept (RFC 2308 §3).
    """

    rcode: str
    sets: tuple[RecordSet, ...] = ()
    soa: RecordSet | None = None


class ZoneData:
    """The zones of a name server."""

    def __init__(self, settings: config.Dns, hosts: Mapping[str, tuple[str, ...]]) -> None:
        """Zones from a node's configuration.

        Args:
            settings: Of the name server.
            hosts: Addresses by name: those of the settings, or what stands in their place.
        """
        self._settings = settings
        self._hosts = hosts

    @property
    def origins(self) -> tuple[str, ...]:
        """The zones that there are."""
        return (*self._settings.mx, ROOT)

    def zone_of(self, name: str) -> str:
        """The origin of the zone that a name lies in."""
        return innermost(name, self._settings.mx) or ROOT

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every name that has records."""
        settings = self._settings
        hosts = (host for host, addresses in self._hosts.items() if addresses)
        return tuple(dict.fromkeys((*settings.mx, *hosts, *settings.aliases)))

    def soa(self, origin: str) -> RecordSet:
        """A zone's start of authority."""
        settings, server = self._settings, self.server_of(origin)
        negative_s = settings.negative_ttls.get(origin, settings.longest_negative_s)
        data = f"{server} hostmaster.{server} {SERIAL} {_REFRESH} {whole_seconds(negative_s)}"
        return RecordSet(origin, "SOA", self._ttl_s(origin), (data,))

    def server_of(self, origin: str) -> str:
        """The name of a zone's server; the root's lies in no domain, and so makes none exist."""
        return ROOT_SERVER if origin == ROOT else f"{self._settings.fqdn}."

    def sets_of(self, name: str) -> tuple[RecordSet, ...]:
        """The records that a name has, but for those of an origin as such."""
        settings, ttl_s = self._settings, self._ttl_s(name)
        if name in settings.aliases:
            return (RecordSet(name, "CNAME", ttl_s, (f"{settings.aliases[name]}.",)),)
        exchangers = tuple(
            f"{mx.preference} {mx.host}." if mx.host != ROOT else f"{mx.preference} {ROOT}"
            for mx in settings.mx.get(name, ())
        )
        found = (
            ("MX", exchangers),
            ("A", self._hosts.get(name, ())),
            ("AAAA", settings.hosts6.get(name, ())),
        )
        return tuple(RecordSet(name, kind, ttl_s, data) for kind, data in found if data)

    def answer(self, name: str, kind: str) -> Answer:
        """What it says to a question.

        It follows aliases within a zone, as BIND does that is no resolver, and says SERVFAIL where
        they lead round in a circle.
        """
        origin, chain = self.zone_of(name), list[RecordSet]()
        while self.zone_of(name) == origin:
            found = {each.kind: each for each in self.sets_of(name)}
            if name in self.origins:
                found["SOA"] = self.soa(name)
            if kind in found:
                return Answer("NOERROR", (*chain, found[kind]))
            if "CNAME" not in found:
                rcode: Rcode = "NOERROR" if self._is_there(name) else "NXDOMAIN"
                return Answer(rcode, tuple(chain), denial(self.soa(origin)))
            chain.append(found["CNAME"])
            name = found["CNAME"].records[0].rstrip(".")
            if len(chain) > _MOST_ALIASES or any(each.owner == name for each in chain):
                return Answer("SERVFAIL", tuple(chain))
        return Answer("NOERROR", tuple(chain))

    def _is_there(self, name: str) -> bool:
        """Whether a name exists: one that another one lies under does, too (RFC 4592 §2.2.2)."""
        own = self._settings.fqdn if self.zone_of(self._settings.fqdn) != ROOT else ""
        return name == ROOT or any(lies_in(each, name) for each in (*self.names, own) if each)

    def _ttl_s(self, name: str) -> float:
        return self._settings.ttls.get(name, self._settings.ttl_s)


def denial(soa: RecordSet) -> RecordSet:
    """The SOA as it stands in an answer that denies: its TTL is its own or its last field's."""
    minimum_s = float(soa.records[0].rpartition(" ")[2])
    return RecordSet(soa.owner, "SOA", min(soa.ttl_s, minimum_s), soa.records)


def whole_seconds(ttl_s: float) -> int:
    """A TTL as DNS knows it: whole seconds, and 0 only for what may not be kept at all."""
    return max(1, round(ttl_s)) if ttl_s else 0

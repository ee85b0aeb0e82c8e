"""What names lead to, as DNS has it: aliases followed, exchangers with their addresses. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from relaydrill.scalars import innermost
from relaydrill.topology.design import Topology
from relaydrill.topology.traffic import NULL_MX_PREVAILS, TAKES_ADDRESSES
from relaydrill.topology.zone import USUAL_TTL_S, Mx


@dataclass(frozen=True, slots=True)
class Exchanger:
    """An MX record with what its host leads to.

    Attributes:
        host: The name that it gives.
        preference: Lower is preferred.
        addresses: Nodes and VIPs; none, where the name has no address.
    """

    host: str
    preference: int = 10
    addresses: tuple[str, ...] = ()


def chain_of(topology: Topology, name: str) -> tuple[str, ...]:
    """A name, and those that it is an alias of, one after the other; in a circle, each once."""
    found = [name]
    while (name := topology.aliases.get(name, "")) and name not in found:
        found.append(name)
    return tuple(found)


def is_circle(topology: Topology, name: str) -> bool:
    """Whether a name is an alias that leads to no end."""
    return chain_of(topology, name)[-1] in topology.aliases


def host_names(topology: Topology) -> dict[str, tuple[str, ...]]:
    """Every name that is a host's, with the nodes and VIPs that it leads to, aliases followed.

    Without those that lead to no name that there is; a name may be there and have no address.
    """
    own = own_addresses(topology)
    ends = {alias: chain_of(topology, alias)[-1] for alias in topology.aliases}
    return {**own, **{alias: own[end] for alias, end in ends.items() if end in own}}


def own_addresses(topology: Topology) -> dict[str, tuple[str, ...]]:
    """The names that lead to nodes and VIPs by themselves, by no alias; some of them to none."""
    records = (mx for zone in topology.zones.values() for mx in zone.mx)
    of_mx = {mx.host: mx.addresses for mx in records if mx.addresses is not None}
    return {**of_mx, **topology.names}


def led_to(topology: Topology, target: str) -> tuple[str, ...]:
    """The nodes and VIPs that a host name leads to; a node or a VIP is led to itself."""
    nowhere_else = () if target in topology.aliases else (target,)
    return host_names(topology).get(target, nowhere_else)


def domain_of(topology: Topology, target: str) -> str:
    """The domain with MX records that a name is, or is an alias of; empty if it is none."""
    end = chain_of(topology, target)[-1]
    return end if end in topology.zones else ""


def exchangers(topology: Topology, domain: str, persona: str = "") -> tuple[Exchanger, ...]:
    """The MX records of a domain that lead to hosts, in the order of the file.

    Args:
        topology: The design.
        domain: One of its zones.
        persona: As this persona takes them; empty: as the standard wants them to be taken.
    """
    records = topology.zones[domain].mx
    nulls = [mx.is_null for mx in records]
    if all(nulls) or (any(nulls) and persona in NULL_MX_PREVAILS):
        return ()
    hosts = host_names(topology)
    return tuple(
        Exchanger(mx.host, mx.preference, _addresses(mx, hosts, persona))
        for mx in records
        if not mx.is_null
    )


def _addresses(mx: Mx, hosts: dict[str, tuple[str, ...]], persona: str) -> tuple[str, ...]:
    if mx.literal:
        return (mx.literal,) if persona in TAKES_ADDRESSES else ()
    return hosts.get(mx.host, ())


def servers_of(topology: Topology, domain: str) -> tuple[str, ...]:
    """Everything that a domain's MX records lead to, each once; an address in a record too."""
    hosts = host_names(topology)
    found = (
        name for mx in topology.zones[domain].mx for name in (mx.literal, *hosts.get(mx.host, ()))
    )
    return tuple(dict.fromkeys(name for name in found if name))


def zone_around(topology: Topology, name: str) -> str:
    """The innermost domain that a name lies in; empty if in none."""
    return innermost(name, topology.zones)


def ttl_of(topology: Topology, name: str) -> float:
    """How long an answer about a name may be kept, field seconds."""
    if name in topology.ttls:
        return topology.ttls[name]
    zone = zone_around(topology, name)
    return topology.zones[zone].ttl if zone else USUAL_TTL_S


def known_names(topology: Topology) -> tuple[str, ...]:
    """Every name that DNS knows something of, each once."""
    exchangers_there = (
        mx.host
        for zone in topology.zones.values()
        for mx in zone.mx
        if not mx.is_null and not mx.literal
    )
    every = (*topology.zones, *topology.names, *topology.aliases, *exchangers_there)
    return tuple(dict.fromkeys(every))

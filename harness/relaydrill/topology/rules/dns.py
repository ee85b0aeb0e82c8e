"""Rules of names: what they lead to, the zones that they stand in, and who answers for them.

Only what cannot be written into a zone is refused. What is wrong in the field all the same, as an
MX that leads to an alias, is served as it stands, and `relaydrill lint` finds it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from relaydrill.marks import Mistake
from relaydrill.topology.hosts import Dns
from relaydrill.topology.naming import known_names
from relaydrill.topology.rules.draft import Draft, Rule, of_each, one_of
from relaydrill.topology.zone import NOWHERE, Mx, Zone


def led_to(draft: Draft, host: str, targets: tuple[str, ...]) -> Iterator[Mistake]:
    """A name leads to nodes and VIPs."""
    known = {**draft.topology.nodes, **draft.topology.vips}
    for target in targets:
        yield from draft.undeclared(("names", host), "node or VIP", target, known)


def alias_alone(draft: Draft, alias: str, _target: str) -> Iterator[Mistake]:
    """Beside a CNAME there is no other record of its name (RFC 1034 §3.6.2)."""
    if alias in draft.topology.names or alias in draft.topology.zones:
        text = f"{alias!r} has records of its own, and an alias has none (RFC 1034 §3.6.2)"
        yield draft.mistake(("aliases", alias), text, _ITS_OWN)


def mx_hosts(draft: Draft, domain: str, zone: Zone) -> Iterator[Mistake]:
    """A name is said once to lead somewhere."""
    elsewhere = {*draft.topology.names, *draft.topology.zones, *draft.topology.aliases}
    for at, mx in enumerate(zone.mx):
        if mx.addresses and mx.host in elsewhere:
            here = ("zones", domain, "mx", at, "host")
            yield draft.mistake(here, f"{mx.host!r} is declared elsewhere as well", _ITS_OWN)


def mx_without_host(draft: Draft, domain: str, zone: Zone) -> Iterator[Mistake]:
    """A record without a name has no name's addresses: a null MX, or an address in its place."""
    known = {**draft.topology.nodes, **draft.topology.vips}
    for at, mx in enumerate(zone.mx):
        here = ("zones", domain, "mx", at)
        if (mx.is_null or mx.literal) and mx.addresses is not None:
            text = f"{mx.host!r} is no name, and has no addresses"
            yield draft.mistake((*here, "addresses"), text, "no addresses")
        if mx.literal:
            yield from draft.undeclared((*here, "host"), "node or VIP", mx.literal, known)


def mx_addresses_missing(draft: Draft, domain: str, zone: Zone) -> Iterator[Mistake]:
    """A host that nothing is said of may be a slip; that it has no address has to be said."""
    for at, mx in enumerate(zone.mx):
        if mx.addresses is None and not _is_known(draft, mx):
            here = ("zones", domain, "mx", at, "addresses")
            yield draft.mistake(here, "missing", "a list of names, or [] where there are none")


def _is_known(draft: Draft, mx: Mx) -> bool:
    """Whether what a record's host leads to is said elsewhere, or it leads to nothing by itself."""
    if mx.is_null or mx.literal or mx.host in {**draft.topology.names, **draft.topology.aliases}:
        return True
    others = (each for zone in draft.topology.zones.values() for each in zone.mx)
    return any(each.host == mx.host and each.addresses is not None for each in others)


def mx_addresses(draft: Draft, domain: str, zone: Zone) -> Iterator[Mistake]:
    """An MX host has the addresses of nodes and VIPs, or one that nobody has."""
    known = {**draft.topology.nodes, **draft.topology.vips}
    or_else = f"; {NOWHERE}, for an address that nobody has"
    for at, mx in enumerate(zone.mx):
        for address_at, name in enumerate(mx.addresses or ()):
            if name != NOWHERE:
                here = ("zones", domain, "mx", at, "addresses", address_at)
                yield from draft.undeclared(here, "node or VIP", name, known, or_else=or_else)


def ttl_of_a_name(draft: Draft, name: str, _ttl: float) -> Iterator[Mistake]:
    """What may be kept for a while is a name that there is."""
    known = known_names(draft.topology)
    if name not in known and name not in draft.lost:
        yield draft.mistake(("ttls", name), f"no name is {name!r}", one_of(known))


def nobody_is_nowhere(draft: Draft) -> Iterator[Mistake]:
    """The word for an address that nobody has names nothing else."""
    if NOWHERE in draft.topology.nodes or NOWHERE in draft.topology.vips:
        text = f"{NOWHERE!r} stands for an address that nobody has"
        yield draft.mistake(("nodes", NOWHERE), text, "another name")


def upstream(draft: Draft, name: str, server: Dns) -> Iterator[Mistake]:
    """A resolver asks those that know by themselves."""
    known = [each for each, other in draft.topology.name_servers.items() if not other.upstream]
    for at, asked in enumerate(server.upstream):
        here = ("nodes", name, "upstream", at)
        yield from draft.undeclared(here, "authoritative name server", asked, known)


_ITS_OWN: Final = "a name of its own"

RULES: Final[tuple[Rule, ...]] = (
    of_each(lambda topology: topology.names, led_to),
    of_each(lambda topology: topology.aliases, alias_alone),
    of_each(
        lambda topology: topology.zones,
        mx_hosts,
        mx_without_host,
        mx_addresses_missing,
        mx_addresses,
    ),
    of_each(lambda topology: topology.ttls, ttl_of_a_name),
    nobody_is_nowhere,
    of_each(lambda topology: topology.name_servers, upstream),
)

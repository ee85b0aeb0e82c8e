"""What DNS says: how many ways lead in, and whether they are as many as they look."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from relaydrill.lint.rule import COLUMN, Found, Severity, rule
from relaydrill.marks import Path
from relaydrill.scalars import show_duration
from relaydrill.sentences import listed
from relaydrill.topology import NOWHERE, Mx, Topology
from relaydrill.topology.naming import (
    chain_of,
    domain_of,
    exchangers,
    host_names,
    is_circle,
    servers_of,
    zone_around,
)
from relaydrill.topology.paths import kept_for, takers_of

_TWO_AND_TWO: Final = (
    "several MX records of equal preference, and two addresses behind each, for some senders always"
    f" pick the same MX ({COLUMN})."
)


@rule(
    "one-mx",
    Severity.WARNING,
    fact=f"Inbound mail wants {_TWO_AND_TWO}",
    remedy="Add a second MX record of the same preference, with servers of its own.",
)
def one_mx(topology: Topology) -> Iterator[Found]:
    """Domains with a single MX record."""
    for domain, zone in topology.zones.items():
        if len({mx.host for mx in zone.mx}) == 1 and not zone.mx[0].is_null:
            text = f"{domain} has one MX, {zone.mx[0].host}"
            yield ("zones", domain, "mx"), text


def _records(topology: Topology) -> Iterator[tuple[str, Mx, Path]]:
    """Every MX record with its domain, and where it stands."""
    for domain, zone in topology.zones.items():
        for at, mx in enumerate(zone.mx):
            yield domain, mx, ("zones", domain, "mx", at)


def _live(topology: Topology, mx: Mx) -> tuple[str, ...]:
    addresses = host_names(topology).get(mx.host, ())
    return tuple(dict.fromkeys(name for name in addresses if name != NOWHERE))


@rule(
    "one-address-behind-mx",
    Severity.WARNING,
    fact=f"Inbound mail wants {_TWO_AND_TWO}",
    remedy="Give the MX host's name a second address, of a server in another site if there is one.",
)
def one_address_behind_mx(topology: Topology) -> Iterator[Found]:
    """MX hosts that are one server; a VIP is many, and its balancer has rules of its own."""
    hosts = host_names(topology)
    for _, mx, here in _records(topology):
        live = _live(topology, mx)
        if hosts.get(mx.host) and len(live) < 2 and not set(live) & set(topology.vips):
            yield (*here, "addresses"), f"behind {mx.host} is {listed(live) or 'nothing'} alone"


@rule(
    "mx-shared-address",
    Severity.WARNING,
    fact="Two MX names with the same address are one server: what looks like two ways in is one"
    " (RFC 5321 §5.1: each exchanger's addresses are tried).",
    remedy="Give each MX host servers of its own, or leave out the second name.",
)
def mx_shared_address(topology: Topology) -> Iterator[Found]:
    """Redundancy that is none."""
    for domain, zone in topology.zones.items():
        first: dict[str, str] = {}
        for at, mx in enumerate(zone.mx):
            shared = [
                name for name in _live(topology, mx) if first.setdefault(name, mx.host) != mx.host
            ]
            if shared:
                others = listed([*dict.fromkeys(first[name] for name in shared)])
                text = f"{mx.host} leads to {listed(shared)}, and so does {others}"
                yield ("zones", domain, "mx", at, "addresses"), text


@rule(
    "mx-unequal",
    Severity.WARNING,
    fact="A sender must try the lowest preference first and shuffles only equal ones: servers of a"
    " higher one get mail when the others are down, and no share of it before (RFC 5321 §5.1).",
    remedy="Give all MX records the same preference, or leave the backups out of expect.spread.",
)
def mx_unequal(topology: Topology) -> Iterator[Found]:
    """Servers that are to get an equal share, and are not asked first."""
    for key, flow in topology.flows.items():
        domain = domain_of(topology, flow.to)
        hosts = exchangers(topology, domain) if domain else ()
        if not hosts:
            continue
        best = min(mx.preference for mx in hosts)
        first = {name for mx in hosts if mx.preference == best for name in mx.addresses}
        every = {name for mx in hosts for name in mx.addresses}
        spread = topology.expectation(key).spread
        backups = [each for each in spread if each in every and each not in first]
        if backups and set(spread) & first:
            text = f"flow {key} is to spread over {listed(backups)}, which are no first choice"
            yield _spread_of(topology, key), f"{text} for {flow.to}"


def _spread_of(topology: Topology, key: str) -> Path:
    """Where a flow's promise of spread stands: its own, or the topology's."""
    own = topology.flows[key].expect is not None
    return ("flows", key, "expect", "spread") if own else ("expect", "spread")


@rule(
    "spread-unreached",
    Severity.ERROR,
    fact="A promise of spread is kept by the servers that take a flow's mail from its senders: one"
    " that no MX record, name or VIP of the flow leads to gets nothing, and the drill of the steady"
    " state fails for ever (Relaydrill's own).",
    remedy="Lead the MX records, the name or the VIP that the flow goes to there, or leave the"
    " server out of expect.spread.",
)
def spread_unreached(topology: Topology) -> Iterator[Found]:
    """Servers that are to get an equal share, and where the flow's senders cannot come to."""
    for key, flow in topology.flows.items():
        reached = takers_of(topology, key)
        beyond = [each for each in topology.expectation(key).spread if each not in reached]
        if beyond:
            text = f"flow {key} is to spread over {listed(beyond)}, where {flow.to} does not lead"
            yield _spread_of(topology, key), text


@rule(
    "zone-in-one-site",
    Severity.WARNING,
    fact="The servers behind a domain's MX records stand in two sites, each able to bear all of its"
    f" mail ({COLUMN}).",
    remedy="Put some of the addresses into another site.",
)
def zone_in_one_site(topology: Topology) -> Iterator[Found]:
    """Domains all of whose servers say that they stand in the same site."""
    holders = {vip: name for vip, (name, _) in topology.vips.items()}
    for domain in topology.zones:
        servers = servers_of(topology, domain)
        nodes = [holders.get(name, name) for name in servers if name != NOWHERE]
        sites = {topology.nodes[name].site for name in nodes}
        if len(sites) == 1 and None not in sites:
            text = f"all servers of {domain} stand in {listed([str(each) for each in sites])}"
            yield ("zones", domain, "mx"), text


@rule(
    "one-name-server",
    Severity.WARNING,
    fact="Every zone is available from at least two name servers, in spite of the failure of one"
    " (RFC 1034 §4.1).",
    remedy="Add a second name server, and let the senders ask both.",
    single_point=True,
)
def one_name_server(topology: Topology) -> Iterator[Found]:
    """Name servers, or resolvers, that are alone."""
    servers = topology.name_servers
    for what, alike in (
        ("name server", [name for name, each in servers.items() if not each.upstream]),
        ("resolver", [name for name, each in servers.items() if each.upstream]),
    ):
        if len(alike) == 1:
            yield ("nodes", alike[0]), f"{alike[0]} is the only {what}"


@rule(
    "null-mx-with-mail",
    Severity.ERROR,
    fact="A null MX (MX 0 .) says that a domain takes no mail: senders give up at once, with 556"
    " 5.1.10, and connect to nothing (RFC 7505 §3; so do Postfix and Exim).",
    remedy="Publish MX records of the servers that take its mail, or have nothing sent there. Where"
    " that is what the flow is to show, promise it (expect: {refusal: true}).",
)
def null_mx_with_mail(topology: Topology) -> Iterator[Found]:
    """Flows to a domain that takes no mail."""
    for key, flow in topology.flows.items():
        domain = domain_of(topology, flow.to)
        records = topology.zones[domain].mx if domain else ()
        is_meant = topology.expectation(key).refusal
        if records and all(mx.is_null for mx in records) and not is_meant:
            yield ("flows", key, "to"), f"flow {key} goes to {domain}, which has a null MX"


@rule(
    "null-mx-not-alone",
    Severity.ERROR,
    fact="A null MX stands alone and has the preference 0 (RFC 7505 §3). Beside others it means no"
    " mail at all to Postfix, and nothing to Exim, which tries the others.",
    remedy="Leave out the null MX where the domain takes mail, and the others where it takes none.",
)
def null_mx_not_alone(topology: Topology) -> Iterator[Found]:
    """Null MX records beside others, or with another preference."""
    for domain, mx, here in _records(topology):
        if not mx.is_null:
            continue
        if others := [each.host for each in topology.zones[domain].mx if not each.is_null]:
            yield here, f"{domain} has a null MX, and {listed(others)} beside it"
        elif mx.preference:
            text = f"the null MX of {domain} is {mx.preference}, and not 0"
            yield (*here, "preference"), text


@rule(
    "mx-is-alias",
    Severity.ERROR,
    fact="The host of an MX record is no alias (RFC 2181 §10.3; RFC 5321 §5.1): what a sender makes"
    " of one is not laid down. Postfix, Exim and the personas here follow it.",
    remedy="Name the host that the alias stands for in the MX record, or give the name addresses of"
    " its own.",
)
def mx_is_alias(topology: Topology) -> Iterator[Found]:
    """MX records that lead to a CNAME."""
    for domain, mx, here in _records(topology):
        if mx.host in topology.aliases:
            stands_for = topology.aliases[mx.host]
            yield (*here, "host"), f"the MX of {domain} is {mx.host}, an alias of {stands_for}"


@rule(
    "mx-is-address",
    Severity.ERROR,
    fact="An MX record holds a name and no address (RFC 1035 §3.3.9; RFC 5321 §5.1): Postfix"
    " connects to it all the same, Exim does not, and by the standard there is no such name.",
    remedy="Give the server a name with that address, and put the name into the MX record.",
)
def mx_is_address(topology: Topology) -> Iterator[Found]:
    """MX records with an address in place of a name."""
    for domain, mx, here in _records(topology):
        if mx.literal:
            text = f"an MX of {domain} is the address of {mx.literal} in place of a name"
            yield (*here, "host"), text


@rule(
    "mx-without-address",
    Severity.ERROR,
    fact="The host of an MX record must have an address (RFC 5321 §5.1). Senders go on to the next"
    " one; where none has any, they give the mail back (Postfix and Exim at once, with 5.4.4).",
    remedy="Give the host's name its addresses, or leave the record out.",
)
def mx_without_address(topology: Topology) -> Iterator[Found]:
    """MX records whose host has no address, be it by an alias that leads to nothing."""
    hosts = host_names(topology)
    for domain, mx, here in _records(topology):
        if mx.is_null or mx.literal or hosts.get(mx.host):
            continue
        alias = topology.aliases.get(mx.host)
        by = f", an alias of {alias}," if alias else ""
        yield here, f"the MX host {mx.host}{by} of {domain} has no address"


@rule(
    "alias-leads-nowhere",
    Severity.ERROR,
    fact="An alias stands for a name that is there (RFC 1034 §3.6.2). One that leads round in a"
    " circle is SERVFAIL, so that senders try for days; one to a name that is gone is no name.",
    remedy="Have it stand for a name that has records of its own, or leave it out.",
)
def alias_leads_nowhere(topology: Topology) -> Iterator[Found]:
    """Aliases at whose end there is nothing."""
    there = {*host_names(topology), *topology.zones}
    for alias in topology.aliases:
        chain = chain_of(topology, alias)
        if is_circle(topology, alias):
            text = f"{alias} leads round in a circle: {' → '.join(chain)}"
            yield ("aliases", alias), text
        elif chain[-1] not in there:
            yield ("aliases", alias), f"{alias} leads to {chain[-1]}, and there is no such name"


@rule(
    "ttl-longer-than-gap",
    Severity.WARNING,
    fact="A resolver gives an answer out for as long as its TTL, whatever has become of the record"
    " since (RFC 1035 §3.2.1): what is mended by a change of DNS is mended for its clients when the"
    " TTL is over, and what a name server said wrongly, or denied, is kept as long (RFC 2308 §5).",
    remedy="Give the name a TTL (ttls), or its zone a ttl or negative_ttl, no longer than the"
    " shortest gap that is promised; or promise a longer one.",
)
def ttl_longer_than_gap(topology: Topology) -> Iterator[Found]:
    """Names that a flow's resolver keeps for longer than the flow may be without mail."""
    told = set[tuple[str, ...]]()
    for key in topology.flows:
        gap_s = topology.expectation(key).gap
        for name, ttl_s in kept_for(topology, key).items():
            where = _ttl_at(topology, name)
            if ttl_s > gap_s and where not in told:
                told.add(where)
                kept, gap = show_duration(ttl_s), show_duration(gap_s)
                yield where, f"{name} is kept for {kept}, and flow {key} promises a gap of {gap}"


def _ttl_at(topology: Topology, name: str) -> tuple[str, ...]:
    """Where a name's TTL is said, or could be."""
    zone = zone_around(topology, name)
    if name in topology.ttls or not zone:
        return ("ttls", name)
    return ("zones", zone, "ttl")


RULES = (
    *(one_mx, one_address_behind_mx, mx_shared_address, mx_unequal),
    *(spread_unreached, zone_in_one_site, one_name_server),
    *(null_mx_with_mail, null_mx_not_alone, mx_is_alias, mx_is_address, mx_without_address),
    *(alias_leads_nowhere, ttl_longer_than_gap),
)

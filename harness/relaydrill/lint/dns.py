"""What DNS says: how many ways lead in, and whether they are as many as they look."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from relaydrill.lint.rule import COLUMN, Found, Path, Severity, rule
from relaydrill.sentences import listed
from relaydrill.topology import NOWHERE, Mx, Topology
from relaydrill.topology.paths import takers_of

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
        if len({mx.host for mx in zone.mx}) == 1:
            text = f"{domain} has one MX, {zone.mx[0].host}"
            yield ("zones", domain, "mx"), text


def _live(mx: Mx) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in mx.addresses if name != NOWHERE))


@rule(
    "one-address-behind-mx",
    Severity.WARNING,
    fact=f"Inbound mail wants {_TWO_AND_TWO}",
    remedy="Give the MX host's name a second address, of a server in another site if there is one.",
)
def one_address_behind_mx(topology: Topology) -> Iterator[Found]:
    """MX hosts that are one server; a VIP is many, and its balancer has rules of its own."""
    for domain, zone in topology.zones.items():
        for at, mx in enumerate(zone.mx):
            live = _live(mx)
            if len(live) < 2 and not set(live) & set(topology.vips):
                text = f"behind {mx.host} is {listed(live) or 'nothing'} alone"
                yield ("zones", domain, "mx", at, "addresses"), text


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
            shared = [name for name in _live(mx) if first.setdefault(name, mx.host) != mx.host]
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
        zone = topology.zones.get(flow.to)
        if zone is None:
            continue
        best = min(mx.preference for mx in zone.mx)
        first = {name for mx in zone.mx if mx.preference == best for name in mx.addresses}
        spread = topology.expectation(key).spread
        backups = [each for each in spread if each in zone.addresses and each not in first]
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
    for domain, zone in topology.zones.items():
        nodes = [holders.get(name, name) for name in zone.addresses if name != NOWHERE]
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


RULES = (
    *(one_mx, one_address_behind_mx, mx_shared_address, mx_unequal),
    *(spread_unreached, zone_in_one_site, one_name_server),
)

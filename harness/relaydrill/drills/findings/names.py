"""What DNS says that keeps a flow's mail out, or keeps a change from being seen: in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from relaydrill.drills.findings.wording import Wording
from relaydrill.scalars import show_duration
from relaydrill.sentences import listed
from relaydrill.topology import Topology
from relaydrill.topology.naming import chain_of, domain_of, exchangers, is_circle
from relaydrill.topology.paths import kept_for

_WHOLE: Final = "give the host of each MX record a name with an address"


def wrong_with(topology: Topology, flow: str) -> Iterator[Wording]:
    """Why a sender gets no address for a flow's mail, as far as the zones themselves say it."""
    target = topology.flows[flow].to
    chain = chain_of(topology, target)
    if is_circle(topology, target):
        yield Wording(
            f"{target} is an alias that leads round in a circle ({' → '.join(chain)})",
            "have the alias stand for a name with records of its own",
        )
        return
    domain = domain_of(topology, target)
    if not domain:
        return
    hosts = exchangers(topology, domain, topology.behaviour(flow))
    if not hosts:
        yield _null(topology, domain)
    elif not any(mx.addresses for mx in hosts):
        yield Wording(
            f"no MX host of {domain} has an address ({listed(_records(topology, domain))}): a"
            " sender gives the mail back (RFC 5321 §5.1)",
            _WHOLE,
        )


def _null(topology: Topology, domain: str) -> Wording:
    others = [mx.host for mx in topology.zones[domain].mx if not mx.is_null]
    beside = f" beside {listed(others)}" if others else ""
    record = next(mx for mx in topology.zones[domain].mx if mx.is_null)
    return Wording(
        f"{domain} has a null MX (MX {record.preference} .){beside}: it says that it takes no mail,"
        " and a sender gives up at once, for good, and connects to nothing (RFC 7505 §3, 556"
        " 5.1.10)",
        "leave the null MX out" if others else f"give {domain} MX records, or send no mail there",
    )


def _records(topology: Topology, domain: str) -> list[str]:
    """Its MX records as they stand in the zone."""
    return [
        f"MX {mx.preference} " + (f"the address of {mx.literal}" if mx.literal else mx.host)
        for mx in topology.zones[domain].mx
    ]


def kept_too_long(topology: Topology, flow: str) -> Iterator[Wording]:
    """Names that a resolver keeps for longer than the flow may be without mail."""
    gap_s = topology.expectation(flow).gap
    kept = {name: each for name, each in kept_for(topology, flow).items() if each > gap_s}
    if kept:
        longest = max(kept.values())
        yield Wording(
            f"a resolver keeps what it was told of {listed(kept)} for up to"
            f" {show_duration(longest)}, and so goes on with it after the name server has changed",
            f"a TTL of {show_duration(gap_s)} or less for {listed(kept)}",
        )

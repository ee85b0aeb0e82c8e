"""Which host of a WNLB cluster a connection belongs to. Pure.

The mapping of Windows is unpublished; it is stable, and shares by load weight. This one is both:
a client's key falls on one of all the hosts by their weights, and only where that host is not live,
on one of those that are. So nobody's clients move when another host comes or goes, and the shares
of the live hosts are exactly own weight ÷ sum. The kernel is told the same in its own words
(`relaydrill.nodes.wnlb.kernel`).
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Final, NamedTuple

from relaydrill.nodes import config

SEEDS: Final = (0x52656C61, 0x79647269)
"""Of the first choice and the second: one hash for both would leave some hosts out."""


class Slots(NamedTuple):
    """A host's part of the numbers that keys are hashed to: from ``first`` to before ``end``."""

    host: str
    first: int
    end: int


def slots(weights: Mapping[str, int]) -> tuple[Slots, ...]:
    """A range for each host of a weight above 0, one after the other."""
    made: list[Slots] = []
    for host, weight in weights.items():
        first = made[-1].end if made else 0
        if weight:
            made.append(Slots(host, first, first + weight))
    return tuple(made)


def stages(
    cluster: config.Cluster, rule: config.PortRule | None, live: frozenset[str]
) -> tuple[tuple[Slots, ...], ...]:
    """The choices that decide on a connection: all hosts first, then those that are live.

    With one host for everything there is one choice, of it alone; with nobody there is none.

    Args:
        cluster: The cluster's settings.
        rule: The port's; None where no rule covers it.
        live: The hosts that are up.
    """
    present = [host.name for host in cluster.hosts if host.name in live]
    if rule is None:
        return (slots({present[0]: 1}),) if present else ()
    match rule.filtering:
        case "disabled":
            return ()
        case "single":
            first = min(present, key=lambda host: rule.priorities[host], default="")
            return (slots({first: 1}),) if first else ()
    everyone = slots({host.name: rule.weights[host.name] for host in cluster.hosts})
    rest = slots({host: rule.weights[host] for host in present})
    return (everyone, rest) if rest else ()


def owner(
    cluster: config.Cluster,
    rule: config.PortRule | None,
    live: frozenset[str],
    client: tuple[str, int],
) -> str:
    """The host that a client's connection belongs to; empty if nobody answers."""
    key = _key("none" if rule is None else rule.affinity, client)
    for seed, choice in zip(SEEDS, stages(cluster, rule, live), strict=False):
        number = _mixed(zlib.crc32(key, seed)) % choice[-1].end
        host = next(each.host for each in choice if number < each.end)
        if host in live:
            return host
    return ""


def rule_for(cluster: config.Cluster, vip: str, port: int) -> config.PortRule | None:
    """The rule that covers a port of a VIP."""
    return next((each for each in cluster.rules if each.vip == vip and port in each.ports), None)


def _key(affinity: str, client: tuple[str, int]) -> bytes:
    address, port = client
    match affinity:
        case "network":
            return address.rpartition(".")[0].encode()
        case "single":
            return address.encode()
    return f"{address} {port}".encode()


def _mixed(number: int) -> int:
    """A CRC's bits stirred (MurmurHash3's last step): keys that differ by one else stay near."""
    number ^= number >> 16
    number = number * 0x85EBCA6B & 0xFFFFFFFF
    number ^= number >> 13
    number = number * 0xC2B2AE35 & 0xFFFFFFFF
    return number ^ number >> 16

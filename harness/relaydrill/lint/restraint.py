"""What healthy servers put off: greylisting, and more than one address may send."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from relaydrill.address_span import EVERYBODY
from relaydrill.kinds import FAKE
from relaydrill.lint.capacity import behind, single_losses
from relaydrill.lint.entry_points import connectors_at
from relaydrill.lint.rule import Found, Severity, rule
from relaydrill.planning import entered
from relaydrill.sentences import listed
from relaydrill.topology import Topology
from relaydrill.topology.paths import targets_of, with_their_vips

_NEARLY: Final = 1 + 1e-9
_RATES: Final = (
    "A server that limits a client's messages answers 4xx beyond the limit while it is well: 450"
    " 4.7.1 (Postfix, smtpd_client_message_rate_limit), 421 4.4.2 (Exchange, MessageRateLimit). A"
    " survivor gets the part of a lost server from the same address, be it the sender's or that of"
    " a balancer with SNAT."
)
_RAISE: Final = (
    "Raise rate_limit for that address to what it sends with a server lost, or keep the clients'"
    " addresses (source: proxy)."
)

_Loads = dict[tuple[str, str, str], float]
"""Messages a second of field time by connector, server and source."""


@rule("source-rate", Severity.ERROR, fact=_RATES, remedy=_RAISE)
def source_rate(topology: Topology) -> Iterator[Found]:
    """Addresses that send more than a connector takes of one, with nothing lost."""
    yield from _told(topology, _beyond(topology, {"nothing": frozenset()}))


@rule("source-rate-node-lost", Severity.ERROR, fact=_RATES, remedy=_RAISE)
def source_rate_node_lost(topology: Topology) -> Iterator[Found]:
    """Addresses that do so once another server is lost."""
    at_best = _beyond(topology, {"nothing": frozenset()})
    found = _beyond(topology, single_losses(topology))
    yield from _told(topology, {key: each for key, each in found.items() if key not in at_best})


def _told(topology: Topology, found: dict[str, tuple[str, str, str, float]]) -> Iterator[Found]:
    for connector, (lost, server, source, rate) in found.items():
        limit = topology.connectors[connector].rate_limit
        assert limit is not None
        gone = "with nothing lost" if lost == "nothing" else f"with {lost} lost"
        text = (
            f"{gone} {server} gets {rate * limit.per:.0f} messages in {limit.per:g} s from"
            f" {source} at the peak, and {connector} takes {limit.messages} of one address"
        )
        yield ("connectors", connector, "rate_limit", "messages"), text


def _beyond(
    topology: Topology, losses: dict[str, frozenset[str]]
) -> dict[str, tuple[str, str, str, float]]:
    """Connectors that get too much of one address: for which loss most, where, of whom, how much.

    Nothing where no connector limits messages.
    """
    found: dict[str, tuple[str, str, str, float]] = {}
    limits = {
        name: each.rate_limit
        for name, each in topology.connectors.items()
        if each.rate_limit and each.rate_limit.messages is not None
    }
    for lost, gone in losses.items() if limits else ():
        for (name, server, source), rate in _loads(topology, gone).items():
            limit = limits.get(name)
            most = limit.messages if limit else None
            if limit is None or most is None or rate * limit.per <= most * _NEARLY:
                continue
            if name not in found or rate > found[name][3]:
                found[name] = lost, server, source, rate
    return found


def _loads(topology: Topology, gone: frozenset[str]) -> _Loads:
    """What each address sends to each connector of each server at the flows' peaks.

    Of mail that comes to the first servers from senders; what these pass on among themselves is
    limited nowhere.
    """
    found: _Loads = defaultdict(float)
    dead = with_their_vips(topology, gone)
    for key, flow in topology.flows.items():
        peak = flow.peak or flow.rate / topology.clock  # rates are of the wall clock
        for target, share in entered(topology, key, dead).items():
            for server, source, part in _servers(topology, gone, flow.sender, flow.port, target):
                connector = _connector(topology, server, flow.port, source)
                if connector:
                    found[connector, server, source] += peak * share * part
    return found


def _servers(
    topology: Topology, gone: frozenset[str], sender: str, port: int, target: str
) -> Iterator[tuple[str, str, float]]:
    """Which servers take what is sent to a target, whose address they see, and their parts."""
    if target not in topology.vips:
        if target not in gone:
            yield target, sender, 1.0
        return
    name = topology.vips[target][0]
    source = name if topology.balancers[name].source == "snat" else sender
    for hub, part in behind(topology, gone, port, target).items():
        yield hub, source, part


def _connector(topology: Topology, server: str, port: int, source: str) -> str:
    """The connector that serves a source by its name, or as everybody; empty where neither does."""
    if server not in {*topology.hubs, *topology.edges}:
        return ""
    declared = connectors_at(topology, server, port)
    named = (name for name, each in declared.items() if source in each.remote)
    general = (name for name, each in declared.items() if each.remote == EVERYBODY)
    return next(named, "") or next(general, "")


@rule(
    "greylist-no-retry",
    Severity.ERROR,
    fact="Greylisting turns the first attempt of an unknown sender away with 450 and waits for it"
    " to come back (RFC 6647 §2). A client that does not queue its mail loses it.",
    remedy="Give that sender a connector of its own without greylist, or a queue: a null client"
    " that keeps its mail and tries again (retry: 5min).",
)
def greylist_no_retry(topology: Topology) -> Iterator[Found]:
    """Flows that nobody tries again, at connectors that greylist them."""
    for key, flow in topology.flows.items():
        is_real = topology.senders[flow.sender].kind != FAKE
        if is_real or flow.retry is not None or topology.expectation(key).deferral:
            continue
        if found := _greylisted(topology, key):
            text = (
                f"{flow.sender} does not try again, and {listed(sorted({*found.values()}))} of"
                f" {listed(found)} puts its mail off at first"
            )
            yield ("flows", key), text


@rule(
    "greylist-per-server",
    Severity.INFO,
    fact="Each server that greylists keeps a list of its own (postgrey(8)): after a failover mail"
    " waits once more at a server that does not know its sender, unless the servers share one.",
    remedy="Allow for the delay in the flow's gap, or have known senders excepted everywhere (a"
    " connector of their own without greylist).",
)
def greylist_per_server(topology: Topology) -> Iterator[Found]:
    """Flows that may come to several servers with lists of their own, and promise less time."""
    for key in topology.flows:
        found = _greylisted(topology, key)
        delays = [
            greylist.delay
            for name in {*found.values()}
            if (greylist := topology.connectors[name].greylist)
        ]
        if len(found) > 1 and max(delays) > topology.expectation(key).gap:
            text = (
                f"what {listed(found)} know of senders they do not tell each other: after a"
                f" failover mail of {key} may wait {max(delays):g} s"
            )
            yield ("flows", key), text


def _greylisted(topology: Topology, key: str) -> dict[str, str]:
    """The servers that greylist a flow's mail, each with the connector by which it does."""
    flow = topology.flows[key]
    found: dict[str, str] = {}
    for target in dict.fromkeys(targets_of(topology, key)):
        for server, source, _ in _servers(topology, frozenset(), flow.sender, flow.port, target):
            connector = _connector(topology, server, flow.port, source)
            if connector and topology.connectors[connector].greylist:
                found[server] = connector
    return found


RULES = (source_rate, source_rate_node_lost, greylist_no_retry, greylist_per_server)

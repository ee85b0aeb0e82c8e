"""Certificates: whether they bear the names that clients are given."""

from __future__ import annotations

from collections.abc import Iterator

from relaydrill.lint.entry_points import connectors_at
from relaydrill.lint.rule import Found, Severity, rule
from relaydrill.sentences import listed
from relaydrill.topology import Topology
from relaydrill.topology.naming import led_to


@rule(
    "certificate-lacks-name",
    Severity.ERROR,
    fact="A mail client compares the certificate with the name that it was given, and sends nothing"
    " where that is missing (RFC 7817 §3); behind one name each hub needs it.",
    remedy="Have a certificate issued for every name that leads to the hub, its own among them.",
)
def certificate_lacks_name(topology: Topology) -> Iterator[Found]:
    """Hubs where clients log in, and the names that their certificates lack."""
    for hub, settings in topology.hubs.items():
        names = settings.certificate
        if names is None:
            continue
        lacking = [name for name in _given(topology, hub) if not bears(names, name)]
        if lacking:
            text = f"the certificate of {hub} lacks {listed(lacking)}, where clients log in"
            yield ("nodes", hub, "certificate"), text


def _given(topology: Topology, hub: str) -> Iterator[str]:
    """The names that lead clients to a port of a hub where they log in."""
    for name in (*topology.names, *topology.aliases):
        targets = led_to(topology, name)
        if any(_logs_in(topology, hub, target) for target in targets):
            yield name


def _logs_in(topology: Topology, hub: str, target: str) -> bool:
    """Whether a VIP, or the hub itself, leads to a connector of it that wants a login."""
    if target in topology.vips:
        balancer, vip = topology.vips[target]
        ports = vip.ports if hub in topology.balancers[balancer].backends else ()
    else:
        own = topology.connectors_of(hub).values()
        ports = tuple(each.port for each in own) if target == hub else ()
    return any(
        connector.auth == "required"
        for port in ports
        for connector in connectors_at(topology, hub, port).values()
    )


def bears(names: tuple[str, ...], name: str) -> bool:
    """Whether one of a certificate's names is this, or stands for it (RFC 9525 §6.3).

    A wildcard stands for one label, the leftmost.
    """
    parent = name.partition(".")[2]
    return name in names or (bool(parent) and f"*.{parent}" in names)


RULES = (certificate_lacks_name,)
